package bench

import (
	"context"
	"net/netip"
	"sync/atomic"
	"time"
)

// loop drives all clients of a share on one goroutine: a client costs its state and a descriptor,
// and a transfer allocates nothing, since the harness shares the machine with what it measures. It
// is owned by the goroutine that calls it; the end of a context wakes it.
type loop struct {
	share
	mix     *mix
	poll    poller
	proto   protocol
	control uint16 // the port of control
	// oneConnection means that contents move on control; keeps, that sessions outlive transfers.
	oneConnection, keeps bool

	base    time.Time     // all times count from here
	now     time.Duration // when the current round began
	scratch []byte
	// clients are the load's, then idle sessions, slow readers and slow senders.
	clients []loopClient
	slow    slowTurns
	early   failures // while connecting
	again   []int32  // clients that have more to read at once
	swept   time.Duration

	awaited   int             // sessions that connect or close waits for
	ctx       context.Context // of the current call
	cancelled bool
	run       *running // nil between runs
}

// running is the state of one run of a loop.
type running struct {
	jobs     jobSource
	span     span
	record   *record
	begin    time.Duration
	end      time.Duration // no job starts from here on
	starts   *starts       // nil in a closed loop
	free     []int32       // idle clients of an open loop, the longest idle first
	busy     int           // clients that have a job, or rest before the next
	resting  int
	left     int64 // jobs that may still start
	failed   int64
	waited   time.Duration
	progress *progress
}

// progress is what has ended in the current run; another goroutine shows it.
type progress struct{ transfers, bytes, errors atomic.Int64 }

const (
	// scratchSize is the most that one read takes.
	scratchSize = 256 << 10
	// readsMax is how many reads a client gets in a row: 2 MiB, then the next client has its turn.
	readsMax = 8
	// sweepEvery is how often deadlines are checked; they are seconds long.
	sweepEvery = 100 * time.Millisecond
	// After an error a client rests, twice as long each time, so that a dead server is not flooded.
	restMin = 5 * time.Millisecond
	restMax = time.Second
	// dialsMax is how many sessions are opened at once: half of vsftpd's accept queue of 32, since
	// a connection that does not fit a queue waits for seconds.
	dialsMax = 16
	// quitMax bounds the orderly end of all sessions after a turn.
	quitMax = 5 * time.Second
	// slowBuffer is the receive buffer of slow readers: a small one lets the server feel them soon.
	slowBuffer = 4 << 10
)

func newLoop(s share, m *mix) (*loop, error) {
	site, err := s.Site.resolved()
	if err != nil {
		return nil, err
	}
	at, err := netip.ParseAddrPort(site.Address)
	if err != nil {
		return nil, err
	}
	poll, err := newPoller(at.Addr())
	if err != nil {
		return nil, err
	}
	l := &loop{
		share: s, mix: m, poll: poll, proto: s.Site.protocol(), control: at.Port(),
		base: time.Now(), scratch: make([]byte, scratchSize), early: failures{},
	}
	http, isWeb := l.proto.(*web)
	l.oneConnection = isWeb
	l.keeps = !s.Scenario.Churn && !s.Scenario.Storm && (!isWeb || !http.closes)
	b := &s.Scenario
	l.clients = make([]loopClient, s.Clients+b.Idle+b.SlowReaders+b.SlowSenders)
	for i := range l.clients {
		c := &l.clients[i]
		c.fd, c.dataFD, c.index = -1, -1, int32(i)
		c.protocol = l.proto
		switch extra := i - s.Clients; {
		case extra < 0:
		case extra < b.Idle:
			c.group = groupIdle
		case extra < b.Idle+b.SlowReaders:
			c.group = groupSlowReader
		default:
			c.group = groupSlowSender
		}
	}
	l.slow = newSlowTurns(&s)
	return l, nil
}

// clock is the time since the loop was made.
func (l *loop) clock() time.Duration { return time.Since(l.base) }

// watch wakes the loop when the context ends.
func (l *loop) watch(ctx context.Context) (stop func() bool) {
	l.ctx, l.cancelled = ctx, ctx.Err() != nil
	return context.AfterFunc(ctx, l.poll.wake)
}

// load is the clients that make transfers.
func (l *loop) load() []loopClient { return l.clients[:l.Clients] }

// do has the clients work on jobs until the span is over and every transfer that was started has
// ended. The end of the context breaks those off.
func (l *loop) do(ctx context.Context, jobs jobSource, s span, p *progress) *record {
	defer l.watch(ctx)()
	r := &running{
		jobs: jobs, span: s, progress: p, left: s.Budget, begin: l.clock(),
		record: newRecord(&l.Scenario, s.Open, s.Length),
	}
	if r.end = r.begin + s.Length; s.Length == 0 {
		r.end = 1<<63 - 1
	}
	if s.Open {
		pace := Pace{Rate: l.Rate, First: l.First, Stride: l.Stride}
		r.starts = &starts{pace: pace, window: s.Length}
	}
	r.record.failures.merge(l.early.sorted())
	l.early, l.run = failures{}, r
	for i := range l.load() {
		c := &l.clients[i]
		c.ended = -1
		begin := r.begin
		if !s.Open {
			begin = l.clock() // latency excludes the time to start the clients before this one
		}
		l.release(c, begin)
	}
	for l.goesOn() {
		l.round(l.untilNext(l.clock()))
	}
	l.abandon()
	l.run = nil
	return l.account(r)
}

// goesOn says whether jobs may still start, or run.
func (l *loop) goesOn() bool {
	r := l.run
	switch {
	case l.cancelled:
		return false
	case r.busy > 0:
		return true
	default:
		now := l.clock()
		return r.starts != nil && now < r.end && r.starts.wait(now-r.begin) >= 0
	}
}

func (l *loop) account(r *running) *record {
	rec := r.record
	if r.starts != nil {
		rec.turn.Missed = r.starts.missed()
	}
	rec.turn.Errors = rec.failures.sorted()
	rec.waited, rec.took = r.waited, l.clock()-r.begin
	for i := range l.load() {
		if c := &l.clients[i]; c.ended >= 0 {
			rec.busy += c.ended - r.begin
			rec.clients++
		}
	}
	return rec
}

// round waits for events, at most so long, and acts on them.
func (l *loop) round(wait time.Duration) {
	before := l.clock()
	events := l.poll.wait(wait)
	l.now = l.clock()
	if wait > 0 && l.run != nil {
		l.run.waited += l.now - before
	}
	for _, e := range events {
		if e.client < 0 { // perhaps late, for an earlier context
			l.cancelled = l.cancelled || l.ctx.Err() != nil
			continue
		}
		l.happened(&l.clients[e.client], e)
		l.dispatch()
	}
	for more := len(l.again); more > 0; more-- {
		c := &l.clients[l.again[0]]
		l.again = append(l.again[:0], l.again[1:]...)
		c.again = false
		l.pump(c)
	}
	if due := l.now - l.swept; due >= sweepEvery || due >= restMin && l.resting() {
		l.sweep(l.now)
	}
	l.tickSlow(l.now)
	l.dispatch()
}

func (l *loop) resting() bool { return l.run != nil && l.run.resting > 0 }

// untilNext is how long the loop may wait for events.
func (l *loop) untilNext(now time.Duration) time.Duration {
	if len(l.again) > 0 {
		return 0
	}
	wait := sweepEvery
	if l.resting() {
		wait = restMin
	}
	if r := l.run; r != nil && r.starts != nil && len(r.free) > 0 {
		if next := r.starts.wait(now - r.begin); next >= 0 {
			wait = min(wait, next)
		}
	}
	return max(0, min(wait, l.slow.wait(now)))
}

// dispatch starts the jobs of an open loop that are due, as long as a client is idle.
func (l *loop) dispatch() {
	r := l.run
	if r == nil || r.starts == nil {
		return
	}
	for now := l.clock(); len(r.free) > 0 && !l.cancelled; {
		c := &l.clients[r.free[0]]
		if c.freed >= r.end {
			return // what no client was idle for until the end is missed
		}
		s, due := r.starts.next(now-r.begin, c.freed-r.begin)
		if !due || !r.take() {
			return
		}
		r.free = r.free[1:]
		r.record.turn.Lag.Record(s.lag)
		r.busy++
		l.work(c, r.begin+s.intended)
	}
}

// take says whether one more job may start.
func (r *running) take() bool {
	if r.span.Budget == 0 {
		return true
	}
	r.left--
	return r.left >= 0
}

// release makes a client idle. In a closed loop it starts its next job at once.
func (l *loop) release(c *loopClient, now time.Duration) {
	r := l.run
	switch {
	case r == nil || l.cancelled:
	case r.starts != nil:
		c.freed = now
		r.free = append(r.free, c.index)
	case now < r.end && r.take():
		r.busy++
		l.work(c, now)
	}
}
