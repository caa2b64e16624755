package reactor

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rs/zerolog"

	"ferry/reactor/limit"
)

// The hostile clients. Each case is a client, or a crowd of them, that means harm or is broken, and
// says what it must see. A good client beside it is served before, meanwhile and after; and when
// the hostile one has gone the server is as it was before it came: its descriptors, goroutines and
// heap, its temporary files, and all that it counts and holds. Time is the server's own, and passes
// when the case says so.

// hostileCase is one of them.
type hostileCase struct {
	name string
	// plain: it counts what is unread, and the relay of a run over TLS reads ahead.
	plain bool
	// change is what is special about the server.
	change func(*Options)
	// prepare furnishes the root before the good client comes.
	prepare func(*siege)
	attack  func(*siege)
}

// siege is a server with a good client, and hostile ones before it.
type siege struct {
	*testServer
	log  *visibleLog
	good *goodClient
}

// hostileFrom is where hostile clients come from; the good one comes from 127.0.0.1.
const hostileFrom = "127.0.0.2"

func TestHostileClients(t *testing.T) {
	names := make(map[string]bool)
	for _, cases := range [][]hostileCase{
		hostileHeaders(), hostileControl, hostileData, hostileNames, hostileStatus, hostileParts,
		hostileFloods, hostileListings, hostileClassic, hostileClassicControl,
		hostileClassicData, hostileClassicNames, hostileFTP,
	} {
		for _, c := range cases {
			if names[c.name] {
				t.Fatalf("two cases are called %q", c.name)
			}
			names[c.name] = true
			t.Run(c.name, func(t *testing.T) { besiege(t, c) })
		}
	}
	if len(names) < 40 {
		t.Errorf("%d cases", len(names))
	}
}

func besiege(t *testing.T, c hostileCase) {
	if c.plain {
		plainOnly(t)
	}
	log := &visibleLog{seen: make(map[string]int)}
	ts := serve(t, func(o *Options) {
		o.FTP.Port = 0
		o.Log = zerolog.New(log).Level(zerolog.DebugLevel)
		if c.change != nil {
			c.change(o)
		}
	})
	s := &siege{testServer: ts, log: log}
	check(t, os.Mkdir(filepath.Join(ts.dir, "kept"), 0o777))
	ts.file("kept/file", nil)
	if c.prepare != nil {
		c.prepare(s)
	}
	s.good = newGoodClient(ts)
	s.good.round()
	var before state
	eventually(t, "the end of the good client's transfers", func() bool {
		before = s.state()
		return before.transfers == 0 && before.deadlines == before.sessions
	})
	t.Run("attack", func(t *testing.T) {
		// What is opened in here is closed at the end of this part.
		own := *ts
		own.t = t
		mine := *s
		mine.testServer = &own
		c.attack(&mine)
		s.good.round()
	})
	s.good.round()
	s.pass(s.limiter.Limits.OfferTimeout + time.Second) // what was offered is so no more
	s.pass(s.limiter.Limits.LeaseRest + time.Second)    // what rests has rested
	s.wantState(before)
	for _, line := range log.bad {
		t.Errorf("what a terminal obeys came into the log: %q", line)
	}
	s.good.bye()
}

// dial opens a control connection of a hostile client.
func (s *siege) dial() *wire { return s.dialFrom(s.t, hostileFrom) }

// hello opens a session of the status exchange for a hostile client.
func (s *siege) hello() *speaker {
	s.t.Helper()
	return s.helloFrom(hostileFrom)
}

// helloFrom opens one from an address.
func (s *siege) helloFrom(from string) *speaker {
	s.t.Helper()
	c := &speaker{s.dialFrom(s.t, from)}
	c.command("hello 1")
	c.want(200, "ferry/1")
	return c
}

// pass lets time pass for the server, and the good client is heard of often enough to stay.
func (s *siege) pass(d time.Duration) {
	s.t.Helper()
	for d > 0 {
		step := min(d, s.limiter.Limits.IdleTimeout/2)
		d -= step
		s.leap(step)
		s.good.round()
	}
}

// leap lets time pass at once, after what the kernel has taken for the server was met: an offer
// whose connection is there already must not end unused. It waits for the workers, whose work
// excuses a transfer that has stalled.
func (s *siege) leap(d time.Duration) {
	s.t.Helper()
	// A session begins when it is accepted: one that comes after the leap has not been idle.
	eventually(s.t, "every session to begin", func() bool {
		began := uint64(0)
		for _, r := range s.reactors {
			onLoop(s.t, r, func() { began += r.count.controlConnections })
		}
		return began >= uint64(s.dialed.Load())
	})
	for _, r := range s.reactors {
		eventually(s.t, "the end of all file work", func() (ended bool) {
			onLoop(s.t, r, func() {
				r.meetAll()
				ended = !slices.ContainsFunc(r.transfers, func(t *transfer) bool {
					return t.job.busy
				})
				if ended {
					skip(r, d)
				}
			})
			return ended
		})
		onLoop(s.t, r, func() {}) // the turn in which that was is over
	}
}

// meetAll accepts the data connections that are there.
func (r *reactor) meetAll() {
	for met := uint64(0); met != r.count.dataConnections; {
		met = r.count.dataConnections
		r.eachPort(func(p *dataPort) {
			for _, l := range p.listeners {
				l.Accept()
			}
		})
	}
}

// transfersNow is how many transfers there are, the good client's included.
func (s *siege) transfersNow() (n int) {
	for _, r := range s.reactors {
		onLoop(s.t, r, func() { n += len(r.transfers) })
	}
	return n
}

// wantTransfers waits until there are so many transfers.
func (s *siege) wantTransfers(n int) {
	s.t.Helper()
	eventually(s.t, fmt.Sprint("transfers: ", n), func() bool { return s.transfersNow() == n })
}

// wantUnread waits until everything that is sent to hostile clients stands still, since they read
// nothing: the kernel's buffers are full, and no worker is at it. From then on time counts.
func (s *siege) wantUnread() {
	s.t.Helper()
	eventually(s.t, "the sockets to be full", func() bool {
		full := true
		for _, r := range s.reactors {
			onLoop(s.t, r, func() {
				for _, t := range r.transfers {
					full = full && (t.waitsForMemory() || t.atRest())
				}
			})
		}
		return full
	})
}

// wantLogged waits until a word was logged so often, as an outcome or a reason.
func (s *siege) wantLogged(word string, times int) {
	s.t.Helper()
	defer func() {
		if s.t.Failed() {
			s.t.Logf("logged: %v", s.log.seen)
		}
	}()
	eventually(s.t, fmt.Sprintf("%q in the log", word), func() bool {
		return s.log.count(word) >= times
	})
}

// state is what a server has and holds.
type state struct {
	sessions, transfers, addresses, deadlines, keys, keyless int
	listing, lines, queued, resting                          int

	offers, sums, counted, moving, descriptorsFree int64
	announced, listings, large                     int64
	keylessAll, borrowed                           int64

	held int

	parts, partsHeld, temporaries int
	descriptors, goroutines       int
}

func (s *siege) state() (now state) {
	l := s.limiter
	pipes := 0
	for _, r := range s.reactors {
		onLoop(s.t, r, func() {
			now.sessions += len(r.sessions)
			now.transfers += len(r.transfers)
			now.addresses += len(r.addresses)
			now.deadlines += len(r.loop.Deadlines)
			now.keys += len(r.keys.offers)
			now.keyless += r.keys.pending.Len()
			now.listing += r.listingsWaiting()
			now.lines += len(r.lines)
			now.queued += r.loop.Queued()
			pipes += r.loop.Pipes.Kept()
			for _, a := range r.addresses {
				for _, line := range a.lines {
					if line != nil {
						now.resting += len(line.resting)
						wantLine(s.t, line)
					}
				}
			}
		})
	}
	now.counted, now.moving = l.Used(limit.Sessions), l.Used(limit.Transfers)
	now.descriptorsFree, now.announced = l.Free(limit.Descriptors), l.Used(limit.Reserved)
	now.listings, now.large = l.Used(limit.Listings), l.Used(limit.LargeListings)
	now.keylessAll, now.borrowed = l.Used(limit.Keyless), l.Used(limit.Pipes)-int64(pipes)
	now.held = l.Addresses()
	now.offers, now.sums = l.Used(limit.Offers), l.Used(limit.Sums)
	now.parts, now.partsHeld = s.store().Parts()
	left, err := filepath.Glob(filepath.Join(s.dir, ".ferry-*"))
	check(s.t, err)
	now.temporaries = len(left)
	// A few empty pipes are kept for the next upload.
	now.descriptors, now.goroutines = len(descriptors())-2*pipes, runtime.NumGoroutine()
	return now
}

// heapSlack is what a heap may differ by: maps that have grown, transfers that are kept for the
// next, and the test's own. A thousand slow readers leave 0.5 MiB of that, and most cases a tenth
// of it; 4 KiB for each session of a flood, a listing, or what one of them sent is more.
const heapSlack = 1 << 20

// wantState waits until the server is as it was. Its heap was what the good client leaves behind.
func (s *siege) wantState(before state) {
	s.t.Helper()
	var after state
	defer func() {
		if s.t.Failed() {
			s.t.Logf("before: %+v\nafter:  %+v", before, after)
		}
	}()
	eventually(s.t, "the state before", func() bool {
		after = s.state()
		// gnet's workers end in their time.
		after.goroutines = max(after.goroutines, before.goroutines)
		return after == before
	})
	if heap := heapNow(); heap > s.good.heap+heapSlack {
		s.t.Errorf("the heap has grown from %d to %d bytes", s.good.heap, heap)
	}
}

// heapNow is what is in use.
func heapNow() uint64 {
	var m runtime.MemStats
	for range 2 { // a pool lets go of what it holds with the second
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// goodClient does its work, over and over: in each round it has everything that a client can have.
type goodClient struct {
	ts      *testServer
	base    *wire
	status  *speaker // nil where the server does not speak it, classic too
	classic *lines
	ftp     *ftpWire
	rounds  int
	heap    uint64
}

func newGoodClient(ts *testServer) *goodClient {
	g := &goodClient{ts: ts, base: ts.dial()}
	if ts.speaksStatus() {
		g.status = ts.greet()
	}
	if ts.ClassicPort() != NoPort {
		g.classic = ts.classic()
	}
	if ts.FTPPort() != NoPort {
		g.ftp = ts.ftp()
	}
	g.round()
	g.heap = heapNow()
	return g
}

func (g *goodClient) round() {
	g.ts.t.Helper()
	g.rounds++
	small := fmt.Appendf(nil, "content of round %d", g.rounds)
	name := "good"
	if g.ts.options.NoOverwrite {
		name = fmt.Sprint("good", g.rounds)
	}
	content := append(small, pattern(70_000)...)
	check(g.ts.t, g.base.SetDeadline(time.Now().Add(3*patience))) // it does many things
	g.base.put(name, string(content))
	g.base.get(name, content)
	g.base.ask("ls kept").wantRecord([]byte("file\n"))
	if g.classic != nil {
		check(g.ts.t, g.classic.SetDeadline(time.Now().Add(patience)))
		g.classic.ask(name).wantWhole(content)
		g.classic.ask("missing").wantMessage(notFound)
	}
	if g.ftp != nil {
		check(g.ts.t, g.ftp.SetDeadline(time.Now().Add(3*patience)))
		g.ftp.store("STOR ftp"+name, string(content))
		g.ftp.wantFetch("RETR ftp"+name, string(content))
		g.ftp.wantFetch("NLST kept", "kept/file\r\n")
	}
	if g.status == nil {
		return
	}
	check(g.ts.t, g.status.SetDeadline(time.Now().Add(3*patience)))
	name += "." // another than base's, where none is replaced
	g.status.store(name, string(small))
	g.status.fetch("get "+name, small)
	g.status.fetch("ls kept", []byte("file\n"))
	g.status.ask("stat "+name, 213, fmt.Sprintf("file %d ", len(small)))
}

func (g *goodClient) bye() {
	g.base.quit()
	if g.classic != nil {
		g.classic.goodbye()
	}
	if g.ftp != nil {
		g.ftp.bye()
	}
	if g.status != nil {
		g.status.bye()
	}
}

// visibleLog counts outcomes and reasons, and keeps the lines that do something to a terminal.
type visibleLog struct {
	mu   sync.Mutex
	seen map[string]int
	text []byte // of the last lines
	bad  []string
}

func (v *visibleLog) Write(line []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if obeyed(bytes.TrimSuffix(line, []byte("\n"))) && len(v.bad) < 10 {
		v.bad = append(v.bad, string(line))
	}
	for _, field := range []string{`"outcome":"`, `"reason":"`} {
		if _, rest, ok := bytes.Cut(line, []byte(field)); ok {
			word, _, _ := bytes.Cut(rest, []byte(`"`))
			v.seen[string(word)]++
		}
	}
	v.text = append(v.text, line...)
	v.text = v.text[max(0, len(v.text)-64<<10):]
	return len(line), nil
}

// obeyed says whether a terminal does with a text anything but show it.
func obeyed(text []byte) bool {
	return !utf8.Valid(text) || bytes.ContainsFunc(text, func(c rune) bool {
		return !unicode.IsPrint(c)
	})
}

func (v *visibleLog) count(word string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.seen[word]
}

// holds says whether the last lines hold a text.
func (v *visibleLog) holds(text string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return strings.Contains(string(v.text), text)
}
