package bench

import (
	"context"
	"net"
	"time"
)

// loop drives all clients of a share on one goroutine: a client costs its state and a descriptor,
// and a transfer allocates nothing, since the harness shares the machine with what it measures. It
// is owned by the goroutine that calls it.
type loop struct {
	share
	sockets *sockets
	proto   protocol
	control uint16 // the port of control
	// oneConnection means that files move on control; keeps means that sessions outlive transfers.
	oneConnection, keeps bool

	base    time.Time     // all times count from here
	now     time.Duration // when the current round began
	scratch []byte
	clients []loopClient // the load's, then idle sessions
	early   failures     // while connecting
	again   []int32      // clients that have more to read at once
	swept   time.Duration

	awaited   int // sessions that connect or close waits for
	cancelled bool
	run       *running // nil between runs
}

// running is the state of one run of a loop.
type running struct {
	jobs   jobSource
	span   span
	record *record
	begin  time.Duration
	end    time.Duration // no job starts from here on
	starts *starts       // nil in a closed loop
	free   []int32       // idle clients of an open loop, the longest idle first
	busy   int           // clients that have a job, or rest before the next
}

const (
	// scratchSize is the most that one read takes.
	scratchSize = 256 << 10
	// readsMax is how many reads a client gets in a row: 2 MiB, then the next client has its turn.
	readsMax = 8
	// sweepEvery is how often deadlines, which are seconds long, and the context are checked.
	sweepEvery = 100 * time.Millisecond
	// restAfterError is how long a client waits, so that a dead server is not flooded.
	restAfterError = 100 * time.Millisecond
	// dialsMax is how many sessions are opened at once: half of vsftpd's accept queue of 32, since
	// a connection that does not fit a queue waits for seconds.
	dialsMax = 16
	// quitMax bounds the orderly end of all sessions after a turn.
	quitMax = 5 * time.Second
)

func newLoop(s share) (*loop, error) {
	at, err := net.ResolveTCPAddr("tcp", s.Site.Address)
	if err != nil {
		return nil, err
	}
	sockets, err := newSockets(at.AddrPort().Addr())
	if err != nil {
		return nil, err
	}
	l := &loop{
		share: s, sockets: sockets, proto: s.Site.protocol(), control: uint16(at.Port),
		base: time.Now(), scratch: make([]byte, scratchSize), early: failures{},
	}
	http, isWeb := l.proto.(*web)
	l.oneConnection = isWeb
	l.keeps = !s.Scenario.Churn && !s.Scenario.Storm && (!isWeb || !http.closes)
	l.clients = make([]loopClient, s.Clients+s.Scenario.Idle)
	for i := range l.clients {
		c := &l.clients[i]
		c.fd, c.dataFD, c.index = -1, -1, int32(i)
		c.protocol, c.idles = l.proto, i >= s.Clients
	}
	return l, nil
}

// clock is the time since the loop was made.
func (l *loop) clock() time.Duration { return time.Since(l.base) }

// load is the clients that make transfers.
func (l *loop) load() []loopClient { return l.clients[:l.Clients] }

// connect opens the sessions that outlive transfers. What fails is in the record of the next run.
func (l *loop) connect(ctx context.Context) {
	l.cancelled = ctx.Err() != nil
	next := 0
	if !l.keeps {
		next = l.Clients
	}
	for (next < len(l.clients) || l.awaited > 0) && !l.cancelled {
		for ; next < len(l.clients) && l.awaited < dialsMax; next++ {
			l.await(&l.clients[next])
			l.dial(&l.clients[next])
		}
		l.round(ctx)
	}
}

// await makes connect or close wait for a client's session, until settle.
func (l *loop) await(c *loopClient) {
	c.awaited = true
	l.awaited++
}

func (l *loop) settle(c *loopClient) {
	if c.awaited {
		c.awaited = false
		l.awaited--
	}
}

// do has the clients work on jobs until the span is over and every transfer that was started has
// ended. The end of the context aborts those.
func (l *loop) do(ctx context.Context, jobs jobSource, s span) *record {
	l.cancelled = ctx.Err() != nil
	rec := newRecord(&l.Scenario, s.open)
	r := &running{jobs: jobs, span: s, record: rec, begin: l.clock(), end: 1<<63 - 1}
	if s.length > 0 {
		r.end = r.begin + s.length
	}
	if s.open {
		r.starts = &starts{rate: l.Rate, first: l.First, stride: l.Stride, window: s.length}
	}
	rec.failures.merge(l.early.sorted())
	l.early, l.run = failures{}, r
	for i := range l.load() {
		c := &l.clients[i]
		c.ended = -1
		l.release(c, l.clock()) // latency excludes the time to start the clients before this one
	}
	for l.continues() {
		l.round(ctx)
	}
	l.abandon()
	l.run = nil
	if r.starts != nil {
		rec.turn.Missed = r.starts.missed()
	}
	rec.turn.Errors = rec.failures.sorted()
	rec.took = l.clock() - r.begin
	for i := range l.load() {
		if c := &l.clients[i]; c.ended >= 0 {
			rec.busy += c.ended - r.begin
			rec.clients++
		}
	}
	return rec
}

// continues says whether jobs may still start, or run.
func (l *loop) continues() bool {
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

// abandon ends what still runs after the span: nothing, unless the run was cut short.
func (l *loop) abandon() {
	for i := range l.load() {
		c := &l.clients[i]
		if c.phase != phaseReady {
			l.hangUp(c)
		}
		c.hasJob, c.again = false, false
	}
	l.again = l.again[:0]
}

// close ends all sessions and releases the loop.
func (l *loop) close(ctx context.Context) {
	l.cancelled = ctx.Err() != nil
	limit := l.clock() + quitMax
	for i := range l.load() {
		c := &l.clients[i]
		if l.cancelled || c.phase != phaseReady || l.oneConnection {
			continue
		}
		l.await(c)
		c.protocol.quit(&c.session)
		c.job, c.phase, c.deadline = job{}, phaseLeaving, limit
		l.pump(c)
	}
	for l.awaited > 0 && !l.cancelled && l.clock() < limit {
		l.round(ctx)
	}
	for i := range l.clients {
		l.hangUp(&l.clients[i])
	}
	l.sockets.shut()
}

// round waits for events, until something else is due at the latest, and acts on them.
func (l *loop) round(ctx context.Context) {
	before := l.clock()
	events := l.sockets.wait(l.untilNext(before))
	l.now = l.clock()
	if l.run != nil && len(l.again) == 0 {
		l.run.record.waited += l.now - before
	}
	for _, e := range events {
		l.handle(event(e))
		l.dispatch()
	}
	for more := len(l.again); more > 0; more-- {
		c := &l.clients[l.again[0]]
		l.again = append(l.again[:0], l.again[1:]...)
		c.again = false
		l.pump(c)
	}
	if l.now-l.swept >= sweepEvery {
		l.sweep(l.now)
		l.cancelled = l.cancelled || ctx.Err() != nil
	}
	l.dispatch()
}

// untilNext is how long the loop may wait for events.
func (l *loop) untilNext(now time.Duration) time.Duration {
	if len(l.again) > 0 {
		return 0
	}
	wait := sweepEvery
	if r := l.run; r != nil && r.starts != nil && len(r.free) > 0 {
		if next := r.starts.wait(now - r.begin); next >= 0 {
			wait = min(wait, next)
		}
	}
	return wait
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
			return // starts for which no client is idle until the end are missed
		}
		intended, lag, due := r.starts.next(now-r.begin, c.freed-r.begin)
		if !due || !r.span.take() {
			return
		}
		r.free = r.free[1:]
		r.record.turn.Lag.Record(lag)
		r.busy++
		l.work(c, r.begin+intended)
	}
}

// release makes a client idle. In a closed loop it starts its next job at once.
func (l *loop) release(c *loopClient, now time.Duration) {
	r := l.run
	switch {
	case r == nil || l.cancelled:
	case r.starts != nil:
		c.freed = now
		r.free = append(r.free, c.index)
	case now < r.end && r.span.take():
		r.busy++
		l.work(c, now)
	}
}

// sweep checks deadlines.
func (l *loop) sweep(now time.Duration) {
	l.swept = now
	for i := range l.clients {
		c := &l.clients[i]
		switch {
		case c.phase == phaseResting && (c.deadline <= now || now >= l.run.end):
			c.phase = phaseAway
			l.next(c, now)
		case c.phase == phaseAway, c.phase == phaseReady, c.phase == phaseResting:
		case c.deadline <= now:
			l.late(c)
		}
	}
}
