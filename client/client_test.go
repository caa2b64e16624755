package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"ferry/codec"
)

func TestDialSaysThatNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	_, err = Dial(t.Context(), addr, Options{})
	wantKind(t, err, ErrConnect)
	want := addr + ": cannot connect: nobody listens there (connection refused)"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestDialRefusesInvalidAddress(t *testing.T) {
	for _, addr := range []string{
		"", "host", "host:", "host:0", "host:65536", "host:ftp", "::1:21", "a:1:2",
	} {
		_, err := Dial(t.Context(), addr, Options{})
		wantKind(t, err, ErrConnect)
	}
	_, err := Dial(t.Context(), "127.0.0.1:1", Options{BufferSize: 1, ListingMax: -1})
	if err == nil || !strings.Contains(err.Error(), "BufferSize") ||
		!strings.Contains(err.Error(), "ListingMax") {
		t.Errorf("error %v, want one that names both faults", err)
	}
}

func TestDialHonoursItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Dial(ctx, "127.0.0.1:1", Options{})
	wantKind(t, err, ErrGivenUp)
	wantKind(t, err, context.Canceled)
}

func TestDialTriesEveryAddress(t *testing.T) {
	f := newFake(t, "127.0.0.1", serveFiles(map[string]string{"a": "text"}))
	_, port, _ := net.SplitHostPort(f.addr)
	c, err := Dial(t.Context(), "localhost:"+port, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	wantGet(t, c, "a", "text")
}

func TestIPv6Serves(t *testing.T) {
	f := newFake(t, "::1", serveFiles(map[string]string{"a": "text"}))
	c := f.dial(Options{})
	if !strings.HasPrefix(c.Addr(), "[::1]:") {
		t.Errorf("address %s, want one of ::1", c.Addr())
	}
	wantGet(t, c, "a", "text")
}

func TestDataConnectionUsesControlAddress(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only linux has all of 127.0.0.0/8")
	}
	local := netip.MustParseAddr("127.0.0.2")
	var from sync.Map
	f := newFake(t, "127.0.0.3", func(s *session, _ string) {
		conn := s.data()
		from.Store(conn.RemoteAddr().(*net.TCPAddr).IP.String(), true)
		from.Store(s.control.RemoteAddr().(*net.TCPAddr).IP.String(), true)
		finish(conn, record("text"))
	})
	wantGet(t, f.dial(Options{LocalAddr: local}), "a", "text")
	from.Range(func(ip, _ any) bool {
		if ip != "127.0.0.2" {
			t.Errorf("a connection came from %v, want 127.0.0.2", ip)
		}
		return true
	})
}

func TestPortOutsideTheRangeEndsTheSession(t *testing.T) {
	for _, port := range []int64{0, 1, 80, 1023, 65536, 75536, codec.FieldMax} {
		f := newFake(t, "127.0.0.1", func(s *session, _ string) { s.tell(port) })
		c := f.dial(Options{})
		_, err := c.Get(t.Context(), "a", io.Discard)
		wantKind(t, err, ErrLost)
		wantKind(t, err, ErrProtocol)
		_, err = c.List(t.Context(), "")
		wantKind(t, err, ErrLost)
	}
}

func TestPaddedFieldsAreAccepted(t *testing.T) {
	for _, layout := range []string{"%010d", "%10d", "%-10d", "0%-9d", " %09d", "%d\x00"} {
		padded := func(n int64) string {
			text := fmt.Sprintf(layout, n)
			return text + strings.Repeat("\x00", max(10-len(text), 0))
		}
		f := newFake(t, "127.0.0.1", func(s *session, _ string) {
			l := s.listen()
			// One byte a write: the client has to gather.
			for _, b := range []byte(padded(portOf(l))) {
				_, _ = s.control.Write([]byte{b})
			}
			conn := s.accepted(l)
			for _, b := range []byte(padded(4) + "text") {
				_, _ = conn.Write([]byte{b})
			}
			finish(conn, "")
		})
		c := f.dial(Options{})
		wantGet(t, c, "a", "text")
		wantGet(t, c, "a", "text")
	}
}

func TestGarbageOnControlEndsTheSession(t *testing.T) {
	for name, send := range map[string]string{
		"letters": "500 no suc", "negative": "-000000001", "blank": "          ",
		"cut": "00000", "nothing": "",
	} {
		f := newFake(t, "127.0.0.1", func(s *session, _ string) {
			_, _ = io.WriteString(s.control, send)
			_ = s.control.CloseWrite()
		})
		c := f.dial(Options{})
		_, err := c.Get(t.Context(), "a", io.Discard)
		wantKind(t, err, ErrLost)
		if _, again := c.List(t.Context(), ""); !errors.Is(again, ErrLost) {
			t.Errorf("%s: the session went on: %v", name, again)
		}
	}
}

func TestUnaskedFieldEndsTheSession(t *testing.T) {
	f := newFake(t, "127.0.0.1", func(s *session, _ string) {
		l := s.listen()
		field := codec.AppendField(nil, portOf(l))
		_, _ = s.control.Write(append(field, field...))
		finish(s.accepted(l), record("text"))
	})
	c := f.dial(Options{})
	wantGet(t, c, "a", "text")
	_, err := c.Get(t.Context(), "a", io.Discard)
	wantKind(t, err, ErrProtocol)
}

func TestSilentServerTimesOut(t *testing.T) {
	f := newFake(t, "127.0.0.1", func(*session, string) {})
	_, err := f.dial(Options{ReplyTimeout: 1}).Get(t.Context(), "a", io.Discard)
	wantKind(t, err, ErrLost)
}

func TestContextEndsWaitForAnswer(t *testing.T) {
	asked := make(chan struct{})
	f := newFake(t, "127.0.0.1", func(*session, string) { close(asked) })
	c := f.dial(Options{})
	_, err := c.Get(cancelOn(t, asked), "a", io.Discard)
	wantKind(t, err, context.Canceled)
	wantKind(t, err, ErrGivenUp)
	// The answer may still come: what follows could not be told apart from it.
	_, err = c.List(t.Context(), "")
	wantKind(t, err, ErrLost)
}

func TestRefusingPortIsRetried(t *testing.T) {
	told := make(chan *net.TCPAddr, 1)
	again := make(chan struct{})
	open := make(chan struct{})
	f := newFake(t, "127.0.0.1", func(s *session, _ string) {
		l := s.listen()
		_ = l.Close()
		told <- l.Addr().(*net.TCPAddr)
		s.tell(portOf(l))
		<-again
		late, err := net.ListenTCP("tcp", l.Addr().(*net.TCPAddr))
		if err != nil {
			t.Error(err)
		}
		close(open)
		finish(s.accepted(late), record("text"))
	})
	var dials atomic.Int32
	c := f.dial(Options{Control: func(_, _ string, _ syscall.RawConn) error {
		// The first is control's, the second meets a closed port, the third is the next try.
		if dials.Add(1) == 3 {
			close(again)
			<-open
		}
		return nil
	}})
	wantGet(t, c, "a", "text")
}

func TestClosedPortLeavesSession(t *testing.T) {
	files := serveFiles(map[string]string{"a": "text"})
	f := newFake(t, "127.0.0.1", func(s *session, command string) {
		if command == "get closed" {
			l := s.listen()
			_ = l.Close()
			s.tell(portOf(l))
			return
		}
		files(s, command)
	})
	c := f.dial(Options{DataRetry: -1})
	_, err := c.Get(t.Context(), "closed", io.Discard)
	wantKind(t, err, ErrNoData)
	if errors.Is(err, ErrLost) {
		t.Errorf("error %v, want the session to stand", err)
	}
	wantGet(t, c, "a", "text")
}

func TestQuitEndsTheSession(t *testing.T) {
	for name, handle := range map[string]func(s *session, command string){
		"told":   func(s *session, _ string) { s.part() },
		"closed": func(s *session, _ string) { _ = s.control.Close() },
		"reset":  func(s *session, _ string) { reset(s.control) },
	} {
		f := newFake(t, "127.0.0.1", handle)
		f.ownQuit.Store(true)
		c := f.dial(Options{})
		if err := c.Quit(t.Context()); err != nil {
			t.Errorf("%s: quit: %v", name, err)
		}
		_, err := c.List(t.Context(), "")
		if err == nil {
			t.Errorf("%s: the session went on", name)
		}
	}
}

func TestCloseEndsARunningCall(t *testing.T) {
	f := newFake(t, "127.0.0.1", func(s *session, _ string) {
		_, _ = io.WriteString(s.data(), "0000000100text")
	})
	c := f.dial(Options{})
	w := newFirstWrite()
	go func() {
		<-w.came
		_ = c.Close()
	}()
	_, err := c.Get(t.Context(), "a", w)
	wantKind(t, err, ErrClosed)
	_, err = c.Get(t.Context(), "a", w)
	wantKind(t, err, ErrClosed)
}

func TestManyClientsAtOnce(t *testing.T) {
	const clients, rounds = 50, 20
	files := map[string]string{}
	for i := range clients {
		files[fmt.Sprint(i)] = strings.Repeat(fmt.Sprint(i, " "), 100*i+1)
	}
	f := newFake(t, "127.0.0.1", serveFiles(files))
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			c, err := Dial(t.Context(), f.addr, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for j := range rounds {
				name := fmt.Sprint((i + j) % clients)
				wantGet(t, c, name, files[name])
			}
		})
	}
	all.Wait()
}
