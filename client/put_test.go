package client

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"ferry/codec"
)

// storing answers every put by keeping what came, and closing in order.
func storing(got chan<- string) func(s *session, command string) {
	return func(s *session, _ string) {
		conn := s.data()
		text, err := receive(conn)
		if err != nil {
			text = "error: " + err.Error()
		}
		_ = conn.Close()
		got <- text
	}
}

func TestCleanCloseConfirmsAPut(t *testing.T) {
	got := make(chan string, 1)
	c := newFake(t, "127.0.0.1", storing(got)).dial(Options{BufferSize: 512})
	for _, size := range []int{0, 1, 511, 512, 513, 1024, 100_000} {
		text := strings.Repeat("a", size)
		// A reader that gives a byte at a time, and one that gives all it has.
		for _, r := range []io.Reader{
			strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text)),
		} {
			stored, err := c.Put(t.Context(), "a", r, int64(size))
			if stored != Confirmed || err != nil {
				t.Errorf("put of %d: %v, %v", size, stored, err)
			}
			if <-got != text {
				t.Errorf("put of %d: the server got something else", size)
			}
		}
	}
}

func TestLargeFilesAreSentComplete(t *testing.T) {
	text := strings.Repeat("0123456789abcde\n", (2*spliceMost)/16) + "the end"
	local := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(local, []byte("before"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(local)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Seek(6, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	c := newFake(t, "127.0.0.1", storing(got)).dial(Options{})
	stored, err := c.Put(t.Context(), "a", file, int64(len(text)))
	if stored != Confirmed || err != nil {
		t.Errorf("%v, %v", stored, err)
	}
	if <-got != text {
		t.Error("the server got something else")
	}
}

func TestResetMeansRefused(t *testing.T) {
	large := strings.Repeat("a", 1<<20)
	for name, refuse := range map[string]func(conn *net.TCPConn){
		"at once": reset,
		"midway": func(conn *net.TCPConn) {
			_, _ = io.CopyN(io.Discard, conn, 4096)
			reset(conn)
		},
		"at an end": func(conn *net.TCPConn) { _, _ = io.Copy(io.Discard, conn); reset(conn) },
	} {
		f := newFake(t, "127.0.0.1", func(s *session, _ string) { refuse(s.data()) })
		c := f.dial(Options{})
		for _, text := range []string{"", "small", large} {
			stored, err := c.Put(t.Context(), "a", strings.NewReader(text), int64(len(text)))
			if stored != NotStored || !errors.Is(err, ErrRefused) {
				t.Errorf("%s, %d bytes: %v, %v", name, len(text), stored, err)
			}
		}
	}
}

func TestSilenceMeansUnconfirmed(t *testing.T) {
	f := newFake(t, "127.0.0.1", func(s *session, command string) {
		conn := s.data()
		if command == "put chatty" {
			_, _ = io.WriteString(conn, "thanks")
		}
	})
	for _, wait := range []Options{{ConfirmWait: 1e7}, {ConfirmWait: -1}} {
		c := f.dial(wait)
		for _, name := range []string{"silent", "chatty", "silent"} {
			stored, err := c.Put(t.Context(), name, strings.NewReader("text"), 4)
			if stored != Unconfirmed || err != nil {
				t.Errorf("%s: %v, %v", name, stored, err)
			}
		}
	}
}

func TestFieldAndSmallContentLeaveInOneWrite(t *testing.T) {
	text := strings.Repeat("a", 4096)
	got := make(chan int, 1)
	f := newFake(t, "127.0.0.1", func(s *session, _ string) {
		conn := s.data()
		n, _ := conn.Read(make([]byte, 10_000))
		got <- n
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	})
	c := f.dial(Options{})
	for range 100 {
		if _, err := c.Put(t.Context(), "a", strings.NewReader(text), 4096); err != nil {
			t.Fatal(err)
		}
		if n := <-got; n != codec.FieldSize+len(text) {
			t.Fatalf("the first read got %d bytes, want all", n)
		}
	}
}

func TestShortReaderResetsTheDataConnection(t *testing.T) {
	got := make(chan string, 1)
	f := newFake(t, "127.0.0.1", storing(got))
	c := f.dial(Options{BufferSize: 512})
	failing := io.MultiReader(strings.NewReader(strings.Repeat("a", 600)),
		iotest.ErrReader(errors.New("bad disk")))
	for _, r := range []io.Reader{strings.NewReader(strings.Repeat("a", 999)), failing} {
		stored, err := c.Put(t.Context(), "a", r, 1000)
		wantKind(t, err, ErrLocal)
		if text := <-got; stored != NotStored || !strings.Contains(text, "reset") {
			t.Errorf("%v; the server saw %.40q, want a reset", stored, text)
		}
	}
	// A small one is found short before the server hears of it.
	_, err := c.Put(t.Context(), "a", strings.NewReader("four"), 5)
	wantKind(t, err, ErrLocal)
	if stored, err := c.Put(t.Context(), "a", strings.NewReader("four"), 4); err != nil {
		t.Errorf("the session did not go on: %v, %v", stored, err)
	}
	if text := <-got; text != "four" {
		t.Errorf("the server got %q", text)
	}
}

func TestShrunkenFileResetsTheDataConnection(t *testing.T) {
	local := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(local, make([]byte, 2*spliceMin), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(local)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	got := make(chan string, 1)
	c := newFake(t, "127.0.0.1", storing(got)).dial(Options{})
	_, err = c.Put(t.Context(), "a", file, 2*spliceMin+1)
	wantKind(t, err, ErrLocal)
	if text := <-got; !strings.Contains(text, "reset") {
		t.Errorf("the server saw %.40q, want a reset", text)
	}
}

func TestSizeOverAFieldIsRefusedBeforeAnythingIsSent(t *testing.T) {
	f := newFake(t, "127.0.0.1", func(_ *session, command string) {
		t.Errorf("the server was asked: %s", command)
	})
	c := f.dial(Options{})
	for _, size := range []int64{codec.FieldMax + 1, 1 << 62} {
		_, err := c.Put(t.Context(), "a", strings.NewReader(""), size)
		wantKind(t, err, ErrTooLarge)
	}
	_, err := c.Put(t.Context(), "a", strings.NewReader(""), -1)
	wantKind(t, err, ErrLocal)
	for _, name := range []string{"", strings.Repeat("a", codec.CommandMax)} {
		_, err = c.Put(t.Context(), name, strings.NewReader(""), 0)
		wantKind(t, err, ErrName)
	}
}

func TestContextEndsAPut(t *testing.T) {
	for _, at := range []string{"while it sends", "while it waits"} {
		there := make(chan struct{})
		seen := make(chan error, 1)
		f := newFake(t, "127.0.0.1", func(s *session, _ string) {
			conn := s.data()
			if at == "while it waits" {
				_, _ = io.CopyN(io.Discard, conn, 100)
			}
			close(there)
			if at == "while it sends" {
				<-t.Context().Done()
				return
			}
			_, err := io.Copy(io.Discard, conn)
			seen <- err
		})
		size := int64(100)
		if at == "while it sends" {
			size = 1 << 30
		}
		_, err := f.dial(Options{}).Put(cancelOn(t, there), "a", zeros{}, size)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, ErrGivenUp) {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

func TestStalledPutTimesOut(t *testing.T) {
	f := newFake(t, "127.0.0.1", func(s *session, _ string) {
		s.data()
		<-t.Context().Done()
	})
	_, err := f.dial(Options{StallTimeout: 1e7}).Put(t.Context(), "a", zeros{}, 1<<30)
	wantKind(t, err, ErrStalled)
}
