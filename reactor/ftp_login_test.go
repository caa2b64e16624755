package reactor

import (
	"strings"
	"testing"
	"time"

	"ferry/reactor/limit"
)

func TestFTPAnonymousLogsInWithAnyPassword(t *testing.T) {
	ts := serveFTP(t)
	for _, user := range []string{"anonymous", "ftp", "Anonymous", "FTP"} {
		for _, password := range []string{"PASS x@example.org", "PASS", "PASS ", "PASS -a b "} {
			c := ts.greetFTP()
			c.ask("USER "+user, "331")
			c.ask("PWD", "530") // the password is still to come
			c.ask("USER "+user, "331")
			c.ask(password, "230")
			c.ask("PWD", "257")
			c.bye()
		}
	}
}

func TestFTPLoginHasAnOrder(t *testing.T) {
	ts := serveFTP(t)
	c := ts.greetFTP()
	c.ask("PASS x", "503")
	c.ask("USER anonymous", "331")
	c.ask("PASS x", "230")
	c.ask("USER anonymous", "331") // a new login begins
	c.ask("PWD", "530")
	c.ask("PASS x", "230")
	c.ask("REIN", "220")
	c.ask("PWD", "530")
	c.ask("PASS x", "503")
	c.login()
	c.bye()
}

// REIN forgets all that the session has set.
func TestFTPReinBeginsAnew(t *testing.T) {
	ts := serveFTP(t)
	ts.file("f", []byte("content"))
	c := ts.ftp()
	c.ask("MKD d", "257")
	c.ask("CWD d", "250")
	c.ask("OPTS MLST type;", "200")
	c.ask("REST 3", "350")
	c.epsv()
	c.ask("EPSV ALL", "200")
	c.ask("REIN", "220")
	c.ask("USER ftp", "331")
	c.ask("PASS x", "230")
	c.ask("PWD", `257 "/"`)
	c.ask("SIZE f", "550 ") // type A
	c.ask("RETR f", "425")  // the offer is gone
	c.pasv()                // and EPSV ALL forgotten
	d := c.connect()
	c.ask("RETR f", "150")
	if got := d.all(); got != "content" {
		t.Errorf("%q came", got)
	}
	c.want("226")
	if got := c.ask("FEAT", "211"); !strings.Contains(got, "size*;") {
		t.Errorf("FEAT: %q", got)
	}
	c.bye()
}

// A failed login is answered after a second, the next after two, and the third ends the session
// after four.
func TestFTPThreeFailedLoginsEndSession(t *testing.T) {
	ts := serveFTP(t)
	c := ts.greetFTP()
	r := ts.reactors[0]
	for i := range loginsMax {
		wait := time.Second << i
		c.ask("USER somebody", "331")
		c.send("PASS secret", "NOOP")
		ts.wantState(sessionAsked)
		onLoop(t, r, func() {
			for s := range r.sessions {
				d := &s.face.(*ftpFace).later.deadline
				if took := d.At() - s.heard; !d.IsSet() || took != wait {
					t.Errorf("login %d is answered after %v, want %v", i+1, took, wait)
				}
			}
		})
		ts.later(wait)
		c.want("530 Login incorrect.")
		if i+1 < loginsMax {
			c.want("200") // what was sent meanwhile follows
		}
	}
	c.wantOver()
	ts.wantSession(1, endLogin)
}

// An anonymous login, which proves nothing, and REIN do not forgive failed logins: otherwise they
// would make guessing in one session as fast as the network.
func TestFTPAnonymousLoginForgivesNoFailures(t *testing.T) {
	ts := serveFTP(t)
	c := ts.greetFTP()
	for i := range loginsMax {
		c.login()
		c.ask("REIN", "220")
		c.ask("USER somebody", "331")
		c.send("PASS secret")
		ts.wantState(sessionAsked)
		ts.later(time.Second << i)
		c.want("530")
	}
	c.wantOver()
	ts.wantSession(1, endLogin)
}

// A password that is right forgives those before.
func TestFTPLoginForgivesFailures(t *testing.T) {
	ts := serveUsers(t, userLine("ann", "/:rw"), ftpOptions)
	c := ts.greetFTP()
	for range 2 {
		for range loginsMax - 1 {
			c.ask("USER ann", "331")
			c.ask("PASS wrong", "530")
			ts.later(time.Minute) // its address may not wait
		}
		c.ask("USER ann", "331")
		c.ask("PASS pencil", "230")
	}
	c.bye()
}

// A login that others of its address hold up for too long is told that, and is over.
func TestFTPLoginsAboveTheLimitAreToldWhy(t *testing.T) {
	ts := serveUsers(t, userLine("ann", "/:rw"), ftpOptions)
	c := ts.greetFTP()
	c.ask("USER ann", "331")
	c.ask("PASS wrong", "530")
	r := ts.reactors[0]
	onLoop(t, r, func() {
		for range 40 {
			r.server.delays.Begin(limit.Network(c.from), "ann", r.loop.Now)
		}
	})
	c.ask("USER ann", "331")
	c.ask("PASS pencil", "421 Not logged in: too many failed logins from this address.")
	c.wantOver()
}

// A client that leaves while its failed login waits leaves nothing behind.
func TestFTPClientMayLeaveDuringLoginDelay(t *testing.T) {
	ts := serveFTP(t)
	c := ts.greetFTP()
	c.ask("USER somebody", "331")
	c.send("PASS secret")
	ts.wantState(sessionAsked)
	check(t, c.Close())
	ts.wantSession(1, endClosed)
}

func TestFTPBannerIsSentIfThereIsOne(t *testing.T) {
	c := serveFTP(t).dialFTP(t, "127.0.0.1")
	if got := c.want("220 "); strings.Contains(got, "ferry") {
		t.Errorf("%q names the server", got)
	}
	c.bye()
	ts := serveFTP(t, func(o *Options) { o.FTP.Banner = "Welcome to files" })
	c = ts.dialFTP(t, "127.0.0.1")
	c.want("220 Welcome to files")
	c.bye()
}

// Some clients send as soon as they read 150, and never read why the connection was reset.
func TestFTPRefusesUploadWithoutRightsBeforeItBegins(t *testing.T) {
	ts := serveUsers(t, rightsUnderTest, ftpOptions)
	c := ts.ftp()
	for _, name := range []string{"new", "pub/a", "pub/new", "own/secret"} {
		c.refuses("STOR "+name, "550 "+name+": Permission denied.")
		c.refuses("APPE "+name, "550 "+name+": Permission denied.")
	}
	c.refuses("STOU pub/new", "550 ")
	c.refuses("STOR own/secret/new", "550 own/secret/new: No such file or directory.")
	c.store("STOR own/new", "content")
	c.store("STOR in/new", "content")
	c.bye()
	ts.wantFile("own/new", []byte("content"))
}
