package reactor

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"

	"ferry/codec"
	"ferry/reactor/limit"
)

// TestStrangersGetNoByteAndDisturbNobody has strangers at the port of an offer, from its client's
// own address, with a wrong KEY, none, too little or too much.
func TestStrangersGetNoByteAndDisturbNobody(t *testing.T) {
	ts := serve(t)
	content := pattern(3 << 20)
	ts.file("a", content)
	c := ts.greet()
	o := c.offered("get a")
	wrong := strings.Repeat("0", codec.KeySize)
	for _, says := range []string{
		wrong, wrong + "and more", "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		strings.Repeat("z", 100_000),
		o.Key.String()[:15] + "z", " " + o.Key.String(),
	} {
		for _, from := range []string{"127.0.0.1", "127.0.0.2"} {
			ts.stranger(from, o.Port, says)
		}
	}
	d := o.take()
	eventually(t, "the offer to be taken", func() (taken bool) {
		r := ts.reactors[0]
		onLoop(t, r, func() { taken = r.keys.offers[o.Key] == nil })
		return taken
	})
	ts.stranger("127.0.0.1", o.Port, o.Key.String()) // used
	d.wantRecord(content)
	c.want(226, "")
	c.bye()
}

// stranger connects to a port of the status exchange and says something that is no KEY of an offer.
// It may be reset in the midst of its words.
func (ts *testServer) stranger(from string, port uint16, says string) {
	ts.t.Helper()
	d := connectFrom(ts.t, netip.MustParseAddr(from), port)
	_, _ = io.WriteString(d, says)
	for b := make([]byte, 64); ; {
		n, err := d.Read(b)
		if n > 0 {
			ts.t.Fatalf("a stranger that said %.20q got %s", says, brief(b[:n]))
		}
		if err != nil {
			break
		}
	}
	check(ts.t, d.Close())
}

func TestAKeyServesFromAnyAddressAndOnce(t *testing.T) {
	ts := serve(t)
	ts.file("a", []byte("abc"))
	c := ts.greet()
	o := c.offered("get a")
	d := connectFrom(t, netip.MustParseAddr("127.0.0.9"), o.Port)
	d.say(strings.ToUpper(o.Key.String()))
	d.wantRecord([]byte("abc"))
	c.want(226, "3")
	ts.stranger("127.0.0.1", o.Port, o.Key.String())
	c.bye()
}

func TestAKeyMayComeInPieces(t *testing.T) {
	ts := serve(t)
	ts.file("a", []byte("abc"))
	c := ts.greet()
	for cut := 1; cut < codec.KeySize; cut++ {
		o := c.offered("put b")
		d := o.knock()
		check(t, d.SetNoDelay(true))
		whole := o.Key.String() + record("xyz")
		d.say(whole[:cut])
		if cut%2 == 0 { // the server has seen the first piece
			eventually(t, "a connection that waits for its KEY", func() bool {
				return ts.limiter.Used(limit.Keyless) == 1
			})
		}
		d.say(whole[cut:])
		c.want(226, "3")
		d.wantEOF()
		check(t, d.Close())
	}
	o := c.offered("get a")
	d := o.knock()
	check(t, d.SetNoDelay(true))
	for _, b := range o.Key.String() {
		d.say(string(b))
	}
	d.wantRecord([]byte("abc"))
	c.want(226, "3")
	// The answer leaves in the turn that forgets the connection.
	eventually(t, "no connection that waits for its KEY", func() bool {
		return ts.limiter.Used(limit.Keyless) == 0
	})
	c.bye()
}

// TestOffersShareAPort has many sessions of one address with an offer each at one port, taken in
// the opposite order.
func TestOffersShareAPort(t *testing.T) {
	ts := serve(t, func(o *Options) { o.KeyedPorts.Count = 1; o.DataPorts.Count = 1 })
	const many = 40
	var talks []*speaker
	var offers []standing
	for i := range many {
		ts.file(fmt.Sprint(i), []byte{byte(i)})
		c := ts.greet()
		talks = append(talks, c)
		offers = append(offers, c.offered(fmt.Sprint("get ", i)))
	}
	for i := many - 1; i >= 0; i-- {
		if offers[i].Port != offers[0].Port {
			t.Fatalf("ports %d and %d", offers[i].Port, offers[0].Port)
		}
		offers[i].take().wantRecord([]byte{byte(i)})
		talks[i].want(226, "1")
		talks[i].bye()
	}
}

func TestKeyedPortsAreNeverLeased(t *testing.T) {
	ts := serve(t, func(o *Options) { o.Reactors = 2 })
	for _, r := range ts.reactors {
		leased := map[uint16]bool{r.parting.number: true}
		for _, p := range r.pools[poolData].ports {
			leased[p.number] = true
		}
		if n := len(r.pools[poolKeyed].ports); n != 4 {
			t.Errorf("%d keyed ports", n)
		}
		for _, p := range r.pools[poolKeyed].ports {
			if leased[p.number] {
				t.Errorf("port %d is leased and keyed", p.number)
			}
		}
	}
	// Base's data connection to one of them, and status' to one of base's, meet nobody.
	ts.file("a", []byte("abc"))
	c := ts.greet()
	o := c.offered("get a")
	b := ts.dial()
	b.command("get a")
	port := b.wantPort()
	ts.stranger("127.0.0.1", o.Port, "0000000003abcdefghijk")
	b.connect(port).wantRecord([]byte("abc"))
	b.quit()
	o.take().wantRecord([]byte("abc"))
	c.want(226, "3")
	c.bye()
}

func TestARangeOfPortsHasItsShareForStatus(t *testing.T) {
	for _, c := range []struct{ size, reactors, count, want int }{
		{2, 1, 4, 0},
		{15, 1, 4, 0},
		{16, 1, 4, 1},
		{64, 1, 4, 4},
		{200, 1, 4, 4},
		{64, 2, 4, 4},
		{64, 4, 4, 4},
		{63, 4, 4, 0},
		{64, 1, 0, 0},
	} {
		first := freeBlock(t, c.size)
		leases, shares, err := bindDataPorts([]netip.Addr{loopback},
			PortRange{First: uint16(first), Last: uint16(first + c.size - 1)},
			PortRange{Count: c.count}, c.reactors)
		check(t, err)
		leased, keyed := 0, 0
		for i := range c.reactors {
			leased += len(leases[i])
			keyed += len(shares[i])
			closePorts(leases[i])
			closePorts(shares[i])
		}
		if keyed != c.want || leased+keyed != c.size {
			t.Errorf("%+v: %d of %d ports", c, keyed, leased+keyed)
		}
	}
}

// freeBlock finds ports that nobody has, in one piece.
func freeBlock(t testing.TB, n int) int {
	t.Helper()
	ports, err := bindFree([]netip.Addr{loopback}, n, nil)
	check(t, err)
	defer closePorts(ports)
	return int(ports[0].number)
}

func TestAFixedRangeOfKeyedPortsIsUsed(t *testing.T) {
	first := freeBlock(t, 4)
	ports := PortRange{First: uint16(first), Last: uint16(first + 3)}
	ts := serve(t, func(o *Options) { o.KeyedPorts = ports; o.Reactors = 2 })
	ts.file("a", []byte("abc"))
	for range 8 {
		c := ts.greet()
		o := c.offered("get a")
		if o.Port < ports.First || o.Port > ports.Last {
			t.Fatalf("port %d is not of %s", o.Port, &ports)
		}
		o.take().wantRecord([]byte("abc"))
		c.want(226, "3")
		c.bye()
	}
	o := testOptions(t.TempDir())
	o.KeyedPorts = ports
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "--keyed-ports") {
		t.Errorf("ports that another server has: %v", err)
	}
}

func TestKeyedPortsThatCannotBe(t *testing.T) {
	for text, want := range map[string]string{
		"80-90": "data ports begin at 1024", "3000-2000": "the range ends before it begins",
		"2000-2001": "3 reactors need at least 3 ports", "5000": "give from 0 to 4096",
	} {
		o := testOptions(t.TempDir())
		o.Reactors = 3
		check(t, o.KeyedPorts.Set(text))
		_, err := New(o)
		if err == nil || !strings.Contains(err.Error(), "--keyed-ports") ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
