//go:build unix

package bench

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

// sockets are the connections of a poller: handles are descriptors.
type sockets struct {
	family int
	v4     unix.SockaddrInet4
	v6     unix.SockaddrInet6
	source unix.SockaddrInet4
	// own is the source address that the system chooses anyway, if known.
	own netip.Addr
}

func newSockets(to netip.Addr) sockets {
	s := sockets{family: unix.AF_INET6}
	if to = to.Unmap(); to.Is4() {
		s.family, s.v4.Addr = unix.AF_INET, to.As4()
	} else {
		s.v6.Addr = to.As16()
	}
	if first := sourceAddress(0, 1); to == first {
		s.own = first
	}
	return s
}

// connect starts a connection without waiting for it.
func (s *sockets) connect(d dialing) (int, error) {
	fd, err := newSocket(s.family)
	if err != nil {
		return -1, err
	}
	if d.from.IsValid() && d.from != s.own {
		bindWithoutPort(fd)
		s.source.Addr = d.from.As4()
		err = unix.Bind(fd, &s.source)
	}
	if d.receiveBuffer > 0 {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, d.receiveBuffer)
	}
	if !d.data {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err == nil {
		s.v4.Port, s.v6.Port = int(d.port), int(d.port)
		if s.family == unix.AF_INET {
			err = unix.Connect(fd, &s.v4)
		} else {
			err = unix.Connect(fd, &s.v6)
		}
	}
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (*sockets) read(fd int32, b []byte) (int, bool, error)  { return moveOnce(unix.Read, fd, b) }
func (*sockets) write(fd int32, b []byte) (int, bool, error) { return moveOnce(unix.Write, fd, b) }
func (*sockets) closeWrite(fd int32) {
	_ = unix.Shutdown(int(fd), unix.SHUT_WR)
}

func (*sockets) close(fd int32) { _ = unix.Close(int(fd)) }

func moveOnce(call func(int, []byte) (int, error), fd int32, b []byte) (int, bool, error) {
	for {
		n, err := call(int(fd), b)
		switch err {
		case nil:
			return n, false, nil
		case unix.EINTR: //nolint:errorlint // a system call returns the bare number
		case unix.EAGAIN: //nolint:errorlint // as above
			return 0, true, nil
		default:
			return 0, false, err
		}
	}
}

func (*sockets) dialError(fd int32) error {
	n, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err != nil:
		return err
	case n != 0:
		return unix.Errno(n)
	default:
		return errors.New("the connection ended at once")
	}
}

// descriptorsMax is how many descriptors this process may open.
func descriptorsMax() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return int(min(limit.Cur, 1<<20))
}
