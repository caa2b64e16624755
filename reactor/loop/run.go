package loop

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/panjf2000/gnet/v2"
)

// Run accepts control connections on the given addresses until End. gnet ends its engine when an
// accept fails, for want of memory in the system for example; Run then starts it again. ready is
// called once, when the loop has begun.
func (l *Loop) Run(addresses []netip.AddrPort, ready func()) error {
	defer l.dropKicker()
	l.inbox.runTurn = gnet.RunnableFunc(l.runTurn)
	e := &engine{Loop: l, ready: sync.OnceFunc(ready)}
	var restart restarts
	for {
		lives := l.lives
		err := gnet.Rotate(e, listenAddresses(addresses),
			gnet.WithNumEventLoop(1), // it accepts too, one connection for one event
			gnet.WithReusePort(true), // several loops share a port
			gnet.WithReuseAddr(true), // a restart needs it
			gnet.WithTicker(true), gnet.WithLockOSThread(l.options.LockThread),
			gnet.WithTCPKeepAlive(keepAliveAfter), gnet.WithReadBufferCap(controlReadBytes),
			gnet.WithLogger(l.options.Log))
		l.inbox.detach()
		if l.inbox.isOver() {
			return nil
		}
		if err != nil && !l.Started() {
			return fmt.Errorf("start the event loop: %w", err)
		}
		wait, again := restart.next(l.lives > lives, l.Clock())
		l.options.Handler.Lost(err, again)
		if !again {
			l.standIn()
			return fmt.Errorf("restart the event loop: %w", err)
		}
		select {
		case <-time.After(wait):
		case <-l.options.Ending:
			l.standIn()
			return nil
		}
	}
}

// Started says whether the loop has ever begun. It may be called by whoever has waited for ready or
// for Run to return.
func (l *Loop) Started() bool { return l.lives > 0 }

// End stops the doorbell and ends Run. Everything else that posts tasks must have stopped: a task
// that comes later does not run. It may be called from any goroutine, while Run has not returned or
// has not begun the loop.
func (l *Loop) End() {
	if l.Started() {
		l.watcher.stop()
	}
	l.inbox.end()
}

// Break ends the engine, as a failed accept does. It is for tests.
func (l *Loop) Break() {
	l.inbox.mu.Lock()
	defer l.inbox.mu.Unlock()
	if l.inbox.engine != nil {
		_ = l.inbox.engine.Execute(context.Background(), shutdown)
	}
}

func (l *Loop) runTurn(context.Context) error {
	l.turn()
	return nil
}

// listenAddresses writes addresses as gnet takes them. The family is explicit: tcp://[::] would be
// IPv6 only, and tcp://:PORT would depend on a sysctl.
func listenAddresses(addresses []netip.AddrPort) []string {
	var out []string
	for _, at := range addresses {
		network := "tcp4"
		if at.Addr().Is6() {
			network = "tcp6"
		}
		out = append(out, network+"://"+at.String())
	}
	return out
}

// substitute takes tasks in place of an engine, and has no connections.
type substitute struct{ tasks chan gnet.Runnable }

// substituteTasks is how many tasks may wait there, so that nobody waits to post one: a turn that
// was asked for before it ran, a turn, and its end.
const substituteTasks = 4

func (s *substitute) Execute(_ context.Context, task gnet.Runnable) error {
	s.tasks <- task
	return nil
}

// standIn runs turns while the server ends and there is no engine: what still moves has to be
// released, with the help of workers and the doorbell, and that takes turns. It returns after End.
func (l *Loop) standIn() {
	if !l.Started() {
		return // no doorbell rings, and nothing moves
	}
	s := &substitute{tasks: make(chan gnet.Runnable, substituteTasks)}
	if !l.inbox.attach(s) {
		return
	}
	l.inbox.rung.Store(true)
	l.turn() // what was posted while there was no engine
	for {
		for l.Queued() > 0 {
			l.turn()
		}
		if task := <-s.tasks; task.Run(context.Background()) != nil {
			return
		}
	}
}

// restarts says when an engine that ended is restarted.
type restarts struct {
	wait  time.Duration
	since Instant
}

// next is called after an engine's end with whether it had come to life. It returns how long to
// wait, or that engines have not come to life for too long.
func (s *restarts) next(lived bool, now Instant) (time.Duration, bool) {
	if lived || s.wait == 0 {
		s.wait, s.since = restartAfter, now
		return s.wait, true
	}
	s.wait = min(2*s.wait, restartAfterMax)
	return s.wait, now-s.since < restartPatience
}

const (
	// keepAliveAfter is the silence after which TCP checks whether a client is still there.
	keepAliveAfter = time.Minute
	// controlReadBytes is the engine's one buffer for reading control connections.
	controlReadBytes = 64 << 10
	// restartAfter keeps an engine that cannot live from using all of a processor.
	restartAfter    = 50 * time.Millisecond
	restartAfterMax = time.Second
	// restartPatience is how long a restart is tried. Memory for a socket comes back sooner; a port
	// that another program has taken does not.
	restartPatience = 30 * time.Second
)
