package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
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
	return p.load(ctx)
}

// loadOwn starts a server, loads it and stops it.
func (p *Plan) loadOwn(ctx context.Context, out io.Writer) (*Result, error) {
	folder, err := os.MkdirTemp(p.Own.Scratch, "ferrybench-")
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
	result, loadErr := p.load(ctx)
	stopErr := server.Stop()
	if stopErr == nil {
		fmt.Fprintln(out, "ferryd ended with status 0")
	}
	return result, errors.Join(loadErr, stopErr)
}

// load measures the sites.
func (p *Plan) load(ctx context.Context) (*Result, error) {
	m := &measurement{Plan: p, random: rand.Uint64()}
	defer func() {
		for _, w := range m.workers {
			w.quit()
		}
	}()
	for range p.Processes {
		command := p.WorkerCommand
		if p.Processes == 1 {
			command = nil
		}
		w, err := startWorker(command)
		if err != nil {
			return nil, err
		}
		m.workers = append(m.workers, w)
	}
	result := &Result{
		Command: p.Command, Machine: ThisMachine(), Began: time.Now(), Scenario: p.Scenario.Name,
		Settings: p.Scenario.Settings(),
	}
	for _, s := range p.Sites {
		target := &Target{Name: s.Name, Proto: s.Proto, Address: s.Address}
		result.Targets = append(result.Targets, target)
		for _, step := range p.steps() {
			target.Steps = append(target.Steps, &step)
		}
	}
	err := m.measure(ctx, result)
	result.Seconds = time.Since(result.Began).Seconds()
	if ctx.Err() != nil {
		return result, errors.New("interrupted") // the turns before are worth showing
	}
	return result, err
}

// measurement has the workers measure one turn after the other.
type measurement struct {
	*Plan
	workers []*worker
	random  uint64
}

// measure takes the turns, load by load. The turns of all sites alternate.
func (m *measurement) measure(ctx context.Context, result *Result) error {
	for i := range m.Sites {
		if err := m.seed(ctx, &m.Sites[i]); err != nil {
			return err
		}
	}
	for n, step := range m.steps() {
		for nth := range m.Turns {
			for i := range m.Sites {
				i = (i + nth) % len(m.Sites) // a different first each time: later ones run warmer
				turn, err := m.turn(ctx, &m.Sites[i], &step, nth, n)
				if turn != nil && turn.Seconds > 0 {
					to := result.Targets[i].Steps[n]
					to.Turns = append(to.Turns, turn)
				}
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// seed stores the files that all clients of a site get.
func (m *measurement) seed(ctx context.Context, s *Site) error {
	b := &m.Scenario
	if b.Storm || b.Gets+b.Lists == 0 && b.SlowReaders == 0 {
		return nil
	}
	m.tell(Live{Site: s.Name, Phase: "storing the files to get"})
	first := m.shareOf(s, &Step{Clients: 1}, 0, m.random)
	r, err := m.workers[0].do(ctx, Order{Seed: &first})
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", s.Name, err)
	case r != nil && r.Turn.ErrorCount() > 0:
		return fmt.Errorf("%s: cannot store the files to get: %s", s.Name, r.Turn.Errors[0].First)
	default:
		return nil
	}
}

// turn measures one site once.
func (m *measurement) turn(
	ctx context.Context, s *Site, step *Step, nth, stepNth int,
) (*Turn, error) {
	live := Live{
		Site: s.Name, Step: step.Label(), Turn: nth + 1, Turns: m.Turns, Phase: "connecting",
	}
	m.tell(live)
	// All sites have the same seed in a turn, and so the same work.
	seed := spread(m.random + uint64(nth)<<20 + uint64(stepNth))
	_, err := m.all(ctx, func(i int) Order {
		own := m.shareOf(s, step, i, seed)
		return Order{Connect: &own}
	})
	defer func() { _, _ = m.all(ctx, func(int) Order { return Order{HangUp: true} }) }()
	if err != nil {
		return nil, err
	}
	turn := NewTurn()
	// addErrors counts errors alone, of parts that are in no figure.
	addErrors := func(reports []*Report) {
		for _, r := range reports {
			turn.addCounts(&Turn{Errors: r.Turn.Errors})
		}
	}
	if m.WarmUp > 0 {
		live.Phase = "warming up"
		began := time.Now()
		reports, err := m.spans(ctx, span{Length: m.WarmUp}, step, live)
		if err != nil {
			return nil, err
		}
		if addErrors(reports); m.ErrorsMax > 0 && turn.ErrorCount() > m.ErrorsMax {
			turn.Seconds = time.Since(began).Seconds()
			return turn, nil
		}
	}
	live.Phase = ""
	err = m.measured(ctx, s, turn, step, live)
	if err != nil || nth < m.Turns-1 || ctx.Err() != nil {
		return turn, err
	}
	// Fetch the last puts, which no get has checked yet.
	each := max(verifyMax/len(m.workers), 1)
	reports, err := m.all(ctx, func(int) Order { return Order{Verify: each} })
	addErrors(reports)
	return turn, err
}

// measured runs the part of a turn that is measured.
func (m *measurement) measured(
	ctx context.Context, s *Site, turn *Turn, step *Step, live Live,
) error {
	usage := watchUsage(s.PID)
	machine, unknown := MachineCPU()
	turn.Began = time.Now()
	reports, err := m.spans(ctx, span{Length: m.Duration, Budget: m.Transfers}, step, live)
	turn.Wall = time.Since(turn.Began).Seconds()
	server, samples := usage()
	turn.Server = server
	if now, err := MachineCPU(); err == nil && unknown == nil {
		turn.AllCPU = (now - machine).Seconds()
	}
	if err != nil || len(reports) == 0 {
		return err
	}
	var busy, took, waited time.Duration
	clients := 0
	for _, r := range reports {
		turn.Merge(r.Turn)
		busy += r.Busy
		clients += r.Clients
		took = max(took, r.Took)
		waited += r.Waited
	}
	for i := range min(len(samples), len(turn.Samples)) {
		turn.Samples[i].Server = &samples[i]
	}
	// In a closed loop the time is the average that clients were busy: otherwise one client that
	// waits for a last answer would count as if all had waited.
	turn.Seconds = took.Seconds()
	switch {
	case step.Rate > 0:
		turn.Seconds = m.Duration.Seconds()
	case clients > 0 && busy > 0:
		turn.Seconds = busy.Seconds() / float64(clients)
	}
	turn.Busy = max(0, 1-waited.Seconds()/took.Seconds()/float64(len(reports)))
	return nil
}

// spans has all workers run at once and tells the progress.
func (m *measurement) spans(ctx context.Context, s span, step *Step, live Live) ([]*Report, error) {
	defer m.watchLive(live, s.Length)()
	n := int64(len(m.workers))
	s.Open, s.ErrorsMax = step.Rate > 0, (m.ErrorsMax+n-1)/n
	return m.all(ctx, func(i int) Order {
		own := s
		if s.Budget > 0 {
			if own.Budget = (s.Budget + n - 1 - int64(i)) / n; own.Budget == 0 {
				return Order{} // nothing to do
			}
		}
		return Order{Run: &own}
	})
}

// all gives every worker an order at once, and waits. Reports that are nil are left out.
func (m *measurement) all(ctx context.Context, of func(int) Order) ([]*Report, error) {
	reports, errs := make([]*Report, len(m.workers)), make([]error, len(m.workers))
	var wg sync.WaitGroup
	for i, w := range m.workers {
		if o := of(i); o != (Order{}) {
			wg.Go(func() { reports[i], errs[i] = w.do(ctx, o) })
		}
	}
	wg.Wait()
	return slices.DeleteFunc(reports, func(r *Report) bool { return r == nil }),
		errors.Join(errs...)
}
