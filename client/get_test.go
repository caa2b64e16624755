package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ferry/codec"
)

// wantFiles fails the test unless the folder holds exactly these files.
func wantFiles(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		got, err := os.ReadFile(filepath.Join(dir, e.Name()))
		text, ok := want[e.Name()]
		if err != nil || !ok || string(got) != text {
			t.Errorf("%s holds %q (%v), want %q", e.Name(), got, err, text)
		}
	}
	if len(entries) != len(want) {
		t.Errorf("%d files, want %d", len(entries), len(want))
	}
}

func TestTruncatedAnswerLeavesTheOldFile(t *testing.T) {
	answer := record("the new file")
	f := newFake(t, "127.0.0.1", func(s *session, command string) {
		var cut int
		var end string
		_, _ = fmt.Sscanf(command, "get %d %s", &cut, &end)
		conn := s.data()
		_, _ = io.WriteString(conn, answer[:cut])
		if end == "reset" {
			reset(conn)
			return
		}
		finish(conn, "")
	})
	dir := t.TempDir()
	local := filepath.Join(dir, "a")
	if err := os.WriteFile(local, []byte("the old file"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := f.dial(Options{})
	for _, end := range []string{"closed", "reset"} {
		for cut := range len(answer) {
			_, err := c.GetFile(t.Context(), fmt.Sprint(cut, " ", end), local)
			wantKind(t, err, ErrBroken)
			wantFiles(t, dir, map[string]string{"a": "the old file"})
		}
	}
	whole := fmt.Sprint(len(answer), " closed")
	if n, err := c.GetFile(t.Context(), whole, local); err != nil || n != 12 {
		t.Errorf("the whole answer: %d, %v", n, err)
	}
	wantFiles(t, dir, map[string]string{"a": "the new file"})
	info, err := os.Stat(local)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v), want the old file's", info.Mode(), err)
	}
}

func TestGarbageForASizeLeavesTheSession(t *testing.T) {
	files := serveFiles(map[string]string{"a": "text"})
	f := newFake(t, "127.0.0.1", func(s *session, command string) {
		if command == "get garbage" {
			finish(s.data(), "HTTP/1.1 200")
			return
		}
		files(s, command)
	})
	c := f.dial(Options{})
	_, err := c.Get(t.Context(), "garbage", io.Discard)
	wantKind(t, err, ErrProtocol)
	var violation *codec.ProtocolError
	if !errors.As(err, &violation) || errors.Is(err, ErrLost) {
		t.Errorf("error %v, want a protocol error that leaves the session", err)
	}
	wantGet(t, c, "a", "text")
}

func TestAnnouncedSizeEndsGet(t *testing.T) {
	for name, beyond := range map[string]string{"never closes": "", "sends more": "and more"} {
		f := newFake(t, "127.0.0.1", func(s *session, _ string) {
			_, _ = io.WriteString(s.data(), record("text")+beyond)
		})
		c := f.dial(Options{})
		t.Run(name, func(t *testing.T) {
			wantGet(t, c, "a", "text")
			wantGet(t, c, "a", "text")
		})
	}
}

func TestContextEndsTransferOnly(t *testing.T) {
	files := serveFiles(map[string]string{"a": "text"})
	seen := make(chan error, 1)
	f := newFake(t, "127.0.0.1", func(s *session, command string) {
		if command != "get slow" {
			files(s, command)
			return
		}
		conn := s.data()
		_, _ = io.WriteString(conn, "0000000100text")
		_, err := io.Copy(io.Discard, conn)
		seen <- err
	})
	c := f.dial(Options{})
	w := newFirstWrite()
	_, err := c.Get(cancelOn(t, w.came), "slow", w)
	wantKind(t, err, context.Canceled)
	if err := <-seen; !isReset(err) {
		t.Errorf("the server saw %v, want a reset", err)
	}
	wantGet(t, c, "a", "text")
}

func TestStalledGetTimesOut(t *testing.T) {
	f := newFake(t, "127.0.0.1", func(s *session, _ string) {
		_, _ = io.WriteString(s.data(), "0000000100text")
	})
	dir := t.TempDir()
	c := f.dial(Options{StallTimeout: 1e7})
	_, err := c.GetFile(t.Context(), "a", filepath.Join(dir, "a"))
	wantKind(t, err, ErrStalled)
	wantFiles(t, dir, nil)
}

func TestFailingWriterLeavesTheSession(t *testing.T) {
	f := newFake(t, "127.0.0.1", serveFiles(map[string]string{"a": "text"}))
	c := f.dial(Options{})
	r, w := io.Pipe()
	_ = r.CloseWithError(errors.New("full"))
	_, err := c.Get(t.Context(), "a", w)
	wantKind(t, err, ErrLocal)
	wantGet(t, c, "a", "text")
}

func TestLargeFilesArriveComplete(t *testing.T) {
	// Longer than a splice's piece, and no multiple of anything.
	text := strings.Repeat("0123456789abcde\n", (2*spliceMost)/16) + "the end"
	f := newFake(t, "127.0.0.1", serveFiles(map[string]string{"large": text}))
	c := f.dial(Options{})
	wantGet(t, c, "large", text)
	dir := t.TempDir()
	n, err := c.GetFile(t.Context(), "large", filepath.Join(dir, "b"))
	if err != nil || n != int64(len(text)) {
		t.Errorf("%d bytes, %v; want %d", n, err, len(text))
	}
	got, err := os.ReadFile(filepath.Join(dir, "b"))
	if err != nil || !bytes.Equal(got, []byte(text)) {
		t.Errorf("the file differs (%v)", err)
	}
}

func TestInterruptedLargeFileLeavesNothing(t *testing.T) {
	half := strings.Repeat("x", spliceMost+100)
	for name, end := range map[string]func(*session){
		"closed": func(s *session) {
			finish(s.data(), string(codec.AppendField(nil, 2*spliceMost))+half)
		},
		"reset": func(s *session) {
			conn := s.data()
			_, _ = io.WriteString(conn, string(codec.AppendField(nil, 2*spliceMost))+half)
			reset(conn)
		},
	} {
		dir := t.TempDir()
		f := newFake(t, "127.0.0.1", func(s *session, _ string) { end(s) })
		_, err := f.dial(Options{}).GetFile(t.Context(), "a", filepath.Join(dir, "a"))
		if !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
		wantFiles(t, dir, nil)
	}
}

// endOnWrite is a writer that ends a context with the bytes that it takes.
type endOnWrite struct{ end context.CancelFunc }

func (w endOnWrite) Write(b []byte) (int, error) {
	w.end()
	return len(b), nil
}

func TestLateInterruptNeverReachesTheNextCall(t *testing.T) {
	f := newFake(t, "127.0.0.1", serveFiles(map[string]string{"a": "text"}))
	c := f.dial(Options{})
	for range 200 {
		// The record is whole with the write that ends the context: the call is done.
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := c.Get(ctx, "a", endOnWrite{cancel}); err != nil {
			t.Fatal(err)
		}
		wantGet(t, c, "a", "text")
	}
}

func BenchmarkGet(b *testing.B) {
	text := strings.Repeat("a", 4096)
	f := newFake(b, "127.0.0.1", serveFiles(map[string]string{"a": text}))
	c := f.dial(Options{})
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Get(b.Context(), "a", io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
