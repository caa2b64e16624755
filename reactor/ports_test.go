package reactor

import (
	"net"
	"net/netip"
	"testing"
)

// A block of data ports that meets one in use is given up whole, and leaves nothing open.
func TestDataPortInUseLeaksNothing(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	check(t, err)
	defer func() { _ = taken.Close() }()
	port := taken.Addr().(*net.TCPAddr).Port
	before := descriptors()
	if _, err := bindBlock([]netip.Addr{loopback}, port, 1); err == nil {
		t.Fatal("a port in use was bound")
	}
	_, err = New(Options{}) // every fault at once, and nothing taken
	if err == nil {
		t.Fatal("options of zeros were taken")
	}
	o := testOptions(t.TempDir())
	o.DataPorts = PortRange{First: uint16(port), Last: uint16(port) + 1}
	if _, err := New(o); err == nil {
		t.Fatal("a port in use was bound")
	}
	wantSameDescriptors(t, before)
}
