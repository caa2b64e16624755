//go:build unix

package client

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ferry/codec"
)

// full has the tests with the real server move 12 GB, and break a hundred transfers.
var full = flag.Bool("full", false, "a sparse file of 12 GB both ways, 100 kills")

// ferryd is the server's program, built once for all tests, or the one that FERRYD names.
var ferryd = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("FERRYD"); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "ferryd-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "ferryd")
	out, err := exec.Command("go", "build", "-o", path, "ferry/reactor/ferryd").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building ferryd: %w: %s", err, out)
	}
	return path, nil
})

// server is a ferryd that runs, and the folder that it serves.
type server struct {
	t          *testing.T
	dir, notes string
	flags      []string
	addr       string
	cmd        *exec.Cmd
	log        *serverLog
}

// newServer runs a ferryd until the test ends.
func newServer(t *testing.T, flags ...string) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), notes: t.TempDir(), flags: flags}
	if err := os.Mkdir(s.root(), 0o700); err != nil {
		t.Fatal(err)
	}
	s.start()
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("the log of the last ferryd:\n%s", s.log)
		}
	})
	return s
}

func (s *server) root() string { return filepath.Join(s.dir, "root") }

// start runs it, on another port each time, and waits until it listens.
func (s *server) start() {
	s.t.Helper()
	program, err := ferryd()
	if err != nil {
		s.t.Fatal(err)
	}
	announced := filepath.Join(s.dir, "address")
	s.log = &serverLog{changed: make(chan struct{})}
	s.cmd = exec.Command(program, append([]string{
		"0", "--root", s.root(), "--listen", "127.0.0.1", "--addr-file", announced,
		"--log-format", "json",
	}, s.flags...)...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.log.await(s.t, "server started")
	text, err := os.ReadFile(announced)
	if err != nil {
		s.t.Fatal(err)
	}
	s.addr, _, _ = strings.Cut(string(text), "\n")
}

// kill ends it without a warning.
func (s *server) kill() {
	_ = s.cmd.Process.Signal(syscall.SIGKILL)
	_ = s.cmd.Wait()
}

// serverLog is what a server prints.
type serverLog struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed and replaced when something is printed
}

func (l *serverLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(b)
	close(l.changed)
	l.changed = make(chan struct{})
	return len(b), nil
}

func (l *serverLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await waits until the server has printed a text.
func (l *serverLog) await(t *testing.T, text string) {
	t.Helper()
	limit := time.After(3 * patience)
	for {
		l.mu.Lock()
		changed, found := l.changed, bytes.Contains(l.text.Bytes(), []byte(text))
		l.mu.Unlock()
		if found {
			return
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("ferryd has not printed %q: %s", text, l)
		}
	}
}

// session is a new one, to which the server is the same whatever port it has.
func (s *server) session(o Options) *Client {
	s.t.Helper()
	// A machine that is busy answers late, and is no server of base for that.
	o.NotesFolder, o.ServerName, o.HelloWait = s.notes, "the server", patience
	c, err := Dial(s.t.Context(), s.addr, o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// file makes a file of the root.
func (s *server) file(name string, data []byte) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.root(), name), data, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// fileSum is the checksum of a local file.
func fileSum(t *testing.T, path string) Sum {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum, err := LocalSum(t.Context(), XXH3, f)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// sparse makes a file of size bytes that holds something at its ends, around a field's limit, and
// here and there between.
func sparse(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	if err == nil {
		err = f.Truncate(size)
	}
	at := []int64{0, size - 1000, codec.FieldMax - 500}
	for i := range int64(20) {
		at = append(at, i*size/20)
	}
	for _, off := range at {
		if err == nil && off >= 0 && off+1000 <= size {
			_, err = f.WriteAt(random(1000), off)
		}
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestRealServerAnswersEveryCommand: with the server's own words.
func TestRealServerAnswersEveryCommand(t *testing.T) {
	s := newServer(t)
	s.file("a b", []byte("text"))
	c := s.session(Options{})
	if c.Exchange() != Status || !c.Features().Has(codec.FeatureGet|codec.FeatureParts) {
		t.Fatalf("%v, features %v", c.Exchange(), c.Features())
	}
	ctx := t.Context()
	wantGet(t, c, "a b", "text")
	info, err := c.Stat(ctx, "a b")
	if err != nil || info.Size != 4 || info.Folder || time.Since(info.Modified) > time.Hour {
		t.Errorf("%v, %v", info, err)
	}
	sum, err := c.Sum(ctx, SHA256, "a b")
	local, _ := LocalSum(ctx, SHA256, strings.NewReader("text"))
	if err != nil || sum != local {
		t.Errorf("%v, %v; want %v", sum, err, local)
	}
	sum, err = c.Sum(ctx, XXH3, "a b")
	local, _ = LocalSum(ctx, XXH3, strings.NewReader("text"))
	if err != nil || sum != local {
		t.Errorf("%v, %v; want %v", sum, err, local)
	}
	for name, err := range map[string]error{
		"mkdir": c.Mkdir(ctx, "d"), "noop": c.Noop(ctx),
		"rename": c.Rename(ctx, "a b", "d/c"),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRealServerHasFolders: of names, of segments and of what is noted.
func TestRealServerHasFolders(t *testing.T) {
	s := newServer(t)
	ctx := t.Context()
	data := random(3 << 20)
	dir := t.TempDir()
	writeFile(t, dir, "a", string(data))
	c := s.session(Options{})
	for _, name := range []string{"some where", "some where/else"} {
		if err := c.Mkdir(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	const name = "some where/else/a"
	moved, err := c.PutFileContinue(ctx, name, filepath.Join(dir, "a"))
	if err != nil || moved.Stored != Confirmed {
		t.Fatal(moved, err)
	}
	if _, err := c.GetSegments(ctx, name, filepath.Join(dir, "b"), 3); err != nil {
		t.Fatal(err)
	}
	if _, err := c.GetFileContinue(ctx, "/"+name, filepath.Join(dir, "c")); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, dir, map[string]string{"a": string(data), "b": string(data), "c": string(data)})
	entries, err := c.ListLong(ctx, "some where/else")
	if err != nil || len(entries) != 1 || entries[0].Name != "a" || entries[0].Size != 3<<20 {
		t.Errorf("%v, %v", entries, err)
	}
	entries, err = c.ListLong(ctx, "/some where")
	if err != nil || len(entries) != 1 || entries[0].Name != "else" || !entries[0].Folder {
		t.Errorf("%v, %v", entries, err)
	}
	names, err := c.List(ctx, "/")
	if err != nil || len(names) != 1 || names[0] != "some where/" {
		t.Errorf("%q, %v", names, err)
	}
	if err := errors.Join(c.Remove(ctx, name), c.Rmdir(ctx, "/some where/else")); err != nil {
		t.Error(err)
	}
}

// TestRealServerReportsErrors: kinds, codes and texts.
func TestRealServerReportsErrors(t *testing.T) {
	s := newServer(t)
	s.file("f", []byte("text"))
	c := s.session(Options{})
	ctx := t.Context()
	if err := c.Mkdir(ctx, "d"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Put(ctx, "d/f", strings.NewReader("x"), 1); err != nil {
		t.Fatal(err)
	}
	get := func(name string) error { _, err := c.Get(ctx, name, io.Discard); return err }
	list := func(name string) error { _, err := c.List(ctx, name); return err }
	stat := func(name string) error { _, err := c.Stat(ctx, name); return err }
	put := func(name string) error { _, err := c.Put(ctx, name, zeros{}, 1); return err }
	for _, test := range []struct {
		err  error
		code int
		kind error
	}{
		{get("x"), 550, ErrNotFound},
		{get("d"), 550, ErrNotFound},
		{stat("x"), 550, ErrNotFound},
		{list("x"), 550, ErrNoFolder},
		{list("f"), 550, ErrNoFolder},
		{c.Mkdir(ctx, "d"), 550, ErrNotDone},
		{c.Rmdir(ctx, "d"), 550, ErrNotDone},
		{c.Rmdir(ctx, "x"), 550, ErrNotDone},
		{c.Remove(ctx, "x"), 550, ErrNotFound},
		{c.Rename(ctx, "x", "y"), 550, ErrNotDone},
		{put("x/y"), 550, ErrNotDone},
		{put("d"), 550, ErrNotDone},
		{put("a\x01b"), 553, ErrName},
	} {
		var e *Error
		if !errors.As(test.err, &e) || e.Code != test.code || !errors.Is(e, test.kind) {
			t.Errorf("%v (%T), want %d, %v", test.err, test.err, test.code, test.kind)
			continue
		}
		if strings.Contains(e.Error(), s.dir) || strings.Count(e.Error(), ": ") > 1 {
			t.Errorf("the text is %q", e.Error())
		}
	}
	if c.Err() != nil {
		t.Errorf("the session ended: %v", c.Err())
	}
}

// TestRealServerRefusesDisabledCommands: and what depends on it does without.
func TestRealServerRefusesDisabledCommands(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	writeFile(t, dir, "a", strings.Repeat("x", 100_000))
	for _, flag := range []string{"--read-only", "--upload-only", "--no-sum"} {
		s := newServer(t, flag)
		s.file("a", []byte("text"))
		c := s.session(Options{})
		_, err := c.Put(ctx, "b", strings.NewReader("x"), 1)
		if refused := errors.Is(err, ErrNotAllowed); refused != (flag == "--read-only") {
			t.Errorf("%s: put: %v", flag, err)
		}
		_, err = c.Get(ctx, "a", io.Discard)
		if refused := errors.Is(err, ErrNotAllowed); refused != (flag == "--upload-only") {
			t.Errorf("%s: get: %v", flag, err)
		}
		_, err = c.Sum(ctx, XXH3, "a")
		if refused := errors.Is(err, ErrNotAllowed); refused == (flag == "--read-only") {
			t.Errorf("%s: sum: %v", flag, err)
		}
		_, err = c.PutFileContinue(ctx, "c", filepath.Join(dir, "a"))
		if refused := errors.Is(err, ErrNotAllowed); refused != (flag == "--read-only") {
			t.Errorf("%s: put that continues: %v", flag, err)
		}
	}
}

// TestRealTransfersAreAborted: the context ends them at any moment, and the session serves on.
func TestRealTransfersAreAborted(t *testing.T) {
	s := newServer(t)
	s.file("a", random(8<<20))
	rounds := 30
	if *full {
		rounds = 1000
	}
	var limit atomic.Int64
	var stop context.CancelFunc
	c := s.session(Options{Progress: func(moved, _ int64) {
		if moved >= limit.Load() {
			stop()
		}
	}})
	for i := range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		stop = cancel
		limit.Store(rand.Int64N(8 << 20))
		var err error
		if i%2 == 0 {
			_, err = c.Get(ctx, "a", io.Discard)
		} else {
			_, err = c.Put(ctx, "b", zeros{}, 8<<20)
		}
		cancel()
		if err != nil && !errors.Is(err, ErrGivenUp) {
			t.Fatalf("round %d: %v", i, err)
		}
		if err := c.Noop(t.Context()); err != nil {
			t.Fatalf("round %d: the session did not go on: %v", i, err)
		}
	}
	if names, err := c.List(t.Context(), ""); err != nil || len(names) > 2 {
		t.Errorf("%q, %v", names, err)
	}
}
