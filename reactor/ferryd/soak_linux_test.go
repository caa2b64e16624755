package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// soak is how long TestSoak loads a server:
//
//	go test ./reactor/ferryd -run Soak -soak 1h -v -timeout 2h
var soak = flag.Duration("soak", 2*time.Second, "how long TestSoak loads a server")

// soakLook is how often a long run tells how it goes.
const soakLook = time.Minute

// soakFlags let a server come to rest soon after its last client has gone.
var soakFlags = []string{
	"--lease-rest", "100ms", "--offer-timeout", "3s", "--stall-timeout", "5s",
	"--idle-timeout", "20s", "--min-free", "1MiB", "--data-ports", "32",
	"--part-lifetime", "1s",
}

// TestSoak loads a server with clients of every exchange, over a network that cuts, resets, delays
// and swallows, while files change and vanish under it. When all have gone it holds what it held
// before: descriptors, goroutines, heap, leases, temporary files.
func TestSoak(t *testing.T) {
	lookAtSources(t)
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	if err := os.Mkdir(root, 0o777); err != nil {
		t.Fatal(err)
	}
	keep := func(line []byte) bool {
		return !bytes.Contains(line, []byte(` ended"`)) &&
			!bytes.Contains(line, []byte(`"message":"session"`)) &&
			!bytes.Contains(line, []byte(`"message":"transfer"`))
	}
	p, err := startLogging(dir, keep, soakFlags...)
	if p != nil {
		t.Cleanup(func() {
			p.signal(syscall.SIGTERM)
			if status, err := p.wait(); err != nil || status != 0 {
				t.Errorf("ferryd ended with status %d: %v", status, err)
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	l := newLoad(t, p, root)
	// What a server takes once and keeps is no leak: the first moments fill its pools.
	l.run(min(*soak/4, 20*time.Second), nil)
	before := l.atRest()
	t.Logf("before: %v", before)
	l.run(*soak, func(since time.Duration) {
		t.Logf("%8v: %v, %v", since.Round(time.Second), l.usage(), l.told())
	})
	after := l.atRest()
	t.Logf("after %v: %v, %v", *soak, after, l.told())
	after.compare(t, before)
	l.compareFolder(t)
	if l.done.Load() == 0 || l.passage.strikes() == 0 {
		t.Error("nothing moved, or no mishap struck: the test has shown nothing")
	}
}

// used is what a server has in use.
type used struct {
	// descriptors counts what it has open, by kind: socket, pipe, file and so on.
	descriptors map[string]int
	// resident is its memory in KiB as the kernel counts it.
	resident int
	// process and status are its own lines about it.
	process, status map[string]any
}

// usage asks the server what it has in use.
func (l *load) usage() used {
	l.t.Helper()
	if err := l.askStatus(); err != nil {
		l.t.Fatal(err)
	}
	u := used{descriptors: make(map[string]int)}
	var err1, err2 error
	u.process, err1 = l.server.log.last("process")
	u.status, err2 = l.server.log.last("status")
	if err1 != nil || err2 != nil {
		l.t.Fatal(err1, err2)
	}
	folder := fmt.Sprintf("/proc/%d/fd", l.server.cmd.Process.Pid)
	entries, err := os.ReadDir(folder)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(folder, e.Name()))
		if err != nil {
			continue // it was closed meanwhile
		}
		kind, _, special := strings.Cut(target, ":[")
		if !special {
			kind, _, special = strings.Cut(strings.TrimPrefix(target, "anon_inode:"), "]")
		}
		if !special {
			kind = "file"
		}
		u.descriptors[strings.Trim(kind, "[]")]++
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.server.cmd.Process.Pid))
	if err == nil {
		_, rest, _ := strings.Cut(string(text), "VmRSS:")
		_, err = fmt.Sscan(rest, &u.resident)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	return u
}

// askStatus has the server log its counters, and waits for them.
func (l *load) askStatus() error {
	answers := func(text string) int { return strings.Count(text, `"message":"status"`) }
	asked := answers(l.server.log.text())
	l.server.signal(syscall.SIGUSR1)
	return l.server.log.awaitText(func(text string) bool { return answers(text) > asked })
}

// number is a number of the server's lines.
func number(fields map[string]any, path ...string) int {
	for _, key := range path[:len(path)-1] {
		fields, _ = fields[key].(map[string]any)
	}
	n, ok := fields[path[len(path)-1]].(float64)
	if !ok {
		return -1
	}
	return int(n)
}

// String is the figures in a line.
func (u used) String() string {
	now := func(key string) int { return number(u.status, "now", key) }
	return fmt.Sprintf("descriptors %v, %d goroutines, heap %d KiB, resident %d KiB, "+
		"%d sessions, %d transfers, %d leases rest",
		u.descriptors, number(u.process, "goroutines"), number(u.process, "heap_bytes")>>10,
		u.resident, now("sessions"), now("transfers"), now("leases_resting"))
}

// heapGrowthMax is how much more the heap may hold in the end, in bytes: memory for ended
// transfers is kept, a bounded number of them, and so is the cache of checksums.
const heapGrowthMax = 4 << 20

// compare demands that nothing is in use that was not.
func (u used) compare(t *testing.T, before used) {
	t.Helper()
	kinds := maps.Clone(before.descriptors)
	maps.Copy(kinds, u.descriptors)
	for kind := range kinds {
		was, is := before.descriptors[kind], u.descriptors[kind]
		if kind == "pipe" { // a reactor keeps eight empty ones
			was = max(was, 16)
		}
		if is > was {
			t.Errorf("descriptors of kind %s: %d before, %d after", kind, was, is)
		}
	}
	if was, is := number(before.process, "goroutines"), number(u.process, "goroutines"); is > was {
		t.Errorf("goroutines: %d before, %d after", was, is)
	}
	was, is := number(before.process, "heap_bytes"), number(u.process, "heap_bytes")
	if is > was+heapGrowthMax {
		t.Errorf("heap: %d bytes before, %d after", was, is)
	}
}

// resting says what an idle server still has that it should not have.
func (u used) resting() string {
	for _, key := range []string{
		"sessions", "transfers", "addresses", "leases_resting", "commands_waiting", "deadlines",
		"bytes_announced",
	} {
		if n := number(u.status, "now", key); n != 0 {
			return fmt.Sprintf("%d %s", n, key)
		}
	}
	return ""
}

// atRest waits until the server has let go of what its clients left, and says what it has then.
func (l *load) atRest() used {
	l.t.Helper()
	const rest = time.Minute
	for begin := time.Now(); ; {
		u := l.usage()
		busy := u.resting()
		if busy == "" && l.keepsParts() {
			busy = "parts that have not expired" // their lifetime is a second here
			<-time.After(50 * time.Millisecond)
		}
		if busy == "" {
			return u
		}
		if time.Since(begin) > rest {
			l.t.Fatalf("%v after the last client left there are %s: %v", rest, busy, u.status)
		}
	}
}

// keepsParts says whether the folder holds beginnings of uploads that broke off.
func (l *load) keepsParts() (keeps bool) {
	_ = filepath.WalkDir(l.root, func(_ string, d fs.DirEntry, _ error) error {
		keeps = keeps || d != nil && d.Name() == ".ferry-parts"
		return nil
	})
	return keeps
}

// compareFolder demands that every file is whole, and that nothing hidden is left.
func (l *load) compareFolder(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(l.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") {
			t.Errorf("left behind: %s", path)
			return nil
		}
		if d.Type().IsRegular() && !strings.HasPrefix(d.Name(), "loose") {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if err := whole(content); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// run loads the server for a while, and calls look every minute of it.
func (l *load) run(d time.Duration, look func(since time.Duration)) {
	ctx, end := context.WithCancel(context.Background())
	defer end()
	var all sync.WaitGroup
	for i := range loadClients {
		all.Go(func() { l.client(ctx, i) })
	}
	all.Go(func() { l.vandal(ctx) })
	begin := time.Now()
	over := time.NewTimer(d)
	defer over.Stop()
	tick := time.NewTicker(soakLook)
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-over.C:
			running = false
		case <-tick.C:
			if look != nil {
				look(time.Since(begin))
			}
		}
	}
	end()
	all.Wait()
	l.passage.sever()
}
