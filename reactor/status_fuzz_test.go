package reactor

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ferry/codec"
)

// FuzzStatusConversation has a client that speaks status say anything on control and, behind the
// KEY, on every data connection, in any cuts, and end them in any way. The server lives, serves the
// next client, and is left with nothing but what clients may make.
func FuzzStatusConversation(f *testing.F) {
	add := func(control, data string, cut uint16, end uint8) {
		f.Add([]byte(control), []byte(data), cut, end)
	}
	all := framed("put b") + framed("get a") + framed("ls -l") + framed("what") + framed("stat a") +
		framed("getpart 2 3 a") + framed("newpart b") + framed("sum xxh3 a") + framed("abor") +
		framed("rnfr b") + framed("rnto c") + framed("rm c") + framed("mkdir d") + framed("cd d") +
		framed("pwd") + framed("cd ..") + framed("rmdir d") + framed("quit")
	for end := range uint8(8) {
		add(all, record("one"), 3, end)
		add(all, record("one")+"more", 2000, end)
		add(framed("put b")+framed("abor"), record(string(pattern(100_000))), 7000, end)
	}
	add(framed("putpart 0123456789abcdef 0 1")+framed("putpart"), "9999999999", 10, 1)
	add("GET / HTTP/1.1\r\n\r\n", "", 5, 0)
	add(framed("hello 1")+framed("rnto x")+framed("get ../a"), record("x"), 1, 2)
	ts := serve(f, func(o *Options) { o.PartLifetime = time.Second })
	ahead := ts.clockAhead()
	f.Fuzz(func(t *testing.T, control, data []byte, cut uint16, end uint8) {
		ts.t = t
		ts.file("a", []byte("content"))
		converse(t, ts, control, data, int(cut)+1, end)
		c := ts.greet()
		c.ask("noop", codec.CodeOkay, "")
		c.bye()
		ts.outlast(ahead)
		ts.wantQuiet(ts.reactors)
		if text := ts.limiter.InUse(); text != "" {
			t.Fatal("still in use: ", text)
		}
		for _, r := range ts.reactors {
			onLoop(t, r, func() {
				if len(r.keys.offers) > 0 || r.keys.pending.Len() > 0 {
					t.Errorf("%d offers stand, %d connections have no KEY", len(r.keys.offers),
						r.keys.pending.Len())
				}
			})
		}
		outside, err := filepath.Glob(filepath.Join(ts.dir, "..", "*"))
		if err != nil || len(outside) != 1 {
			t.Fatalf("something is beside the root: %q (%v)", outside, err)
		}
		entries, err := os.ReadDir(ts.dir)
		check(t, err)
		for _, e := range entries {
			check(t, os.RemoveAll(filepath.Join(ts.dir, e.Name())))
		}
	})
	f.Cleanup(func() { ts.t = f })
}

// converse is the client. Every whole reply that comes must be one; an offer is taken.
func converse(t *testing.T, ts *testServer, control, data []byte, cut int, end uint8) {
	c := tcp(t, loopback, netip.AddrPortFrom(loopback, uint16(ts.Port())))
	defer func() {
		if end&2 != 0 {
			_ = c.SetLinger(0)
		}
		_ = c.Close()
	}()
	sayInCuts(c, append([]byte(framed("hello 1")), control...), cut)
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	d := codec.NewDecoder(codec.Replies)
	defer d.Release()
	for b := make([]byte, 4096); ; {
		n, _ := c.Read(b)
		if n <= 0 {
			return
		}
		for in := b[:n]; ; {
			ev, used := d.Next(in)
			in = in[used:]
			if ev.Kind == codec.EventNone {
				break
			}
			if ev.Kind != codec.EventReply {
				t.Fatalf("%q came on control", b[:n])
			}
			if o, ok := codec.ParseOffer(codec.VerbPut, ev.Data); ok && ev.N == codec.CodeOffer {
				if end&4 != 0 {
					_ = c.CloseWrite()
				}
				takeAndSay(o, data, cut, end)
			}
		}
	}
}

func takeAndSay(o codec.Offer, data []byte, cut int, end uint8) {
	d, err := tryTCP(loopback, netip.AddrPortFrom(loopback, o.Port))
	if err != nil {
		return // refused by a reset
	}
	_ = d.SetDeadline(time.Now().Add(time.Second))
	sayInCuts(d, append(o.Key[:], data...), cut)
	if end&1 != 0 {
		_ = d.SetLinger(0)
	}
	_ = d.Close()
}

// sayInCuts writes until the other side wants no more.
func sayInCuts(c net.Conn, text []byte, cut int) {
	for len(text) > 0 {
		n := min(cut, len(text))
		if _, err := c.Write(text[:n]); err != nil {
			return
		}
		text = text[n:]
	}
}
