package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// worker drives a share of every turn's clients, in this process or in another one. One order runs
// at a time.
type worker interface {
	// do carries out an order. The end of the context cancels it. The report may be nil.
	do(ctx context.Context, o order) (*report, error)
	// progress is what has ended since the current run began. Any goroutine may call it.
	progress() counts
	// quit ends the worker.
	quit() error
}

// order is what a worker has to do. Exactly one of its fields is set. It holds no pointers to
// shared state, since it is sent to other processes as JSON.
type order struct {
	Connect *share `json:",omitempty"` // open the sessions of a share
	Seed    *share `json:",omitempty"` // store the files that all clients get
	Run     *span  `json:",omitempty"` // have the sessions work
	Verify  int    `json:",omitempty"` // get back the last put of at most so many clients
	HangUp  bool   `json:",omitempty"` // end the sessions
	Cancel  bool   `json:",omitempty"` // cancel the order before; it has no answer of its own
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

// report is what a worker saw of a span. Turn's Seconds are not filled in.
type report struct {
	Turn *Turn
	// Busy is the sum over Clients of the time from the span's begin to each one's last end.
	Busy    time.Duration
	Clients int
	// Took is the time of the span with its last transfers, Waited how long the loop was idle.
	Took, Waited time.Duration
}

// counts is what has ended so far.
type counts struct{ Transfers, Bytes, Errors int64 }

// seedClients is how many sessions store the files that all clients get.
const seedClients = 8

// localWorker is a worker in this process.
type localWorker struct {
	pid    int // whose usage is in the reports
	mix    *mix
	mixKey string // what mix was made of
	loop   *loop
	works  works
	live   atomic.Pointer[progress]
}

func newLocalWorker() *localWorker { return &localWorker{pid: os.Getpid()} }

func (w *localWorker) do(ctx context.Context, o order) (*report, error) {
	switch {
	case o.Connect != nil:
		m := w.mixFor(o.Connect)
		l, err := newLoop(*o.Connect, m)
		if err != nil {
			return nil, err
		}
		w.loop, w.works = l, newWorks(m, o.Connect)
		l.connect(ctx)
		return nil, ctx.Err()
	case o.Seed != nil:
		return w.seed(ctx, *o.Seed)
	case o.HangUp:
		if w.loop != nil {
			w.loop.close(ctx)
		}
		w.loop, w.works = nil, nil
		return nil, nil
	case w.loop == nil:
		return nil, errors.New("no sessions are open")
	case o.Run != nil:
		before := usageOf(w.pid)
		r := w.run(ctx, w.loop, w.works, *o.Run)
		r.Turn.Own = usageOf(w.pid).since(before)
		return r, nil
	case o.Verify > 0:
		gets := w.works.kept(o.Verify)
		if len(gets) == 0 {
			return nil, nil
		}
		return w.run(ctx, w.loop, &jobList{jobs: gets}, span{Budget: int64(len(gets))}), nil
	default:
		return nil, errors.New("an order of another version")
	}
}

func (w *localWorker) run(ctx context.Context, l *loop, jobs jobSource, s span) *report {
	p := &progress{}
	w.live.Store(p)
	rec := l.do(ctx, jobs, s, p)
	return &report{rec.turn(), rec.busy, rec.clients, rec.took, rec.waited}
}

// mixFor is the share's mix. Files are hashed once for all turns with the same ones.
func (w *localWorker) mixFor(s *share) *mix {
	if key := fmt.Sprintf("%s %+v", s.Prefix, s.Scenario); w.mix == nil || w.mixKey != key {
		w.mix, w.mixKey = newMix(s.Scenario, s.Prefix, s.Seed), key
		w.mix.folder = strings.TrimSuffix(s.Site.prefix(""), "/")
	}
	m := *w.mix
	m.seed = s.Seed
	return &m
}

// seed stores the files that all clients get, with a loop of its own.
func (w *localWorker) seed(ctx context.Context, s share) (*report, error) {
	m := w.mixFor(&s)
	var puts jobList
	for _, j := range m.files {
		j.kind = KindPut
		puts.jobs = append(puts.jobs, j)
	}
	if len(puts.jobs) == 0 {
		return nil, nil
	}
	s.Clients = min(seedClients, len(puts.jobs))
	s.Scenario.Idle, s.Scenario.SlowReaders, s.Scenario.SlowSenders = 0, 0, 0
	s.Scenario.Churn, s.Scenario.Storm, s.Ramp = false, false, 0
	l, err := newLoop(s, m)
	if err != nil {
		return nil, err
	}
	defer l.close(ctx)
	l.connect(ctx)
	r := w.run(ctx, l, &puts, span{Budget: int64(len(puts.jobs)), ErrorsMax: 1})
	return r, ctx.Err()
}

func (w *localWorker) progress() counts {
	p := w.live.Load()
	if p == nil {
		return counts{}
	}
	return counts{p.transfers.Load(), p.bytes.Load(), p.errors.Load()}
}

func (*localWorker) quit() error { return nil }
