package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Order is what a worker has to do. Exactly one of its fields is set.
type Order struct {
	Connect *share `json:",omitempty"` // open the sessions of a share
	Seed    *share `json:",omitempty"` // store the files that all clients get
	Run     *span  `json:",omitempty"` // have the sessions work
	Verify  int    `json:",omitempty"` // get back the last put of at most so many clients
	HangUp  bool   `json:",omitempty"` // end the sessions
}

// share is a worker's part of a turn.
type share struct {
	Site     Site
	Scenario Scenario
	Prefix   string // of every file's name
	Seed     uint64 // of every random choice in the turn
	// Clients is how many make transfers. Client i of the share is number First+i*Stride of all.
	Clients, First, Stride int
	Rate                   float64       // of all shares together, 0 in a closed loop
	Sources                int           // addresses of clients, 0 for the system's choice
	Timeout                time.Duration // for an answer or the next byte
	Ramp                   time.Duration // over which sessions are opened
}

// span is a part of a turn in which jobs start.
type span struct {
	Length    time.Duration // how long jobs start; 0 means until Budget is used up
	Budget    int64         // the most jobs that start, 0 for no limit
	Open      bool          // jobs start at the share's rate
	ErrorsMax int64         // more end the span, 0 for no limit
}

// Report is what a worker saw of a span. Turn's Seconds are not filled in.
type Report struct {
	Turn *Turn // nil if there is nothing to report
	// Busy is the sum over Clients of the time from the span's begin to each one's last end.
	Busy    time.Duration
	Clients int
	// Took is the time of the span with its last transfers, Waited how long the loop was idle.
	Took, Waited time.Duration
}

// seedClients is how many sessions store the files that all clients get.
const seedClients = 8

// service is a worker's side of its calls. It carries out one order at a time.
type service struct {
	ctx    context.Context
	cancel context.CancelFunc
	mu     sync.Mutex
	mix    *mix
	mixKey string // what mix was made of
	loop   *loop
	works  works
	live   atomic.Pointer[progress]
}

func newService() *service {
	w := &service{}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w
}

// Cancel cancels the current order and all later ones.
func (w *service) Cancel(_ int, _ *int) error {
	w.cancel()
	return nil
}

// Progress is the transfers, bytes and errors since the current run began.
func (w *service) Progress(_ int, counts *[3]int64) error {
	if p := w.live.Load(); p != nil {
		*counts = [3]int64{p.transfers.Load(), p.bytes.Load(), p.errors.Load()}
	}
	return nil
}

// Do carries out an order.
func (w *service) Do(o Order, r *Report) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case o.Connect != nil:
		m := w.mixFor(o.Connect)
		l, err := newLoop(*o.Connect, m)
		if err != nil {
			return err
		}
		w.loop, w.works = l, newWorks(m, o.Connect)
		l.connect(w.ctx)
	case o.Seed != nil:
		if err := w.seed(*o.Seed, r); err != nil {
			return err
		}
	case o.HangUp:
		if w.loop != nil {
			w.loop.close(w.ctx)
		}
		w.loop = nil
		return nil
	case w.loop == nil:
		return errors.New("no sessions are open")
	case o.Run != nil:
		before, err := CPU(os.Getpid())
		*r = w.run(w.loop, w.works, *o.Run)
		if after, _ := CPU(os.Getpid()); err == nil {
			r.Turn.Own = &Usage{CPU: (after - before).Seconds()}
		}
		return nil
	default:
		if gets := w.works.kept(o.Verify); len(gets) > 0 {
			*r = w.run(w.loop, &jobList{jobs: gets}, span{Budget: int64(len(gets))})
		}
		return nil
	}
	return w.ctx.Err()
}

func (w *service) run(l *loop, jobs jobSource, s span) Report {
	p := &progress{}
	w.live.Store(p)
	rec := l.do(w.ctx, jobs, s, p)
	return Report{rec.turn, rec.busy, rec.clients, rec.took, rec.waited}
}

// mixFor is the share's mix. Files are hashed once for all turns with the same ones.
func (w *service) mixFor(s *share) *mix {
	if key := fmt.Sprintf("%s %+v", s.Prefix, s.Scenario); w.mix == nil || w.mixKey != key {
		w.mix, w.mixKey = newMix(s.Scenario, s.Prefix, s.Seed), key
		w.mix.folder = strings.TrimSuffix(s.Site.prefix(""), "/")
	}
	m := *w.mix
	m.seed = s.Seed
	return &m
}

// seed stores the files that all clients get, with a loop of its own.
func (w *service) seed(s share, r *Report) error {
	m := w.mixFor(&s)
	var puts jobList
	for _, j := range m.files {
		j.kind = KindPut
		puts.jobs = append(puts.jobs, j)
	}
	s.Clients, s.Ramp = min(seedClients, len(puts.jobs)), 0
	s.Scenario.Idle, s.Scenario.SlowReaders, s.Scenario.SlowSenders = 0, 0, 0
	s.Scenario.Churn, s.Scenario.Storm = false, false
	l, err := newLoop(s, m)
	if err != nil {
		return err
	}
	defer l.close(w.ctx)
	l.connect(w.ctx)
	*r = w.run(l, &puts, span{Budget: int64(len(puts.jobs)), ErrorsMax: 1})
	return nil
}
