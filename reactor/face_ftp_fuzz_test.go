//go:build linux && !ferryportable

package reactor

import (
	"bytes"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// FuzzTypeAOverTheWire stores text in type A, in any cuts, and gets it back: the file has LF where
// CR LF came, and CR LF goes out where it has LF.
func FuzzTypeAOverTheWire(f *testing.F) {
	f.Add([]byte("a\r\nb\rc\nd\r"), uint16(0))
	f.Add([]byte("a\r\r\nb"), uint16(0))
	f.Add(bytes.Repeat([]byte("\r\n"), 40_000), uint16(65_534))
	f.Add(append(pattern(70_000), '\r'), uint16(3000))
	f.Fuzz(func(t *testing.T, text []byte, cut uint16) {
		s := stageWithFTP(t)
		s.send("TYPE A", "EPSV")
		s.c.out = s.c.out[bytes.IndexByte(s.c.out, '\n')+1:]
		in := s.meet()
		s.send("STOR n")
		s.runJobs()
		for rest := text; len(rest) > 0; {
			n := min(int(cut)+1, len(rest))
			s.feedData(in, string(rest[:n]))
			rest = rest[n:]
		}
		check(t, unix.Shutdown(in, unix.SHUT_WR))
		s.settle()
		s.runJobs()
		s.wantReplies("150", "226")
		stored := bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
		got, err := os.ReadFile(s.server.options.Root + "/n")
		check(t, err)
		if !bytes.Equal(got, stored) {
			t.Fatalf("%d bytes are stored of %d, want %d", len(got), len(text), len(stored))
		}
		s.send("EPSV")
		out := s.meet()
		s.send("RETR n")
		var sent []byte
		for b := make([]byte, 64<<10); ; {
			s.settle()
			s.runJobs()
			n, err := unix.Read(out, b)
			if n == 0 && err == nil {
				break
			}
			sent = append(sent, b[:max(n, 0)]...)
		}
		// A CR LF that the file has stays.
		want := bytes.ReplaceAll(stored, []byte("\r\n"), []byte("\n"))
		want = bytes.ReplaceAll(want, []byte("\n"), []byte("\r\n"))
		if !bytes.Equal(sent, want) {
			t.Fatalf("%d bytes came, want %d", len(sent), len(want))
		}
		check(t, unix.Shutdown(out, unix.SHUT_WR))
		s.settle()
		s.wantReplies("150", "226")
		s.leave(in, out)
	})
}
