package reactor

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"ferry/codec"
)

func TestDrainFinishesClassicTransfers(t *testing.T) {
	ts := serve(t, withClassic)
	content := pattern(48 << 20)
	ts.file("file", content)
	idle, moving, offered := ts.classic(), ts.classic(), ts.classic()
	d := moving.ask("file")
	readExactly(t, d, content[:1])
	offered.say("RETR file\n")
	port := offered.port()
	ts.Drain()
	idle.wantEOF()
	moving.wantEOF()
	connectFrom(t, offered.from, port).wantWhole(content)
	offered.wantEOF()
	d.wantWhole(content[1:])
	check(t, ts.wait())
}

func TestStopResetsClassicFiles(t *testing.T) {
	ts := serve(t, withClassic)
	content := pattern(48 << 20)
	ts.file("file", content)
	c, offered := ts.classic(), ts.classic()
	d := c.ask("file")
	readExactly(t, d, content[:1])
	offered.say("RETR file\n")
	offered.port()
	ts.Stop()
	c.wantEOF() // the file is reset in the same turn, and its sockets hold far less than it
	wantResetWithin(t, d, len(content)-2)
	offered.wantEOF()
	if err := ts.wait(); !errors.Is(err, ErrTransfersReset) {
		t.Errorf("the server ended with: %v", err)
	}
}

// A client that closes early costs its own file only.
func TestClassicClientThatBreaksOff(t *testing.T) {
	ts := serve(t, withClassic)
	content := pattern(48 << 20)
	ts.file("file", content)
	c := ts.classic()
	d := c.ask("file")
	readExactly(t, d, content[:1])
	reset(t, d.TCPConn)
	ts.wantTransfer(1, outcomeBroken)
	c.wantFile(content)
	c.goodbye()
}

// Files that move count against the limit of their address, and the next waits.
func TestClassicTransfersWaitForTheirLimit(t *testing.T) {
	ts := serve(t, withClassic, func(o *Options) { o.Limits.TransfersPerAddress = 2 })
	content := pattern(48 << 20)
	ts.file("file", content)
	c := ts.classic()
	a, b := c.ask("file"), c.ask("file")
	c.say("RETR file\n")
	eventually(t, "the third to be heard", func() bool { return ts.counted().commands == 3 })
	if n := ts.counted().offers; n != 2 {
		t.Fatalf("%d offers were made", n)
	}
	ts.classicFrom(t, "127.0.0.2").wantFile(content)
	a.wantWhole(content)
	(&data{c.told(), t}).wantWhole(content)
	b.wantWhole(content)
	c.goodbye()
}

// The first reactor alone serves classic, whatever the others do; base goes on beside it.
func TestClassicBesideBaseOnTwoReactors(t *testing.T) {
	ts := serve(t, withClassic, func(o *Options) { o.Reactors = 2 })
	ts.file("file", []byte("content"))
	var classic []*lines
	var base []*wire
	for range 20 {
		classic = append(classic, ts.classic())
		base = append(base, ts.dial())
	}
	for i := range classic {
		d, e := classic[i].ask("file"), base[i].ask("get file")
		d.wantWhole([]byte("content"))
		e.wantRecord([]byte("content"))
	}
	for i := range classic {
		classic[i].goodbye()
		base[i].quit()
	}
}

// One after another, nothing is kept of any of them.
func TestManyClassicSessionsLeaveNothing(t *testing.T) {
	ts := serve(t, withClassic)
	ts.file("file", []byte("content"))
	for i := range 200 {
		c := ts.classic()
		c.wantFile([]byte("content"))
		c.ask("missing").wantMessage(notFound)
		if i%2 == 0 {
			c.goodbye()
		} else {
			check(t, c.Close())
		}
	}
}

// Two sockets of ours can have one port, and each would get some of the clients.
func TestClassicPortsDiffer(t *testing.T) {
	for _, c := range []struct {
		port    int
		classic codec.ClassicPorts
		good    bool
	}{
		{0, codec.ClassicPorts{Control: 21001, Files: 21001, Messages: 21003}, false},
		{0, codec.ClassicPorts{Control: 21001, Files: 21002, Messages: 21001}, false},
		{0, codec.ClassicPorts{Control: 21001, Files: 21002, Messages: 21002}, false},
		{21001, codec.ClassicPorts{Control: 21001, Files: 21002, Messages: 21003}, false},
		{21003, codec.ClassicPorts{Control: 0, Files: 0, Messages: 21003}, false},
		{21000, codec.ClassicPorts{Control: 21001, Files: 21002, Messages: 21003}, true},
		{0, codec.ClassicPorts{}, true},
		{NoPort, codec.DefaultClassicPorts(), true},
	} {
		o := testOptions(t.TempDir())
		o.Port, o.Classic, o.ClassicPorts = c.port, true, c.classic
		if err := o.validate(); (err == nil) != c.good {
			t.Errorf("port %d beside %v: %v", c.port, c.classic, err)
		}
	}
}

// Classic alone lets nobody write: there is nothing to warn of.
func TestDescriptionOfClassicAlone(t *testing.T) {
	o := testOptions(t.TempDir())
	o.Port, o.Classic, o.ClassicPorts, o.Listen = NoPort, true, codec.ClassicPorts{}, ""
	s, err := New(o)
	check(t, err)
	defer s.Close()
	if d := s.Describe(); d.May != "get" || d.Warning != "" || d.Port != NoPort ||
		!strings.HasPrefix(d.Connect, "ferry --classic ") ||
		!strings.HasSuffix(d.Connect, fmt.Sprint(" ", s.ClassicPort())) {
		t.Errorf("it describes itself as %+v", d)
	}
}
