package reactor

import (
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"
)

// abort forms are all ways in which clients send ABOR.
var abortForms = map[string]func(c *ftpWire){
	"plain":       func(c *ftpWire) { c.send("ABOR") },
	"urgent line": func(c *ftpWire) { c.urgent("ABOR\r\n") },
	"synch": func(c *ftpWire) {
		c.say("\xff\xf4")
		c.urgent("\xff\xf2")
		c.send("ABOR")
	},
	"half synch": func(c *ftpWire) {
		c.urgent("\xff\xf4\xff")
		c.send("\xf2ABOR")
	},
	"in pieces": func(c *ftpWire) {
		check(c.t, c.SetNoDelay(true))
		for _, b := range "abor\n" {
			c.say(string(b))
		}
	},
}

// eachAbort runs a test for every form of ABOR.
func eachAbort(t *testing.T, test func(t *testing.T, abor func(c *ftpWire))) {
	t.Helper()
	for name, abor := range abortForms {
		t.Run(name, func(t *testing.T) { test(t, abor) })
	}
}

func TestFTPAborOfNothingIsAnswered(t *testing.T) {
	eachAbort(t, func(t *testing.T, abor func(c *ftpWire)) {
		ts := serveFTP(t)
		ts.file("f", []byte("content"))
		c := ts.ftp()
		abor(c)
		c.want("226")
		c.epsv()
		abor(c)
		c.want("226")
		c.wantFetch("RETR f", "content")
		abor(c)
		c.want("226")
		c.bye()
	})
}

// The client reads nothing: the server's buffers are full when ABOR comes.
func TestFTPAborEndsDownloadThatIsNotRead(t *testing.T) {
	eachAbort(t, func(t *testing.T, abor func(c *ftpWire)) {
		ts := serveFTP(t)
		ts.file("large", pattern(64<<20))
		c := ts.ftp()
		d := c.opens("RETR large")
		abor(c)
		c.want("426")
		c.want("226")
		if n, err := io.Copy(io.Discard, d); err == nil || n >= 64<<20 {
			t.Errorf("%d bytes came, and %v", n, err)
		}
		check(t, d.Close())
		c.store("STOR f", "content")
		c.wantFetch("RETR f", "content")
		c.bye()
	})
}

func TestFTPAborEndsUpload(t *testing.T) {
	eachAbort(t, func(t *testing.T, abor func(c *ftpWire)) {
		ts := serveFTP(t)
		ts.file("f", []byte("old"))
		c := ts.ftp()
		for _, content := range []string{"", "new", strings.Repeat("new", smallMax)} {
			d := c.opens("STOR f")
			d.say(content)
			ts.wantState(sessionMoving)
			abor(c)
			c.want("426")
			c.want("226")
			wantEnd(t, d.TCPConn, errAny)
			check(t, d.Close())
			ts.wantFile("f", []byte("old"))
			c.ask("NOOP", "200")
		}
		c.bye()
	})
}

func TestFTPAborEndsListing(t *testing.T) {
	ts := serveFTP(t)
	for i := range 2000 {
		ts.file(strings.Repeat("x", 200)+string(rune('a'+i%26))+strings.Repeat("y", i%40)+
			string(rune('a'+i/26%26))+string(rune('a'+i/676)), nil)
	}
	c := ts.ftp()
	for range 5 {
		c.epsv()
		d := c.connect()
		check(t, d.SetReadBuffer(4096))
		c.ask("LIST", "150")
		c.send("ABOR")
		// The buffers may hold it whole.
		if got := c.reply(); got[:3] != "426" && got[:3] != "226" {
			t.Fatalf("%q came", got)
		}
		c.want("226")
		check(t, d.Close())
	}
	c.bye()
}

// Before the data connection is made there is nothing to abort but the command itself.
func TestFTPAborBeforeDataConnection(t *testing.T) {
	eachAbort(t, func(t *testing.T, abor func(c *ftpWire)) {
		ts := serveFTP(t)
		ts.file("f", []byte("old"))
		c := ts.ftp()
		for _, command := range []string{"RETR f", "STOR f", "APPE f", "STOU", "LIST", "MLSD"} {
			c.epsv()
			c.ask(command, "150")
			abor(c)
			c.want("425")
			c.want("226")
			c.ask(command, "425")
			ts.wantFile("f", []byte("old"))
		}
		c.bye()
	})
}

// ABOR acts at once, and is answered in its turn: behind what was sent before it.
func TestFTPAborBehindOtherCommands(t *testing.T) {
	ts := serveFTP(t)
	ts.file("large", pattern(64<<20))
	c := ts.ftp()
	for range 3 {
		d := c.opens("RETR large")
		c.send("PWD", "SIZE large", "RETR large", "ABOR", "TYPE I", "ABOR")
		for _, want := range []string{"426", "257", "213", "425", "226", "200", "226"} {
			c.want(want)
		}
		wantBroken(t, d)
	}
	d := c.opens("RETR large")
	c.send("NOOP", "STAT", "NOOP", "ABOR", "NOOP")
	for _, want := range []string{"200", "211", "200", "426", "226", "200"} {
		c.want(want)
	}
	wantBroken(t, d)
	c.bye()
}

// wantBroken reads a connection that the server breaks.
func wantBroken(t testing.TB, d *data) {
	t.Helper()
	if _, err := io.Copy(io.Discard, d); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection ended with %v", err)
	}
	check(t, d.Close())
}

// Commands that answer on control are not cut short: their reply is true.
func TestFTPAborLeavesShortCommandsAlone(t *testing.T) {
	ts := serveFTP(t)
	ts.file("f", []byte("content"))
	c := ts.ftp()
	for range 50 {
		c.send("MKD d", "ABOR", "SIZE f", "ABOR", "MFMT 20200102030405 f", "ABOR", "RMD d", "ABOR",
			"CWD /", "ABOR", "SITE CHMOD 644 f", "ABOR", "MLST f", "ABOR", "STAT f", "ABOR")
		for _, want := range []string{"257", "213", "213", "250", "250", "200", "250", "213"} {
			c.want(want)
			c.want("226")
		}
	}
	c.bye()
}

// NOOP and STAT are answered during a transfer, once each, and QUIT waits for its end.
func TestFTPCommandsDuringATransfer(t *testing.T) {
	ts := serveFTP(t)
	c := ts.ftp()
	d := c.opens("STOR f")
	for range 10 {
		c.ask("NOOP", "200")
		c.ask("STAT", "211")
	}
	c.send("PWD", "NOOP", "QUIT")
	d.say("content")
	d.finish()
	for _, want := range []string{"226", "257", "200", "221"} {
		c.want(want)
	}
	c.wantOver()
	ts.wantFile("f", []byte("content"))
}

// A failed transfer has one final reply, whoever ends it.
func TestFTPFinalReplyComesOnce(t *testing.T) {
	ts := serveFTP(t)
	ts.file("large", pattern(64<<20))
	c := ts.ftp()
	for range 10 {
		d := c.opens("RETR large")
		reset(t, d.TCPConn)
		c.want("426")
		c.ask("NOOP", "200")
		d = c.opens("RETR large")
		c.send("ABOR", "NOOP")
		check(t, d.Close())
		for _, want := range []string{"426", "226", "200"} {
			c.want(want)
		}
	}
	c.bye()
}

// Without control a download goes on, since the client may have left it to another program, and an
// upload is broken, since nobody could be told that it is stored.
func TestFTPEndOfControlDuringTransfer(t *testing.T) {
	ts := serveFTP(t)
	large := string(pattern(8 << 20))
	ts.file("large", []byte(large))
	ts.file("f", []byte("old"))
	c := ts.ftp()
	d := c.opens("RETR large")
	check(t, c.Close())
	ts.wantSession(1, endClosed)
	if got := d.all(); got != large {
		t.Errorf("%d bytes came", len(got))
	}
	for i, end := range []func(c *ftpWire){
		func(c *ftpWire) { check(t, c.Close()) },
		func(c *ftpWire) { reset(t, c.TCPConn) },
	} {
		c = ts.ftp()
		d = c.opens("STOR f")
		d.say(strings.Repeat("new", smallMax*i+1))
		ts.wantState(sessionMoving)
		end(c)
		wantEnd(t, d.TCPConn, errAny)
		check(t, d.Close())
		ts.wantFile("f", []byte("old"))
	}
	// Before the data connection, too.
	c = ts.ftp()
	c.epsv()
	c.ask("STOR f", "150")
	check(t, c.Close())
	ts.wantSession(4, endClosed)
	ts.quiet()
	ts.wantFile("f", []byte("old"))
}

// Control is not idle while data moves, and is afterwards.
func TestFTPIdleSessionEndsWithAReason(t *testing.T) {
	ts := serveFTP(t)
	idle := ts.limiter.Limits.IdleTimeout
	stall := ts.limiter.Limits.StallTimeout
	c := ts.ftp()
	d := c.opens("STOR f")
	for passed := time.Duration(0); passed < 3*idle; passed += stall / 2 {
		d.say(strings.Repeat("x", 64<<10))
		eventually(t, "the bytes", func() bool { return ts.unread(d) })
		ts.later(stall / 2)
	}
	d.finish()
	c.want("226")
	ts.later(idle - time.Second)
	c.ask("NOOP", "200")
	ts.later(idle)
	c.want("421")
	c.wantOver()
	ts.wantSession(1, endIdle)
}

// unread reports whether nothing of a transfer waits to be read by the server.
func (ts *testServer) unread(*data) bool {
	empty := true
	onLoop(ts.t, ts.reactors[0], func() {
		for _, t := range ts.reactors[0].transfers {
			empty = empty && t.data != nil && t.data.Empty() && !t.job.busy
		}
	})
	return empty
}

// A checksum of a large file takes long: ABOR ends it.
func TestFTPAborEndsChecksum(t *testing.T) {
	ts := serveFTP(t)
	ts.sparse("large")
	c := ts.ftp()
	for _, command := range []string{"HASH large", "XSHA256 large"} {
		c.send(command, "ABOR", "NOOP")
		c.want("426")
		c.want("226")
		c.want("200")
	}
	c.bye()
}

// In active mode the server may be connecting when ABOR comes.
func TestFTPAborOfActiveMode(t *testing.T) {
	ts := serveFTP(t, activeMode)
	ts.file("large", pattern(64<<20))
	c := ts.ftp()
	l := c.awaits("PORT")
	c.send("RETR large")
	c.want("150")
	d := c.accept(l)
	ts.wantState(sessionMoving)
	c.send("ABOR")
	c.want("426")
	c.want("226")
	wantBroken(t, d)
	for range 20 {
		l := c.awaits("EPRT")
		c.send("RETR large", "ABOR")
		if got := c.reply(); got[:3] == "150" {
			c.want("42")
		} else if got[:2] != "42" {
			t.Fatalf("%q came", got)
		}
		c.want("226")
		check(t, l.Close())
	}
	c.bye()
}
