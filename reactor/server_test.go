package reactor

import (
	"net/netip"
	"testing"
	"time"
)

// TestServerWhoseLoopsCannotBeginEnds: gnet may fail to listen although the port was held for it.
func TestServerWhoseLoopsCannotBeginEnds(t *testing.T) {
	o := DefaultOptions()
	o.Root, o.Listen = t.TempDir(), "127.0.0.1"
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.addresses = []netip.Addr{netip.MustParseAddr("203.0.113.1")} // not of this machine
	ended := make(chan error, 1)
	go func() { ended <- s.Run(func() { t.Error("it said that it listened") }) }()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("no error")
		}
		t.Log(err)
	case <-time.After(patience):
		t.Fatal("it neither served nor ended")
	}
}
