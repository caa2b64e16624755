package reactor

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
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

// The data ports of base are drawn at random from a range in which classic's lie.
func TestDataPortsNeverLieOnClassicPorts(t *testing.T) {
	// Three ports in a row that are free now, in the middle of the range.
	first := 0
	for first == 0 {
		at := 20_100 + rand.IntN(2000)
		if ports, err := bindBlock([]netip.Addr{loopback}, at, 3); err == nil {
			closePorts(ports)
			first = at
		}
	}
	for range 40 {
		o := testOptions(t.TempDir())
		o.DataPorts.Count = 2000 // a tenth of the range
		o.Classic = true
		o.ClassicPorts = ClassicPorts{uint16(first), uint16(first + 1), uint16(first + 2)}
		s, err := New(o)
		check(t, err)
		s.Close()
	}
}

// Control's ports are held without listening, and a data port could be bound over them: the loop
// could not listen then.
func TestDataPortsNeverLieOnControl(t *testing.T) {
	for range 40 {
		o := testOptions(t.TempDir())
		o.Port = 20_100 + rand.IntN(2000)
		o.DataPorts.Count = 2000
		s, err := New(o)
		if err != nil {
			continue // somebody else has this port
		}
		if slices.Contains(s.dataPorts, uint16(o.Port)) {
			t.Errorf("port %d is for sessions and for data", o.Port)
		}
		s.Close()
	}
	o := testOptions(t.TempDir())
	o.Port = 21_005
	o.DataPorts = PortRange{First: 21_000, Last: 21_010}
	if s, err := New(o); err == nil {
		s.Close()
		t.Error("a range with the control port in it was taken")
	}
}
