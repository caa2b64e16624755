package reactor

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"ferry/codec"
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
	free := func(at int) bool {
		ports, err := bindBlock([]netip.Addr{loopback}, at, 3)
		if err == nil {
			closePorts(ports)
		}
		return err == nil
	}
	tried := 0
	for tried < 40 {
		first := 20_100 + rand.IntN(2000) // in the middle of the range
		if !free(first) {
			continue
		}
		o := testOptions(t.TempDir())
		o.DataPorts.Count = 2000 // a tenth of the range
		o.Classic = true
		o.ClassicPorts = codec.ClassicPorts{
			Control: uint16(first), Files: uint16(first + 1), Messages: uint16(first + 2),
		}
		s, err := New(o)
		if err != nil && !free(first) {
			continue // somebody else has taken one meanwhile
		}
		check(t, err)
		s.Close()
		tried++
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

// Ports that are ours to choose are as many as there are to choose from.
func TestDataPortsAreRefusedBeyondWhatThereIs(t *testing.T) {
	for _, c := range []struct {
		reactors    int
		data, keyed PortRange
		refused     bool
	}{
		{reactors: 1, data: PortRange{Count: 4096}, keyed: PortRange{Count: 4096}},
		{reactors: 5, data: PortRange{Count: 4096}, keyed: PortRange{Count: 4}},
		{reactors: 6, data: PortRange{Count: 4096}, keyed: PortRange{Count: 4}, refused: true},
		{reactors: 4, data: PortRange{Count: 3000}, keyed: PortRange{Count: 3000}, refused: true},
		{reactors: 4, data: PortRange{Count: 3000}, keyed: PortRange{First: 40_000, Last: 49_999}},
		{reactors: 6, data: PortRange{First: 2000, Last: 39_999}, keyed: PortRange{Count: 4096}},
		{reactors: 64, data: PortRange{Count: 350}, keyed: PortRange{Count: 4}},
		{reactors: 64, data: PortRange{Count: 352}, keyed: PortRange{Count: 4}, refused: true},
	} {
		o := testOptions(t.TempDir())
		o.Reactors, o.DataPorts, o.KeyedPorts = c.reactors, c.data, c.keyed
		var wrong *OptionsError
		switch err := o.validate(); {
		case c.refused && !errors.As(err, &wrong), !c.refused && err != nil:
			t.Errorf("%d reactors, %s and %s ports: %v", c.reactors, &c.data, &c.keyed, err)
		case c.refused && !strings.Contains(err.Error(), "--data-ports "+c.data.String()):
			t.Errorf("the error names no flag: %v", err)
		}
	}
	o := testOptions(t.TempDir())
	o.Reactors, o.DataPorts.Count = 6, 4096
	if s, err := New(o); err == nil {
		s.Close()
		t.Error("more ports were bound than there are")
	}
}

func TestPortListLeavesThePorts(t *testing.T) {
	ports := []uint16{9, 3, 1, 2}
	if got := portList(ports); got != "1-3,9" || !slices.Equal(ports, []uint16{9, 3, 1, 2}) {
		t.Errorf("%q of %d", got, ports)
	}
}
