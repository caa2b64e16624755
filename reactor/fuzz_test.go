package reactor

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ferry/codec"
	"ferry/reactor/loop"
)

// FuzzConversation has a client say anything on control and on every data connection that it is
// offered, in any cuts, and end them in any way. The server lives, serves the next client, and is
// left with nothing.
func FuzzConversation(f *testing.F) {
	add := func(control, data string, cut uint16, end uint8) {
		f.Add([]byte(control), []byte(data), cut, end)
	}
	all := framed("put a") + framed("get a") + framed("ls") + framed("what") + framed("quit")
	for end := range uint8(8) {
		add(all, record("one")+record("two"), 3, end)
		add(framed("put a"), record(string(pattern(100_000))), 7000, end)
	}
	add(framed("put a"), "9999999999", 10, 1)
	add("GET / HTTP/1.1\r\n\r\n", "", 5, 0)
	add(framed("get ../a")+framed("put b/../../c"), record("x"), 1, 2)
	add("0000004096put "+string(pattern(4092)), record(""), 900, 3)
	ts := serve(f)
	ahead := ts.clockAhead()
	ts.file("a", []byte("content"))
	f.Fuzz(func(t *testing.T, control, data []byte, cut uint16, end uint8) {
		talk(t, ts, control, data, int(cut)+1, end)
		ts.t = t
		c := ts.dialFrom(t, "127.0.0.3")
		c.ask("nothing").wantRecord([]byte("500 nothing: unknown command\n"))
		check(t, c.Close())
		ts.outlast(ahead)
		ts.wantQuiet(ts.reactors)
		if text := ts.limiter.InUse(); text != "" {
			t.Fatal("still in use: ", text)
		}
		ts.wantNoTemporaries()
		outside, err := filepath.Glob(filepath.Join(ts.dir, "..", "*"))
		if err != nil || len(outside) != 1 {
			t.Fatalf("something is beside the root: %q (%v)", outside, err)
		}
	})
	f.Cleanup(func() { ts.t = f })
}

// clockAhead sets the clock of a server with one reactor so that it runs ahead by what is returned,
// which belongs to the loop.
func (ts *testServer) clockAhead() *time.Duration {
	ts.t.Helper()
	ahead := new(time.Duration)
	l := ts.reactors[0].loop
	onLoop(ts.t, ts.reactors[0], func() {
		was := l.Clock
		l.Clock = func() loop.Instant { return was() + *ahead }
	})
	return ahead
}

// outlast lets time pass until the offers and connections that a client left behind are over.
func (ts *testServer) outlast(ahead *time.Duration) {
	ts.t.Helper()
	r := ts.reactors[0]
	eventually(ts.t, "the end of what was left behind", func() (over bool) {
		onLoop(ts.t, r, func() {
			over = len(r.sessions) == 0 && len(r.transfers) == 0 && r.keys.pending.Len() == 0
			if !over {
				*ahead += r.limiter.Limits.OfferTimeout
			}
		})
		return over
	})
}

// talk is the client: end chooses how the connections end and whether data goes on behind control.
func talk(t *testing.T, ts *testServer, control, data []byte, cut int, end uint8) {
	to := netip.AddrPortFrom(loopback, uint16(ts.Port()))
	c := tcp(t, loopback, to)
	for rest := control; len(rest) > 0; {
		n := min(cut, len(rest))
		if _, err := c.Write(rest[:n]); err != nil {
			break // it was ended for what came before
		}
		rest = rest[n:]
	}
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	for range 8 {
		var field [codec.FieldSize]byte
		if n, _ := c.Read(field[:]); n < codec.FieldSize {
			break
		}
		port, err := codec.ParseField(field[:])
		if err != nil {
			t.Fatalf("%q was told", field)
		}
		if end&4 != 0 {
			_ = c.Close()
		}
		d, err := tryTCP(loopback, netip.AddrPortFrom(loopback, uint16(port)))
		if err != nil {
			break // refused by a reset
		}
		_ = d.SetDeadline(time.Now().Add(time.Second))
		for rest := data; len(rest) > 0; {
			n := min(cut, len(rest))
			if _, err := d.Write(rest[:n]); err != nil {
				break
			}
			rest = rest[n:]
		}
		if end&1 != 0 {
			_ = d.SetLinger(0)
		}
		_ = d.Close()
	}
	if end&2 != 0 {
		_ = c.SetLinger(0)
	}
	_ = c.Close()
	_ = os.Remove(filepath.Join(ts.dir, "b"))
}
