//go:build linux && !ferryportable

package reactor

import (
	"os"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A small RETR allocates little more than a small get: it has two commands and an offer that stands
// before the second.
func TestSmallRETRAllocatesLittle(t *testing.T) {
	skipUnderRace(t)
	s := stageWithFTP(t)
	check(t, os.WriteFile(s.server.options.Root+"/file", pattern(4096), 0o666))
	sink := make([]byte, 8192)
	transfers := func() {
		s.c.in = append(s.c.in[:0], "EPSV\r\n"...)
		s.c.out = s.c.out[:0]
		s.input(s.c)
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
		check(t, err)
		for i, o := range s.c.session.offer.line.offers {
			if o != nil {
				s.arrive(s.pools[poolData].ports[i], fds[0], "10.0.0.1")
			}
		}
		s.c.in = append(s.c.in[:0], "RETR file\r\n"...)
		s.input(s.c)
		if n, err := unix.Read(fds[1], sink); err != nil || n != 4096 {
			t.Fatalf("%d %v %q", n, err, sink[max(0, n-40):max(n, 0)])
		}
		check(t, unix.Close(fds[1]))
		s.loop.Step()
		if len(s.transfers) != 0 {
			t.Fatal("it has not ended")
		}
	}
	s.send("TYPE I")
	transfers()
	if !strings.HasSuffix(string(s.c.out), "226 Transfer complete.\r\n") {
		t.Fatalf("the server said %q", s.c.out)
	}
	if n := testing.AllocsPerRun(500, transfers); n > 7 {
		t.Errorf("a small RETR allocates %v times", n)
	}
	s.leave()
}

// What an idle session of FTP holds of ours, beside gnet's connection.
func TestIdleFTPSessionIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(session{}) + unsafe.Sizeof(ftpFace{}); n > 900 {
		t.Errorf("a session has %d bytes", n)
	}
}
