package bench

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// netPoller is a poller over package net, for systems without epoll: a goroutine for each
// connection reads ahead, and another one writes when there is something to write.
type netPoller struct {
	to      netip.Addr
	sockets map[int32]*netSocket // by handle; those that are open
	last    int32                // the last handle
	happens chan netEvent
	out     []event
	ctx     context.Context // ends when the poller is shut
	end     context.CancelFunc
	running sync.WaitGroup
}

// netEvent is an event of a socket, nil for a wake.
type netEvent struct {
	event
	socket *netSocket
}

// netSocket is a connection of a netPoller.
type netSocket struct {
	poller *netPoller
	handle int32
	dialing
	more chan struct{} // the loop has read everything

	mu      sync.Mutex
	conn    net.Conn // nil until connected
	in      []byte   // what came and the loop has not read
	err     error    // why reading or dialing ended, nil for an orderly end
	ended   bool
	pending []byte // to be written
	writing bool
	wrote   sync.Cond // writing has ended
	full    bool      // the loop waits until it may write again
	noMore  bool      // end the sending side once pending is written
	closed  bool
}

const (
	netReadSize = 64 << 10
	// netPendingMax is what a connection may have to write before the loop has to wait.
	netPendingMax = 256 << 10
	// netFlushMax bounds how long a closed connection may take to send what was written.
	netFlushMax = 5 * time.Second
)

func newNetPoller(to netip.Addr) (poller, error) {
	p := &netPoller{
		to: to, sockets: map[int32]*netSocket{}, happens: make(chan netEvent, eventsMax),
	}
	p.ctx, p.end = context.WithCancel(context.Background())
	return p, nil
}

func (p *netPoller) dial(d dialing) (int32, error) {
	p.last++
	s := &netSocket{poller: p, handle: p.last, dialing: d, more: make(chan struct{}, 1)}
	s.wrote.L = &s.mu
	p.sockets[s.handle] = s
	p.running.Go(s.run)
	return s.handle, nil
}

// tell reports an event of the socket, unless the poller is being shut.
func (s *netSocket) tell(e event) {
	e.client, e.data = s.client, s.data
	select {
	case s.poller.happens <- netEvent{e, s}:
	case <-s.poller.ctx.Done():
	}
}

// run connects and then reads ahead, one buffer at a time.
func (s *netSocket) run() {
	dialer := net.Dialer{Timeout: time.Minute} // the loop's own timeout is shorter
	if s.from.IsValid() {
		dialer.LocalAddr = &net.TCPAddr{IP: s.from.AsSlice()}
	}
	conn, err := dialer.DialContext(s.poller.ctx, "tcp",
		netip.AddrPortFrom(s.poller.to, s.port).String())
	s.mu.Lock()
	if err != nil {
		s.err, s.ended = err, true
		s.mu.Unlock()
		s.tell(event{readable: true, ended: true, failed: true})
		return
	}
	if s.receiveBuffer > 0 {
		_ = conn.(*net.TCPConn).SetReadBuffer(s.receiveBuffer)
	}
	s.conn = conn
	closed := s.closed
	s.flushLocked()
	s.mu.Unlock()
	if closed {
		return
	}
	s.tell(event{writable: true})
	b := make([]byte, netReadSize)
	for {
		n, err := conn.Read(b)
		s.mu.Lock()
		for errors.Is(err, io.EOF) && s.writing {
			s.wrote.Wait() // a write may learn of a reset, which then reads as an orderly end
		}
		s.in, s.ended = b[:n], err != nil
		if s.err == nil && !errors.Is(err, io.EOF) {
			s.err = err
		}
		s.mu.Unlock()
		s.tell(event{readable: true, ended: err != nil})
		if err != nil {
			return
		}
		if _, open := <-s.more; !open {
			return
		}
	}
}

func (p *netPoller) read(handle int32, b []byte) (int, bool, error) {
	s := p.sockets[handle]
	s.mu.Lock()
	defer s.mu.Unlock()
	n := copy(b, s.in)
	if s.in = s.in[n:]; n == 0 {
		return 0, !s.ended, s.err
	}
	if len(s.in) == 0 && !s.ended {
		s.more <- struct{}{}
	}
	return n, false, nil
}

func (p *netPoller) write(handle int32, b []byte) (int, bool, error) {
	s := p.sockets[handle]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, false, s.err
	}
	n := min(len(b), netPendingMax-len(s.pending))
	if s.full = n < len(b); n == 0 {
		return 0, true, nil
	}
	s.pending = append(s.pending, b[:n]...)
	s.flushLocked()
	return n, false, nil
}

// flushLocked starts the writer if there is something for it to do.
func (s *netSocket) flushLocked() {
	if s.conn == nil || s.writing {
		return
	}
	s.writing = true
	s.poller.running.Go(s.flush)
}

// flush writes until nothing is pending, and then ends what the loop has ended.
func (s *netSocket) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		s.writing = false
		s.wrote.Broadcast()
	}()
	for len(s.pending) > 0 {
		b := s.pending
		s.pending = nil
		s.mu.Unlock()
		_, err := s.conn.Write(b)
		s.mu.Lock()
		if err != nil { // the reader reports it together with the end
			s.err, s.pending = err, nil
		}
		if s.full && !s.closed {
			s.full = false
			s.mu.Unlock()
			s.tell(event{writable: true})
			s.mu.Lock()
		}
	}
	switch {
	case s.closed:
		_ = s.conn.Close()
	case s.noMore:
		_ = s.conn.(*net.TCPConn).CloseWrite()
	}
}

func (p *netPoller) closeWrite(handle int32) {
	s := p.sockets[handle]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noMore = true
	s.flushLocked()
}

func (p *netPoller) dialError(handle int32) error {
	s := p.sockets[handle]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (p *netPoller) close(handle int32) {
	s := p.sockets[handle]
	delete(p.sockets, handle)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	close(s.more)
	if s.conn != nil {
		_ = s.conn.SetWriteDeadline(time.Now().Add(netFlushMax))
	}
	s.flushLocked()
}

func (p *netPoller) wait(d time.Duration) []event {
	p.out = p.out[:0]
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case e := <-p.happens:
		p.take(e)
	case <-timer.C:
	}
	for range len(p.happens) {
		p.take(<-p.happens)
	}
	return p.out
}

// take adds an event, unless its connection was closed since.
func (p *netPoller) take(e netEvent) {
	if e.socket == nil || p.sockets[e.socket.handle] != nil {
		p.out = append(p.out, e.event)
	}
}

func (p *netPoller) wake() {
	select {
	case p.happens <- netEvent{event: event{client: -1}}:
	case <-p.ctx.Done():
	}
}

func (p *netPoller) shut() {
	p.end()
	p.running.Wait()
}
