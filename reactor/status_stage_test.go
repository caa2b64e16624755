//go:build linux && !ferryportable

package reactor

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ferry/codec"
	"ferry/fsio"
	"ferry/reactor/limit"
)

// hello opens a session of the status exchange.
func (s *stage) hello() *fakeConn {
	s.t.Helper()
	c := s.open("10.0.0.1")
	s.say(c, "hello 1")
	s.wantReply(c, 200, "ferry/1")
	return c
}

// wantReply takes the next reply on a control connection.
func (s *stage) wantReply(c *fakeConn, code int, text string) string {
	s.t.Helper()
	d := codec.NewDecoder(codec.Replies)
	ev, n := d.Next(c.out)
	if ev.Kind != codec.EventReply || ev.N != int64(code) ||
		!strings.HasPrefix(string(ev.Data), text) {
		s.t.Fatalf("%d %q came, want %d %q", ev.N, ev.Data, code, text)
	}
	rest := string(ev.Data)
	c.out = c.out[n:]
	return rest
}

// wantOffer takes the offer of a put off a control connection.
func (s *stage) wantOffer(c *fakeConn) codec.Offer {
	s.t.Helper()
	o, ok := codec.ParseOffer(codec.VerbPut, []byte(s.wantReply(c, 150, "")))
	if !ok {
		s.t.Fatal("no offer")
	}
	return o
}

// knock makes a data connection to a keyed port, says something, and returns our end of it.
func (s *stage) knock(says string) int {
	s.t.Helper()
	return s.knockFrom("127.0.0.1", says)
}

// knockFrom makes one from an address.
func (s *stage) knockFrom(from, says string) int {
	s.t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	check(s.t, err)
	if says != "" {
		_, err = unix.Write(fds[1], []byte(says))
		check(s.t, err)
	}
	s.tick()
	s.pools[poolKeyed].ports[0].acceptKeyed(s.loop.Adopt(fds[0]), netip.MustParseAddr(from))
	return fds[1]
}

// wantClosed demands that the other end was closed, and closes ours.
func (s *stage) wantClosed(fd int) {
	s.t.Helper()
	var b [1]byte
	n, err := unix.Read(fd, b[:])
	if n > 0 || err == unix.EAGAIN {
		s.t.Fatalf("the connection stands: %d, %v", n, err)
	}
	check(s.t, unix.Close(fd))
}

func (s *stage) wantOpen(fd int) {
	s.t.Helper()
	var b [1]byte
	if _, err := unix.Read(fd, b[:]); err != unix.EAGAIN {
		s.t.Fatalf("the connection does not stand: %v", err)
	}
}

func keyedStage(t *testing.T) *stage {
	o := testOptions(t.TempDir())
	o.Limits.Keyless = 4
	s := stages(t, 1, o)[0]
	t.Cleanup(s.close)
	return s
}

func TestAConnectionWithoutAKeyIsClosedInTime(t *testing.T) {
	s := keyedStage(t)
	c := s.hello()
	s.say(c, "put a")
	o := s.wantOffer(c)
	silent := s.knock("")
	s.advance(4 * time.Second)
	slow := s.knock(o.Key.String()[:8])
	s.advance(5 * time.Second)
	s.wantOpen(silent)
	s.advance(time.Second)
	// "a KEY that is not whole within the offer's time is closed". The offer's time is over too.
	s.wantClosed(silent)
	s.wantReply(c, 425, "")
	s.wantOpen(slow)
	s.advance(4 * time.Second)
	s.wantClosed(slow)
	if n := s.limiter.Used(limit.Keyless); n != 0 || s.keys.pending.Len() != 0 {
		t.Errorf("%d connections wait for their KEY", n)
	}
	s.hang(c)
}

// An address that floods a port with connections that say no KEY makes room for its own alone;
// another one, whose KEY comes in two segments, is not closed for it.
func TestTheOldestWithoutAKeyMakesRoom(t *testing.T) {
	o := testOptions(t.TempDir())
	o.Limits.Keyless = 8
	s := stages(t, 1, o)[0]
	t.Cleanup(s.close)
	c := s.hello()
	s.say(c, "put a")
	offer := s.wantOffer(c)
	honest := s.knockFrom("10.0.0.1", offer.Key.String()[:5])
	const flood = 20
	standing := func(fds []int) (n int) {
		for _, fd := range fds {
			var b [1]byte
			if _, err := unix.Read(fd, b[:]); err == unix.EAGAIN {
				n++
			}
		}
		return n
	}
	// One address leaves as many as it has; so do two.
	var first, second []int
	for range flood {
		first = append(first, s.knockFrom("10.0.0.2", "0"))
	}
	if n := standing(first); n != 3 { // of eight: its three, the honest one, and four that are left
		t.Errorf("%d of one address stand", n)
	}
	for range flood {
		second = append(second, s.knockFrom("10.0.0.3", "0"))
	}
	if n := standing(first) + standing(second); n != 5 {
		t.Errorf("%d of two addresses stand", n)
	}
	if n := standing(first[flood-3:]); n != 3 {
		t.Errorf("%d of the youngest stand", n)
	}
	// However many addresses they come from, one connection each: the oldest of all goes.
	var crowd []int
	for i := range 2 {
		crowd = append(crowd, s.knockFrom("10.0.1."+strconv.Itoa(i), "0"))
	}
	s.wantOpen(honest)
	_, err := unix.Write(honest, []byte(offer.Key.String()[5:]+record("abc")))
	check(t, err)
	s.eventuallySettled("the upload", func() bool { return len(c.out) > 0 })
	s.wantReply(c, 226, "3")
	s.say(c, "put a")
	s.wantOffer(c)
	old := s.knockFrom("10.0.2.1", "0")
	for i := range 8 {
		crowd = append(crowd, s.knockFrom("10.0.3."+strconv.Itoa(i), "0"))
	}
	s.wantClosed(old)
	s.advance(10 * time.Second)
	for _, fd := range slices.Concat(first, second, crowd) {
		s.wantClosed(fd)
	}
	check(t, unix.Close(honest))
	s.settle()
	// No offer stands: nobody has to wait for a KEY.
	s.wantClosed(s.knock("0"))
	if n := s.limiter.Used(limit.Keyless); n != 0 {
		t.Errorf("%d are counted", n)
	}
	s.hang(c)
	s.advance(10 * time.Second)
	if s.limiter.Addresses() != 0 {
		t.Error("an address is still known")
	}
}

// eventuallySettled takes turns until workers have done what is waited for.
func (s *stage) eventuallySettled(what string, is func() bool) {
	s.t.Helper()
	eventually(s.t, what, func() bool {
		s.settle()
		return is()
	})
}

func TestThreeUntakenOffersEndASession(t *testing.T) {
	s := keyedStage(t)
	c := s.hello()
	for range 3 {
		s.say(c, "put a")
		s.wantOffer(c)
		s.advance(10 * time.Second)
		s.wantReply(c, 425, "nobody connected")
	}
	s.wantReply(c, 421, string(endUnused))
	if len(s.sessions) > 0 || len(s.keys.offers) > 0 || len(s.transfers) > 0 {
		t.Errorf("%d sessions, %d offers, %d transfers", len(s.sessions), len(s.keys.offers),
			len(s.transfers))
	}
}

func TestAnIdleSessionIsToldWhyItEnds(t *testing.T) {
	s := keyedStage(t)
	c := s.hello()
	s.say(c, "rnfr a")
	s.eventuallySettled("an answer", func() bool { return len(c.out) > 0 })
	s.wantReply(c, 550, "")
	s.advance(s.limiter.Limits.IdleTimeout)
	s.wantReply(c, 421, string(endIdle))
	if len(s.sessions) > 0 {
		t.Error("the session stands")
	}
}

func TestDrainFinishesWhatWasAsked(t *testing.T) {
	s := keyedStage(t)
	idle, busy := s.hello(), s.hello()
	s.say(busy, "put a")
	o := s.wantOffer(busy)
	drained := false
	s.drain(func() { drained = true })
	s.wantReply(idle, 421, string(endDrained))
	fd := s.knock(o.Key.String() + record("abc"))
	s.eventuallySettled("the upload", func() bool { return len(busy.out) > 0 })
	s.wantReply(busy, 226, "3")
	s.wantReply(busy, 421, string(endDrained))
	check(t, unix.Close(fd))
	s.eventuallySettled("the drain", func() bool { return drained })
}

// A session's commands that were sent ahead are answered some at a time, in order and all of them,
// so that others have their turn in between.
func TestCommandsSentAheadLeaveOthersTheirTurn(t *testing.T) {
	s := keyedStage(t)
	const n = 10 * commandsATurn
	greedy, other := s.hello(), s.hello()
	s.say(greedy, strings.Fields(strings.Repeat("pwd ", n))...)
	answered := len(greedy.out)
	const one = len("00000000005257 /")
	if most := (commandsATurn + 1) * one; answered == 0 || answered > most {
		t.Fatalf("%d bytes of answers came at once, %d at most should", answered, most)
	}
	s.say(other, "pwd")
	s.wantReply(other, 257, "/")
	if len(greedy.out) != answered {
		t.Error("another's command set off more answers")
	}
	s.settle()
	for range n {
		s.wantReply(greedy, 257, "/")
	}
	if len(greedy.out) > 0 {
		t.Errorf("%q came behind", greedy.out)
	}
	s.say(greedy, strings.Fields(strings.Repeat("pwd ", n))...)
	s.hang(greedy)
	s.settle()
	s.hang(other)
}

// A client that is gone when its abor is answered ends its session, and nothing else.
func TestAbortAnswersOnBrokenControl(t *testing.T) {
	s := keyedStage(t)
	c := s.hello()
	s.say(c, "put a")
	s.wantOffer(c)
	c.broken = true
	for range batchBytes / len("0000000011426 aborted") {
		c.in = append(c.in, framed("noop")...)
	}
	s.say(c, "abor")
	s.settle()
	if len(s.sessions) > 0 || len(s.keys.offers) > 0 || len(s.transfers) > 0 {
		t.Errorf("%d sessions, %d offers, %d transfers", len(s.sessions), len(s.keys.offers),
			len(s.transfers))
	}
}

// heldPool keeps jobs from running.
type heldPool struct{ jobs []fsio.Job }

func (p *heldPool) Submit(j fsio.Job) { p.jobs = append(p.jobs, j) }
func (p *heldPool) Yield()            {}
func (p *heldPool) Close()            {}

// What a worker still reads for an aborted checksum counts for its session.
func TestAbortedSumCountsWhatWasRead(t *testing.T) {
	s := keyedStage(t)
	s.limiter.Limits.SumBytes = 1
	s.server.sumPool.Close()
	s.server.sumPool = new(heldPool)
	c := s.hello()
	s.say(c, "sum xxh3 a")
	sum := c.session.transfer.found.sum
	if !sum.begin() {
		t.Fatal("the worker cannot begin")
	}
	s.say(c, "abor")
	s.wantReply(c, 426, "")
	s.wantReply(c, 226, "")
	sum.read = fsio.SumPiece
	s.transfers[0].OnLoop()
	s.say(c, "sum xxh3 a")
	s.wantReply(c, 552, "a: too many bytes")
	s.hang(c)
	s.settle()
	if text := s.limiter.InUse(); text != "" {
		t.Error("in use: ", text)
	}
}

// A client that has connected waits for its command's file work, however long that takes.
func TestHeldConnectionOutlastsSlowFileWork(t *testing.T) {
	s := keyedStage(t)
	c := s.open("127.0.0.1")
	c.session.face, c.session.properties = firstFace{}, &firstProperties
	c.session.requestAhead(poolData)
	number, err := strconv.Atoi(strings.TrimSpace(string(c.out)))
	check(t, err)
	fd := s.meetAt(uint16(number), "127.0.0.1")
	held := new(heldPool)
	pool := s.server.pool
	s.server.pool = held
	tr := c.session.newTransfer(codec.Request{Verb: codec.VerbPut}, []byte("a"))
	c.session.step(inAsk)
	tr.call = func(fsio.Store) ([]byte, error) { return nil, nil }
	tr.then = func() { tr.offer.stand() }
	tr.claim(c.session.offer)
	s.advance(2 * s.limiter.Limits.OfferTimeout)
	if tr.state != transferWaiting || len(held.jobs) != 1 {
		t.Errorf("the transfer is %v, %d jobs", tr.state, len(held.jobs))
	}
	s.server.pool = pool
	pool.Submit(held.jobs[0])
	s.eventuallySettled("the transfer", func() bool { return tr.state == transferMoving })
	check(t, unix.Close(fd))
	s.hang(c)
	s.eventuallySettled("the end", func() bool { return len(s.transfers) == 0 })
}
