package reactor

import (
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ferry/codec"
	"ferry/fsio"
)

// ftpTalker speaks FTP. It connects before each command that moves something.
type ftpTalker struct{ c *ftpWire }

// ftpMoving are the commands of which each takes an offer; uploads are those that send.
const (
	ftpMoving  = "RETR STOR APPE STOU LIST NLST MLSD"
	ftpUploads = "STOR APPE STOU"
)

func (f ftpTalker) ask(command, upload string) said {
	c := f.c
	c.t.Helper()
	check(c.t, c.SetDeadline(time.Now().Add(patience)))
	verb, _, _ := strings.Cut(command, " ")
	if !strings.Contains(ftpMoving, verb) {
		c.send(command)
		return ftpSaid(c.reply())
	}
	c.epsv()
	d := c.connect()
	defer func() { _ = d.Close() }()
	c.send(command)
	first := ftpSaid(c.reply())
	if first.code != 150 {
		return first
	}
	var wrong error
	if strings.Contains(ftpUploads, verb) {
		if _, wrong = io.WriteString(d, upload); wrong == nil {
			wrong = d.CloseWrite()
		}
	}
	got, end := io.ReadAll(d)
	answer := ftpSaid(c.reply())
	answer.got = string(got)
	if answer.code == codec.CodeComplete && (wrong != nil || end != nil) {
		c.t.Errorf("%s: 226, and the data connection ended with %v, %v", command, wrong, end)
	}
	return answer
}

func ftpSaid(reply string) said {
	s := said{text: reply[4:]}
	for _, digit := range reply[:3] {
		s.code = s.code*10 + int(digit-'0')
	}
	return s
}

// ftpSteps are what faults are put into.
var ftpSteps = []faultStep{
	{name: "put small", after: withSmall, run: asking("STOR a", faultSmall)},
	{name: "put large", after: withLarge, run: asking("STOR a", faultLarge)},
	{name: "put over", before: withSmall, after: withLarge, run: asking("STOR a", faultLarge)},
	{
		name: "put deep", before: tree{"d": folderMark},
		after: tree{"d": folderMark, "d/a": faultSmall}, run: asking("STOR d/a", faultSmall),
	},
	{
		name: "get small", before: withSmall, after: withSmall, got: faultSmall,
		run: asking("RETR a", ""),
	},
	{
		name: "get large", before: withLarge, after: withLarge, got: faultLarge,
		run: asking("RETR a", ""),
	},
	{
		name: "get rest", before: withLarge, after: withLarge, got: faultLarge[100_000:],
		run: func(s *scripted) said {
			s.ask("REST 100000", "")
			return s.faultily("RETR a", "")
		},
	},
	{
		name: "get in type A", before: withSmall, after: withSmall, got: crlf(faultSmall),
		run: func(s *scripted) said {
			s.ask("TYPE A", "")
			answer := s.faultily("RETR a", "")
			s.ask("TYPE I", "")
			return answer
		},
	},
	{name: "NLST", before: withSmall, after: withSmall, got: "a\r\n", run: asking("NLST", "")},
	{name: "NLST *", before: withSmall, after: withSmall, got: "a\r\n", run: asking("NLST *", "")},
	{name: "LIST", before: withSmall, after: withSmall, run: asking("LIST", "")},
	{name: "MLSD", before: withSmall, after: withSmall, run: asking("MLSD", "")},
	{name: "STAT", before: withSmall, after: withSmall, run: asking("STAT a", "")},
	{name: "MLST", before: withSmall, after: withSmall, run: asking("MLST a", "")},
	{name: "SIZE", before: withSmall, after: withSmall, run: asking("SIZE a", "")},
	{name: "MDTM", before: withSmall, after: withSmall, run: asking("MDTM a", "")},
	{
		name: "MFMT", before: withSmall, after: withSmall,
		run: asking("MFMT 20200102030405 a", ""),
	},
	{name: "CHMOD", before: withSmall, after: withSmall, run: asking("SITE CHMOD 640 a", "")},
	{name: "HASH", before: withLarge, after: withLarge, run: asking("HASH a", "")},
	{name: "ALLO", run: asking("ALLO 1000", "")},
	{
		name: "CWD", before: tree{"d": folderMark}, after: tree{"d": folderMark},
		run: func(s *scripted) said {
			answer := s.faultily("CWD d", "")
			s.ask("CWD /", "")
			return answer
		},
	},
	{name: "MKD", after: tree{"d": folderMark}, run: asking("MKD d", "")},
	{name: "RMD", before: tree{"d": folderMark}, run: asking("RMD d", "")},
	{name: "DELE", before: withSmall, run: asking("DELE a", "")},
	{name: "RNFR", before: withSmall, after: withSmall, run: asking("RNFR a", "")},
	{
		name: "RNTO", before: withSmall, after: tree{"b": faultSmall},
		run: func(s *scripted) said {
			s.ask("RNFR a", "")
			return s.faultily("RNTO b", "")
		},
	},
}

func TestFaultsOfTheDiskFTP(t *testing.T) {
	f := new(faulty)
	ts := serveFaulty(t, f, ftpOptions)
	c := ts.ftp()
	testFaults(t, ts, f, ftpTalker{c}, ftpSteps, struckOps...)
	c.bye()
}

// What is appended in place keeps a beginning of what was sent, whatever fails.
func TestFaultsOfTheDiskInAppendedFiles(t *testing.T) {
	f := new(faulty)
	ts := serveFaulty(t, f, ftpOptions)
	c := ts.ftp()
	to := ftpTalker{c}
	appendTo := func() said { return to.ask("APPE a", faultLarge) }
	withSmall.lay(t, ts.dir)
	f.arm("", 0, nil, false)
	if got := appendTo(); got.code != codec.CodeComplete {
		t.Fatalf("%d %s without a fault", got.code, got.text)
	}
	_, calls := f.disarm()
	for op, n := range calls {
		for nth := range n {
			for _, fault := range []error{syscall.EIO, syscall.ENOSPC} {
				withSmall.lay(t, ts.dir)
				f.arm(op, nth+1, fault, true)
				got := appendTo()
				ts.quiet()
				f.disarm()
				there, hidden := treeAt(t, ts.dir)
				whole := faultSmall + faultLarge
				if !strings.HasPrefix(whole, there["a"]) || len(there["a"]) < len(faultSmall) ||
					got.code == codec.CodeComplete && there["a"] != whole || len(hidden) > 0 {
					t.Errorf("%v in call %d of %v: %d %s, and %d bytes are there, %q is hidden",
						fault, nth+1, op, got.code, got.text, len(there["a"]), hidden)
				}
			}
		}
	}
	c.bye()
}

// A disk that does not answer stops its own commands alone: others go on, ABOR gives up a transfer,
// and all is well when the disk answers again.
func TestFTPAtAStalledDisk(t *testing.T) {
	stalled, ended := make(chan struct{}, 8), make(chan struct{})
	var slow atomic.Bool
	ts := serveWith(t, func(s *Server) {
		faults(t, s, func(op fsio.Op, n fsio.Name) error {
			if slow.Load() && strings.HasPrefix(n.String(), "slow") && op != fsio.OpUnlink {
				stalled <- struct{}{}
				<-ended
			}
			return nil
		})
	}, ftpOptions)
	ts.file("slow", []byte("content"))
	ts.file("fast", []byte("content"))
	slow.Store(true)
	a, b := ts.ftp(), ts.ftp()
	a.epsv()
	d := a.connect()
	a.send("STOR slow")
	<-stalled
	b.wantFetch("RETR fast", "content")
	ts.later(2 * ts.limiter.Limits.OfferTimeout)
	b.wantFetch("RETR fast", "content")
	a.send("NOOP", "ABOR")
	a.want("425")
	a.want("200")
	a.want("226")
	a.ask("PWD", "257")
	b.send("SIZE slow", "NOOP")
	<-stalled
	close(ended)
	b.want("213 7")
	b.want("200")
	if _, err := d.Read(make([]byte, 1)); err == nil || errors.Is(err, syscall.EAGAIN) {
		t.Errorf("the data connection ends with %v", err)
	}
	a.bye()
	b.bye()
	ts.wantFile("slow", []byte("content"))
}
