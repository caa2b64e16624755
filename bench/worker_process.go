package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"
)

// The harness and its worker processes exchange lines of JSON: orders on the worker's stdin,
// answers on its stdout.

// answer ends an order, or tells the progress of one that runs.
type answer struct {
	Progress *counts `json:",omitempty"`
	Report   *report `json:",omitempty"`
	Error    string  `json:",omitempty"`
}

// progressEvery is how often a worker process tells its progress.
const progressEvery = 200 * time.Millisecond

// ServeWorker is a worker process: it carries out the orders that it reads from in and writes the
// answers to out, until in ends.
func ServeWorker(in io.Reader, out io.Writer) error {
	type call struct {
		order
		ctx    context.Context
		cancel context.CancelFunc
	}
	calls := make(chan call)
	ctx, end := context.WithCancel(context.Background())
	go func() {
		defer close(calls)
		defer end()
		// An order's context exists before the next line is read, so that no Cancel is lost.
		cancel := context.CancelFunc(func() {})
		for from := json.NewDecoder(in); ; {
			var o order
			if from.Decode(&o) != nil {
				return
			}
			if o.Cancel {
				cancel()
				continue
			}
			c := call{order: o}
			c.ctx, c.cancel = context.WithCancel(ctx)
			cancel = c.cancel
			calls <- c
		}
	}()
	w, to := newLocalWorker(), &answers{to: json.NewEncoder(out)}
	for c := range calls {
		stop := to.tellProgress(w, c.Run != nil)
		r, err := w.do(c.ctx, c.order)
		c.cancel()
		stop()
		a := answer{Report: r}
		if err != nil {
			a.Error = err.Error()
		}
		if err := to.send(a); err != nil {
			return err
		}
	}
	_, err := w.do(ctx, order{HangUp: true})
	return err
}

// answers is a worker's stdout.
type answers struct {
	mu sync.Mutex
	to *json.Encoder
}

func (a *answers) send(one answer) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.to.Encode(one)
}

// tellProgress sends the progress of a run until stop is called.
func (a *answers) tellProgress(w worker, runs bool) (stop func()) {
	if !runs {
		return func() {}
	}
	return everyTick(progressEvery, func(time.Time) {
		now := w.progress()
		_ = a.send(answer{Progress: &now}) // the answer will meet the same error
	})
}

// everyTick calls f on a goroutine of its own until stop is called and has returned.
func everyTick(every time.Duration, f func(time.Time)) (stop func()) {
	end := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case now := <-ticker.C:
				f(now)
			case <-end:
				return
			}
		}
	})
	return func() {
		close(end)
		wg.Wait()
	}
}

// processWorker is a worker in another process.
type processWorker struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	mu    sync.Mutex // of to: a Cancel is sent while an order runs
	to    *json.Encoder
	last  atomic.Pointer[counts]
	ended chan answer // of the current order
	gone  chan struct{}
}

// startWorker starts a process that calls ServeWorker.
func startWorker(command []string) (*processWorker, error) {
	w := &processWorker{ended: make(chan answer, 1), gone: make(chan struct{})}
	w.cmd = exec.Command(command[0], command[1:]...)
	w.cmd.Stderr = os.Stderr
	in, err := w.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err = w.cmd.Start(); err != nil {
		return nil, fmt.Errorf("worker process: %w", err)
	}
	w.in, w.to = in, json.NewEncoder(in)
	go func() {
		defer close(w.gone)
		for from := json.NewDecoder(out); ; {
			var a answer
			if from.Decode(&a) != nil {
				return
			}
			if a.Progress != nil {
				w.last.Store(a.Progress)
			} else {
				w.ended <- a
			}
		}
	}()
	return w, nil
}

func (w *processWorker) send(o order) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Encode(o)
}

func (w *processWorker) do(ctx context.Context, o order) (*report, error) {
	w.last.Store(&counts{})
	if err := w.send(o); err != nil {
		return nil, fmt.Errorf("worker process: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = w.send(order{Cancel: true}) })()
	select {
	case a := <-w.ended:
		if a.Error != "" {
			return a.Report, errors.Join(errors.New(a.Error), ctx.Err())
		}
		return a.Report, nil
	case <-w.gone:
		return nil, errors.New("a worker process ended unexpectedly")
	}
}

func (w *processWorker) progress() counts {
	if c := w.last.Load(); c != nil {
		return *c
	}
	return counts{}
}

// quit ends the process by ending its input.
func (w *processWorker) quit() error {
	_ = w.in.Close()
	<-w.gone
	return w.cmd.Wait()
}
