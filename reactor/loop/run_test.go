package loop

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A loop that ends is started again at once; one that does not come to life is tried ever more
// rarely and given up after a while, unless it lives in between.
func TestRestartsAreGivenUp(t *testing.T) {
	var r restarts
	now := Instant(time.Hour)
	if wait, ok := r.next(true, now); !ok || wait != restartAfter {
		t.Fatalf("%v, %v", wait, ok)
	}
	try := func() (tries int, after time.Duration) {
		t.Helper()
		began := now
		for last := restartAfter; ; tries++ {
			wait, ok := r.next(false, now)
			if !ok {
				return tries, now - began
			}
			if wait < last || wait > restartAfterMax {
				t.Fatalf("waits %v after %v", wait, last)
			}
			last = wait
			now += wait
		}
	}
	tries, after := try()
	if after < restartPatience || after > restartPatience+restartAfterMax || tries > 40 {
		t.Errorf("given up after %d tries and %v", tries, after)
	}
	if wait, ok := r.next(true, now); !ok || wait != restartAfter {
		t.Fatalf("after a loop that lived: %v, %v", wait, ok)
	}
	if again, _ := try(); again != tries {
		t.Errorf("%d tries, %d the first time", again, tries)
	}
}

// echo is a handler whose sessions send back what they receive.
type echo struct {
	t      *testing.T
	begun  int
	opened chan *echoSession
	lost   chan bool
	// greet is called with each new connection, if set.
	greet func(c Control)
}

func (h *echo) Begun() { h.begun++ }

func (h *echo) Opened(c Control) Session {
	s := &echoSession{control: c, closed: make(chan struct{}, 2)}
	if h.greet != nil {
		h.greet(c)
	}
	h.opened <- s
	return s
}

func (h *echo) Lost(_ error, again bool) { h.lost <- again }

func (h *echo) Debugf(string, ...any)             {}
func (h *echo) Infof(string, ...any)              {}
func (h *echo) Warnf(string, ...any)              {}
func (h *echo) Errorf(format string, args ...any) { h.t.Errorf(format, args...) }
func (h *echo) Fatalf(format string, args ...any) { h.t.Errorf(format, args...) }

type echoSession struct {
	control Control
	closed  chan struct{}
}

func (s *echoSession) Input() {
	if s.control.Write(s.control.Peek()) == nil {
		s.control.Discard(s.control.Buffered())
	}
}

func (s *echoSession) Closed(error) { s.closed <- struct{}{} }

// within waits for something that must come.
func within[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(watchPatience):
		t.Fatal("it never came: " + what)
		panic("not reached")
	}
}

// running is an echo server.
type running struct {
	*Loop
	*echo
	at    netip.AddrPort
	ended chan error
}

func runEcho(t *testing.T) *running {
	t.Helper()
	held, err := Reserve([]netip.Addr{loopback}, 0)
	if err != nil {
		t.Fatal(err)
	}
	h := &echo{t: t, opened: make(chan *echoSession, 1), lost: make(chan bool, 1)}
	l, err := New(Options{Handler: h, Log: h, Pipes: noPipes{}})
	if err != nil {
		t.Fatal(err)
	}
	r := &running{
		Loop: l, echo: h, at: netip.AddrPortFrom(loopback, uint16(held.Port)),
		ended: make(chan error, 1),
	}
	ready := make(chan struct{})
	go func() { r.ended <- l.Run([]netip.AddrPort{r.at}, func() { close(ready) }) }()
	within(t, "the loop", ready)
	held.Release()
	t.Cleanup(func() {
		l.End()
		if err := within(t, "the end", r.ended); err != nil {
			t.Errorf("the loop ended with: %v", err)
		}
		l.Close()
	})
	return r
}

// visit makes a session that has echoed something.
func (r *running) visit(t *testing.T) (*net.TCPConn, *echoSession) {
	t.Helper()
	c, err := net.DialTCP("tcp4", nil, net.TCPAddrFromAddrPort(r.at))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(watchPatience))
	s := within(t, "the session", r.opened)
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
		t.Fatalf("%q came back: %v", b, err)
	}
	return c, s
}

// onLoop runs f on the loop.
func (r *running) onLoop(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	r.Order(func() { defer close(done); f() })
	within(t, "a turn", done)
}

// socketPairs opens n pairs of sockets.
func socketPairs(t *testing.T, n int) (all []int) {
	for range n {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Error(err)
			return all
		}
		for _, fd := range fds {
			if err := unix.SetNonblock(fd, true); err != nil {
				t.Error(err)
			}
			all = append(all, fd)
		}
	}
	return all
}

// A control connection does nothing once its session is closed: its descriptor's number may
// belong to a file by then.
func TestControlIsDeadAfterClosed(t *testing.T) {
	r := runEcho(t)
	c, s := r.visit(t)
	r.onLoop(t, func() {
		if s.control.Peer().String() != c.LocalAddr().String() {
			t.Errorf("its peer is %v, want %v", s.control.Peer(), c.LocalAddr())
		}
		if s.control.Local() != r.at {
			t.Errorf("its address is %v, want %v", s.control.Local(), r.at)
		}
	})
	check := func() {
		// One of these has the number that the connection's descriptor had.
		heirs := socketPairs(t, 8)
		if err := s.control.Write([]byte("late")); err == nil {
			t.Error("a write after the end succeeded")
		}
		s.control.Discard(1)
		s.control.Close()
		if len(s.control.Peek()) > 0 || s.control.Buffered() > 0 || s.control.Unsent() > 0 {
			t.Error("something is buffered after the end")
		}
		for _, fd := range heirs {
			if n, _ := receiveBytes(fd, make([]byte, 4)); n > 0 {
				t.Errorf("%d bytes came to another descriptor", n)
			}
			closeDescriptor(fd)
		}
	}
	_ = c.Close()
	within(t, "the end of the session", s.closed)
	r.onLoop(t, check)

	c, s = r.visit(t)
	r.onLoop(t, func() {
		s.control.Close()
		select {
		case <-s.closed:
		default:
			t.Error("Close returned before the session was told")
		}
		check()
	})
	if n, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the client read %d bytes, %v", n, err)
	}
	if len(s.closed) > 0 {
		t.Error("the session was told twice")
	}
}

// A loop whose engine ends goes on with another one: what was posted meanwhile runs, and
// clients are served again.
func TestEngineThatEndedIsRestarted(t *testing.T) {
	r := runEcho(t)
	_, s := r.visit(t)
	r.Break()
	within(t, "the end of the session", s.closed)
	if again := within(t, "the loss of the engine", r.lost); !again {
		t.Error("the loop gave up at once")
	}
	r.onLoop(t, func() {})
	r.visit(t)
	if r.begun != 1 {
		t.Errorf("the loop began %d times", r.begun)
	}
}

// A connection that ends within Opened, as it does when a greeting cannot be written, ends its
// session and is dead.
func TestSessionEndsWithinOpened(t *testing.T) {
	r := runEcho(t)
	r.onLoop(t, func() { r.greet = func(c Control) { c.Close() } })
	c, err := net.DialTCP("tcp4", nil, net.TCPAddrFromAddrPort(r.at))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	s := within(t, "the session", r.opened)
	within(t, "its end", s.closed)
	r.onLoop(t, func() {
		if err := s.control.Write([]byte("late")); err == nil {
			t.Error("a write after the end succeeded")
		}
	})
	if len(s.closed) > 0 {
		t.Error("the session was told twice")
	}
}

// A loop that cannot be made for want of descriptors is an error, and leaves nothing to close.
func TestNewWithoutDescriptors(t *testing.T) {
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	none := was
	none.Cur = 0
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	l, err := New(Options{})
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	if l != nil || err == nil {
		t.Errorf("%v, %v", l, err)
	}
}
