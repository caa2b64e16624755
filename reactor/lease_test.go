package reactor

import (
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ferry/codec"
)

// An offer stands until it is taken or its time is over, whatever becomes of control.
func TestOfferOutlivesControl(t *testing.T) {
	ts := serve(t)
	ts.file("file", []byte("content"))
	for i := range 50 {
		c := ts.dial()
		c.command("get file")
		port := c.wantPort()
		check(t, c.Close())
		if i == 0 {
			ts.wantSession(1, endClosed)
		}
		c.connect(port).wantRecord([]byte("content"))
	}
	c := ts.dial()
	c.command("put new")
	port := c.wantPort()
	check(t, c.Close())
	d := c.connect(port)
	d.say(record("content"))
	d.wantEOF()
	ts.wantFile("new", []byte("content"))
}

func TestUntakenOfferRestsItsLease(t *testing.T) {
	ts := serve(t, func(o *Options) {
		o.DataPorts.Count = 1
		o.Limits.LeaseRest = 300 * time.Millisecond
	})
	ts.freeze()
	ts.file("file", []byte("content"))
	c := ts.dial()
	c.command("get file")
	port := c.wantPort()
	ts.later(ts.limiter.Limits.OfferTimeout)
	eventually(t, "the offer's end", func() bool { return ts.counted().offersUnused == 1 })
	// Whoever comes now comes to nobody.
	c.connect(port).wantEOF()
	c.command("get file")
	eventually(t, "the command", func() bool { return ts.counted().commands == 2 })
	ts.later(299 * time.Millisecond)
	if n := ts.counted().offers; n != 1 {
		t.Errorf("%d offers were made before the lease has rested", n)
	}
	ts.later(time.Millisecond)
	if again := c.wantPort(); again != port {
		t.Errorf("port %d instead of %d", again, port)
	}
	c.connect(port).wantRecord([]byte("content"))
	// Another address never waits for it.
	c.quit()
}

// counted is what the first reactor has counted.
func (ts *testServer) counted() (c counters) {
	onLoop(ts.t, ts.reactors[0], func() { c = ts.reactors[0].count })
	return c
}

func TestThreeUntakenOffersEndTheSession(t *testing.T) {
	ts := serve(t, func(o *Options) { o.Limits.OfferTimeout = 20 * time.Millisecond })
	c := ts.dial()
	for range 3 {
		c.command("ls")
		c.wantPort()
	}
	c.wantEOF()
	ts.wantSession(1, endUnused)
}

func TestStrangerIsClosedAtOnce(t *testing.T) {
	ts := serve(t)
	ts.file("file", []byte("content"))
	c := ts.dial()
	c.command("get file")
	port := c.wantPort()
	connectFrom(t, netip.MustParseAddr("127.0.0.2"), port).wantEOF()
	for _, p := range ts.reactors[0].ports() {
		if p != port {
			c.connect(p).wantEOF()
		}
	}
	c.connect(port).wantRecord([]byte("content"))
	c.quit()
}

// ports are the numbers of a reactor's data ports.
func (r *reactor) ports() []uint16 {
	var numbers []uint16
	for _, p := range r.pools[poolData].ports {
		numbers = append(numbers, p.number)
	}
	return numbers
}

func TestSecondConnectionForOneOfferIsClosed(t *testing.T) {
	ts := serve(t)
	c := ts.dial()
	c.command("put file")
	port := c.wantPort()
	first := c.connect(port)
	first.say(record("first"))
	eventually(t, "the first", func() bool { return ts.offset(t) > 0 })
	c.connect(port).wantEOF()
	first.stored()
	ts.wantFile("file", []byte("first"))
	c.quit()
}

// The port of one offer is free again as soon as it is taken: another session may meet it there.
func TestPortServesTheNextWhileATransferMoves(t *testing.T) {
	ts := serve(t, func(o *Options) { o.DataPorts.Count = 1 })
	ts.file("file", []byte("content"))
	slow, fast := ts.dial(), ts.dial()
	d := slow.ask("put new")
	for range 5 {
		fast.get("file", []byte("content"))
	}
	d.say(record("x"))
	d.stored()
	slow.quit()
	fast.quit()
}

func TestWaitingForALeaseIsInOrder(t *testing.T) {
	ts := serve(t, func(o *Options) { o.DataPorts.Count = 1 })
	ts.file("file", []byte("content"))
	var line []*wire
	for i := range 8 {
		c := ts.dial()
		c.command("get file")
		if i > 0 {
			eventually(t, "the command", func() bool { return ts.waiting(t) == i })
		}
		line = append(line, c)
	}
	for i, c := range line {
		port := c.wantPort()
		if n := ts.waiting(t); n != len(line)-1-i {
			t.Fatalf("%d wait after %d were served", n, i+1)
		}
		c.connect(port).wantRecord([]byte("content"))
	}
	for _, c := range line {
		c.quit()
	}
}

// A session that goes while its command waits leaves the line.
func TestWhoGoesLeavesTheLine(t *testing.T) {
	ts := serve(t, func(o *Options) { o.DataPorts.Count = 1 })
	a, b, c := ts.dial(), ts.dial(), ts.dial()
	a.command("ls")
	port := a.wantPort()
	b.command("ls")
	eventually(t, "b", func() bool { return ts.waiting(t) == 1 })
	c.command("ls")
	eventually(t, "c", func() bool { return ts.waiting(t) == 2 })
	check(t, b.Close())
	eventually(t, "b's end", func() bool { return ts.waiting(t) == 1 })
	a.connect(port).wantRecord(nil)
	c.connect(c.wantPort()).wantRecord(nil)
	a.quit()
	c.quit()
}

// More than the buffer for what is sent ahead ends the session.
func TestFloodOfCommandsEndsSession(t *testing.T) {
	ts := serve(t, func(o *Options) { o.Limits.ControlBufferBytes = 8192 })
	c := ts.dial()
	c.command("ls")
	port := c.wantPort()
	_, _ = io.WriteString(c, strings.Repeat(framed("ls"), 1000))
	wantEnd(t, c.TCPConn, errAny)
	ts.wantSession(1, endFlood)
	c.connect(port).wantRecord(nil) // its offer stands
}

func TestBadFieldsEndTheSession(t *testing.T) {
	ts := serve(t, func(o *Options) { o.Limits.CommandBytes = 100 })
	for i, bad := range []string{
		"GET / HTTP/1.1\r\n", "0000000000", "0000000101", "9999999999", "          ", "-000000001",
		"+000000001", "000000000a", "1 2       ", "0002\x002",
	} {
		c := ts.dial()
		c.say(bad)
		wantEnd(t, c.TCPConn, errAny)
		ts.wantSession(i+1, endViolation)
	}
	// Padding is not bad.
	c := ts.dial()
	for _, good := range []string{"         2ls", "2         ls", "0000000002ls", "2\x00\x00\x00" +
		"\x00\x00\x00\x00\x00\x00ls", "  02      ls"} {
		c.say(good)
		c.connect(c.wantPort()).wantRecord(nil)
	}
	c.quit()
}

func TestCommandByteByByte(t *testing.T) {
	ts := serve(t)
	ts.file("file", []byte("content"))
	c := ts.dial()
	check(t, c.SetNoDelay(true))
	for range 3 {
		for _, b := range []byte(framed("get file")) {
			c.say(string([]byte{b}))
		}
		c.connect(c.wantPort()).wantRecord([]byte("content"))
	}
	d := c.ask("put new")
	check(t, d.SetNoDelay(true))
	for _, b := range []byte(record("byte") + record("") + record(" by byte")) {
		d.say(string([]byte{b}))
	}
	d.stored()
	ts.wantFile("new", []byte("byte by byte"))
	c.quit()
}

// The longest command there is, and one byte more.
func TestLongestCommand(t *testing.T) {
	ts := serve(t)
	dir := ts.dir
	name := strings.Repeat("d/", 1900) // parts are short, the name is long
	check(t, os.MkdirAll(filepath.Join(dir, "d"), 0o777))
	c := ts.dial()
	long := "get " + strings.Repeat("./", (codec.CommandMax-4-4)/2) + "file"
	if len(long) != codec.CommandMax {
		t.Fatalf("the command has %d bytes", len(long))
	}
	ts.file("file", []byte("content"))
	c.ask(long).wantRecord([]byte("content"))
	c.ask("get " + name).wantRecord(nil)
	text := framed(long)
	c.say(text[:2000])
	c.say(text[2000:4000])
	c.say(text[4000:])
	c.connect(c.wantPort()).wantRecord([]byte("content"))
	c.say("0000004097")
	c.wantEOF()
	ts.wantSession(1, endViolation)
}

// Base's parting port accepts and closes whoever comes, and holds no lease.
func TestPartingPortHoldsNoLease(t *testing.T) {
	ts := serve(t, func(o *Options) { o.DataPorts.Count = 1 })
	waits := ts.dial()
	waits.command("ls")
	port := waits.wantPort()
	for range 5 {
		c := ts.dial()
		c.command("quit")
		if parting := c.wantPort(); parting == port {
			t.Error("a lease was told for parting")
		} else {
			c.connect(parting).wantEOF()
		}
		c.wantEOF()
	}
	waits.connect(port).wantRecord(nil)
	waits.quit()
}
