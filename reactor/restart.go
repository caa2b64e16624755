package reactor

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/panjf2000/gnet/v2"
)

// How a reactor comes to an event loop, and to another when that one ends.

// serveControl runs the gnet engine of a reactor, again whenever something ended it that was not
// us: gnet ends its engine on an accept that fails, for want of memory in the system for example.
func (r *reactor) serveControl(ready func()) error {
	defer r.dropKicker()
	r.onReady = sync.OnceFunc(ready)
	var restart restarts
	for {
		lives := r.lives
		err := gnet.Rotate(r, r.controlAddresses(),
			gnet.WithNumEventLoop(1), gnet.WithReusePort(true), gnet.WithReuseAddr(true),
			gnet.WithTicker(true), gnet.WithLockOSThread(r.server.options.LockThread),
			gnet.WithTCPKeepAlive(keepAliveAfter), gnet.WithReadBufferCap(controlReadBytes),
			gnet.WithLogger(engineLog{&r.server.log}))
		r.loopGone()
		if r.isOver() {
			return nil
		}
		if err != nil && !r.started {
			return fmt.Errorf("start the event loop: %w", err)
		}
		wait, ok := restart.next(r.lives > lives, r.clock())
		if !ok {
			r.server.Stop()
			r.standIn()
			return fmt.Errorf("start the event loop again: %w", err)
		}
		r.count.restarts++
		r.server.log.Error().Err(err).Msg("the event loop had ended and is started again")
		select {
		case <-time.After(wait):
		case <-r.server.ending.set:
			r.standIn()
			return nil
		}
	}
}

// controlAddresses are where the reactor listens, as gnet wants to be told.
func (r *reactor) controlAddresses() []string {
	var addrs []string
	for _, l := range r.server.listeners {
		if l.firstOnly && r.index > 0 {
			continue
		}
		for _, ip := range r.server.addresses {
			network := "tcp4"
			if ip.Is6() {
				network = "tcp6"
			}
			addrs = append(addrs, network+"://"+netip.AddrPortFrom(ip, uint16(l.number())).String())
		}
	}
	return addrs
}

// standInLoop takes tasks as an event loop does, and has no connections.
type standInLoop struct {
	gnet.EventLoop // nil: nothing else is asked of it
	tasks          chan gnet.Runnable
}

// standInTasks is how many tasks may wait for a stand-in, so that nobody waits to give one: a turn
// from before it ran, a turn, and its end.
const standInTasks = 4

// Execute implements gnet.EventLoop.
func (l *standInLoop) Execute(_ context.Context, task gnet.Runnable) error {
	l.tasks <- task
	return nil
}

// standIn takes the place of an event loop when the server ends and there is none: what still moves
// is to be given back, by workers and the doorbell too, and that takes turns. Control connections
// have ended with the loop before it. It returns after endLoop.
func (r *reactor) standIn() {
	if !r.started {
		return // no doorbell rings, and nothing moves
	}
	l := &standInLoop{tasks: make(chan gnet.Runnable, standInTasks)}
	r.loop = l
	r.mu.Lock()
	over := r.over
	if !over {
		r.ringable = l
	}
	r.mu.Unlock()
	if over {
		return
	}
	r.rung.Store(true)
	r.turn() // what came while there was no loop
	for {
		for len(r.queued) > 0 {
			r.turn()
		}
		if task := <-l.tasks; task.Run(r.server.context) != nil {
			return
		}
	}
}

// restarts says when a loop that ended is started again.
type restarts struct {
	wait  time.Duration
	since instant
}

// next is asked after an end, and told whether that loop had lived. It says how long to wait, or
// that loops have not come to life for too long.
func (s *restarts) next(lived bool, now instant) (time.Duration, bool) {
	if lived || s.wait == 0 {
		s.wait, s.since = restartAfter, now
		return s.wait, true
	}
	s.wait = min(2*s.wait, restartAfterMax)
	return s.wait, now-s.since < restartPatience
}

const (
	// keepAliveAfter is the silence after which TCP looks whether a client is still there.
	keepAliveAfter = time.Minute
	// controlReadBytes is the loop's one buffer for reading control connections.
	controlReadBytes = 64 << 10
	// restartAfter keeps a loop that cannot live from using all of a processor.
	restartAfter    = 50 * time.Millisecond
	restartAfterMax = time.Second
	// restartPatience is how long it is tried in vain. Memory for a socket comes back sooner; a
	// port that another program took does not.
	restartPatience = 30 * time.Second
)
