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

// The harness and its worker processes talk in lines of JSON: orders on the worker's stdin, answers
// on its stdout.

// order is a call of a worker's method. Exactly one of its fields is set.
type order struct {
	Connect *share `json:",omitempty"`
	Seed    *share `json:",omitempty"`
	Run     *span  `json:",omitempty"`
	Verify  *int   `json:",omitempty"`
	HangUp  bool   `json:",omitempty"`
	// Cancel ends the call that runs. It has no answer of its own.
	Cancel bool `json:",omitempty"`
}

// answer is a call's end, or a tick of one that runs.
type answer struct {
	Tick   *soFar    `json:",omitempty"`
	Report *findings `json:",omitempty"`
	Error  string    `json:",omitempty"`
}

// tickEvery is how often a worker process says what has ended.
const tickEvery = 200 * time.Millisecond

// ServeWorker is a worker process: it obeys the orders that come from in, until its end, and
// answers to out. What goes wrong on the way is the error.
func ServeWorker(driver string, in io.Reader, out io.Writer) error {
	h := newHand(driver)
	orders := make(chan order)
	ctx, cancel := context.WithCancel(context.Background())
	var running atomic.Pointer[context.CancelFunc]
	go func() {
		defer close(orders)
		defer cancel()
		for from := json.NewDecoder(in); ; {
			var o order
			if from.Decode(&o) != nil {
				return
			}
			if !o.Cancel {
				orders <- o
			} else if stop := running.Load(); stop != nil {
				(*stop)()
			}
		}
	}()
	to := &answers{to: json.NewEncoder(out)}
	for o := range orders {
		call, stop := context.WithCancel(ctx)
		running.Store(&stop)
		ended := to.ticks(h, o.Run != nil)
		r, err := h.obey(call, o)
		stop()
		ended()
		a := answer{Report: r}
		if err != nil {
			a.Error = err.Error()
		}
		if err := to.send(a); err != nil {
			return err
		}
	}
	return h.hangUp(ctx)
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

// ticks tells what has ended until the call of what it returns.
func (a *answers) ticks(h *hand, tells bool) (ended func()) {
	if !tells {
		return func() {}
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		every := time.NewTicker(tickEvery)
		defer every.Stop()
		for {
			select {
			case <-every.C:
				t := h.progress()
				_ = a.send(answer{Tick: &t}) // the answer will meet the same error
			case <-stop:
				return
			}
		}
	})
	return func() {
		close(stop)
		wg.Wait()
	}
}

func (h *hand) obey(ctx context.Context, o order) (*findings, error) {
	switch {
	case o.Connect != nil:
		return nil, h.connect(ctx, *o.Connect)
	case o.Seed != nil:
		return h.seed(ctx, *o.Seed)
	case o.Run != nil:
		return h.run(ctx, *o.Run)
	case o.Verify != nil:
		return h.verify(ctx, *o.Verify)
	case o.HangUp:
		return nil, h.hangUp(ctx)
	default:
		return nil, errors.New("an order of another version")
	}
}

// remote is a worker in another process.
type remote struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	to    *json.Encoder
	mu    sync.Mutex // of to: a cancel comes beside a call
	last  atomic.Pointer[soFar]
	ended chan answer // of the call that runs
	gone  chan struct{}
}

// startRemote starts a process that calls ServeWorker.
func startRemote(command []string) (*remote, error) {
	r := &remote{ended: make(chan answer, 1), gone: make(chan struct{})}
	r.cmd = exec.Command(command[0], command[1:]...)
	r.cmd.Stderr = os.Stderr
	in, err := r.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err = r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("worker process: %w", err)
	}
	r.in, r.to = in, json.NewEncoder(in)
	go func() {
		defer close(r.gone)
		for from := json.NewDecoder(out); ; {
			var a answer
			if from.Decode(&a) != nil {
				return
			}
			if a.Tick != nil {
				r.last.Store(a.Tick)
			} else {
				r.ended <- a
			}
		}
	}()
	return r, nil
}

func (r *remote) send(o order) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.to.Encode(o)
}

// call gives an order and waits for its answer. A context that ends cancels it there.
func (r *remote) call(ctx context.Context, o order) (*findings, error) {
	if err := r.send(o); err != nil {
		return nil, fmt.Errorf("worker process: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = r.send(order{Cancel: true}) })
	defer stop()
	select {
	case a := <-r.ended:
		if a.Error != "" {
			return a.Report, errors.Join(errors.New(a.Error), ctx.Err())
		}
		return a.Report, nil
	case <-r.gone:
		return nil, errors.New("a worker process ended before its time")
	}
}

func (r *remote) connect(ctx context.Context, s share) error {
	_, err := r.call(ctx, order{Connect: &s})
	return err
}

func (r *remote) seed(ctx context.Context, s share) (*findings, error) {
	return r.call(ctx, order{Seed: &s})
}

func (r *remote) run(ctx context.Context, s span) (*findings, error) {
	r.last.Store(nil)
	return r.call(ctx, order{Run: &s})
}

func (r *remote) verify(ctx context.Context, most int) (*findings, error) {
	return r.call(ctx, order{Verify: &most})
}

func (r *remote) hangUp(ctx context.Context) error {
	_, err := r.call(ctx, order{HangUp: true})
	return err
}

func (r *remote) progress() soFar {
	if t := r.last.Load(); t != nil {
		return *t
	}
	return soFar{}
}

// quit ends the process by the end of its orders.
func (r *remote) quit() error {
	_ = r.in.Close()
	<-r.gone
	return r.cmd.Wait()
}
