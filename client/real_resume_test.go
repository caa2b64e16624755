//go:build unix

package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ferry/codec"
)

// TestRealPartIsComparedFirst: one that a disk has changed is not gone on with, and one that lacks
// nothing but its name gets it.
func TestRealPartIsComparedFirst(t *testing.T) {
	data := random(1 << 20)
	local := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(local, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(part *os.File) error
		kept   int64
	}{
		"spoilt": {func(part *os.File) error {
			_, err := part.WriteAt([]byte{data[3] ^ 1}, 3)
			return err
		}, 0},
		"whole": {func(part *os.File) error {
			_, err := part.WriteAt(data, 0)
			return err
		}, 1 << 20},
	} {
		s := newServer(t)
		ctx, cancel := context.WithCancel(t.Context())
		c := s.session(Options{Progress: func(moved, _ int64) {
			if moved > 1<<19 {
				cancel()
			}
		}})
		if _, err := c.PutFileContinue(ctx, "a", local); !errors.Is(err, ErrGivenUp) {
			t.Fatalf("%s: %v", name, err)
		}
		s.kill()
		found, err := filepath.Glob(filepath.Join(s.root(), ".ferry-parts", "????????????????"))
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: parts %q, %v", name, found, err)
		}
		part, err := os.OpenFile(found[0], os.O_WRONLY, 0)
		if err == nil {
			err = errors.Join(test.change(part), part.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		s.start()
		moved, err := s.session(Options{}).PutFileContinue(t.Context(), "a", local)
		if err != nil || moved.Kept != test.kept || moved.Stored != Confirmed {
			t.Errorf("%s: %v, %v", name, moved, err)
		}
		if got, err := os.ReadFile(filepath.Join(s.root(), "a")); !bytes.Equal(got, data) {
			t.Errorf("%s: the server has other %d bytes (%v)", name, len(got), err)
		}
		wantNothingHidden(t, s.root(), s.notes)
	}
}

// TestLargeFileGoesBothWays: 12 GB in the full form, otherwise a small file in small pieces.
func TestLargeFileGoesBothWays(t *testing.T) {
	size, piece := int64(5_000_000), int64(1_500_000)
	if *full {
		size, piece = 12_000_000_000, codec.FieldMax
	}
	s := newServer(t)
	there, back := filepath.Join(s.dir, "there"), filepath.Join(s.dir, "back")
	sparse(t, there, size)
	want := fileSum(t, there)
	c := s.session(Options{})
	c.pieceMax = piece
	for name, put := range map[string]func() (Moved, error){
		"put":          func() (Moved, error) { return c.PutFile(t.Context(), "a", there) },
		"put continue": func() (Moved, error) { return c.PutFileContinue(t.Context(), "a", there) },
	} {
		moved, err := put()
		if err != nil || moved.Stored != Confirmed || moved.Size != size {
			t.Fatalf("%s: %v, %v", name, moved, err)
		}
		if sum, err := c.Sum(t.Context(), XXH3, "a"); err != nil || sum != want {
			t.Fatalf("%s: %v, %v; want %v", name, sum, err, want)
		}
	}
	for name, get := range map[string]func() (Moved, error){
		"get": func() (Moved, error) {
			n, err := c.GetFile(t.Context(), "a", back)
			return Moved{Size: n}, err
		},
		"get continue": func() (Moved, error) { return c.GetFileContinue(t.Context(), "a", back) },
		"segments":     func() (Moved, error) { return c.GetSegments(t.Context(), "a", back, 4) },
	} {
		moved, err := get()
		if err != nil || moved.Size != size {
			t.Fatalf("%s: %v, %v", name, moved, err)
		}
		if sum := fileSum(t, back); sum != want {
			t.Fatalf("%s: %v; want %v", name, sum, want)
		}
		if err := os.Remove(back); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUploadsOfOneFileAtOnceArrive: many who share their notes put the same file. Each of them says
// that it is there, or that somebody else is at it, and nothing is left of their ways.
func TestUploadsOfOneFileAtOnceArrive(t *testing.T) {
	s := newServer(t)
	local := filepath.Join(s.dir, "there")
	if err := os.WriteFile(local, random(4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	want := fileSum(t, local)
	var all sync.WaitGroup
	var stored atomic.Int32
	for i := range 6 {
		c := s.session(Options{})
		c.busyWait = patience
		if i == 0 { // one that breaks off, of which the others find the note
			ctx, cancel := context.WithCancel(t.Context())
			c.options.Progress = func(int64, int64) { cancel() }
			if _, err := c.PutFileContinue(ctx, "a", local); !errors.Is(err, ErrGivenUp) {
				t.Fatal(err)
			}
			continue
		}
		all.Go(func() {
			moved, err := c.PutFileContinue(t.Context(), "a", local)
			switch {
			case err == nil && moved.Stored == Confirmed:
				stored.Add(1)
			case !errors.Is(err, ErrBusy):
				t.Errorf("%v, %v", moved, err)
			}
		})
	}
	all.Wait()
	if stored.Load() == 0 {
		t.Error("nobody stored it")
	}
	if sum := fileSum(t, filepath.Join(s.root(), "a")); sum != want {
		t.Errorf("the server has %v, want %v", sum, want)
	}
	wantNothingHidden(t, s.root(), s.notes)
}

// TestKilledTransfersArrive: the server is killed, or the client leaves without a word, at a point
// drawn at random; the transfer goes on with a new server, and what arrives has the same hash. Both
// ways; FERRY_KILLS sets how often, 100 in the full form.
func TestKilledTransfersArrive(t *testing.T) {
	kills := 10
	if *full {
		kills = 100
	}
	if text := os.Getenv("FERRY_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	const size = 24 << 20
	s := newServer(t)
	there, back := filepath.Join(s.dir, "there"), filepath.Join(s.dir, "back")
	if err := os.WriteFile(there, random(size), 0o600); err != nil {
		t.Fatal(err)
	}
	want := fileSum(t, there)
	put := func(c *Client) (Moved, error) { return c.PutFileContinue(t.Context(), "a", there) }
	get := func(c *Client) (Moved, error) { return c.GetFileContinue(t.Context(), "a", back) }
	k := killing{most: kills + 100}
	for k.done < kills {
		k.untilDone(t, s, put, size)
		if sum := fileSum(t, filepath.Join(s.root(), "a")); sum != want {
			t.Fatalf("the server has %v, want %v", sum, want)
		}
		k.untilDone(t, s, get, size)
		if sum := fileSum(t, back); sum != want {
			t.Fatalf("here is %v, want %v", sum, want)
		}
		wantNothingHidden(t, s.dir, s.notes)
		for _, path := range []string{back, filepath.Join(s.root(), "a")} {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d kills; %d of %d tries went on from where the one before broke off",
		k.done, k.continued, k.tries)
	if k.continued < k.done/4 {
		t.Errorf("only %d of %d tries were continued", k.continued, k.tries)
	}
}

// killing counts what was done to transfers.
type killing struct{ most, done, tries, continued int }

// untilDone runs a transfer again and again until it arrives, and breaks each try but the last.
func (k *killing) untilDone(
	t *testing.T, s *server, transfer func(*Client) (Moved, error), size int64,
) {
	t.Helper()
	for last := int64(0); ; {
		k.tries++
		// Somewhere in what is left, as far as the last try showed, or never.
		at := last + rand.Int64N(size/4)
		byServer := rand.IntN(3) > 0
		reached, ended := make(chan struct{}), make(chan struct{})
		var once sync.Once
		c := s.session(Options{Progress: func(moved, _ int64) {
			if moved >= at {
				once.Do(func() { close(reached) })
			}
		}})
		var breaking sync.WaitGroup
		var broken atomic.Bool
		breaking.Go(func() {
			// The transfer goes on meanwhile: nobody knows how far it gets, or whether it ends.
			select {
			case <-reached:
			case <-ended:
				return
			}
			broken.Store(true)
			if byServer {
				s.kill()
			} else {
				_ = c.Close()
			}
		})
		moved, err := transfer(c)
		close(ended)
		breaking.Wait()
		if moved.Kept > 0 {
			k.continued++
		}
		if broken.Load() && byServer {
			s.start()
		}
		if err == nil {
			return
		}
		k.done++
		if !broken.Load() || k.tries > 3*k.most {
			t.Fatalf("a transfer that nobody broke, or that never arrives: %v", err)
		}
		last = moved.Kept
	}
}

// TestKilledClientsResume: a client's process is killed, with all that it held.
func TestKilledClientsResume(t *testing.T) {
	kills := 6
	if *full {
		kills = 100
	}
	const size = 24 << 20
	s := newServer(t)
	there, back := filepath.Join(s.dir, "there"), filepath.Join(s.dir, "back")
	if err := os.WriteFile(there, random(size), 0o600); err != nil {
		t.Fatal(err)
	}
	want := fileSum(t, there)
	done, kept := 0, 0
	for done < kills {
		for verb, local := range map[string]string{"put": there, "get": back} {
			if verb == "get" {
				s.file("a", random(size))
			}
			for at := int64(0); ; done++ {
				at = (at + rand.Int64N(size/4)) % (size + size/4)
				last, whole := s.runChild(verb, local, at)
				if last > 0 {
					kept++
				}
				if whole {
					break
				}
			}
			if sum := fileSum(t, local); sum != want {
				t.Fatalf("here is %v, want %v", sum, want)
			}
			if sum := fileSum(t, filepath.Join(s.root(), "a")); sum != want {
				t.Fatalf("the server has %v, want %v", sum, want)
			}
			wantNothingHidden(t, s.dir, s.root(), s.notes)
		}
		for _, path := range []string{back, filepath.Join(s.root(), "a")} {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d clients killed; %d tries went on from where another had been", done, kept)
	if kept < done/4 {
		t.Errorf("only %d tries were continued", kept)
	}
}

// TestFullLocalDiskKeepsPartialDownload: a limit of the process stands for a full disk. What was
// written stays, is compared, and is gone on with once there is room.
func TestFullLocalDiskKeepsPartialDownload(t *testing.T) {
	const size = 2 << 20
	s := newServer(t)
	data := random(size)
	s.file("a", data)
	back := filepath.Join(s.dir, "back")
	// Shells count in blocks of 512 bytes or of 1,024.
	cmd := exec.Command("sh", "-c", `ulimit -f 1024; exec "$0"`, os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+
		strings.Join([]string{"get", s.addr, s.notes, back}, "\n"))
	out, err := cmd.Output()
	if err == nil || !bytes.Contains(out, []byte("failed a: local error: ")) {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := os.Stat(back); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("a part has the file's name: %v", err)
	}
	moved, err := s.session(Options{}).GetFileContinue(t.Context(), "a", back)
	if err != nil || moved.Kept < 256<<10 || moved.Kept >= size {
		t.Errorf("%v, %v", moved, err)
	}
	if got, err := os.ReadFile(back); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	wantNothingHidden(t, s.dir, s.notes)
}

// runChild runs a client of its own, and kills it when so many bytes are there. It returns how many
// were there when it began, as far as it showed, and whether the transfer arrived.
func (s *server) runChild(verb, local string, at int64) (first int64, whole bool) {
	s.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+
		strings.Join([]string{verb, s.addr, s.notes, local}, "\n"))
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	first = -1
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		n, _ := strconv.ParseInt(rest, 10, 64)
		switch word {
		case "moved":
			if first < 0 {
				first = max(n-1<<20, 0)
			}
			if n >= at {
				_ = cmd.Process.Kill()
			}
		case "kept":
			whole = true
		default:
			s.t.Errorf("%s: %s", verb, lines.Text())
		}
	}
	_ = cmd.Wait()
	return first, whole
}

// wantNothingHidden fails the test if something is left beside the files, or of notes.
func wantNothingHidden(t *testing.T, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			name := e.Name()
			if strings.HasPrefix(name, ".") || strings.HasSuffix(name, noteEnd) {
				t.Errorf("%s is left in %s", name, dir)
			}
		}
	}
}
