package loop

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// tlsEcho is a handler whose sessions begin TLS with the first bytes, and echo from then on.
type tlsEcho struct {
	echo
	settings *TLS
	// keep says that those bytes belong to TLS. Otherwise they ask for it in clear.
	keep   bool
	opened chan *tlsEchoSession
}

type tlsEchoSession struct {
	h       *tlsEcho
	control Control
	secure  bool
	begun   bool
	closed  chan error
}

func (h *tlsEcho) Opened(c Control) Session {
	s := &tlsEchoSession{h: h, control: c, closed: make(chan error, 2)}
	h.opened <- s
	return s
}

func (s *tlsEchoSession) Input() {
	in := bytes.Clone(s.control.Peek())
	switch {
	case s.secure:
		s.control.Discard(len(in))
		_ = s.control.Write(in)
		if bytes.HasSuffix(in, []byte("quit")) {
			s.control.Close()
		}
	case s.begun:
		panic("input in a handshake")
	default:
		s.begun = true
		if !s.h.keep {
			_ = s.control.Write([]byte("234 go on\r\n"))
		}
		s.control.StartTLS(s.h.settings, s.h.keep, s).Begin()
		if s.control.Peek() != nil || s.control.Buffered() != 0 || s.control.TLS() != nil {
			s.h.t.Error("there is something to read in a handshake")
		}
		_ = s.control.Write([]byte("dropped"))
	}
}

func (s *tlsEchoSession) Closed(err error)          { s.closed <- err }
func (s *tlsEchoSession) HelloArrived(h *Handshake) { h.Start() }

func (s *tlsEchoSession) HandshakeDone(_ *Handshake, err error) { s.secure = err == nil }

// dialTLSEcho runs a loop and returns a connection to it with its session.
func dialTLSEcho(t *testing.T, keep bool) (*net.TCPConn, *tlsEchoSession) {
	t.Helper()
	h := &tlsEcho{settings: testTLS(t), keep: keep, opened: make(chan *tlsEchoSession, 1)}
	h.t, h.lost = t, make(chan bool, 1)
	l, err := New(Options{Handler: h, Log: h, Pipes: noPipes{}})
	if err != nil {
		t.Fatal(err)
	}
	held, err := Reserve([]netip.Addr{loopback}, 0)
	if err != nil {
		t.Fatal(err)
	}
	at := netip.AddrPortFrom(loopback, uint16(held.Port))
	ready, ran := make(chan struct{}), make(chan error, 1)
	go func() { ran <- l.Run([]netip.AddrPort{at}, func() { close(ready) }) }()
	within(t, "the loop", ready)
	held.Release()
	t.Cleanup(func() {
		l.End()
		if err := within(t, "its end", ran); err != nil {
			t.Error(err)
		}
		l.Close()
	})
	c, err := net.DialTCP("tcp4", nil, net.TCPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(watchPatience))
	return c, within(t, "the session", h.opened)
}

// Control that begins with TLS carries what both sides say, whatever its length, and both sides
// see each other's close_notify.
func TestTLSControlEchoes(t *testing.T) {
	bothVersions(t, func(t *testing.T, version uint16) {
		conn, s := dialTLSEcho(t, true)
		c := tls.Client(conn, client(version))
		for _, text := range []string{"a", strings.Repeat("long ", 10_000), "", "b"} {
			if _, err := io.WriteString(c, text); err != nil {
				t.Fatal(err)
			}
			back := make([]byte, len(text))
			if _, err := io.ReadFull(c, back); err != nil || string(back) != text {
				t.Fatalf("%d bytes came back as %.20q: %v", len(text), back, err)
			}
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("after close_notify came %d bytes and %v", n, err)
		}
		if err := within(t, "the end", s.closed); err != nil {
			t.Errorf("the session ended with %v", err)
		}
	})
}

// What the server says before it closes arrives, and close_notify behind it.
func TestTLSControlSaysItsLastWords(t *testing.T) {
	bothVersions(t, func(t *testing.T, version uint16) {
		conn, s := dialTLSEcho(t, true)
		c := tls.Client(conn, client(version))
		if _, err := io.WriteString(c, "quit"); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(c); string(got) != "quit" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		if err := within(t, "the end", s.closed); err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
}

// Commands that were sent in clear behind the one that asks for TLS are dropped.
func TestTLSUpgradeDropsWhatCameInClear(t *testing.T) {
	conn, s := dialTLSEcho(t, false)
	if _, err := io.WriteString(conn, "AUTH TLS\r\nUSER mallory\r\n"); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, len("234 go on\r\n"))
	if _, err := io.ReadFull(conn, answer); err != nil {
		t.Fatal(err)
	}
	c := tls.Client(conn, client(tls.VersionTLS13))
	if _, err := io.WriteString(c, "USER ann"); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c); string(got) != "USER ann" || err != nil {
		t.Errorf("came back: %q, %v", got, err)
	}
	if err := within(t, "the end", s.closed); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// A control connection that ends without close_notify is lost, whatever it said.
func TestTLSControlCutIsLost(t *testing.T) {
	conn, s := dialTLSEcho(t, true)
	c := tls.Client(conn, client(tls.VersionTLS13))
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	_ = conn.CloseWrite()
	if err := within(t, "the end", s.closed); err != ErrCut {
		t.Errorf("it ended with %v", err)
	}
}

// A client that sends more than a handshake needs, or garbage in one or behind it, is closed.
func TestTLSControlGarbageEndsIt(t *testing.T) {
	for name, sent := range map[string]string{
		"too much": "\x16\x03\x01\xff\xff" + strings.Repeat("x", 3*handshakeBytesMax),
		"garbage":  "\x16\x03\x01\x00\x05hello",
		"no TLS":   "x",
	} {
		t.Run(name, func(t *testing.T) {
			conn, s := dialTLSEcho(t, true)
			_, _ = io.WriteString(conn, sent)
			if err := within(t, "the end", s.closed); err == nil || errors.Is(err, io.EOF) {
				t.Errorf("it ended with %v", err)
			}
			if s.secure {
				t.Error("the handshake succeeded")
			}
		})
	}
	t.Run("behind the handshake", func(t *testing.T) {
		conn, s := dialTLSEcho(t, true)
		c := tls.Client(conn, client(tls.VersionTLS12))
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "\x16\x03\x03\x00\x04\x01\x00\x00\x00"); err != nil {
			t.Fatal(err)
		}
		if err := within(t, "the end", s.closed); err == nil || err == ErrCut {
			t.Errorf("it ended with %v", err)
		}
	})
}

// A reader that takes nothing holds a bounded number of bytes, and none once it is closed.
func TestTLSSlowReaderHoldsLittle(t *testing.T) {
	p, conn, until := securePair(t, testTLS(t), false)
	c := tls.Client(conn, client(tls.VersionTLS13))
	done, failed := elsewhere(c.Handshake)
	until(func() bool { return done() && p.done })
	if err := errors.Join(failed(), p.err); err != nil {
		t.Fatal(err)
	}
	big := make([]byte, 8<<20)
	taken := 0
	for {
		n, err := p.c.Send(big[taken:])
		taken += n
		if err == ErrAgain {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if p.c.Flush() != ErrAgain || p.l.held == 0 || p.l.held > sendMax+64<<10 {
		t.Errorf("%d bytes are held", p.l.held)
	}
	p.l.held += heldMax
	if n := p.c.SendMax(); n != tlsRecordBytes {
		t.Errorf("with much held, a send takes %d bytes", n)
	}
	p.l.held -= heldMax
	p.c.Close()
	if p.l.held != 0 {
		t.Errorf("%d bytes are held after the close", p.l.held)
	}
	p.c = &TLSChannel{under: p.l.Adopt(-1)} // for the cleanup
}
