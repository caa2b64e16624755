package loop

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/panjf2000/gnet/v2"
	gneterrors "github.com/panjf2000/gnet/v2/pkg/errors"
)

// Task is something that another goroutine wants done on the loop, the result of its work for
// example.
type Task interface {
	// OnLoop is called once.
	OnLoop()
}

type order func()

func (f order) OnLoop() { f() }

// inbox holds tasks until the next turn. Its methods may be called from any goroutine, except run.
type inbox struct {
	// rung says that a turn has been asked for.
	rung atomic.Bool
	// runTurn is a turn as the engine runs it.
	runTurn gnet.Runnable

	mu sync.Mutex
	// engine runs turns; nil while there is none.
	engine executor
	// over says that no engine follows the one that runs or ran last.
	over   bool
	posted []Task

	// spare is posted's other array. It belongs to the loop.
	spare []Task
}

// executor is the part of gnet.EventLoop that an inbox needs.
type executor interface {
	Execute(context.Context, gnet.Runnable) error
}

// Post has a task run on the loop, in the order of posting. It may be called from any goroutine.
func (l *Loop) Post(t Task) {
	b := &l.inbox
	b.mu.Lock()
	b.posted = append(b.posted, t)
	b.mu.Unlock()
	l.ring()
}

// Order has f run on the loop. It may be called from any goroutine.
func (l *Loop) Order(f func()) { l.Post(order(f)) }

// ring asks for a turn. It may be called from any goroutine, and does nothing while a turn has been
// asked for. If no engine runs, the next one begins with a turn.
func (l *Loop) ring() {
	b := &l.inbox
	if b.rung.Swap(true) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.engine != nil {
		_ = b.engine.Execute(context.Background(), b.runTurn)
	}
}

// run runs the tasks that have been posted. What they post waits for the next turn.
func (b *inbox) run() {
	b.mu.Lock()
	tasks := b.posted
	b.posted = b.spare[:0]
	b.mu.Unlock()
	for i, t := range tasks {
		tasks[i] = nil
		t.OnLoop()
	}
	b.spare = tasks[:0]
}

// attach gives the inbox an engine, or reports that no engine is wanted any more.
func (b *inbox) attach(e executor) (wanted bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.over {
		b.engine = e
	}
	return !b.over
}

// detach has tasks wait for the next engine.
func (b *inbox) detach() {
	b.mu.Lock()
	b.engine = nil
	b.mu.Unlock()
	b.rung.Store(false)
}

func (b *inbox) isOver() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.over
}

// end ends the engine after the tasks that it has. No engine follows.
func (b *inbox) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	if b.engine != nil {
		_ = b.engine.Execute(context.Background(), shutdown)
		b.engine = nil
	}
}

var shutdown gnet.RunnableFunc = func(context.Context) error { return gneterrors.ErrEngineShutdown }
