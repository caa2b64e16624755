package bench

import (
	"context"
	"sync"
	"time"
)

// crowd drives a share's clients by a goroutine each. It costs more than a loop and runs on every
// system, and its clients are those of package client for the exchanges that it speaks.
type crowd struct {
	share
	mix     *mix
	clients []*crowdClient
	beside  sync.WaitGroup // slow clients
	stop    context.CancelFunc

	mu     sync.Mutex
	early  failures
	record *record
	window window
	begin  time.Time
	starts *starts
}

// crowdClient is one client. Its goroutine owns it.
type crowdClient struct {
	*crowd
	index   int
	session mover // nil while there is none
	rest    time.Duration
	freed   time.Time
}

// mover is a session that can make transfers.
type mover interface {
	// move makes one, and says how many bytes came or went.
	move(ctx context.Context, j *job) (bytes int64, unconfirmed bool, err error)
	// over says that the session has ended with its last transfer.
	over() bool
	// quit ends it in order, close at once.
	quit(ctx context.Context) error
	close()
}

func newCrowd(s share, m *mix) (team, error) {
	c := &crowd{share: s, mix: m, early: failures{}}
	for i := range s.Clients + s.Scenario.Idle + s.Scenario.SlowReaders + s.Scenario.SlowSenders {
		c.clients = append(c.clients, &crowdClient{crowd: c, index: i})
	}
	return c, nil
}

// connect implements team.
func (c *crowd) connect(ctx context.Context) {
	dials := make(chan struct{}, crowdDialsMax)
	begin := time.Now()
	var wg sync.WaitGroup
	for i, one := range c.clients {
		if i < c.Clients && !c.keeps() {
			continue
		}
		due := c.Ramp * time.Duration(i) / time.Duration(len(c.clients))
		if !rest(ctx, due-time.Since(begin)) {
			break
		}
		dials <- struct{}{}
		wg.Go(func() {
			one.dial(ctx)
			<-dials
		})
	}
	wg.Wait()
	slow, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = stop
	for _, one := range c.clients[c.Clients+c.Scenario.Idle:] {
		c.beside.Go(func() { one.dawdle(slow) })
	}
}

// crowdDialsMax is how many sessions are opened at once: half of vsftpd's accept queue.
const crowdDialsMax = 16

func (c *crowd) keeps() bool {
	return !c.Scenario.Churn && !c.Scenario.Storm && c.Site.Proto != ProtoHTTPNew
}

// run implements team.
func (c *crowd) run(ctx context.Context, d dealer, w window) *record {
	r := newRecord(&c.Scenario, w.open, w.length)
	c.mu.Lock()
	r.failures.merge(c.early)
	c.early = failures{}
	c.record, c.window, c.begin, c.starts = r, w, time.Now(), nil
	if w.open {
		pace := Pace{Rate: c.Rate, First: c.First, Stride: c.Stride}
		c.starts = &starts{pace: pace, window: w.length}
	}
	c.mu.Unlock()
	var wg sync.WaitGroup
	for _, one := range c.clients[:c.Clients] {
		wg.Go(func() { one.work(ctx, d) })
	}
	wg.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	r.took, r.waited = time.Since(c.begin), -1
	if c.starts != nil {
		r.missed = c.starts.missed()
	}
	c.record = nil
	return r
}

// work does one job after the other until the window is over.
func (c *crowdClient) work(ctx context.Context, d dealer) {
	c.freed = c.begin
	var last time.Duration
	for {
		intended, ok := c.await(ctx)
		if !ok {
			break
		}
		j, ok := d.next(c.index)
		if !ok {
			break
		}
		c.once(ctx, d, &j, intended)
		last = time.Since(c.begin)
		c.freed = time.Now()
	}
	if last > 0 {
		c.mu.Lock()
		c.record.busy += last
		c.record.clients++
		c.mu.Unlock()
	}
}

// await waits for the moment of the next start: now in a closed loop.
func (c *crowdClient) await(ctx context.Context) (intended time.Time, ok bool) {
	now := time.Now()
	if ctx.Err() != nil || c.window.length > 0 && now.Sub(c.begin) >= c.window.length ||
		!c.window.take() {
		return now, false
	}
	if c.starts == nil {
		return now, true
	}
	c.mu.Lock()
	at := c.starts.pace.At(c.starts.begun)
	ok = at < c.window.length
	if ok {
		c.starts.begun++
	}
	c.mu.Unlock()
	intended = c.begin.Add(at)
	if !ok || !rest(ctx, time.Until(intended)) {
		return intended, false
	}
	free := intended
	if c.freed.After(free) {
		free = c.freed
	}
	c.mu.Lock()
	c.record.began(time.Since(free))
	c.mu.Unlock()
	return intended, true
}

// once does a job, in the session that there is or in a new one.
func (c *crowdClient) once(ctx context.Context, d dealer, j *job, intended time.Time) {
	if c.session == nil && !c.dial(ctx) {
		return
	}
	if c.Scenario.Churn {
		c.count(KindConnect, intended, 0, false)
	}
	if j.kind == KindConnect {
		if err := c.session.quit(ctx); err != nil {
			c.fail(ctx, err)
			return
		}
		c.session = nil
		c.count(KindConnect, intended, 0, false)
		return
	}
	bytes, unconfirmed, err := c.session.move(ctx, j)
	d.done(c.index, j, err)
	if err != nil {
		c.fail(ctx, err)
		return
	}
	c.rest = 0
	c.count(j.kind, intended, bytes, unconfirmed)
	if c.Scenario.Churn {
		_ = c.session.quit(ctx) // the transfer was what counts
		c.session = nil
	} else if c.session.over() {
		c.session.close()
		c.session = nil
	}
}

func (c *crowdClient) count(kind Kind, intended time.Time, bytes int64, unconfirmed bool) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.record.ended(kind, now.Sub(c.begin), now.Sub(intended), bytes)
	if unconfirmed {
		c.record.unconfirmed++
	}
	if p := c.window.progress; p != nil {
		p.transfers.Add(1)
		p.bytes.Add(bytes)
	}
}

// fail counts an error, gives the session up and rests. What fails because the run ends is no
// error.
func (c *crowdClient) fail(ctx context.Context, err error) {
	if c.session != nil {
		c.session.close()
		c.session = nil
	}
	if ctx.Err() != nil {
		return
	}
	c.mu.Lock()
	running := c.record != nil
	if running {
		c.record.failed(time.Since(c.begin), err)
		c.window.fail()
	} else {
		c.early.add(err)
	}
	c.mu.Unlock()
	if running && c.index < c.Clients {
		c.rest = min(max(2*c.rest, crowdRestMin), crowdRestMax)
		rest(ctx, c.rest)
	}
}

const (
	// After an error a client rests, twice as long each time, so that a server that is gone is
	// not flooded.
	crowdRestMin = 5 * time.Millisecond
	crowdRestMax = time.Second
)

// dial makes a session, and says whether there is one.
func (c *crowdClient) dial(ctx context.Context) bool {
	s, err := newMover(ctx, &c.share, c.First+c.index*max(c.Stride, 1))
	if err != nil {
		c.fail(ctx, err)
		return false
	}
	c.session = s
	return true
}

// dawdle is what a slow client does until the turn is over.
func (c *crowdClient) dawdle(ctx context.Context) {
	for puts := uint64(1); ctx.Err() == nil && c.session != nil; puts++ {
		j := c.mix.slowPut(c.First+c.index*max(c.Stride, 1), puts)
		if c.index < c.Clients+c.Scenario.Idle+c.Scenario.SlowReaders {
			j = c.mix.slowFile()
		}
		j.rate = c.Scenario.SlowRate
		if _, _, err := c.session.move(ctx, &j); err != nil {
			c.fail(ctx, err)
		}
	}
}

// close implements team.
func (c *crowd) close(ctx context.Context) {
	if c.stop != nil {
		c.stop()
		c.beside.Wait()
	}
	ctx, cancel := context.WithTimeout(ctx, crowdQuitMax)
	defer cancel()
	var wg sync.WaitGroup
	for i, one := range c.clients {
		if one.session == nil {
			continue
		}
		wg.Go(func() {
			if i < c.Clients {
				_ = one.session.quit(ctx)
			}
			one.session.close()
		})
	}
	wg.Wait()
}

// crowdQuitMax is how long the sessions' orderly end may take.
const crowdQuitMax = 5 * time.Second

// rest waits so long, and says whether the context still stands.
func rest(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
