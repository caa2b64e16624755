//go:build linux && !ferryportable

package reactor

import (
	"net/netip"
	"syscall"
	"testing"
)

// Failed accepts share one retry: once it has succeeded, nothing more fails.
func TestFailedAcceptsShareOneRetry(t *testing.T) {
	s := stages(t, 1, testOptions(t.TempDir()))[0]
	defer s.close()
	fd, _, err := listenData(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
	check(t, err)
	defer closeDescriptor(fd)
	d := &dataSocket{port: s.parting, fd: fd}
	d.slot, err = s.watcher.addListener(fd, d)
	check(t, err)
	for range 4 {
		s.acceptFailed(d, syscall.EMFILE)
	}
	for range 10 {
		s.advance(acceptRetryAfter)
	}
	if n := s.count.acceptFailures; n != 4 {
		t.Errorf("%d failures counted, want 4", n)
	}
	if n := len(s.deadlines); n != 0 {
		t.Errorf("%d retries are still scheduled", n)
	}
}
