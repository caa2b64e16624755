package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// mishap is what happens to one direction of a connection.
type mishap uint8

const (
	// unharmed: everything passes.
	unharmed mishap = iota
	// cut ends the direction in order, as if its sender had.
	cut
	// torn resets both ends.
	torn
	// silenced lets nothing more pass, and tells nobody.
	silenced
)

var mishapNames = [...]string{"unharmed", "cut", "torn", "silenced"}

func (m mishap) String() string { return mishapNames[m] }

// stretch is the fate of one direction.
type stretch struct {
	what mishap
	// after is how many bytes pass before it strikes.
	after int64
	// piece is how many bytes pass at most at a time, 0 any; pause is the time between two.
	piece int
	pause time.Duration
}

// fate is what befalls a connection: up is to the server.
type fate struct{ up, down stretch }

// passage stands between clients and a server, and does to connections what networks do. Clients
// reach it at an address of its own, under the server's own port numbers, and it connects on from
// the client's address, so that the server sees who comes.
type passage struct {
	address string
	// decide says what befalls a connection to a port. It is called by any goroutine.
	decide func(port int) fate

	mu        sync.Mutex
	closed    bool
	struck    int // directions that a mishap has struck
	listeners []net.Listener
	open      map[*net.TCPConn]struct{}
	running   sync.WaitGroup
}

// passageAddress is where passages listen: on Linux every address of 127.0.0.0/8 is there.
const passageAddress = "127.0.77.1"

// newPassage takes the server's ports on the passage's address. The caller closes it.
func newPassage(t testing.TB, ports []int, decide func(port int) fate) *passage {
	t.Helper()
	p := &passage{
		address: passageAddress, decide: decide, open: make(map[*net.TCPConn]struct{}),
	}
	t.Cleanup(p.close)
	for _, port := range ports {
		l, err := net.Listen("tcp4", net.JoinHostPort(p.address, strconv.Itoa(port)))
		if err != nil {
			t.Fatal(err)
		}
		p.listeners = append(p.listeners, l)
		p.running.Go(func() { p.accept(l, port) })
	}
	return p
}

// close ends every connection and waits for all goroutines.
func (p *passage) close() {
	p.mu.Lock()
	p.closed = true
	for _, l := range p.listeners {
		_ = l.Close()
	}
	p.mu.Unlock()
	p.sever()
	p.running.Wait()
}

// sever ends every connection that there is.
func (p *passage) sever() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		_ = c.Close()
	}
}

// strikes is how many directions were struck so far.
func (p *passage) strikes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.struck
}

// admit takes a connection in, unless the passage is closed.
func (p *passage) admit(c *net.TCPConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.Close()
		return false
	}
	p.open[c] = struct{}{}
	return true
}

func (p *passage) dismiss(c *net.TCPConn, reset bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
	if reset {
		_ = c.SetLinger(0)
	}
	_ = c.Close()
}

func (p *passage) accept(l net.Listener, port int) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return // it was closed
		}
		client := conn.(*net.TCPConn)
		if !p.admit(client) {
			return
		}
		p.running.Go(func() { p.carry(client, port) })
	}
}

// carry connects on, and carries both directions until both have ended.
func (p *passage) carry(client *net.TCPConn, port int) {
	from := client.RemoteAddr().(*net.TCPAddr).IP
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}, Timeout: patience}
	conn, err := d.Dial("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		p.dismiss(client, true)
		return
	}
	server := conn.(*net.TCPConn)
	if !p.admit(server) {
		p.dismiss(client, true)
		return
	}
	f := p.decide(port)
	var both sync.WaitGroup
	both.Go(func() { p.relay(server, client, f.up) })
	both.Go(func() { p.relay(client, server, f.down) })
	both.Wait()
	p.dismiss(client, false)
	p.dismiss(server, false)
}

// relay carries one direction to its end.
func (p *passage) relay(to, from *net.TCPConn, s stretch) {
	buffer := make([]byte, 32<<10)
	if s.piece > 0 {
		buffer = buffer[:min(len(buffer), s.piece)]
	}
	for left := s.after; s.what == unharmed || left > 0; {
		b := buffer
		if s.what != unharmed {
			b = b[:min(int64(len(b)), left)]
		}
		n, err := from.Read(b)
		if n > 0 {
			left -= int64(n)
			if _, wrong := to.Write(b[:n]); wrong != nil && err == nil {
				err = wrong
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			_ = to.CloseWrite()
			return
		case err != nil: // a reset is carried on
			p.tear(to, from)
			return
		}
		if s.pause > 0 {
			pause(s.pause)
		}
	}
	p.mu.Lock()
	p.struck++
	p.mu.Unlock()
	switch s.what {
	case torn:
		p.tear(to, from)
		return
	case cut:
		_ = to.CloseWrite()
	default:
	}
	// What still comes is lost; the sender is to notice by itself.
	_, _ = io.Copy(io.Discard, from)
}

// tear resets both ends, which ends the other direction too.
func (p *passage) tear(to, from *net.TCPConn) {
	p.dismiss(to, true)
	p.dismiss(from, true)
}

// pause lets time pass on purpose: it is the slowness of a network, not a wait for something.
func pause(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}

// portsOf are all ports of a server on 127.0.0.1: its control port, and those of its start line.
func portsOf(t testing.TB, p *process) []int {
	t.Helper()
	_, control, err := net.SplitHostPort(p.address)
	if err != nil {
		t.Fatal(err)
	}
	started, err := p.log.last("server started")
	if err != nil {
		t.Fatal(err)
	}
	var ports []int
	for piece := range strings.SplitSeq(control+","+fmt.Sprint(started["data_ports"]), ",") {
		first, last, isRange := strings.Cut(piece, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		for port := from; port <= to; port++ {
			ports = append(ports, port)
		}
	}
	return ports
}

// control is the address of a server's control port at a passage.
func (p *passage) control(server *process) string {
	_, port, _ := net.SplitHostPort(server.address)
	return net.JoinHostPort(p.address, port)
}
