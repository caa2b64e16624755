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

// worker is one process's part of a run: it has a share of each turn. One call runs at a time.
type worker interface {
	// connect opens the sessions of a share.
	connect(ctx context.Context, s share) error
	// seed puts the share's files that all clients get, before any turn.
	seed(ctx context.Context, s share) (*findings, error)
	// run has the sessions work for a while.
	run(ctx context.Context, s span) (*findings, error)
	// verify gets back what was put last, of at most so many clients.
	verify(ctx context.Context, most int) (*findings, error)
	// hangUp ends the share's sessions.
	hangUp(ctx context.Context) error
	// progress is what has ended since the run began.
	progress() soFar
	// quit ends the worker.
	quit() error
}

// span is a piece of a turn.
type span struct {
	// Length is how long jobs are begun; 0 means until Budget is used up.
	Length time.Duration
	// Budget is how many jobs are begun at most, 0 without a bound.
	Budget int64
	// Open says that jobs begin by the share's rate.
	Open bool
	// ErrorsMax ends it once there are more errors; 0 means no bound.
	ErrorsMax int64
}

// findings are what a worker saw of a span. Turn's Seconds are not filled in.
type findings struct {
	Turn *Turn
	// Busy is the sum over Clients of the time from the span's begin to each one's last end.
	Busy    time.Duration
	Clients int
	// Took is how long it took with its last transfers; Waited is how much of that the driver had
	// nothing to do, negative where that is not known.
	Took, Waited time.Duration
}

// soFar is what has ended so far.
type soFar struct{ Transfers, Bytes, Errors int64 }

// seedClients is how many sessions put the files that all clients get.
const seedClients = 8

// hand is a worker in this process.
type hand struct {
	driver string
	pid    int // whose usage is in the reports; 0: nobody's
	mix    *mix
	mixOf  mixKey
	team   team
	works  works
	live   atomic.Pointer[progress]
}

// mixKey is what a mix depends on. Its files are hashed once for all turns that share it.
type mixKey struct {
	prefix, scenario string
	seed             uint64
}

func newHand(driver string) *hand { return &hand{driver: driver, pid: os.Getpid()} }

// mixFor is the share's mix, with files as they were hashed before if they are the same.
func (h *hand) mixFor(s *share) *mix {
	key := mixKey{s.Prefix, fmt.Sprintf("%+v", s.Scenario), s.Seed}
	if h.mix == nil || h.mixOf.prefix != key.prefix || h.mixOf.scenario != key.scenario {
		h.mix = newMix(s.Scenario, s.Prefix, s.Seed)
		h.mix.folder = strings.TrimSuffix(s.Site.prefix(""), "/")
	}
	if h.mixOf != key {
		again := *h.mix
		again.seed = s.Seed
		h.mix, h.mixOf = &again, key
	}
	return h.mix
}

// connect implements worker.
func (h *hand) connect(ctx context.Context, s share) error {
	m := h.mixFor(&s)
	team, err := newTeam(h.driver, s, m)
	if err != nil {
		return err
	}
	h.team, h.works = team, newWorks(m, &s)
	h.team.connect(ctx)
	return ctx.Err()
}

// seed implements worker.
func (h *hand) seed(ctx context.Context, s share) (*findings, error) {
	m := h.mixFor(&s)
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
	return h.once(ctx, s, m, &puts)
}

// once has a team of its own work through a list of jobs.
func (h *hand) once(ctx context.Context, s share, m *mix, jobs *jobList) (*findings, error) {
	team, err := newTeam(h.driver, s, m)
	if err != nil {
		return nil, err
	}
	defer team.close(ctx)
	team.connect(ctx)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	budget := &atomic.Int64{}
	budget.Store(int64(len(jobs.jobs)))
	r := team.run(ctx, jobs, window{
		budget: budget, failed: new(atomic.Int64), failedMax: 1, stop: cancel,
	})
	return h.found(r, nil), ctx.Err()
}

// run implements worker.
func (h *hand) run(ctx context.Context, s span) (*findings, error) {
	if h.team == nil {
		return nil, errors.New("no sessions are open")
	}
	live := &progress{}
	h.live.Store(live)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := window{
		length: s.Length, open: s.Open, progress: live,
		failed: new(atomic.Int64), failedMax: s.ErrorsMax, stop: cancel,
	}
	if s.Budget > 0 {
		w.budget = &atomic.Int64{}
		w.budget.Store(s.Budget)
	}
	before := usageOf(h.pid)
	r := h.team.run(ctx, h.works, w)
	return h.found(r, usageOf(h.pid).since(before)), nil
}

func (h *hand) found(r *record, own *Usage) *findings {
	turn := NewTurn()
	r.addTo(turn)
	turn.Own = own
	return &findings{turn, r.busy, r.clients, r.took, r.waited}
}

// verify implements worker.
func (h *hand) verify(ctx context.Context, most int) (*findings, error) {
	if h.team == nil {
		return nil, nil
	}
	gets := &jobList{jobs: h.works.kept(most)}
	if len(gets.jobs) == 0 {
		return nil, nil
	}
	budget := &atomic.Int64{}
	budget.Store(int64(len(gets.jobs)))
	return h.found(h.team.run(ctx, gets, window{budget: budget}), nil), nil
}

// hangUp implements worker.
func (h *hand) hangUp(ctx context.Context) error {
	if h.team != nil {
		h.team.close(ctx)
	}
	h.team, h.works = nil, nil
	return nil
}

// progress implements worker.
func (h *hand) progress() soFar {
	p := h.live.Load()
	if p == nil {
		return soFar{}
	}
	return soFar{p.transfers.Load(), p.bytes.Load(), p.errors.Load()}
}

// quit implements worker.
func (*hand) quit() error { return nil }
