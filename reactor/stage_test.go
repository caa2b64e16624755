//go:build linux && !ferryportable

package reactor

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"ferry/codec"
	"ferry/fsio"
	"ferry/fsio/dir"
)

// stage is a reactor without an engine: the test is its loop, and time passes when the test says
// so.
type stage struct {
	*reactor
	t testing.TB
}

// stages returns reactors of one server that share limits and a pool.
func stages(t testing.TB, n int, o Options) []*stage {
	t.Helper()
	s := &Server{options: o, log: o.Log, context: context.Background(), features: o.features()}
	s.options.Reactors = n
	var err error
	s.store, err = dir.Open(o.Root, dir.Options{})
	check(t, err)
	s.limiter, err = newLimiter(o.Limits, n, n*(o.DataPorts.Count+1), 20_000)
	check(t, err)
	s.pool = fsio.NewPool(1)
	s.sumPool, s.sums = fsio.NewPool(1), fsio.NewSumCache(0)
	var all []*stage
	for i := range n {
		r := newReactor(s, i)
		r.limiter, r.store = s.limiter, s.store
		r.watcher, err = newWatcher(func() {})
		check(t, err)
		var ports []boundPort
		for p := range o.DataPorts.Count + 1 {
			ports = append(ports, boundPort{number: uint16(20_000 + 100*i + p)})
		}
		r.adopt(ports, []boundPort{{number: uint16(30_000 + i)}})
		r.setRests()
		r.loop = fakeLoop{r}
		s.reactors = append(s.reactors, r)
		all = append(all, &stage{reactor: r, t: t})
	}
	return all
}

// close gives back what a stage holds.
func (s *stage) close() {
	s.server.sumPool.Close()
	s.server.pool.Close()
	check(s.t, s.server.store.Close())
	for _, r := range s.server.reactors {
		r.watcher.closeDescriptors()
	}
}

// advance lets time pass, and takes what is due.
func (s *stage) advance(d time.Duration) {
	s.epoch = s.epoch.Add(-d)
	s.settle()
}

// settle takes turns until nothing is left to do in this one.
func (s *stage) settle() {
	for range 100 {
		s.fetch()
		s.turn()
		if len(s.queued) == 0 && !s.hungry.Load() {
			return
		}
	}
	s.t.Fatal("it does not come to rest")
}

// fetch does the doorbell's work, without waiting.
func (s *stage) fetch() {
	w := s.watcher
	select {
	case <-w.resumed:
	default:
	}
	n, err := unix.EpollWait(w.epoll, w.events, 0)
	if err == nil && n > 0 {
		w.fetched = n
		w.full.Store(true)
	}
}

// fakeLoop closes connections as gnet does: OnClose comes before Close returns.
type fakeLoop struct{ r *reactor }

func (l fakeLoop) Close(c gnet.Conn) error {
	l.r.OnClose(c, nil)
	return nil
}

func (fakeLoop) Register(context.Context, net.Addr) (<-chan gnet.RegisteredResult, error) {
	panic("not on stage")
}

func (fakeLoop) Enroll(context.Context, net.Conn) (<-chan gnet.RegisteredResult, error) {
	panic("not on stage")
}

func (fakeLoop) Execute(context.Context, gnet.Runnable) error { panic("not on stage") }

func (fakeLoop) Schedule(context.Context, gnet.Runnable, time.Duration) error {
	panic("not on stage")
}

// fakeConn is a control connection on stage.
type fakeConn struct {
	gnet.Conn
	from    netip.AddrPort
	to      int // the port of ours
	context any
	in, out []byte
}

func (c *fakeConn) Context() any         { return c.context }
func (c *fakeConn) SetContext(v any)     { c.context = v }
func (c *fakeConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.from) }
func (c *fakeConn) LocalAddr() net.Addr  { return &net.TCPAddr{Port: c.to} }
func (c *fakeConn) InboundBuffered() int { return len(c.in) }
func (c *fakeConn) OutboundBuffered() int {
	return 0
}
func (c *fakeConn) Peek(int) ([]byte, error) { return c.in, nil }
func (c *fakeConn) Discard(n int) (int, error) {
	if n <= 0 {
		n = len(c.in)
	}
	c.in = c.in[n:]
	return n, nil
}

func (c *fakeConn) Write(p []byte) (int, error) {
	c.out = append(c.out, p...)
	return len(p), nil
}

// open makes a session.
func (s *stage) open(from string) *fakeConn { return s.openAt(from, 0) }

// openAt makes a session at a port of ours.
func (s *stage) openAt(from string, to int) *fakeConn {
	s.t.Helper()
	c := &fakeConn{from: netip.AddrPortFrom(netip.MustParseAddr(from), 1), to: to}
	s.OnOpen(c)
	return c
}

// Classic's ports on stage.
const (
	stageControl  = 30_021
	stageFiles    = 30_020
	stageMessages = 30_023
)

// serveClassic has a stage serve classic as well.
func (s *stage) serveClassic() {
	s.server.classic = &reservation{port: stageControl}
	s.adoptPort(poolFiles, boundPort{number: stageFiles})
	s.adoptPort(poolMessages, boundPort{number: stageMessages})
}

// say sends commands.
func (s *stage) say(c *fakeConn, commands ...string) {
	for _, text := range commands {
		c.in = append(c.in, framed(text)...)
	}
	s.OnTraffic(c)
}

// hang ends control.
func (s *stage) hang(c *fakeConn) { s.OnClose(c, nil) }

// told takes the port that was told last, 0 if none was.
func (c *fakeConn) told() uint16 {
	if len(c.out) == 0 {
		return 0
	}
	n, err := strconv.Atoi(string(c.out[:codec.FieldSize]))
	if err != nil {
		panic(err)
	}
	c.out = bytes.Clone(c.out[codec.FieldSize:])
	return uint16(n)
}

// portOf finds a data port by its number.
func (s *stage) portOf(number uint16) *dataPort {
	for _, kind := range []poolKind{poolData, poolFiles, poolMessages} {
		for _, p := range s.pools[kind].ports {
			if p.number == number {
				return p
			}
		}
	}
	s.t.Fatalf("port %d was told, which is none of ours", number)
	return nil
}

// meetAt makes a data connection to a port and returns our end of it.
func (s *stage) meetAt(number uint16, from string) int {
	s.t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	check(s.t, err)
	s.now = s.clock()
	s.meet(s.portOf(number), fds[0], netip.MustParseAddr(from))
	return fds[1]
}

// take makes a data connection, reads what comes and closes.
func (s *stage) take(number uint16, from string) {
	s.t.Helper()
	fd := s.meetAt(number, from)
	check(s.t, unix.Close(fd))
	s.settle()
}
