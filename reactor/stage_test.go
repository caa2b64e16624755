//go:build linux && !ferryportable

package reactor

import (
	"bytes"
	"context"
	"crypto/tls"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ferry/codec"
	"ferry/fsio"
	"ferry/fsio/dir"
	"ferry/reactor/limit"
	"ferry/reactor/loop"
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
	s := &Server{options: o, log: o.Log, context: context.Background()}
	s.ending = newLatch()
	s.rights = rights{may: o.features(), limits: o.Permissions, names: s.options.parser()}
	s.options.Reactors = n
	var err error
	s.rights.store, err = dir.Open(o.Root, dir.Options{})
	check(t, err)
	s.limiter, err = limit.NewBudget(o.Limits, n, n*(o.DataPorts.Count+1), 20_000)
	check(t, err)
	s.pool = fsio.NewPool(1)
	s.sumPool, s.sums = fsio.NewPool(1), fsio.NewSumCache(4096)
	var all []*stage
	for i := range n {
		r := newReactor(s, i)
		r.limiter = s.limiter
		check(t, r.openLoop())
		var ports []boundPort
		for p := range o.DataPorts.Count + 1 {
			ports = append(ports, boundPort{number: uint16(20_000 + 100*i + p)})
		}
		r.adopt(ports, []boundPort{{number: uint16(30_000 + i)}})
		r.setRests()
		s.reactors = append(s.reactors, r)
		all = append(all, &stage{reactor: r, t: t})
	}
	return all
}

// close gives back what a stage holds.
func (s *stage) close() {
	s.server.sumPool.Close()
	s.server.pool.Close()
	check(s.t, s.server.store().Close())
	for _, r := range s.server.reactors {
		r.loop.Close()
	}
}

// advance lets time pass, and takes what is due.
func (s *stage) advance(d time.Duration) {
	skip(s.reactor, d)
	s.settle()
}

// settle takes turns until nothing is left to do in this one.
func (s *stage) settle() {
	for range 100 {
		s.loop.Step()
		if s.loop.Queued() == 0 && !s.hungry.Load() {
			return
		}
	}
	s.t.Fatal("it does not come to rest")
}

// tick tells the loop the time, as the engine does before an event.
func (s *stage) tick() { s.loop.Now = s.loop.Clock() }

// fakeConn is a control connection on stage.
type fakeConn struct {
	from    netip.AddrPort
	to      int // the port of ours
	session *session
	closed  bool
	// broken: writes fail, and end the session as the loop does.
	broken  bool
	in, out []byte
}

func (c *fakeConn) Peek() []byte         { return c.in }
func (c *fakeConn) Discard(n int)        { c.in = c.in[n:] }
func (c *fakeConn) Buffered() int        { return len(c.in) }
func (c *fakeConn) Unsent() int          { return 0 }
func (c *fakeConn) Peer() netip.AddrPort { return c.from }
func (c *fakeConn) InlineUrgent()        {}

func (c *fakeConn) Local() netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(c.to))
}

// TLS implements loop.Control: no connection on stage is encrypted.
func (c *fakeConn) TLS() *tls.ConnectionState { return nil }

func (c *fakeConn) StartTLS(*loop.TLS, bool, loop.HandshakeOwner) *loop.Handshake {
	panic("TLS on stage")
}

func (c *fakeConn) Write(p []byte) error {
	if c.broken {
		c.Close()
		return unix.EPIPE
	}
	c.out = append(c.out, p...)
	return nil
}

// Close tells the session before it returns, as the loop does.
func (c *fakeConn) Close() {
	if !c.closed {
		c.closed = true
		c.session.Closed(nil)
	}
}

// open makes a session.
func (s *stage) open(from string) *fakeConn { return s.openAt(from, 0) }

// openAt makes a session at a port of ours.
func (s *stage) openAt(from string, to int) *fakeConn {
	s.t.Helper()
	c := &fakeConn{from: netip.AddrPortFrom(netip.MustParseAddr(from), 1), to: to}
	s.tick()
	c.session, _ = s.Opened(c).(*session)
	return c
}

// Classic's ports on stage.
const (
	stageControl  = 30_021
	stageFiles    = 30_020
	stageMessages = 30_023
	stageFTP      = 30_121
)

// serveClassic has a stage serve classic as well.
func (s *stage) serveClassic() {
	s.server.listeners = append(s.server.listeners,
		listener{&loop.Reservation{Port: stageControl}, exchanges[1]})
	s.adoptPort(poolFiles, boundPort{number: stageFiles})
	s.adoptPort(poolMessages, boundPort{number: stageMessages})
}

// serveFTP has a stage serve FTP as well.
func (s *stage) serveFTP() {
	s.server.listeners = append(s.server.listeners,
		listener{&loop.Reservation{Port: stageFTP}, exchanges[2]})
}

// say sends commands.
func (s *stage) say(c *fakeConn, commands ...string) {
	for _, text := range commands {
		c.in = append(c.in, framed(text)...)
	}
	s.input(c)
}

// input has a session look at what it was sent.
func (s *stage) input(c *fakeConn) {
	if c.closed || c.session == nil {
		c.in = nil
		return
	}
	s.tick()
	c.session.Input()
}

// hang ends control.
func (s *stage) hang(c *fakeConn) {
	if c.session != nil {
		s.tick()
		c.Close()
	}
}

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
	s.tick()
	s.arrive(s.portOf(number), fds[0], from)
	return fds[1]
}

// take makes a data connection, reads what comes and closes.
func (s *stage) take(number uint16, from string) {
	s.t.Helper()
	fd := s.meetAt(number, from)
	check(s.t, unix.Close(fd))
	s.settle()
}
