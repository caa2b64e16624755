package reactor

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestFTPPasvAndEpsvTellWhereToConnect(t *testing.T) {
	ts := serveFTP(t)
	ts.file("f", []byte("content"))
	c := ts.ftp()
	if got := c.pasv(); got != loopback {
		t.Errorf("PASV told %v", got)
	}
	if !slices.Contains(ts.dataPorts, c.port) {
		t.Errorf("port %d is no data port", c.port)
	}
	for _, ask := range []string{"EPSV", "EPSV 1"} {
		c.send(ask)
		c.wantEPSV()
		d := c.connect()
		c.ask("RETR f", "150")
		if got := d.all(); got != "content" {
			t.Errorf("%q came", got)
		}
		c.want("226")
	}
	c.ask("EPSV 2", "522 Network protocol not supported, use (1)")
	c.ask("EPSV 3", "522")
	c.ask("EPSV x", "501")
	c.bye()
}

// A client may connect before its command, or after it, however late.
func TestFTPClientMayConnectBeforeOrAfterCommand(t *testing.T) {
	ts := serveFTP(t)
	ts.file("f", []byte("content"))
	large := pattern(3 << 20)
	ts.file("large", large)
	c := ts.ftp()
	for _, file := range []struct{ name, content string }{
		{"f", "content"}, {"large", string(large)},
	} {
		c.wantFetch("RETR "+file.name, file.content)
		c.epsv()
		c.ask("RETR "+file.name, "150")
		d := c.connect()
		if got := d.all(); got != file.content {
			t.Errorf("%d bytes came", len(got))
		}
		c.want("226")
	}
	c.epsv()
	c.ask("STOR g", "150")
	d := c.connect()
	d.say("stored")
	d.finish()
	c.want("226")
	c.epsv()
	d = c.connect()
	d.say("sent before the command")
	check(t, d.CloseWrite())
	c.ask("STOR h", "150")
	d.wantEOF()
	c.want("226")
	ts.wantFile("h", []byte("sent before the command"))
	c.bye()
}

// An offer that nobody takes is over after a while: the command gets 425, and the session goes on.
func TestFTPUnusedOffersExpire(t *testing.T) {
	ts := serveFTP(t)
	ts.file("f", []byte("content"))
	timeout := ts.limiter.Limits.OfferTimeout
	c := ts.ftp()
	for range 5 { // no number of them ends the session
		c.epsv()
		c.ask("RETR f", "150")
		ts.later(timeout)
		c.want("425")
		c.epsv()
		c.ask("NOOP", "200")
		ts.later(timeout)
		c.ask("RETR f", "425")
	}
	c.epsv()
	d := c.connect()
	eventually(t, "a held connection", func() bool { return ts.held() })
	ts.later(timeout)
	d.wantReset() // no command came for it
	c.ask("RETR f", "425")
	c.wantFetch("RETR f", "content")
	c.bye()
}

// held reports whether a session holds a data connection.
func (ts *testServer) held() (is bool) {
	onLoop(ts.t, ts.reactors[0], func() {
		for s := range ts.reactors[0].sessions {
			is = is || s.offer != nil && s.offer.state == offerHeld
		}
	})
	return is
}

// Each PASV or EPSV replaces the offer before, with its data connection.
func TestFTPOfferReplacesTheOneBefore(t *testing.T) {
	ts := serveFTP(t)
	ts.file("f", []byte("content"))
	c := ts.ftp()
	c.epsv()
	first := c.connect()
	eventually(t, "a held connection", func() bool { return ts.held() })
	c.pasv()
	first.wantReset()
	d := c.connect()
	c.ask("RETR f", "150")
	if got := d.all(); got != "content" {
		t.Errorf("%q came", got)
	}
	c.want("226")
	c.ask("RETR f", "425") // it served one transfer
	c.bye()
}

func TestFTPHundredOffersInARowLeadToNothing(t *testing.T) {
	ts := serveFTP(t, func(o *Options) { o.DataPorts.Count = 2 })
	ts.file("f", []byte("content"))
	c := ts.ftp()
	for i := range 100 {
		if i%2 == 0 {
			c.epsv()
		} else {
			c.pasv()
		}
	}
	c.wantFetch("RETR f", "content")
	all := slices.Repeat([]string{"EPSV"}, 100)
	c.send(all...)
	for range all {
		c.wantEPSV()
	}
	c.wantFetch("RETR f", "content")
	c.bye()
}

// A command that fails after its offer was given leaves no offer behind (RFC 1123, 4.1.2.6).
func TestFTPRefusedTransferUsesItsOfferUp(t *testing.T) {
	ts := serveFTP(t, func(o *Options) { o.DataPorts.Count = 2 })
	ts.file("f", []byte("content"))
	c := ts.ftp()
	for range 20 {
		c.epsv()
		d := c.connect()
		c.ask("RETR none", "550")
		wantEnd(t, d.TCPConn, errAny)
		check(t, d.Close())
		c.ask("RETR f", "425")
		c.refuses("RETR none", "550")
		c.wantFetch("RETR f", "content")
	}
	c.bye()
}

// A connection for an offer that was renewed or refused meanwhile is not taken for the next one.
func TestFTPLateConnectionIsNotTakenForNextOffer(t *testing.T) {
	ts := serveFTP(t, func(o *Options) { o.DataPorts.Count = 1 })
	ts.file("f", []byte("content"))
	c := ts.ftp()
	for range 20 {
		c.refuses("RETR none", "550")
		late := c.connect()
		c.epsv()
		d := c.connect()
		c.ask("RETR f", "150")
		wantEnd(t, late.TCPConn, errAny)
		if got := d.all(); got != "content" {
			t.Fatalf("%q came", got)
		}
		c.want("226")
		check(t, late.Close())
	}
	c.bye()
}

// A connection from another address is closed, and the client's own is still served.
func TestFTPStrangersTakeNothing(t *testing.T) {
	ts := serveFTP(t)
	ts.file("f", []byte("content"))
	c := ts.ftp()
	for _, command := range []string{"RETR f", "STOR g", "LIST"} {
		c.epsv()
		wantNothingAt(t, netip.MustParseAddr("127.0.0.2"), c.port)
		c.ask(command, "150")
		wantNothingAt(t, netip.MustParseAddr("127.0.0.3"), c.port)
		d := c.connect()
		if command == "STOR g" {
			d.finish()
		} else {
			d.all()
		}
		c.want("226")
	}
	c.bye()
}

// wantNothingAt connects and demands that it is closed without a byte.
func wantNothingAt(t testing.TB, from netip.Addr, port uint16) {
	t.Helper()
	c := tcp(t, from, netip.AddrPortFrom(loopback, port))
	wantEnd(t, c, errAny)
	check(t, c.Close())
}

func TestFTPEpsvAllForbidsOtherOffers(t *testing.T) {
	ts := serveFTP(t, func(o *Options) { o.FTP.Active = true })
	ts.file("f", []byte("content"))
	c := ts.ftp()
	c.ask("EPSV ALL", "200")
	c.ask("PASV", "503")
	c.ask("PORT 127,0,0,1,200,1", "503")
	c.ask("EPRT |1|127.0.0.1|51201|", "503")
	c.ask("EPSV all", "200")
	c.wantFetch("RETR f", "content")
	c.bye()
}

// Forty sessions of one address at once do not get each other's data.
func TestFTPSessionsOfOneAddressDoNotMix(t *testing.T) {
	ts := serveFTP(t, func(o *Options) { o.DataPorts.Count = 8 })
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			c := ts.dialFTP(t, "127.0.0.1")
			c.want("220")
			c.login()
			content := strings.Repeat(fmt.Sprintf("file of session %d. ", i), 100+i*50)
			name := fmt.Sprint("file ", i)
			for range 5 {
				c.store("STOR "+name, content)
				c.wantFetch("RETR "+name, content)
			}
			c.bye()
		})
	}
	group.Wait()
}

// More sessions than ports wait for one, and get 425 when it takes too long.
func TestFTPWaitingForAPortIsBounded(t *testing.T) {
	ts := serveFTP(t, func(o *Options) { o.DataPorts.Count = 1 })
	ts.file("f", []byte("content"))
	first, second := ts.ftp(), ts.ftp()
	first.epsv()
	d := first.connect()
	second.send("EPSV") // a held connection gives its port back
	second.wantEPSV()
	first.ask("RETR f", "150")
	if got := d.all(); got != "content" {
		t.Errorf("%q came", got)
	}
	first.want("226")
	first.send("EPSV", "NOOP")
	ts.wantState(sessionAsked)
	ts.later(ts.limiter.Limits.OfferTimeout)
	first.want("425")
	first.want("200")
	first.bye()
	second.bye()
}

func TestFTPOverIPv6(t *testing.T) {
	if !hasIPv6() {
		t.Skip("this machine has no IPv6")
	}
	ts := serveFTP(t, func(o *Options) { o.Listen = ""; o.FTP.Active = true })
	ts.file("f", []byte("content"))
	to := netip.AddrPortFrom(netip.IPv6Loopback(), uint16(ts.FTPPort()))
	conn, err := net.Dial("tcp6", to.String())
	check(t, err)
	ts.dialed.Add(1)
	c := ftpOver(t, conn.(*net.TCPConn))
	c.want("220")
	c.login()
	c.ask("PASV", "425")
	c.ask("EPSV 1", "522 Network protocol not supported, use (2)")
	c.ask("PORT 127,0,0,1,200,1", "522")
	c.ask("EPRT |1|127.0.0.1|51201|", "522")
	for _, ask := range []string{"EPSV", "EPSV 2"} {
		c.send(ask)
		c.wantEPSV()
		d, err := net.Dial("tcp6", netip.AddrPortFrom(to.Addr(), c.port).String())
		check(t, err)
		c.ask("RETR f", "150")
		got, err := io.ReadAll(d)
		check(t, err)
		check(t, d.Close())
		if string(got) != "content" {
			t.Errorf("%q came", got)
		}
		c.want("226")
	}
	l, err := net.Listen("tcp6", "[::1]:0")
	check(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	c.ask(fmt.Sprintf("EPRT |2|::1|%d|", port), "200")
	c.send("RETR f")
	c.wantActive(l, "content")
	c.bye()
	// A socket for both protocols reaches the server by IPv4.
	c = ts.ftp()
	c.ask("EPRT |2|::ffff:127.0.0.2|51201|", "504")
	if got := c.pasv(); got != loopback {
		t.Errorf("PASV told %v", got)
	}
	c.bye()
}

func hasIPv6() bool {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err == nil {
		err = l.Close()
	}
	return err == nil
}

// PASV tells the address that is advertised to the client's network; EPSV is as always.
func TestFTPPasvTellsAdvertisedAddress(t *testing.T) {
	ts := serveFTP(t, func(o *Options) {
		o.FTP.Advertise = []Advertised{
			{netip.MustParsePrefix("127.0.0.2/32"), netip.MustParseAddr("198.51.100.2")},
			{netip.MustParsePrefix("127.0.0.0/30"), netip.MustParseAddr("203.0.113.1")},
		}
	})
	for from, want := range map[string]string{
		"127.0.0.1": "203.0.113.1", "127.0.0.2": "198.51.100.2", "127.0.0.4": "127.0.0.1",
	} {
		c := ts.dialFTP(t, from)
		c.want("220")
		c.login()
		if got := c.pasv(); got.String() != want {
			t.Errorf("%s was told %v, want %s", from, got, want)
		}
		c.wantFetch("LIST", "")
		c.bye()
	}
}
