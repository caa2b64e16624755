package loop

import (
	"net/netip"
	"os"
	"reflect"

	"golang.org/x/sys/unix"
)

// Connector waits for a connection that the loop makes.
type Connector interface {
	// Connected takes the channel, or the error of a connection that was not made.
	Connected(c Channel, err error)
}

// Connect connects from a local address to a peer. The connector is told on the loop, never before
// Connect returns unless the attempt fails at once. Closing the channel before that ends the
// attempt untold.
func (l *Loop) Connect(from netip.Addr, to netip.AddrPort, owner Connector) Channel {
	fd, err := connectSocket(from, to)
	if err != nil {
		owner.Connected(nil, err)
		return nil
	}
	c := l.Adopt(fd).(*plain)
	c.Watch(&attempt{c: c, owner: owner})
	c.Want(CanWrite)
	return c
}

type attempt struct {
	c     *plain
	owner Connector
}

// Ready implements Watched. It may come without need.
func (a *attempt) Ready(Readiness) {
	c := a.c
	code, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err != nil:
	case code != 0:
		err = unix.Errno(code)
	default:
		var peer unix.Sockaddr
		if peer, err = unix.Getpeername(c.fd); err == unix.ENOTCONN {
			c.Want(CanWrite)
			return
		}
		if err == nil && isOwn(c.fd, peer) {
			err = unix.ECONNREFUSED
		}
	}
	if err != nil {
		c.Close()
		a.owner.Connected(nil, os.NewSyscallError("connect", err))
		return
	}
	c.Watch(nil)
	a.owner.Connected(c, nil)
}

// isOwn reports whether a socket is connected to itself: on loopback the system may give it the
// port that nobody listens on any more.
func isOwn(fd int, peer unix.Sockaddr) bool {
	own, err := unix.Getsockname(fd)
	return err == nil && reflect.DeepEqual(own, peer)
}

// connectSocket begins a connection without waiting for it.
func connectSocket(from netip.Addr, to netip.AddrPort) (int, error) {
	fd, _, err := bindSocket(from, 0, false, keepAlive)
	if err != nil {
		return -1, err
	}
	_, peer := sockaddr(to.Addr(), int(to.Port()))
	if err := unix.Connect(fd, peer); err != nil && err != unix.EINPROGRESS && err != unix.EINTR {
		closeDescriptor(fd)
		return -1, os.NewSyscallError("connect", err)
	}
	return fd, nil
}
