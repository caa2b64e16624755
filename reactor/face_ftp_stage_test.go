//go:build linux && !ferryportable

package reactor

import (
	"bytes"
	"os"
	"strconv"
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
	code, text, _ := strings.Cut(string(s.c.out), " ")
	n, _ := strconv.Atoi(code)
	port, ok := ftpPort(n, text)
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

// The end of a small download is told together with its beginning, and the connection is closed,
// where the client is none that misses the end then. A large one, whose end may be lost on its way,
// and one that came by PASV are over once the client has closed.
func TestFTPSmallDownloadIsAnsweredAtOnce(t *testing.T) {
	s := stageWithFTP(t)
	for name, size := range map[string]int{"small": smallMax, "large": smallMax + 1} {
		content := pattern(size)
		check(t, os.WriteFile(s.server.options.Root+"/"+name, content, 0o666))
		for _, offer := range []string{"EPSV", "PASV"} {
			s.send(offer)
			fd := s.meet()
			s.send("TYPE I", "RETR "+name)
			got := make([]byte, 0, size+1)
			for tries := 0; len(got) < size && tries < 1000; tries++ {
				s.runJobs()
				n, _ := unix.Read(fd, got[len(got):cap(got)])
				got = got[:len(got)+max(n, 0)]
				s.settle()
			}
			if !bytes.Equal(got, content) {
				t.Fatalf("%d of %d bytes came", len(got), size)
			}
			if prompt := offer == "EPSV" && name == "small"; prompt {
				s.wantReplies("200", "150", "226")
			} else {
				s.wantReplies("200", "150")
			}
			check(t, unix.Close(fd))
			s.settle()
			s.runJobs()
			if len(s.c.out) > 0 {
				s.wantReplies("226")
			}
			if len(s.transfers) > 0 || !s.c.session.awaitsCommand() {
				t.Fatal("the transfer has not ended")
			}
		}
	}
	s.leave()
}

// Bytes that a client sends on a download would make a close reset what it has not read yet: then
// the server waits for the client's end.
func TestFTPSmallDownloadIsNotResetByWhatComes(t *testing.T) {
	s := stageWithFTP(t)
	check(t, os.WriteFile(s.server.options.Root+"/f", []byte("content"), 0o666))
	s.send("EPSV")
	fd := s.meet()
	_, err := unix.Write(fd, []byte("hello"))
	check(t, err)
	s.send("RETR f")
	s.runJobs()
	s.wantReplies("150")
	if len(s.transfers) != 1 || s.transfers[0].state != transferLingering {
		t.Error("the server does not wait for the client")
	}
	s.leave(fd)
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

// A broken upload is told once its hidden file is gone: the next command may remove the folder.
func TestFTPBrokenUploadIsToldAfterItsFileIsGone(t *testing.T) {
	s := stageWithFTP(t)
	for _, broken := range []struct {
		by      func()
		replies []string
	}{
		{func() { s.send("ABOR") }, []string{"426", "226"}},
		{func() {
			for range 2 { // something had moved before the first
				s.advance(s.limiter.Limits.StallTimeout)
			}
		}, []string{"426"}},
	} {
		s.send("EPSV")
		fd := s.meet()
		s.send("STOR n")
		s.runJobs()
		s.feedData(fd, string(pattern(3*smallMax)))
		s.wantReplies("150")
		broken.by()
		if len(s.c.out) > 0 {
			t.Errorf("%q is said while the file is there", s.c.out)
		}
		s.runJobs()
		s.wantReplies(broken.replies...)
		entries, err := os.ReadDir(s.server.options.Root)
		check(t, err)
		if len(entries) > 0 {
			t.Errorf("%v is left", entries)
		}
		check(t, unix.Close(fd))
	}
	s.leave()
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
