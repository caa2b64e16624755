package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Run carries the plan out and tells out what it does. The result holds what was measured even if
// there is an error: that the run did not start or finish, or that a server which was started ended
// badly. Errors of transfers are in the result alone, see Result.Err.
func (p Plan) Run(ctx context.Context, out io.Writer) (*Result, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	p = p.withDefaults()
	for _, s := range p.Sites {
		// Base cannot remove a file, so tell the server's owner what will be left there.
		fmt.Fprintf(out, "loading %s (%s, %s): stores files named %s*, which stay there\n", s.Name,
			s.Proto, s.Address, s.Folder+p.Prefix)
	}
	if p.Own.Start {
		return p.loadOwn(ctx, out)
	}
	return p.load(ctx, out)
}

// loadOwn starts a server, loads it and stops it.
func (p *Plan) loadOwn(ctx context.Context, out io.Writer) (*Result, error) {
	folder, err := os.MkdirTemp("", "ferrybench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	program := p.Own.Program
	if program == "" {
		if program, err = FindServer(ctx, folder); err != nil {
			return nil, err
		}
	}
	if program, err = filepath.Abs(program); err != nil {
		return nil, err
	}
	server, err := StartServer(ctx, program, folder, p.Own.Arguments...)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "started %s on %s, in %s\n", program, server.Address, folder)
	p.Sites = append([]Site{{
		Name: ownName, Proto: p.Own.Proto, Address: server.Address, PID: server.PID,
	}}, p.Sites...)
	result, loadErr := p.load(ctx, out)
	stopErr := server.Stop()
	if stopErr == nil {
		fmt.Fprintln(out, "ferryd ended with status 0")
	}
	return result, errors.Join(loadErr, stopErr)
}

// load measures the sites.
func (p *Plan) load(ctx context.Context, out io.Writer) (*Result, error) {
	m := &measurement{Plan: p, random: rand.Uint64()}
	result := &Result{
		Command: p.Command, Machine: ThisMachine(), Began: time.Now(), Scenario: p.Scenario.Name,
		Settings: p.Scenario.Settings(),
	}
	for _, s := range p.Sites {
		m.mixes = append(m.mixes, newMix(p.Scenario, &s, p.Prefix))
		target := &Target{Name: s.Name, Proto: s.Proto, Address: s.Address}
		result.Targets = append(result.Targets, target)
		for _, step := range p.steps() {
			target.Steps = append(target.Steps, &step)
		}
	}
	err := m.measure(ctx, out, result)
	result.Seconds = time.Since(result.Began).Seconds()
	if ctx.Err() != nil {
		return result, errors.New("interrupted") // the turns before are worth showing
	}
	return result, err
}

// measurement measures one turn after the other.
type measurement struct {
	*Plan
	mixes  []*mix // the work on each of Sites
	random uint64
}

// part is a loop with the work of its clients.
type part struct {
	*loop
	works works
}

// together calls f for all parts at once, each on a goroutine of its own, and waits for them.
func together(parts []part, f func(i int, p part)) {
	var wg sync.WaitGroup
	for i, p := range parts {
		wg.Go(func() { f(i, p) })
	}
	wg.Wait()
}

// span is a part of a turn in which jobs start. All its loops share the counts.
type span struct {
	length     time.Duration // how long jobs start; 0 means until none is left
	open       bool          // jobs start at the share's rate
	left       *atomic.Int64 // jobs that may still start; nil for no limit
	errorsLeft *atomic.Int64 // errors that do not yet end the span; nil for no limit
}

// take says whether one more job may start.
func (s *span) take() bool { return s.left == nil || s.left.Add(-1) >= 0 }

// failed counts an error and says whether it was one too many.
func (s *span) failed() bool { return s.errorsLeft != nil && s.errorsLeft.Add(-1) < 0 }

// limit is a counter of what is left, nil for no limit.
func limit(n int64) *atomic.Int64 {
	if n == 0 {
		return nil
	}
	left := new(atomic.Int64)
	left.Store(n)
	return left
}

// measure takes the turns, load by load. The turns of all sites alternate.
func (m *measurement) measure(ctx context.Context, out io.Writer, result *Result) error {
	for i, s := range m.Sites {
		if err := m.seed(ctx, i); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	for n, step := range m.steps() {
		fmt.Fprintf(out, "measuring %s, %s\n", step.Label(), plural(int64(m.Turns), "turn"))
		for nth := range m.Turns {
			for i := range m.Sites {
				i = (i + nth) % len(m.Sites) // a different first each time: later ones run warmer
				turn, err := m.turn(ctx, i, &step, nth, n)
				if turn != nil && turn.Seconds > 0 {
					to := result.Targets[i].Steps[n]
					to.Turns = append(to.Turns, turn)
				}
				if err != nil {
					return fmt.Errorf("%s: %w", m.Sites[i].Name, err)
				}
			}
		}
	}
	return nil
}

// seedClients is how many sessions store the files that all clients get.
const seedClients = 8

// seed stores the files that all clients of a site get.
func (m *measurement) seed(ctx context.Context, site int) error {
	b := &m.Scenario
	if b.Storm || b.Gets+b.Lists == 0 {
		return nil
	}
	puts := m.mixes[site].puts()
	s := m.shareOf(&m.Sites[site], &Step{}, 0, 0)
	s.Clients, s.Scenario = min(seedClients, len(puts.jobs)), Scenario{Puts: 1}
	l, err := newLoop(s)
	if err != nil {
		return err
	}
	defer l.close(ctx)
	l.connect(ctx)
	rec := l.do(ctx, puts, span{errorsLeft: new(atomic.Int64)})
	if len(rec.turn.Errors) > 0 {
		return fmt.Errorf("cannot store the files to get: %s", rec.turn.Errors[0].First)
	}
	return ctx.Err()
}

// open makes the loops of a turn and their sessions. The caller closes them.
func (m *measurement) open(
	ctx context.Context, site int, step *Step, seed uint64,
) (parts []part, err error) {
	for i := range m.Loops {
		s := m.shareOf(&m.Sites[site], step, i, seed)
		l, err := newLoop(s)
		if err != nil {
			return parts, err
		}
		parts = append(parts, part{l, newWorks(m.mixes[site], &s)})
	}
	together(parts, func(_ int, p part) { p.connect(ctx) })
	return parts, ctx.Err()
}

// turn measures one site once.
func (m *measurement) turn(
	ctx context.Context, site int, step *Step, nth, stepNth int,
) (*Turn, error) {
	// All sites have the same seed in a turn, and so the same work.
	seed := spread(m.random + uint64(nth)<<20 + uint64(stepNth))
	parts, err := m.open(ctx, site, step, seed)
	defer together(parts, func(_ int, p part) { p.close(ctx) })
	if err != nil {
		return nil, err
	}
	turn := NewTurn()
	// addErrors adds the errors of spans that are in no figure.
	addErrors := func(records []*record) {
		for _, r := range records {
			turn.addCounts(&Turn{Errors: r.turn.Errors})
		}
	}
	open := step.Rate > 0
	if m.WarmUp > 0 {
		addErrors(m.run(ctx, parts, span{length: m.WarmUp, open: open}))
	}
	m.measured(ctx, parts, span{length: m.Duration, open: open, left: limit(m.Transfers)}, turn,
		m.Sites[site].PID)
	if nth == m.Turns-1 {
		// Fetch the last puts, which no get has checked yet.
		records := make([]*record, len(parts))
		together(parts, func(i int, p part) {
			records[i] = p.do(ctx, p.works.kept(verifyMax/len(parts)), span{})
		})
		addErrors(records)
	}
	return turn, ctx.Err()
}

// run has all clients work for a span.
func (m *measurement) run(ctx context.Context, parts []part, s span) []*record {
	s.errorsLeft = limit(m.ErrorsMax)
	records := make([]*record, len(parts))
	together(parts, func(i int, p part) { records[i] = p.do(ctx, p.works, s) })
	return records
}

// measured runs the span of a turn that is measured.
func (m *measurement) measured(
	ctx context.Context, parts []part, s span, turn *Turn, serverPID int,
) {
	usage := watchUsage(serverPID)
	own, _ := CPU(os.Getpid()) // known wherever a load runs
	all, _ := MachineCPU()
	turn.Began = time.Now()
	records := m.run(ctx, parts, s)
	turn.Wall = time.Since(turn.Began).Seconds()
	ownEnd, _ := CPU(os.Getpid())
	allEnd, _ := MachineCPU()
	turn.Own, turn.AllCPU = &Usage{CPU: (ownEnd - own).Seconds()}, (allEnd - all).Seconds()
	server, samples := usage()
	turn.Server = server
	var busy, took, waited time.Duration
	clients := 0
	for _, r := range records {
		turn.Merge(r.turn)
		busy += r.busy
		clients += r.clients
		took = max(took, r.took)
		waited += r.waited
	}
	for i := range min(len(samples), len(turn.Samples)) {
		turn.Samples[i].Server = &samples[i]
	}
	// In a closed loop the time is the average that clients were busy: otherwise one client that
	// waits for a last answer would count as if all had waited.
	turn.Seconds = took.Seconds()
	switch {
	case s.open:
		turn.Seconds = m.Duration.Seconds()
	case clients > 0 && busy > 0:
		turn.Seconds = busy.Seconds() / float64(clients)
	}
	turn.Busy = max(0, 1-waited.Seconds()/took.Seconds()/float64(len(records)))
}
