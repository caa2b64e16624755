package reactor

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ferry/reactor/limit"
)

// wantBusy demands that a new session from an address is refused with a reason.
func (ts *testServer) wantBusy(from string) {
	ts.t.Helper()
	c := ts.dialFTP(ts.t, from)
	c.want("421 ")
	c.wantOver()
}

func TestFTPSurplusSessionsAreToldWhy(t *testing.T) {
	ts := serveFTP(t, func(o *Options) {
		o.Limits.Sessions = 3
		o.Limits.SessionsPerAddress = 2
	})
	one, two := ts.ftp(), ts.ftp()
	ts.wantBusy("127.0.0.1")
	other := ts.dialFTP(t, "127.0.0.2")
	other.want("220")
	ts.wantBusy("127.0.0.3")
	one.bye()
	eventually(t, "the end of one", func() bool { return ts.limiter.Used(limit.Sessions) == 2 })
	again := ts.ftp()
	for _, c := range []*ftpWire{two, other, again} {
		c.bye()
	}
}

func TestFTPSessionsAboveTheRateAreToldWhy(t *testing.T) {
	ts := serveFTP(t, func(o *Options) { o.Limits.SessionsPerAddress, o.Limits.SessionRate = 2, 1 })
	ts.freeze()
	ts.ftp().bye()
	ts.ftp().bye()
	ts.wantBusy("127.0.0.1")
}

func TestFTPDeniedAddressesAreClosed(t *testing.T) {
	ts := serveFTP(t, func(o *Options) {
		o.Deny = []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}
	})
	wantEnd(t, ts.dialFTP(t, "127.0.0.2").TCPConn, errAny)
	ts.ftp().bye()
}

// A server that drains lets transfers finish, and tells its sessions and new clients.
func TestFTPDrainFinishesTransfers(t *testing.T) {
	ts := serveFTP(t)
	idle, busy := ts.ftp(), ts.ftp()
	d := busy.opens("STOR f")
	d.say("con")
	ts.Drain()
	idle.want("421")
	idle.wantOver()
	ts.wantBusy("127.0.0.1")
	d.say("tent")
	d.finish()
	busy.want("226")
	busy.want("421")
	busy.wantOver()
	check(t, ts.wait())
	ts.wantFile("f", []byte("content"))
}

// A server that stops breaks transfers and says so.
func TestFTPStopBreaksTransfers(t *testing.T) {
	ts := serveFTP(t)
	ts.file("f", []byte("old"))
	c := ts.ftp()
	d := c.opens("STOR f")
	d.say("new")
	ts.wantState(sessionMoving)
	ts.Stop()
	c.want("421")
	wantEnd(t, d.TCPConn, errAny)
	if err := ts.wait(); err == nil {
		t.Error("no transfer was cut off")
	}
	ts.wantFile("f", []byte("old"))
}

func TestFTPTooMuchSentAheadEndsSession(t *testing.T) {
	ts := serveFTP(t, func(o *Options) { o.Limits.ControlBufferBytes = 5000 })
	c := ts.ftp()
	d := c.opens("STOR f")
	c.say(strings.Repeat("PWD\r\n", 5000/5+1))
	c.want("421")
	wantEnd(t, d.TCPConn, errAny)
	ts.wantSession(1, endFlood)
	ts.wantNoFile("f")
}

// A transfer that moves nothing is broken, and the session goes on.
func TestFTPStalledTransferIsBroken(t *testing.T) {
	ts := serveFTP(t)
	ts.file("large", pattern(64<<20))
	c := ts.ftp()
	for _, command := range []string{"RETR large", "STOR f"} {
		d := c.opens(command)
		ts.wantState(sessionMoving)
		ts.stall()
		c.want("426")
		wantEndAfterData(t, d)
	}
	ts.wantNoFile("f")
	c.bye()
}

func wantEndAfterData(t testing.TB, d *data) {
	t.Helper()
	check(t, d.SetReadDeadline(time.Now().Add(patience)))
	for b := make([]byte, 64<<10); ; {
		if _, err := d.Read(b); err != nil {
			if os.IsTimeout(err) {
				t.Error("the connection stays")
			}
			return
		}
	}
}

// What the flags forbid is 550, and needs no data connection.
func TestFTPFlagsLimitRights(t *testing.T) {
	const reads = "RETR f|HASH f"
	const looks = "LIST|NLST|MLSD|MLST f|SIZE f|MDTM f|STAT /"
	const puts = "STOR new|STOU|ALLO 1|MKD new dir"
	const changes = "STOR f|APPE f|DELE f|RMD d|RNFR f|MFMT 20200102030405 f|SITE CHMOD 644 f|" +
		"SITE UTIME 20200102030405 f|MDTM 20200102030405 f"
	for _, row := range []struct {
		flags   string
		p       Permissions
		yes, no string
	}{
		{
			"none",
			Permissions{},
			reads + "|" + looks + "|" + puts + "|APPE f|RNFR f|CWD d|CDUP",
			"RETR .dot|STOR .dot",
		},
		{"--read-only", Permissions{ReadOnly: true}, reads + "|" + looks, puts + "|" + changes},
		{
			"--upload-only",
			Permissions{UploadOnly: true},
			puts + "|CWD d|CDUP",
			reads + "|" + looks + "|RNFR f|DELE f|RMD d",
		},
		{
			"--no-overwrite",
			Permissions{NoOverwrite: true},
			reads + "|" + looks + "|" + puts,
			changes,
		},
		{"--no-sum", Permissions{NoSum: true}, "RETR f|SIZE f", "HASH f|XSHA256 f"},
		{"--dotfiles", Permissions{Dotfiles: true}, "RETR .dot|SIZE .dot|DELE .dot", ""},
	} {
		t.Run(row.flags, func(t *testing.T) {
			ts := serveFTP(t, func(o *Options) { o.Permissions = row.p })
			ts.file("f", []byte("content"))
			ts.file(".dot", nil)
			check(t, os.Mkdir(filepath.Join(ts.dir, "d"), 0o755))
			c := ts.ftp()
			c.ask("SITE HELP", "214")
			for line := range strings.SplitSeq(row.yes, "|") {
				c.wantAllowed(line)
			}
			for line := range strings.SplitSeq(row.no, "|") {
				if line == "" {
					continue
				}
				c.epsv()
				if got := c.ask(line, "55"); got[:3] != "550" && got[:3] != "553" {
					t.Errorf("%s: %q", line, got)
				}
			}
			if !row.p.UploadOnly {
				c.wantFetch("RETR f", "content")
			}
			c.bye()
			if row.no != "" {
				ts.wantFile("f", []byte("content"))
			}
		})
	}
}

// wantAllowed carries a command out, with a data connection if it needs one.
func (c *ftpWire) wantAllowed(line string) {
	c.t.Helper()
	c.epsv()
	c.send(line)
	switch got := c.reply(); got[0] {
	case '1':
		d := c.connect()
		check(c.t, d.CloseWrite())
		d.all()
		c.want("226")
	case '2', '3':
	default:
		c.t.Errorf("%s: %q", line, got)
	}
}

func TestFTPWithoutSumsFeatDoesNotPromiseThem(t *testing.T) {
	ts := serveFTP(t, func(o *Options) { o.NoSum = true })
	c := ts.ftp()
	if got := c.ask("FEAT", "211"); strings.Contains(got, "HASH") || strings.Contains(got, "XSHA") {
		t.Errorf("FEAT: %q", got)
	}
	if got := c.ask("HELP", "214"); strings.Contains(got, "HASH") {
		t.Errorf("HELP: %q", got)
	}
	c.ask("OPTS HASH", "504")
	c.bye()
}
