package loop

import (
	"context"
	"net"
	"os"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// engine adapts a loop to gnet. gnet gives no handle to its loop before the first connection, so
// the engine registers one of our own: one end of a socket pair, whose other end is the kicker.
type engine struct {
	gnet.BuiltinEventEngine
	*Loop
	gnet gnet.Engine
	// ready is called whenever the loop has come to life.
	ready func()
}

// OnBoot keeps the engine for the first tick.
func (e *engine) OnBoot(g gnet.Engine) gnet.Action {
	e.gnet = g
	return gnet.None
}

// OnTick runs on a goroutine of gnet's, once and then hardly ever.
func (e *engine) OnTick() (time.Duration, gnet.Action) {
	const never = 1000 * time.Hour
	if err := e.register(); err != nil {
		e.options.Log.Errorf("the event loop could not be reached: %v", err)
		return never, gnet.Shutdown
	}
	return never, gnet.None
}

// register puts our own connection into gnet's loop, and begins on it.
func (e *engine) register() error {
	theirs, ours, err := socketPair()
	if err != nil {
		return err
	}
	// gnet copies the descriptor and closes this one.
	result, err := e.gnet.Register(gnet.NewNetConnContext(context.Background(), theirs))
	if err != nil {
		_ = theirs.Close()
		closeDescriptor(ours)
		return err
	}
	registered := <-result
	<-result // it is closed once theirs is
	if registered.Err != nil {
		closeDescriptor(ours)
		return registered.Err
	}
	loop := registered.Conn.EventLoop()
	return loop.Execute(context.Background(), gnet.RunnableFunc(func(context.Context) error {
		return e.begin(loop, ours)
	}))
}

// begin is the first thing on a loop: the state belongs to this goroutine from here on.
func (e *engine) begin(loop executor, kicker int) error {
	e.dropKicker()
	e.kicker, e.kicked = kicker, false
	e.Now = e.Clock()
	if e.lives++; e.lives == 1 {
		e.options.Handler.Begun()
		go e.watcher.listen()
	}
	if !e.inbox.attach(loop) {
		return shutdown(context.Background())
	}
	// What was posted while there was no engine is taken now.
	e.inbox.rung.Store(true)
	e.turn()
	e.ready()
	return nil
}

// OnShutdown comes before the loop ends: nothing may be given to it any more.
func (e *engine) OnShutdown(gnet.Engine) { e.inbox.detach() }

// isOurs says whether a connection is the kicker's other end.
func isOurs(c gnet.Conn) bool { return c.LocalAddr().Network() == "unix" }

// OnOpen gives a new control connection an owner.
func (e *engine) OnOpen(conn gnet.Conn) ([]byte, gnet.Action) {
	if isOurs(conn) {
		return nil, gnet.None
	}
	e.Now = e.Clock()
	c := &control{loop: e.Loop, conn: conn}
	conn.SetContext(c)
	c.session = e.options.Handler.Opened(c)
	switch {
	case c.session == nil:
		c.conn = nil
		return nil, gnet.Close
	case c.conn == nil: // a greeting that could not be written has closed it
		c.session.Closed(nil)
	}
	e.rearm()
	return nil, gnet.None
}

// OnTraffic tells a control connection's owner that more has arrived.
func (e *engine) OnTraffic(conn gnet.Conn) gnet.Action {
	c, ok := conn.Context().(*control)
	if ok {
		e.Now = e.Clock()
		c.traffic()
		e.rearm()
		return gnet.None
	}
	_, _ = conn.Discard(-1)
	if isOurs(conn) {
		e.turn()
	}
	return gnet.None
}

// OnClose ends a control connection. It also comes from within Write and Close.
func (e *engine) OnClose(conn gnet.Conn, err error) gnet.Action {
	c, ok := conn.Context().(*control)
	if !ok {
		return gnet.None
	}
	c.conn = nil
	if c.session == nil { // it was refused, or ends within Opened
		return gnet.None
	}
	e.Now = e.Clock()
	if c.tls != nil {
		err = c.tls.closed(err)
	}
	c.session.Closed(err)
	e.rearm()
	return gnet.None
}

// dropKicker closes our end of the connection to an engine that is gone.
func (l *Loop) dropKicker() {
	if l.kicker >= 0 {
		closeDescriptor(l.kicker)
		l.kicker = -1
	}
}

// socketPair returns two ends of a local connection: one for the engine, one to kick it with.
func socketPair() (net.Conn, int, error) {
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
