package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ferry/codec"
)

func TestAutoSpeaksStatusWithOurServer(t *testing.T) {
	for cut := range int32(12) {
		f := newStatusFake(t, func(s *session, _ codec.Request) { s.reply(200, "") })
		f.cut.Store(cut)
		c := f.dial(Options{Exchange: Status})
		if c.Exchange() != Status || !c.Features().Has(codec.FeatureParts|codec.FeatureSum) {
			t.Errorf("cut %d: %v, features %v", cut, c.Exchange(), c.Features())
		}
		if err := c.Noop(t.Context()); err != nil {
			t.Errorf("cut %d: %v", cut, err)
		}
		if err := c.Quit(t.Context()); err != nil {
			t.Errorf("cut %d: quit: %v", cut, err)
		}
	}
}

// greeted serves a first connection with greet, and later ones as a server of base.
func greeted(t *testing.T, greet func(s *session)) (*fake, *atomic.Int32) {
	var hellos atomic.Int32
	files := serveFiles(map[string]string{"a": "text"})
	f := newFake(t, "127.0.0.1", func(s *session, command string) {
		if !codec.IsHello([]byte(command)) {
			files(s, command)
			return
		}
		hellos.Add(1)
		greet(s)
	})
	f.ownHello.Store(true)
	return f, &hellos
}

func TestAutoFallsBackToBase(t *testing.T) {
	for name, greet := range map[string]func(s *session){
		"a port":         (*session).unknown,
		"a dead port":    func(s *session) { l := s.listen(); s.tell(portOf(l)); _ = l.Close() },
		"a silent port":  func(s *session) { s.data() },
		"no port":        func(s *session) { s.tell(80) },
		"a huge number":  func(s *session) { s.tell(codec.FieldMax) },
		"nothing":        func(*session) {},
		"part of a port": func(s *session) { _, _ = io.WriteString(s.control, "0000") },
		"a close":        func(s *session) { _ = s.control.Close() },
		"a reset":        func(s *session) { reset(s.control) },
		"no field":       func(s *session) { _, _ = io.WriteString(s.control, "500 unknown\r\n") },
		"another reply":  func(s *session) { s.reply(200, "welcome") },
		"a busy server":  func(s *session) { s.reply(421, "too busy") },
		"cut off":        func(s *session) { _, _ = io.WriteString(s.control, "0000000011200 f") },
	} {
		t.Run(name, func(t *testing.T) {
			f, hellos := greeted(t, greet)
			// Only silence is not waited for until the end.
			o := Options{HelloWait: patience, DataRetry: -1}
			switch name {
			case "nothing", "no port", "part of a port", "cut off":
				o.HelloWait = 1e8
			case "a silent port":
				o.HelloWait = time.Second
			}
			c, err := Dial(t.Context(), f.addr, o)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if c.Exchange() != Base || c.Features() != 0 {
				t.Errorf("%v, features %v", c.Exchange(), c.Features())
			}
			wantGet(t, c, "a", "text")
			if n := hellos.Load(); n != 1 {
				t.Errorf("hello was sent %d times", n)
			}
			o.Exchange = Status
			_, err = Dial(t.Context(), f.addr, o)
			wantKind(t, err, ErrUnsupported)
		})
	}
}

func TestPortOfFTPIsRecognized(t *testing.T) {
	f, _ := greeted(t, func(s *session) {
		_, _ = io.WriteString(s.control, "220 Service ready.\r\n")
	})
	_, err := Dial(t.Context(), f.addr, Options{})
	wantKind(t, err, ErrConnect)
	if text := fmt.Sprint(err); !strings.Contains(text, "this port speaks FTP") {
		t.Error(text)
	}
}

// A client that is turned away is told so, and not what base lacks.
func TestServerClosingTwiceIsConnectError(t *testing.T) {
	for name, linger := range map[string]int{"a close": -1, "a reset": 0} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					_ = conn.(*net.TCPConn).SetLinger(linger)
					_ = conn.Close()
				}
			}()
			for _, x := range []Exchange{Auto, Status} {
				_, err := Dial(t.Context(), l.Addr().String(),
					Options{Exchange: x, HelloWait: patience})
				wantKind(t, err, ErrConnect)
				if !strings.Contains(err.Error(), "it is full, or does not admit this address") {
					t.Errorf("%v: %v", x, err)
				}
			}
		})
	}
}

// TestPortOfferedForHelloIsUsed: a server of one client at a time waits on the offered port.
func TestPortOfferedForHelloIsUsed(t *testing.T) {
	taken := make(chan error, 1)
	f, _ := greeted(t, func(s *session) {
		conn := s.data()
		_, err := io.WriteString(conn, record("500 hello: unknown command\n"))
		_ = conn.CloseWrite()
		if err == nil {
			_, err = io.Copy(io.Discard, conn)
		}
		taken <- err
	})
	c, err := Dial(t.Context(), f.addr, Options{HelloWait: patience})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := <-taken; err != nil {
		t.Errorf("the data connection ended with %v, want an orderly close", err)
	}
	wantGet(t, c, "a", "text")
}

func TestContextEndsNegotiation(t *testing.T) {
	asked := make(chan struct{})
	f, _ := greeted(t, func(*session) { close(asked) })
	_, err := Dial(cancelOn(t, asked), f.addr, Options{HelloWait: time.Hour})
	wantKind(t, err, ErrGivenUp)
	wantKind(t, err, context.Canceled)
}

func TestForcedBaseSendsNoHello(t *testing.T) {
	f, hellos := greeted(t, func(*session) {})
	c := f.dial(Options{Exchange: Base})
	wantGet(t, c, "a", "text")
	if hellos.Load() != 0 {
		t.Error("hello was sent")
	}
}

func TestInvalidOptionsAreRefused(t *testing.T) {
	_, err := Dial(t.Context(), "127.0.0.1:1", Options{Exchange: 9, HelloWait: -1})
	if err == nil || !strings.Contains(err.Error(), "Exchange") ||
		!strings.Contains(err.Error(), "HelloWait") {
		t.Errorf("%v", err)
	}
}

func TestExchangesHaveNames(t *testing.T) {
	for e, want := range map[Exchange]string{
		Auto: "auto", Base: "base", Status: "status", Classic: "classic", 77: "unknown",
	} {
		if e.String() != want {
			t.Errorf("%d is %q", e, e.String())
		}
	}
}

// TestBaseRefusesStatusCommands: nothing is sent for what base does not know.
func TestBaseRefusesStatusCommands(t *testing.T) {
	f := newFake(t, "127.0.0.1", func(_ *session, command string) {
		t.Errorf("the server was asked: %s", command)
	})
	c, err := Dial(t.Context(), f.addr, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, local := t.Context(), t.TempDir()+"/a"
	writeFile(t, t.TempDir(), "a", "text")
	for name, call := range map[string]func() error{
		"stat":    func() error { _, err := c.Stat(ctx, "a"); return err },
		"mkdir":   func() error { return c.Mkdir(ctx, "a") },
		"rmdir":   func() error { return c.Rmdir(ctx, "a") },
		"rm":      func() error { return c.Remove(ctx, "a") },
		"rnfr":    func() error { return c.Rename(ctx, "a", "b") },
		"noop":    func() error { return c.Noop(ctx) },
		"ls":      func() error { _, err := c.ListLong(ctx, ""); return err },
		"sum":     func() error { _, err := c.Sum(ctx, XXH3, "a"); return err },
		"putpart": func() error { _, err := c.PutFileContinue(ctx, "a", local); return err },
		"getpart": func() error { _, err := c.GetFileContinue(ctx, "a", local); return err },
	} {
		err := call()
		want := name + ": not with this server, which knows get, put and ls alone"
		if !errors.Is(err, ErrUnsupported) || err.Error() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = c.GetSegments(ctx, "a", local, 2)
	wantKind(t, err, ErrUnsupported)
}
