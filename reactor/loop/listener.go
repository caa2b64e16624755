package loop

import (
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Listener is a socket that accepts data connections. Until Loop.Listen it belongs to whoever bound
// it, and to the loop from then on.
type Listener struct {
	loop  *Loop
	owner Acceptor
	fd    int
	port  uint16
	slot  slot
	// retry is when it accepts again after an accept that failed.
	retry Deadline
}

// Acceptor owns listeners.
type Acceptor interface {
	// Accepted takes a new connection, and its peer's address without a zone. IPv4 mapped into IPv6
	// counts as IPv4.
	Accepted(c Channel, from netip.AddrPort)
	// AcceptFailed is told that the system had no descriptor or memory for a connection. The
	// listener rests and tries again by itself.
	AcceptFailed(err error)
}

// listenBacklog is how many connections may wait in a listener. An address has one offer there at a
// time, so that many are addresses, not one client's flood.
const listenBacklog = 1024

// Bind listens on an address and port; 0 picks a free port. The IPv6 unspecified address serves
// both families. Connections inherit keepalive from the listener.
func Bind(ip netip.Addr, port uint16) (*Listener, error) {
	fd, bound, err := bindSocket(ip, int(port), ip == netip.IPv6Unspecified(), keepAlive)
	if err != nil {
		return nil, err
	}
	if err := unix.Listen(fd, listenBacklog); err != nil {
		closeDescriptor(fd)
		return nil, os.NewSyscallError("listen", err)
	}
	return &Listener{fd: fd, port: uint16(bound)}, nil
}

func keepAlive(fd int) error { return setOption(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, true) }

// Port is the port it listens on.
func (s *Listener) Port() uint16 { return s.port }

// FD is its descriptor, for socket options.
func (s *Listener) FD() int { return s.fd }

// DeferAccept accepts connections only once their first bytes have arrived, or after some seconds.
// It suits clients that speak first, and does nothing where the system does not support it.
func (s *Listener) DeferAccept() { acceptWithBytes(s.fd) }

// Close stops listening.
func (s *Listener) Close() {
	if s.loop != nil {
		s.loop.Deadlines.Clear(&s.retry)
		s.loop.watcher.remove(s.slot)
	}
	closeDescriptor(s.fd)
}

// Listen has a listener accept connections for its owner.
func (l *Loop) Listen(s *Listener, owner Acceptor) {
	s.loop, s.owner = l, owner
	s.retry.Owner = s
	var err error
	if s.slot, err = l.watcher.addListener(s.fd, s); err != nil {
		s.failed(err)
	}
}

// Ready is for the watcher.
func (s *Listener) Ready(Readiness) { s.Accept() }

// Accept accepts one connection. The watcher reports the next one in its next batch, so a flood at
// one port leaves the other ports their share.
func (s *Listener) Accept() {
	fd, from, err := accept(s.fd)
	switch {
	case err == nil:
		s.owner.Accepted(s.loop.Adopt(fd), from)
	case err != ErrAgain && err != errAborted:
		s.loop.watcher.pause(s.slot)
		s.failed(err)
	}
}

// failed schedules a retry. There is one retry a listener: a second would find the socket back in
// the watcher, fail at that, and be repeated for ever.
func (s *Listener) failed(err error) {
	s.owner.AcceptFailed(err)
	if !s.retry.IsSet() {
		s.loop.Deadlines.Set(&s.retry, s.loop.Now+acceptRetryAfter)
	}
}

// Expire implements Expirer: the listener returns to the watcher. That needs memory too.
func (s *Listener) Expire(*Deadline) {
	if err := s.loop.watcher.again(s.slot); err != nil {
		s.failed(err)
	}
}

// acceptRetryAfter is how long a listener rests after a failed accept.
const acceptRetryAfter = 100 * time.Millisecond
