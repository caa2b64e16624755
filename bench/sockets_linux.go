package bench

import (
	"errors"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sockets makes the connections of a loop, which never block, and reports which of them are ready.
// Events are edge-triggered: one is reported once, and holds until a read or write says "again".
// The loop's goroutine owns it. A transfer allocates nothing here.
type sockets struct {
	epoll  int
	family int
	v4     unix.SockaddrInet4 // of the server, if family says so
	v6     unix.SockaddrInet6
	source unix.SockaddrInet4
	own    netip.Addr // the source address that the system chooses anyway, if known
	events []unix.EpollEvent
}

// eventsMax bounds a batch of events, since deadlines and open-loop starts wait for its end.
const eventsMax = 256

// dialing describes a connection to make.
type dialing struct {
	client int32
	data   bool // a data connection, not a control connection
	port   uint16
	from   netip.Addr // invalid: chosen by the system
	sends  bool       // there is an event when it becomes writable
}

// event is what epoll reports of a connection. Its Fd is the client's index.
type event unix.EpollEvent

// padData marks events of data connections in Pad.
const padData = 1

// failed means that the connection failed; ended means that, or that the peer closed its side.
// readable and writable mean that a call will not block.
func (e event) failed() bool   { return e.Events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 }
func (e event) ended() bool    { return e.failed() || e.Events&unix.EPOLLRDHUP != 0 }
func (e event) readable() bool { return e.ended() || e.Events&unix.EPOLLIN != 0 }
func (e event) writable() bool { return e.Events&unix.EPOLLOUT != 0 }

func newSockets(to netip.Addr) (*sockets, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	s := &sockets{epoll: fd, family: unix.AF_INET6, events: make([]unix.EpollEvent, eventsMax)}
	if to = to.Unmap(); to.Is4() {
		s.family, s.v4.Addr = unix.AF_INET, to.As4()
	} else {
		s.v6.Addr = to.As16()
	}
	if first := sourceAddress(0, 1); to == first {
		s.own = first
	}
	return s, nil
}

// dial starts a connection. An event tells its success or failure.
func (s *sockets) dial(d dialing) (fd int32, err error) {
	n, err := unix.Socket(s.family,
		unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	if err = s.connect(n, &d); err == nil {
		ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET, Fd: d.client}
		if d.sends {
			ev.Events |= unix.EPOLLOUT
		}
		if d.data {
			ev.Pad = padData
		}
		err = unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, n, &ev)
	}
	if err != nil {
		_ = unix.Close(n)
		return -1, err
	}
	return int32(n), nil
}

func (s *sockets) connect(fd int, d *dialing) (err error) {
	if d.from.IsValid() && d.from != s.own {
		// Leave the choice of the port to connect, which has more to choose from.
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		s.source.Addr = d.from.As4()
		if err = unix.Bind(fd, &s.source); err != nil {
			return err
		}
	}
	if !d.data {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	s.v4.Port, s.v6.Port = int(d.port), int(d.port)
	if s.family == unix.AF_INET {
		err = unix.Connect(fd, &s.v4)
	} else {
		err = unix.Connect(fd, &s.v6)
	}
	if errors.Is(err, unix.EINPROGRESS) {
		return nil
	}
	return err
}

// dialError tells why a connection could not be made.
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

// wait waits for events, at most d. They are valid until the next call. It calls epoll_pwait2:
// open-loop pacing needs more than epoll_wait's milliseconds.
func (s *sockets) wait(d time.Duration) []unix.EpollEvent {
	limit := unix.NsecToTimespec(d.Nanoseconds())
	r, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(s.epoll),
		uintptr(unsafe.Pointer(&s.events[0])), uintptr(len(s.events)),
		uintptr(unsafe.Pointer(&limit)), 0, 0)
	n := int(r)
	switch errno {
	case 0:
	case unix.EINTR:
		n = 0
	case unix.ENOSYS, unix.EPERM:
		// Before Linux 5.11 a wait below a millisecond does not wait at all.
		n, _ = unix.EpollWait(s.epoll, s.events, int(d.Milliseconds()))
	default:
		panic("bench: epoll: " + errno.Error()) // only a bug in this program can cause it
	}
	return s.events[:max(n, 0)]
}

// read reads once. 0 bytes without again are the end of the stream, or the error.
func (*sockets) read(fd int32, b []byte) (n int, again bool, err error) {
	return moveOnce(unix.Read, fd, b)
}

// write writes once, possibly a part of b.
func (*sockets) write(fd int32, b []byte) (n int, again bool, err error) {
	return moveOnce(unix.Write, fd, b)
}

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

// closeWrite ends the sending side once everything written has left.
func (*sockets) closeWrite(fd int32) { _ = unix.Shutdown(int(fd), unix.SHUT_WR) }

func (*sockets) close(fd int32) { _ = unix.Close(int(fd)) }

// shut releases s. All connections are closed before.
func (s *sockets) shut() { _ = unix.Close(s.epoll) }

// descriptorsMax is how many descriptors this process may open.
func descriptorsMax() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return int(min(limit.Cur, 1<<20))
}
