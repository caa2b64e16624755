package reactor

import (
	"bytes"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"ferry/reactor/limit"
	"ferry/reactor/loop"
)

// patience is how long a test waits for something that must happen. It is never waited out.
const patience = 20 * time.Second

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually polls a condition that no event tells of.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for until := time.Now().Add(patience); !is(); <-tick.C {
		if time.Now().After(until) {
			t.Fatal("did not happen in time: " + what)
		}
	}
}

// descriptors lists what this process has open.
func descriptors() []string {
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var open []string
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err == nil && !strings.HasPrefix(target, "/proc/") {
			open = append(open, e.Name()+" "+target+endsOf(e.Name()))
		}
	}
	return open
}

// endsOf names both ends of a socket, so that a leak can be found.
func endsOf(descriptor string) string {
	fd, err := strconv.Atoi(descriptor)
	if err != nil {
		return ""
	}
	var text string
	if sa, err := unix.Getsockname(fd); err == nil {
		text += " from " + socketName(sa)
	}
	if sa, err := unix.Getpeername(fd); err == nil {
		text += " to " + socketName(sa)
	}
	return text
}

func socketName(sa unix.Sockaddr) string {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)).String()
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port)).String()
	}
	return "a local socket"
}

// skip lets time pass on a reactor's clock.
func skip(r *reactor, d time.Duration) {
	was := r.loop.Clock
	r.loop.Clock = func() loop.Instant { return was() + d }
	r.loop.Now = r.loop.Clock()
}

// logLine is one line of a server's log.
type logLine map[string]any

// logKeeper is a log that tests read. It is safe for use by many goroutines.
type logKeeper struct {
	mu    sync.Mutex
	lines []logLine
}

func (k *logKeeper) Write(line []byte) (int, error) {
	var l logLine
	if err := json.NewDecoder(bytes.NewReader(line)).Decode(&l); err != nil {
		return 0, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lines = append(k.lines, l)
	return len(line), nil
}

// all returns the lines with a message so far.
func (k *logKeeper) all(message string) []logLine {
	k.mu.Lock()
	defer k.mu.Unlock()
	var found []logLine
	for _, l := range k.lines {
		if l["message"] == message {
			found = append(found, l)
		}
	}
	return found
}

// testServer is a server that runs within a test.
type testServer struct {
	*Server
	t    testing.TB
	dir  string
	log  *logKeeper
	ran  chan error
	came bool // the result of Run was taken
	// start is what the limiter counted before the first client.
	start int64
	// dialed counts control connections that tests have made.
	dialed *atomic.Int64
}

// running counts the servers of the test that runs.
var running int

// serve runs a server until the end of the test, and then demands back all that it took.
func serve(t testing.TB, change ...func(*Options)) *testServer {
	t.Helper()
	return serveWith(t, nil, change...)
}

// serveWith is serve with a look at the server before it runs.
func serveWith(t testing.TB, prepare func(*Server), change ...func(*Options)) *testServer {
	t.Helper()
	ts := &testServer{
		t: t, dir: t.TempDir(), log: new(logKeeper), ran: make(chan error, 1),
		dialed: new(atomic.Int64),
	}
	o := testOptions(ts.dir)
	o.Log = zerolog.New(ts.log)
	if overTLS {
		o.TLS.Mode = TLSRequire
	}
	for _, c := range change {
		c(&o)
	}
	if o.Classic || o.FTP.Serves() { // FTP is never wholly encrypted, and its tests of TLS say how
		plainOnly(t)
	}
	before := descriptors()
	s, err := New(o)
	check(t, err)
	if prepare != nil {
		prepare(s)
	}
	ts.Server = s
	ts.start = s.limiter.Free(limit.Descriptors)
	listening := make(chan struct{})
	go func() { ts.ran <- s.Run(func() { close(listening) }) }()
	select {
	case <-listening:
	case err := <-ts.ran:
		t.Fatal("the server did not start: ", err)
	}
	reactors := s.reactors
	running++
	t.Cleanup(func() {
		ts.end(reactors)
		if overTLS { // relays end behind their connections
			eventually(t, "no descriptor more", func() bool {
				return len(descriptors()) <= len(before)
			})
		}
		wantSameDescriptors(t, before)
		if running--; running > 0 {
			return
		}
		relays.Wait()
		if err := goleak.Find(ambient...); err != nil {
			t.Error(err)
		}
	})
	return ts
}

// wantSameDescriptors demands that nothing is open that was not. It may be less: another server of
// the same test may have had a connection that ended meanwhile.
func wantSameDescriptors(t testing.TB, before []string) {
	t.Helper()
	if after := descriptors(); len(after) > len(before) {
		t.Errorf("descriptors leaked: %q before, %q after", before, after)
	}
}

// end waits until the clients that have gone left nothing behind, and stops the server.
func (ts *testServer) end(reactors []*reactor) {
	t := ts.t
	t.Helper()
	if !ts.came {
		if !t.Failed() {
			ts.wantQuiet(reactors)
		}
		ts.Stop()
		if err := ts.wait(); err != nil {
			t.Errorf("the server ended with: %v", err)
		}
	}
	if text, n := ts.limiter.InUse(), ts.limiter.Addresses(); text != "" || n != 0 {
		t.Errorf("in use: %s%d addresses", text, n)
	}
	for _, r := range reactors {
		for i, s := range r.spare {
			if !s.holdsNothing() {
				t.Errorf("spare transfer %d still holds something", i)
			}
		}
	}
}

// addr is where control connections are accepted.
func (ts *testServer) addr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(ts.Port()))
}

// wait returns what Run returned.
func (ts *testServer) wait() error {
	ts.t.Helper()
	ts.came = true
	select {
	case err := <-ts.ran:
		return err
	case <-time.After(patience):
		ts.t.Fatal("the server did not end in time")
		return nil
	}
}

// onLoop runs f on a reactor's loop and waits for it.
func onLoop(t testing.TB, r *reactor, f func()) {
	t.Helper()
	done := make(chan struct{})
	r.loop.Order(func() {
		defer close(done)
		f()
	})
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the loop did not take a turn in time")
	}
}

// wantQuiet waits until nothing runs, and demands every lease and every count back.
func (ts *testServer) wantQuiet(reactors []*reactor) {
	t := ts.t
	t.Helper()
	for _, r := range reactors {
		eventually(t, "the end of all sessions and transfers", func() bool {
			quiet := false
			onLoop(t, r, func() {
				quiet = len(r.sessions) == 0 && len(r.transfers) == 0 &&
					r.handshakes.counted.Len() == 0
			})
			return quiet
		})
		onLoop(t, r, func() {
			rest := 0
			for ip, a := range r.addresses {
				wantLeases(t, a)
				n := rest
				for _, l := range a.lines {
					if l != nil && len(l.resting) > 0 {
						rest++
					}
				}
				if n == rest {
					t.Errorf("%v is remembered for nothing", ip)
				}
			}
			if len(r.loop.Deadlines) != rest {
				t.Errorf("%d deadlines are set for %d lines that rest", len(r.loop.Deadlines), rest)
			}
			// What rests is not waited for.
			for _, a := range r.addresses {
				for _, l := range a.lines {
					if l != nil {
						l.resting = nil
					}
				}
				r.forget(a)
			}
			if len(r.attempts) > 0 {
				t.Errorf("%d logins are under way", len(r.attempts))
			}
			if n := r.listingsWaiting(); n > 0 {
				t.Errorf("%d listings wait", n)
			}
			if len(r.lines) > 0 || r.loop.Queued() > 0 {
				t.Errorf("%d lines wait, %d movers are queued", len(r.lines), r.loop.Queued())
			}
		})
	}
}

// wantLeases demands that every port of an address is free, offered or resting, and only one of
// these.
func wantLeases(t testing.TB, a *address) {
	t.Helper()
	for _, l := range a.lines {
		if l != nil {
			wantLine(t, l)
		}
	}
}

func wantLine(t testing.TB, l *line) {
	t.Helper()
	held := make([]int, len(l.offers))
	for i, o := range l.offers {
		if o != nil {
			held[i]++
			if !o.stands() || int(o.port) != i || o.line != l {
				t.Errorf("port %d has a stale offer", i)
			}
		}
	}
	for _, p := range l.free {
		held[p]++
	}
	for _, p := range l.resting {
		held[p.port]++
	}
	for i, n := range held {
		if n != 1 {
			t.Errorf("the lease of port %d is held %d times", i, n)
		}
	}
}

// quiet waits until no transfer holds anything any more, sessions aside.
func (ts *testServer) quiet() {
	ts.t.Helper()
	for _, r := range ts.reactors {
		eventually(ts.t, "the end of all transfers", func() bool {
			n := 0
			onLoop(ts.t, r, func() { n = len(r.transfers) })
			return n == 0
		})
	}
}

// file writes a file beneath the served root.
func (ts *testServer) file(name string, content []byte) {
	ts.t.Helper()
	check(ts.t, os.WriteFile(filepath.Join(ts.dir, name), content, 0o666))
}

// wantFile demands what a file beneath the served root holds, and that no temporary file is left.
func (ts *testServer) wantFile(name string, want []byte) {
	ts.t.Helper()
	got, err := os.ReadFile(filepath.Join(ts.dir, name))
	check(ts.t, err)
	if !bytes.Equal(got, want) {
		ts.t.Fatalf("%s holds %s, want %s", name, brief(got), brief(want))
	}
	ts.wantNoTemporaries()
}

func (ts *testServer) wantNoFile(name string) {
	ts.t.Helper()
	if _, err := os.Lstat(filepath.Join(ts.dir, name)); !os.IsNotExist(err) {
		ts.t.Fatalf("%s is there (%v)", name, err)
	}
	ts.wantNoTemporaries()
}

// wantNoTemporaries waits for the last of them to go: a worker removes what a transfer leaves, and
// the transfer's end does not wait for it.
func (ts *testServer) wantNoTemporaries() {
	ts.t.Helper()
	eventually(ts.t, "no temporary file", func() bool {
		left, err := filepath.Glob(filepath.Join(ts.dir, ".ferry-*"))
		check(ts.t, err)
		return len(left) == 0
	})
}

// wantTransfer waits for the log line of the n-th transfer, counted from 1, and checks its outcome.
func (ts *testServer) wantTransfer(n int, want outcome) {
	ts.t.Helper()
	var lines []logLine
	eventually(ts.t, "a transfer's log line", func() bool {
		lines = ts.log.all("transfer ended")
		return len(lines) >= n
	})
	if got := lines[n-1]["outcome"]; got != string(want) {
		ts.t.Fatalf("transfer %d ended as %q, want %q: %v", n, got, want, lines[n-1])
	}
}

// wantSession waits for the log line of the n-th session that ended, and checks its reason.
func (ts *testServer) wantSession(n int, want endReason) {
	ts.t.Helper()
	var lines []logLine
	eventually(ts.t, "a session's log line", func() bool {
		lines = ts.log.all("session ended")
		return len(lines) >= n
	})
	if got := lines[n-1]["reason"]; got != string(want) {
		ts.t.Fatalf("session %d ended as %q, want %q", n, got, want)
	}
}

func brief(b []byte) string {
	if len(b) > 40 {
		return string(b[:40]) + "…"
	}
	return `"` + string(b) + `"`
}
