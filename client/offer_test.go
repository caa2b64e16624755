package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"ferry/codec"
)

// dialStatus makes a session of status with the keeper.
func (k *keeper) dialStatus(o Options) *Client {
	k.t.Helper()
	o.Exchange = Status
	if o.NotesFolder == "" {
		o.NotesFolder = filepath.Join(k.t.TempDir(), "notes")
	}
	return k.dial(o)
}

func TestFilesGoBothWaysInStatus(t *testing.T) {
	for cut := range int32(3) {
		k := newKeeper(t)
		k.cut.Store(cut)
		c := k.dialStatus(Options{BufferSize: 512})
		for _, size := range []int{0, 1, 511, 512, 513, 100_000, 2*spliceMost + 7} {
			text := strings.Repeat("0123456789", size/10+1)[:size]
			stored, err := c.Put(t.Context(), "a", strings.NewReader(text), int64(size))
			if stored != Confirmed || err != nil || string(k.get("a")) != text {
				t.Fatalf("put of %d: %v, %v", size, stored, err)
			}
			wantGet(t, c, "a", text)
			dir := t.TempDir()
			n, err := c.GetFile(t.Context(), "a", filepath.Join(dir, "b"))
			if err != nil || n != int64(size) {
				t.Fatalf("get of %d: %d, %v", size, n, err)
			}
			wantFiles(t, dir, map[string]string{"b": text})
			moved, err := c.PutFile(t.Context(), "c", filepath.Join(dir, "b"))
			if err != nil || moved != (Moved{Size: int64(size), Stored: Confirmed}) ||
				string(k.get("c")) != text {
				t.Fatalf("put of a file of %d: %v, %v", size, moved, err)
			}
		}
	}
}

func TestEmptyFileIsAFileInStatus(t *testing.T) {
	k := newKeeper(t)
	k.set(nil)
	c := k.dialStatus(Options{})
	dir := t.TempDir()
	writeFile(t, dir, "b", "content")
	n, err := c.GetFile(t.Context(), "a", filepath.Join(dir, "b"))
	if err != nil || n != 0 {
		t.Errorf("%d, %v", n, err)
	}
	wantFiles(t, dir, map[string]string{"b": ""})
	// And a missing one is said to be missing, and leaves what is there.
	_, err = c.GetFile(t.Context(), "x", filepath.Join(dir, "b"))
	wantKind(t, err, ErrNotFound)
	if err.Error() != "x: no such file" {
		t.Error(err)
	}
	if asked := k.asked("ls"); len(asked) > 0 {
		t.Errorf("a listing was asked for: %q", asked)
	}
}

func TestKeyFieldAndSmallContentLeaveInOneWrite(t *testing.T) {
	text := strings.Repeat("a", 4096)
	got := make(chan int, 1)
	f := newStatusFake(t, func(s *session, _ codec.Request) {
		l := s.listen()
		s.reply(150, fmt.Sprint(portOf(l), " ", testKey))
		conn := s.accepted(l)
		n, _ := conn.Read(make([]byte, 10_000))
		got <- n
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
		s.reply(226, "4096")
	})
	c := f.dial(Options{Exchange: Status})
	for range 50 {
		if _, err := c.Put(t.Context(), "a", strings.NewReader(text), 4096); err != nil {
			t.Fatal(err)
		}
		if n := <-got; n != codec.KeySize+codec.FieldSize+4096 {
			t.Fatalf("the first read got %d bytes, want all", n)
		}
	}
}

// TestPutWaitsForConfirmation: a clean close alone is base's sign.
func TestPutWaitsForConfirmation(t *testing.T) {
	for reply, kind := range map[string]error{
		"451 disk on fire": ErrServer, "452 full": ErrNoSpace, "426 lost": ErrBroken,
		"552 too large": ErrTooLarge, "553 no such name": ErrName, "226 3": ErrProtocol,
		"226 few": ErrProtocol, "250 4": ErrProtocol, "": ErrLost,
	} {
		f := newStatusFake(t, func(s *session, _ codec.Request) {
			conn := s.offer("")
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
			if reply == "" {
				_ = s.control.Close()
				return
			}
			_, _ = io.WriteString(s.control, record(reply))
		})
		c := f.dial(Options{Exchange: Status})
		stored, err := c.Put(t.Context(), "a", strings.NewReader("text"), 4)
		if stored != NotStored || !errors.Is(err, kind) {
			t.Errorf("%s: %v, %v", reply, stored, err)
		}
	}
}

// TestServerReasonForBreakIsReported: the reply names the reason that a reset cannot.
func TestServerReasonForBreakIsReported(t *testing.T) {
	f := newStatusFake(t, func(s *session, q codec.Request) {
		size := ""
		if q.Verb == codec.VerbGet {
			size = "100"
		}
		conn := s.offer(size)
		if q.Verb == codec.VerbGet {
			_, _ = io.WriteString(conn, "0000000100text")
		}
		reset(conn)
		s.reply(451, "a: read error")
	})
	c := f.dial(Options{Exchange: Status})
	_, err := c.Get(t.Context(), "a", io.Discard)
	if !errors.Is(err, ErrServer) || err.Error() != "a: read error" {
		t.Errorf("get: %v", err)
	}
	_, err = c.Put(t.Context(), "a", zeros{}, 1<<28)
	if !errors.Is(err, ErrServer) || err.Error() != "a: read error" {
		t.Errorf("put: %v", err)
	}
	if c.Err() != nil {
		t.Errorf("the session ended: %v", c.Err())
	}
}

// TestTruncatedStatusGetIsAnError: closed or reset, at each byte, and the session goes on.
func TestTruncatedStatusGetIsAnError(t *testing.T) {
	wire := record("the new file")
	var cut int
	var end func(*net.TCPConn)
	f := newStatusFake(t, func(s *session, q codec.Request) {
		if q.Verb == codec.VerbNoop {
			s.reply(200, "")
			return
		}
		conn := s.offer("12")
		_, _ = io.WriteString(conn, wire[:cut])
		end(conn)
		s.reply(426, "broken")
	})
	c := f.dial(Options{Exchange: Status})
	for _, end = range []func(*net.TCPConn){reset, func(conn *net.TCPConn) { finish(conn, "") }} {
		for cut = range len(wire) {
			dir := t.TempDir()
			writeFile(t, dir, "a", "the old file")
			_, err := c.GetFile(t.Context(), "a", filepath.Join(dir, "a"))
			wantKind(t, err, ErrBroken)
			wantFiles(t, dir, map[string]string{"a": "the old file"})
			if err := c.Noop(t.Context()); err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
		}
	}
}

func TestWrongSizesAreViolations(t *testing.T) {
	for name, serve := range map[string]func(s *session){
		"another size": func(s *session) { finish(s.offer("5"), record("text")); s.wantAbort() },
		"no size":      func(s *session) { finish(s.offer("4"), "HTTP/1.1 2"); s.wantAbort() },
		"other end": func(s *session) {
			finish(s.offer("4"), record("text"))
			s.reply(226, "5")
		},
		"no offer": func(s *session) { s.reply(150, "port") },
	} {
		f := newStatusFake(t, func(s *session, _ codec.Request) { serve(s) })
		_, err := f.dial(Options{Exchange: Status}).Get(t.Context(), "a", io.Discard)
		if !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNobodyListensOnAnOfferedPort: abor tells the server, which would wait for the connection.
func TestNobodyListensOnAnOfferedPort(t *testing.T) {
	f := newStatusFake(t, func(s *session, q codec.Request) {
		if q.Verb == codec.VerbNoop {
			s.reply(200, "")
			return
		}
		l := s.listen()
		_ = l.Close()
		s.reply(150, fmt.Sprint(portOf(l), " ", testKey, " 4"))
		s.wantAbort()
	})
	c := f.dial(Options{Exchange: Status, DataRetry: -1})
	_, err := c.Get(t.Context(), "a", io.Discard)
	wantKind(t, err, ErrNoData)
	if err := c.Noop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestContextAbortsTransferOnly(t *testing.T) {
	for _, verb := range []codec.Verb{codec.VerbGet, codec.VerbPut} {
		moving := make(chan struct{}, 1)
		f := newStatusFake(t, func(s *session, q codec.Request) {
			if q.Verb == codec.VerbNoop {
				s.reply(200, "")
				return
			}
			size := ""
			if verb == codec.VerbGet {
				size = "100"
			}
			conn := s.offer(size)
			if verb == codec.VerbGet {
				_, _ = io.WriteString(conn, "0000000100text")
			}
			_, _ = io.ReadFull(conn, make([]byte, 100))
			moving <- struct{}{}
			s.wantAbort()
		})
		c := f.dial(Options{Exchange: Status})
		var err error
		if verb == codec.VerbGet {
			w := newFirstWrite()
			_, err = c.Get(cancelOn(t, w.came), "a", w)
		} else {
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-moving
				cancel()
			}()
			_, err = c.Put(ctx, "a", zeros{}, 1<<40%codec.FieldMax)
		}
		if !errors.Is(err, ErrGivenUp) || !errors.Is(err, context.Canceled) {
			t.Errorf("%v: %v", verb, err)
		}
		if err := c.Noop(t.Context()); err != nil {
			t.Errorf("%v: the session did not go on: %v", verb, err)
		}
	}
}

// TestContextEndsDuringCommit: the server may say either.
func TestContextEndsDuringCommit(t *testing.T) {
	for _, confirms := range []bool{true, false} {
		all := make(chan struct{})
		f := newStatusFake(t, func(s *session, _ codec.Request) {
			conn := s.offer("")
			_, _ = io.Copy(io.Discard, conn)
			close(all)
			if !confirms {
				s.wantAbort()
				return
			}
			if command, _ := s.next(); command != "abor" {
				t.Errorf("%q came", command)
			}
			s.reply(226, "4")
			s.reply(226, "")
		})
		c := f.dial(Options{Exchange: Status})
		stored, err := c.Put(cancelOn(t, all), "a", strings.NewReader("text"), 4)
		switch {
		case confirms && (stored != Confirmed || err != nil):
			t.Errorf("a file that is stored: %v, %v", stored, err)
		case !confirms && (stored != NotStored || !errors.Is(err, ErrGivenUp)):
			t.Errorf("a file that is not: %v, %v", stored, err)
		}
		if c.Err() != nil {
			t.Error(c.Err())
		}
	}
}

func TestLocalFailureAbortsTheTransfer(t *testing.T) {
	k := newStatusFake(t, func(s *session, q codec.Request) {
		if q.Verb == codec.VerbNoop {
			s.reply(200, "")
			return
		}
		size := ""
		if q.Verb == codec.VerbGet {
			size = "4"
		}
		conn := s.offer(size)
		if q.Verb == codec.VerbGet {
			_, _ = io.WriteString(conn, record("text"))
		}
		s.wantAbort()
	})
	c := k.dial(Options{Exchange: Status, BufferSize: 512})
	failing := io.MultiReader(strings.NewReader(strings.Repeat("a", 600)),
		iotest.ErrReader(errors.New("bad disk")))
	_, err := c.Put(t.Context(), "a", failing, 1000)
	wantKind(t, err, ErrLocal)
	r, w := io.Pipe()
	_ = r.CloseWithError(errors.New("full"))
	_, err = c.Get(t.Context(), "a", w)
	wantKind(t, err, ErrLocal)
	if err := c.Noop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestStalledTransferIsAborted(t *testing.T) {
	f := newStatusFake(t, func(s *session, q codec.Request) {
		if q.Verb == codec.VerbNoop {
			s.reply(200, "")
			return
		}
		_, _ = io.WriteString(s.offer("100"), "0000000100text")
		s.wantAbort()
	})
	c := f.dial(Options{Exchange: Status, StallTimeout: 5e7})
	_, err := c.Get(t.Context(), "a", io.Discard)
	wantKind(t, err, ErrStalled)
	if err := c.Noop(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestLostSessionIsReportedWithTransfer: a killed server takes both connections.
func TestLostSessionIsReportedWithTransfer(t *testing.T) {
	k := newKeeper(t)
	k.set([]byte("a file"))
	k.breaking = func(codec.Request) (int64, breakage) { return 3, withControl }
	c := k.dialStatus(Options{})
	_, err := c.Get(t.Context(), "a", io.Discard)
	if !errors.Is(err, ErrLost) || !errors.Is(err, ErrBroken) {
		t.Errorf("%v", err)
	}
	_, err = c.Get(t.Context(), "a", io.Discard)
	wantKind(t, err, ErrLost)
}

func TestProgressIsReported(t *testing.T) {
	k := newKeeper(t)
	var moved, total int64
	calls := 0
	c := k.dialStatus(Options{Progress: func(m, all int64) {
		if m < moved {
			t.Errorf("%d after %d", m, moved)
		}
		moved, total = m, all
		calls++
	}})
	const size = 3 << 20
	dir := t.TempDir()
	writeFile(t, dir, "a", strings.Repeat("x", size))
	ctx, there, here := t.Context(), "a", filepath.Join(dir, "a")
	for name, run := range map[string]func() (Moved, error){
		"put":          func() (Moved, error) { return c.PutFile(ctx, there, here) },
		"put continue": func() (Moved, error) { return c.PutFileContinue(ctx, there, here) },
		"get": func() (Moved, error) {
			_, err := c.GetFile(ctx, there, here)
			return Moved{}, err
		},
		"get continue": func() (Moved, error) {
			return c.GetFileContinue(ctx, there, filepath.Join(dir, "b"))
		},
		"segments": func() (Moved, error) { return c.GetSegments(ctx, there, here, 3) },
	} {
		moved, total, calls = 0, 0, 0
		k.set([]byte(strings.Repeat("x", size)))
		if _, err := run(); err != nil || moved != size || total != size || calls < 8 {
			t.Errorf("%s: %d of %d in %d calls, %v", name, moved, total, calls, err)
		}
	}
}

func BenchmarkStatusGet(b *testing.B) {
	k := newKeeper(b)
	k.set([]byte(strings.Repeat("a", 4096)))
	c := k.dialStatus(Options{})
	b.SetBytes(4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Get(b.Context(), "a", io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
