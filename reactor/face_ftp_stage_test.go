//go:build linux && !ferryportable

package reactor

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ferry/reactor/limit"
)

// ftpStage is a stage with one session of FTP that is logged in, and workers that the test runs.
type ftpStage struct {
	*stage
	c    *fakeConn
	work *simWork
}

func stageWithFTP(t *testing.T) *ftpStage {
	t.Helper()
	s := &ftpStage{stage: stages(t, 1, testOptions(t.TempDir()))[0], work: new(simWork)}
	s.serveFTP()
	s.server.pool.Close()
	s.server.pool = s.work
	t.Cleanup(s.close)
	s.c = s.openAt("10.0.0.1", stageFTP)
	s.send("USER ftp", "PASS x")
	s.wantReplies("220", "331", "230")
	return s
}

func (s *ftpStage) send(lines ...string) {
	s.c.in = append(s.c.in, strings.Join(lines, "\r\n")+"\r\n"...)
	s.input(s.c)
	s.settle()
}

// runJobs has the workers do what there is to do.
func (s *ftpStage) runJobs() {
	for len(s.work.jobs) > 0 {
		j := s.work.jobs[0]
		s.work.jobs = s.work.jobs[1:]
		j.Run()
		s.settle()
	}
}

// wantReplies takes what control has said, and demands the codes of its replies.
func (s *ftpStage) wantReplies(codes ...string) {
	s.t.Helper()
	var got []string
	for _, line := range strings.Split(strings.TrimSuffix(string(s.c.out), "\r\n"), "\r\n") {
		got = append(got, line[:min(len(line), 3)])
	}
	if strings.Join(got, " ") != strings.Join(codes, " ") {
		s.t.Fatalf("the server said %q, want %v", s.c.out, codes)
	}
	s.c.out = nil
}

// meet makes the data connection to the port that control told.
func (s *ftpStage) meet() int {
	s.t.Helper()
	port, ok := ftpPort(229, string(s.c.out[4:]))
	if !ok {
		s.t.Fatalf("%q tells no port", s.c.out)
	}
	s.c.out = nil
	fd := s.meetAt(port, "10.0.0.1")
	s.settle()
	return fd
}

// leave ends the session and what it has.
func (s *ftpStage) leave(fds ...int) {
	for _, fd := range fds {
		check(s.t, unix.Close(fd))
	}
	s.settle()
	s.hang(s.c)
	s.runJobs()
	s.advance(time.Minute)
	if n := s.limiter.InUse(); n != "" {
		s.t.Error("in use: ", n)
	}
}

func TestFTPConnectionWaitsForTheDisk(t *testing.T) {
	s := stageWithFTP(t)
	s.send("EPSV")
	fd := s.meet()
	s.send("STOR n")
	s.advance(2 * s.limiter.Limits.OfferTimeout)
	s.runJobs()
	s.wantReplies("150")
	check(t, unix.Close(fd))
	s.settle()
	s.runJobs()
	s.wantReplies("226")
	s.send("EPSV")
	s.c.out = nil
	s.send("STOR n")
	s.advance(s.limiter.Limits.OfferTimeout * 3 / 4)
	s.runJobs()
	s.advance(s.limiter.Limits.OfferTimeout * 3 / 4)
	s.wantReplies("150")
	s.advance(s.limiter.Limits.OfferTimeout / 2)
	s.wantReplies("425")
	s.leave()
}

func TestFTPListingIsOfTheSessionThatAskedForIt(t *testing.T) {
	s := stageWithFTP(t)
	d, err := s.c.session.names.Parse([]byte("d"))
	check(t, err)
	check(t, s.server.store().Mkdir(d))
	s.send("EPSV", "MLSD", "EPSV", "LIST")
	listing := s.c.session.transfer
	s.send("ABOR", "OPTS MLST size;", "CWD d")
	s.c.out = nil
	text, err := listing.render(1 << 20)
	check(t, err)
	if !strings.Contains(string(text), "type=dir;") || !strings.HasSuffix(string(text), " d\r\n") {
		t.Errorf("MLSD gives %q", text)
	}
	s.runJobs()
	s.leave()
}

func TestFTPAppendedBytesAreReservedUntilTheyAreWritten(t *testing.T) {
	s := stageWithFTP(t)
	big := string(pattern(3 * smallMax))
	s.send("EPSV")
	fd := s.meet()
	s.send("STOR n")
	s.runJobs()
	s.feedData(fd, big)
	check(t, unix.Shutdown(fd, unix.SHUT_WR))
	s.settle()
	s.runJobs()
	s.wantReplies("150", "226")
	s.send("EPSV")
	second := s.meet()
	s.send("APPE n")
	s.runJobs()
	s.feedData(second, big)
	if n := s.limiter.Used(limit.Reserved); n > 0 {
		t.Errorf("%d bytes are reserved when all that came is written", n)
	}
	s.leave(fd, second)
}

// feedData sends all of a text on a data connection, and has it written.
func (s *ftpStage) feedData(fd int, text string) {
	s.t.Helper()
	for range 1000 {
		n, err := unix.Write(fd, []byte(text))
		if err == nil {
			text = text[n:]
		}
		s.settle()
		s.runJobs()
		if text == "" {
			return
		}
	}
	s.t.Fatal("the upload does not move")
}
