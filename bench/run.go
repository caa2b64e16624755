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
	"time"
)

// Run carries the plan out and says on out what it does. The result holds what was measured, also
// when there was an error: that there was no run, or none to its end, or how a server that was
// started ended badly. Errors of transfers are in the result alone: see Result.Err.
func (p Plan) Run(ctx context.Context, out io.Writer) (*Result, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	p = p.filled()
	for _, s := range p.Sites {
		// Base cannot remove a file, so who owns the server is told what will be left.
		fmt.Fprintf(out, "loading %s (%s, %s): puts files named %s*, which stay there\n", s.Name,
			s.Proto, s.Address, s.Folder+p.Prefix)
	}
	if p.Start {
		return p.loadOwn(ctx, out)
	}
	return p.load(ctx)
}

// ownName is that of a server that is started.
const ownName = "ferryd"

// loadOwn loads a server that it starts, and ends.
func (p *Plan) loadOwn(ctx context.Context, out io.Writer) (*Result, error) {
	folder, err := p.scratchFolder()
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	program := p.Program
	if program == "" {
		if program, err = FindServer(ctx, folder); err != nil {
			return nil, err
		}
	}
	if program, err = filepath.Abs(program); err != nil {
		return nil, err
	}
	server, err := StartServer(ctx, program, folder, p.Arguments...)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "started %s on %s, in %s\n", program, server.Address, folder)
	p.Sites = append([]Site{{
		Name: ownName, Proto: p.Proto, Address: server.Address, PID: server.PID,
	}}, p.Sites...)
	result, loaded := p.load(ctx)
	ended := server.Stop()
	if ended == nil {
		fmt.Fprintln(out, "ferryd ended in order, with status 0")
	}
	return result, errors.Join(loaded, ended)
}

// load measures the sites.
func (p *Plan) load(ctx context.Context) (*Result, error) {
	c := &conductor{Plan: p, random: rand.Uint64(), began: time.Now()}
	defer c.quit()
	if err := c.hire(); err != nil {
		return nil, err
	}
	result := &Result{
		Command: p.Command, Machine: ThisMachine(), Began: c.began, Scenario: p.Scenario.Name,
		Settings: p.Scenario.Settings(),
	}
	result.Settings["driver"] = p.Driver
	for i := range p.Sites {
		s := &p.Sites[i]
		target := &Target{Name: s.Name, Proto: s.Proto, Address: s.Address}
		result.Targets = append(result.Targets, target)
		for _, step := range p.steps() {
			target.Steps = append(target.Steps, &step)
		}
	}
	err := c.measure(ctx, result)
	result.Seconds = time.Since(c.began).Seconds()
	if ctx.Err() != nil {
		// What was measured until then is worth showing.
		return result, errors.Join(errors.New("broken off"), err)
	}
	return result, err
}

// conductor has the workers measure one turn after the other.
type conductor struct {
	*Plan
	workers []worker
	random  uint64
	began   time.Time
}

// hire starts the workers: one in this process, or several in processes of their own.
func (c *conductor) hire() error {
	if c.Processes == 1 {
		c.workers = []worker{newHand(c.Driver)}
		return nil
	}
	if len(c.WorkerCommand) == 0 {
		return fmt.Errorf("%d processes, and no command to start them", c.Processes)
	}
	for range c.Processes {
		w, err := startRemote(append(append([]string(nil), c.WorkerCommand...), c.Driver))
		if err != nil {
			return err
		}
		c.workers = append(c.workers, w)
	}
	return nil
}

func (c *conductor) quit() {
	for _, w := range c.workers {
		_ = w.quit() // what it did was answered before
	}
}

// measure takes the turns: those of all sites in alternation, step by step.
func (c *conductor) measure(ctx context.Context, result *Result) error {
	for i := range c.Sites {
		if err := c.seed(ctx, &c.Sites[i]); err != nil {
			return err
		}
	}
	steps := c.steps()
	for n := range steps {
		for nth := range c.Turns {
			// Who goes first changes, since what comes second finds the machine warmer.
			for i := range c.Sites {
				i = (i + nth) % len(c.Sites)
				turn, err := c.turn(ctx, &c.Sites[i], &steps[n], nth, n)
				if turn != nil && turn.Seconds > 0 {
					step := result.Targets[i].Steps[n]
					step.Turns = append(step.Turns, turn)
				}
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// seed puts the files that all clients of a site get.
func (c *conductor) seed(ctx context.Context, s *Site) error {
	if c.Scenario.Storm || c.Scenario.Gets+c.Scenario.Lists == 0 && c.Scenario.SlowReaders == 0 {
		return nil
	}
	c.tell(Live{Site: s.Name, Phase: "putting the files to be got"})
	first := c.shareOf(s, &Step{Clients: 1}, 0, c.random)
	r, err := c.workers[0].seed(ctx, first)
	switch {
	case err != nil && r == nil:
		return fmt.Errorf("%s: %w", s.Name, err)
	case r == nil:
		return nil
	case r.Turn.ErrorCount() > 0:
		return fmt.Errorf("%s: the files to be got could not be put: %s", s.Name,
			r.Turn.Errors[0].First)
	}
	return err
}

// turn measures one site once.
func (c *conductor) turn(
	ctx context.Context, s *Site, step *Step, nth, stepNth int,
) (*Turn, error) {
	live := Live{
		Site: s.Name, Step: step.Label(), Turn: nth + 1, Turns: c.Turns, Phase: "connecting",
	}
	c.tell(live)
	// All sites have the same seed in a turn, and so the same work.
	seed := mixed(c.random + uint64(nth)<<20 + uint64(stepNth))
	_, err := c.all(func(i int, w worker) (*findings, error) {
		return nil, w.connect(ctx, c.shareOf(s, step, i, seed))
	})
	defer func() {
		_, _ = c.all(func(_ int, w worker) (*findings, error) { return nil, w.hangUp(ctx) })
	}()
	if err != nil {
		return nil, err
	}
	sum := NewTurn()
	open := step.Rate > 0
	if c.WarmUp > 0 {
		live.Phase = "warming up"
		warm := span{Length: c.WarmUp, Open: open, ErrorsMax: c.ErrorsMax}
		reports, err := c.spans(ctx, warm, live)
		if err != nil {
			return nil, err
		}
		for _, r := range reports {
			// Its figures are left out; its errors are not.
			sum.addCounts(&Turn{Errors: r.Turn.Errors})
			sum.Seconds = max(sum.Seconds, r.Took.Seconds())
		}
		if c.ErrorsMax > 0 && sum.ErrorCount() > c.ErrorsMax {
			return sum, nil
		}
		sum.Seconds = 0
	}
	live.Phase = ""
	watch, _ := startWatch(s.PID) // without one the server's usage is not known
	all, _ := AllCPU()            // 0 where it is not known
	sum.Began = time.Now()
	took := span{Length: c.Duration, Budget: c.Transfers, Open: open, ErrorsMax: c.ErrorsMax}
	reports, err := c.spans(ctx, took, live)
	var samples []Usage
	sum.Wall = time.Since(sum.Began).Seconds()
	if watch != nil {
		sum.Server, samples = watch.end()
	}
	if now, err := AllCPU(); err == nil && all > 0 {
		sum.AllCPU = (now - all).Seconds()
	}
	if err != nil {
		return nil, err
	}
	c.close(sum, reports, samples, open)
	if nth == c.Turns-1 && ctx.Err() == nil {
		err = c.verify(ctx, sum)
	}
	return sum, err
}

// close adds the workers' reports up.
func (c *conductor) close(sum *Turn, reports []*findings, samples []Usage, open bool) {
	var busy, took, waited time.Duration
	clients, known := 0, true
	for _, r := range reports {
		sum.Merge(r.Turn)
		busy += r.Busy
		clients += r.Clients
		took = max(took, r.Took)
		waited += r.Waited
		known = known && r.Waited >= 0
	}
	// A closed loop's time is that which a client was at it, on average: a single one that waits
	// for a last answer would count as if all had waited.
	sum.Seconds = took.Seconds()
	switch {
	case open && c.Duration > 0:
		sum.Seconds = c.Duration.Seconds()
	case clients > 0 && busy > 0:
		sum.Seconds = busy.Seconds() / float64(clients)
	}
	if took > 0 && known {
		sum.Busy = max(0, 1-waited.Seconds()/took.Seconds()/float64(len(reports)))
	}
	for i := range samples {
		if i < len(sum.Samples) {
			sum.Samples[i].Server = &samples[i]
		}
	}
}

// verify has what was put last got back, where no get has looked at it yet. Only errors count.
func (c *conductor) verify(ctx context.Context, sum *Turn) error {
	most := max(verifyMost/len(c.workers), 1)
	reports, err := c.all(func(_ int, w worker) (*findings, error) { return w.verify(ctx, most) })
	for _, r := range reports {
		if r != nil {
			sum.addCounts(&Turn{Errors: r.Turn.Errors})
		}
	}
	return err
}

// spans has all workers run at once, and tells how it goes.
func (c *conductor) spans(ctx context.Context, s span, live Live) ([]*findings, error) {
	stop := c.watchLive(live, s.Length)
	defer stop()
	return c.all(func(i int, w worker) (*findings, error) {
		own, n := s, int64(len(c.workers))
		own.ErrorsMax = (s.ErrorsMax + n - 1) / n
		if s.Budget > 0 {
			if own.Budget = (s.Budget + n - 1 - int64(i)) / n; own.Budget == 0 {
				return &findings{Turn: NewTurn()}, nil
			}
		}
		return w.run(ctx, own)
	})
}

// all calls every worker at once and waits for them.
func (c *conductor) all(call func(int, worker) (*findings, error)) ([]*findings, error) {
	reports, errs := make([]*findings, len(c.workers)), make([]error, len(c.workers))
	var wg sync.WaitGroup
	for i, w := range c.workers {
		wg.Go(func() { reports[i], errs[i] = call(i, w) })
	}
	wg.Wait()
	return reports, errors.Join(errs...)
}
