package bench

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// loop drives a share's clients from one goroutine by epoll: a client costs its state and its
// descriptors, neither a goroutine nor a buffer, and a transfer allocates nothing. It exists
// because the harness shares a machine with what it measures. Owned by the goroutine that calls it;
// an ending context wakes it.
type loop struct {
	share
	epoll, wake int
	base        time.Time // times are counted from here
	events      []unix.EpollEvent
	scratch     []byte
	hashers     hashers
	exchange    exchange
	to          address // control's port, then the port of the last data connection
	control     uint16
	own         netip.Addr // the address that the system chooses, where that is known

	mix *mix
	// oneConnection says that contents move on control; keeps, that sessions outlive transfers.
	oneConnection, keeps bool
	now                  time.Duration // of the current turn's begin

	// clients are the load's, then idle sessions, slow readers and slow senders.
	clients []loopClient
	slow    slowTurns
	early   failures // of connecting
	again   []int32  // clients that have more to read at once
	swept   time.Duration

	// What follows is the running window's.
	window    window
	deal      dealer
	record    *record
	begin     time.Duration
	end       time.Duration // no job begins from here on
	starts    *starts
	free      ring
	busy      int // clients that have a job, or rest before the next
	resting   int
	opening   int
	leaving   int
	cancelled bool
	waited    time.Duration
}

const (
	// eventsMax bounds a batch: times are read for each event, but pacing waits for its end.
	eventsMax = 256
	// scratchSize is what one read takes at most.
	scratchSize = 256 << 10
	// readsMax is how many reads a client has in a turn: 2 MiB, then the next client.
	readsMax = 8
	// sweepEvery is how often deadlines are looked at; they are of seconds.
	sweepEvery = 100 * time.Millisecond
	// restMin and restMax are how long a client rests after an error, twice as long each time,
	// so that a server that is gone is not flooded.
	restMin = 5 * time.Millisecond
	restMax = time.Second
	// dialsMax is how many sessions are opened at once: half of vsftpd's accept queue of 32. A
	// connection that does not fit a queue stands for its client alone, for half a minute or more.
	dialsMax = 16
	// confirmWait is how long the end of a put is waited for. (PROTOCOL: "waits up to 5 s".)
	confirmWait = 5 * time.Second
	// quitMax is how long all sessions' orderly end may take, once the figures are taken.
	quitMax = 5 * time.Second
)

// Parts of a client that an epoll event names.
const (
	partControl = iota
	partData
	partWake
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
	l := &loop{
		share:    s,
		mix:      m,
		base:     time.Now(),
		events:   make([]unix.EpollEvent, eventsMax),
		scratch:  make([]byte, scratchSize),
		exchange: s.Site.exchange(),
		control:  at.Port(),
		early:    failures{},
	}
	l.to.set(at.Addr())
	if first := source(0, 1); at.Addr() == first {
		l.own = first
	}
	http, isWeb := l.exchange.(*web)
	l.oneConnection = isWeb
	l.keeps = !s.Scenario.Churn && !s.Scenario.Storm && (!isWeb || !http.closes)
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if l.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		_ = unix.Close(l.epoll)
		return nil, err
	}
	e := unix.EpollEvent{Events: unix.EPOLLIN, Pad: partWake}
	if err = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, l.wake, &e); err != nil {
		_ = unix.Close(l.epoll)
		_ = unix.Close(l.wake)
		return nil, err
	}
	b := &s.Scenario
	l.clients = make([]loopClient, s.Clients+b.Idle+b.SlowReaders+b.SlowSenders)
	l.free = ring{places: make([]int32, s.Clients)}
	for i := range l.clients {
		c := &l.clients[i]
		c.fd, c.data, c.index = -1, -1, int32(i)
		c.exchange, c.hashers = l.exchange, &l.hashers
		switch beside := i - s.Clients; {
		case beside < 0:
		case beside < b.Idle:
			c.group = groupIdle
		case beside < b.Idle+b.SlowReaders:
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

// watchContext wakes the loop when the context ends.
func (l *loop) watchContext(ctx context.Context) (stop func() bool) {
	l.cancelled = ctx.Err() != nil
	return context.AfterFunc(ctx, func() {
		one := [8]byte{1}
		_, _ = unix.Write(l.wake, one[:]) // it is full only if the loop is to wake already
	})
}

// run implements team.
func (l *loop) run(ctx context.Context, d dealer, w window) *record {
	defer l.watchContext(ctx)()
	l.deal, l.window, l.waited = d, w, 0
	l.record = newRecord(&l.Scenario, w.open, w.length)
	l.record.failures.merge(l.early)
	l.early = failures{}
	l.begin = l.clock()
	l.end = l.begin + w.length
	if w.length == 0 {
		l.end = 1<<63 - 1
	}
	l.free.reset()
	l.starts = nil
	if w.open {
		pace := Pace{Rate: l.Rate, First: l.First, Stride: l.Stride}
		l.starts = &starts{pace: pace, window: w.length}
	}
	for i := range l.load() {
		l.clients[i].ended = -1
		begin := l.begin
		if !w.open {
			begin = l.clock() // a client's latency is not that of beginning those before it
		}
		l.release(&l.clients[i], begin)
	}
	for l.goesOn(ctx) {
		l.turn(l.untilNext(l.clock()))
	}
	l.abandon()
	r := l.account()
	l.record, l.deal = nil, nil
	return r
}

// load is the clients that make transfers.
func (l *loop) load() []loopClient { return l.clients[:l.Clients] }

// goesOn says whether the window is still open, or a job of it runs.
func (l *loop) goesOn(ctx context.Context) bool {
	if l.cancelled {
		if l.cancelled = ctx.Err() != nil; l.cancelled {
			return false
		}
	}
	if l.busy > 0 {
		return true
	}
	return l.starts != nil && l.clock() < l.end && l.starts.wait(l.clock()-l.begin) >= 0
}

// account closes the window's books.
func (l *loop) account() *record {
	r := l.record
	if l.starts != nil {
		r.missed = l.starts.missed()
	}
	r.waited, r.took = l.waited, l.clock()-l.begin
	for i := range l.load() {
		if c := &l.clients[i]; c.ended >= 0 {
			r.busy += c.ended - l.begin
			r.clients++
		}
	}
	return r
}

// turn waits for events, at most so long, and acts on them.
func (l *loop) turn(wait time.Duration) {
	before := l.clock()
	n, err := epollWait(l.epoll, l.events, wait)
	now := l.clock()
	l.now = now
	if wait > 0 {
		l.waited += now - before
	}
	if err != nil && !errors.Is(err, unix.EINTR) {
		panic("bench: epoll: " + err.Error()) // only a fault of this program's own can be
	}
	for i := range max(n, 0) {
		e := &l.events[i]
		if e.Pad == partWake {
			var b [8]byte
			_, _ = unix.Read(l.wake, b[:])
			l.cancelled = true
			continue
		}
		c := &l.clients[e.Fd]
		l.happened(c, e.Pad == partData, e.Events)
		l.dispatch()
	}
	for more := len(l.again); more > 0; more-- {
		c := &l.clients[l.again[0]]
		l.again = append(l.again[:0], l.again[1:]...)
		c.again = false
		l.pump(c)
	}
	if due := now - l.swept; due >= sweepEvery || due >= restMin && l.resting > 0 {
		l.sweep(now)
	}
	l.tickSlow(now)
	l.dispatch()
}

// untilNext is how long the loop may wait for events.
func (l *loop) untilNext(now time.Duration) time.Duration {
	wait := sweepEvery
	if l.resting > 0 {
		wait = restMin
	}
	if len(l.again) > 0 {
		return 0
	}
	if l.starts != nil && l.free.count > 0 {
		if next := l.starts.wait(now - l.begin); next >= 0 {
			wait = min(wait, next)
		}
	}
	return max(0, min(wait, l.slow.wait(now)))
}

// dispatch begins the open loop's starts that are due, as long as a client is free.
func (l *loop) dispatch() {
	if l.starts == nil || l.free.count == 0 {
		return
	}
	for now := l.clock(); l.free.count > 0 && !l.cancelled; {
		c := &l.clients[l.free.first()]
		if c.freed >= l.end {
			return // what nobody was free for until the window's end is missed
		}
		s, due := l.starts.next(now-l.begin, c.freed-l.begin)
		if !due || !l.window.take() {
			return
		}
		l.free.pop()
		l.record.began(s.lag)
		l.busy++
		l.work(c, l.begin+s.intended)
	}
}

// release makes a client free for its next job, and has it begin that at once in a closed loop.
func (l *loop) release(c *loopClient, now time.Duration) {
	if l.deal == nil || l.cancelled {
		return
	}
	if l.starts != nil {
		c.freed = now
		l.free.push(c.index)
		return
	}
	if now >= l.end || !l.window.take() {
		return
	}
	l.busy++
	l.work(c, now)
}

// ring is a queue of clients, the one that waits longest first.
type ring struct {
	places      []int32
	from, count int
}

func (r *ring) reset()       { r.from, r.count = 0, 0 }
func (r *ring) first() int32 { return r.places[r.from] }

func (r *ring) push(i int32) {
	r.places[(r.from+r.count)%len(r.places)] = i
	r.count++
}

func (r *ring) pop() {
	r.from = (r.from + 1) % len(r.places)
	r.count--
}
