package reactor

import (
	"context"
	"net"
	"os"
	"slices"
	"time"

	"github.com/panjf2000/gnet/v2"
	gneterrors "github.com/panjf2000/gnet/v2/pkg/errors"
	"golang.org/x/sys/unix"
)

// How a reactor gets hold of gnet's loop, and lets go of it. gnet gives no handle to a loop before
// its first connection, so the reactor registers one of its own: one end of a socket pair. The
// other end is the kicker.

// OnBoot keeps the engine for the first tick.
func (r *reactor) OnBoot(e gnet.Engine) gnet.Action {
	r.engine = e
	return gnet.None
}

// OnTick runs on a goroutine of gnet's, once and then hardly ever.
func (r *reactor) OnTick() (time.Duration, gnet.Action) {
	const never = 1000 * time.Hour
	if err := r.register(); err != nil {
		r.server.log.Error().Err(err).Msg("the event loop could not be reached")
		return never, gnet.Shutdown
	}
	return never, gnet.None
}

// register puts our own connection into the loop, and starts the reactor on it.
func (r *reactor) register() error {
	theirs, ours, err := loopPair()
	if err != nil {
		return err
	}
	// The engine takes a copy of the descriptor and closes this one.
	result, err := r.engine.Register(gnet.NewNetConnContext(context.Background(), theirs))
	if err != nil {
		_ = theirs.Close()
		closeDescriptor(ours)
		return err
	}
	registered := <-result
	if registered.Err != nil {
		closeDescriptor(ours)
		return registered.Err
	}
	loop := registered.Conn.EventLoop()
	return loop.Execute(context.Background(), gnet.RunnableFunc(func(context.Context) error {
		r.begin(loop, ours)
		return nil
	}))
}

// begin is the first thing on a loop: the reactor's state is this goroutine's from here on.
func (r *reactor) begin(loop gnet.EventLoop, kicker int) {
	r.dropKicker()
	r.loop, r.kicker = loop, kicker
	r.kicked = false
	r.lives++
	r.now = r.clock()
	if !r.started {
		r.started = true
		r.eachSocket(func(d *dataSocket) {
			var err error
			if d.slot, err = r.watcher.addListener(d.fd, d); err != nil {
				r.logAcceptFailed(d.port, err)
				r.retryAccept(d)
			}
		})
		go r.watcher.listen()
	}
	r.mu.Lock()
	r.ringable = loop
	r.mu.Unlock()
	// What came while there was no loop is taken now.
	r.rung.Store(true)
	r.turn()
	r.onReady()
}

// OnShutdown comes before the loop ends: nothing may be given to it any more.
func (r *reactor) OnShutdown(gnet.Engine) { r.loopGone() }

// loopGone has tasks wait for the next loop.
func (r *reactor) loopGone() {
	r.mu.Lock()
	r.ringable = nil
	r.mu.Unlock()
	r.rung.Store(false)
}

// isOver says whether no loop is to follow.
func (r *reactor) isOver() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.over
}

// runTurn is a turn as a task of the loop.
func (r *reactor) runTurn(context.Context) error {
	r.turn()
	return nil
}

// endLoop has the loop end itself by a task, the last that it takes. None follows it.
func (r *reactor) endLoop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	if r.ringable == nil {
		return
	}
	_ = r.ringable.Execute(context.Background(), gnet.RunnableFunc(func(context.Context) error {
		return gneterrors.ErrEngineShutdown
	}))
	r.ringable = nil
}

// dropKicker closes our end of the connection to a loop that is gone.
func (r *reactor) dropKicker() {
	if r.kicker >= 0 {
		closeDescriptor(r.kicker)
		r.kicker = -1
	}
}

// loopPair returns two ends of a local connection: one for the loop, one to kick it with.
func loopPair() (net.Conn, int, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, -1, os.NewSyscallError("socketpair", err)
	}
	for _, fd := range fds {
		unix.CloseOnExec(fd)
	}
	if err := unix.SetNonblock(fds[1], true); err != nil {
		closeDescriptor(fds[0])
		closeDescriptor(fds[1])
		return nil, -1, os.NewSyscallError("fcntl", err)
	}
	f := os.NewFile(uintptr(fds[0]), "loop")
	theirs, err := net.FileConn(f)
	_ = f.Close()
	if err != nil {
		closeDescriptor(fds[1])
		return nil, -1, err
	}
	return theirs, fds[1], nil
}

// adopt takes the ports that were bound for this reactor; the last of base's is the parting port.
func (r *reactor) adopt(bound, keyed []boundPort) {
	for _, b := range keyed {
		r.adoptPort(poolKeyed, b)
	}
	last := len(bound) - 1
	for _, b := range bound[:last] {
		r.adoptPort(poolData, b)
	}
	r.parting = r.newPort(poolData, bound[last])
	r.parting.parting = true
}

// setRests takes over how long leases rest. Ports of the status exchange are not leased.
func (r *reactor) setRests() {
	l := &r.limiter.Limits
	r.pools[poolKeyed].shared = true
	for k := range r.pools {
		if poolKind(k) == poolKeyed {
			continue
		}
		rest := l.LeaseRest
		if poolKind(k) != poolData {
			rest = l.ClassicRest
		}
		r.pools[k].rest, r.pools[k].restMin = rest, min(leaseRestMin, rest)
	}
}

// adoptPort adds a port that was bound to a pool.
func (r *reactor) adoptPort(k poolKind, b boundPort) {
	p := r.newPort(k, b)
	p.index = uint16(len(r.pools[k].ports))
	r.pools[k].ports = append(r.pools[k].ports, p)
}

func (r *reactor) newPort(k poolKind, b boundPort) *dataPort {
	p := &dataPort{r: r, number: b.number, kind: k}
	for _, fd := range b.fds {
		p.sockets = append(p.sockets, dataSocket{port: p, fd: fd})
	}
	return p
}

func (r *reactor) eachSocket(f func(d *dataSocket)) {
	for _, pool := range r.pools {
		for _, p := range pool.ports {
			for i := range p.sockets {
				f(&p.sockets[i])
			}
		}
	}
	if r.parting != nil {
		for i := range r.parting.sockets {
			f(&r.parting.sockets[i])
		}
	}
}

func (r *reactor) closePorts() {
	r.eachSocket(func(d *dataSocket) { closeDescriptor(d.fd) })
	for _, p := range r.pipes {
		p.close()
	}
	r.pools, r.parting, r.pipes = [poolCount]portPool{}, nil, nil
}

// drain lets running transfers and standing offers finish, and takes nothing new. drained is called
// when nothing runs any more.
func (r *reactor) drain(drained func()) {
	r.draining = true
	r.drained = drained
	r.feedSessions(inDrain)
	r.checkDrained()
}

// feedSessions feeds every session, some of which end by it.
func (r *reactor) feedSessions(in inputKind) {
	for s := range r.sessions {
		s.feed(in)
	}
}

// checkDrained follows everything that may have been the last.
func (r *reactor) checkDrained() {
	if r.drained != nil && len(r.transfers) == 0 && len(r.sessions) == 0 {
		drained := r.drained
		r.drained = nil
		drained()
	}
}

// abort closes every session and resets what still runs. aborted is called when no worker has
// anything of it in hand any more.
func (r *reactor) abort(aborted func()) {
	r.draining, r.aborting = true, true
	r.drained = aborted
	r.keys.dropAll()
	r.feedSessions(inAbort)
	for s := range r.sessions {
		_ = r.loop.Close(s.conn) // its last answer did not leave
	}
	for _, t := range slices.Clone(r.transfers) {
		switch t.state {
		case transferMoving:
			r.server.reset.Add(1)
			t.fail(outcomeAborted, nil)
		case transferOffered:
			t.endAs(outcomeAborted, nil)
		case transferLingering:
			t.end()
		default: // it has ended, and waits for a worker
		}
	}
	r.checkDrained()
}
