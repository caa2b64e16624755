//go:build linux && !ferryportable

package reactor

import (
	"os"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"ferry/reactor/loop"
)

// A small get on the loop allocates the command's text, the name that is opened, and what the log's
// encoder needs: a handful of small pieces, no buffer.
func TestSmallGetAllocatesLittle(t *testing.T) {
	skipUnderRace(t)
	o := testOptions(t.TempDir())
	s := stages(t, 1, o)[0]
	defer s.close()
	check(t, os.WriteFile(o.Root+"/file", pattern(4096), 0o666))
	c := s.open("127.0.0.1")
	command := framed("get file")
	sink := make([]byte, 8192)
	transfers := func() {
		c.in = append(c.in[:0], command...)
		c.out = c.out[:0]
		s.input(c)
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
		check(t, err)
		s.tick()
		for _, p := range s.pools[poolData].ports {
			if l := s.addresses[loopback].lines[poolData]; l.offers[p.index] != nil {
				s.arrive(p, fds[0], loopback.String())
			}
		}
		n, err := unix.Read(fds[1], sink)
		if err != nil || n != 4096+10 {
			t.Fatal(n, err)
		}
		check(t, unix.Close(fds[1]))
		s.loop.Step()
		if len(s.transfers) != 0 {
			t.Fatal("it has not ended")
		}
	}
	if loop.HaveSendfile {
		if n := testing.AllocsPerRun(500, transfers); n > 8 {
			t.Errorf("a small get allocates %v times", n)
		}
	}
	s.hang(c)
}

// What an idle session holds of ours, beside gnet's connection.
func TestIdleSessionIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(session{}); n > 400 {
		t.Errorf("a session has %d bytes", n)
	}
}

// What has ended holds nothing: a thousand transfers leave the heap as they found it.
func TestTransfersLeaveNoMemory(t *testing.T) {
	ts := serve(t)
	ts.file("file", []byte("content"))
	c := ts.dial()
	heap := func() int64 {
		ts.quiet()
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	run := func() {
		for range 300 {
			c.get("file", []byte("content"))
		}
	}
	run()
	before := heap()
	run()
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	c.quit()
}
