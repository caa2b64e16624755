package bench

import (
	"errors"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// epoll is a poller over epoll: handles are descriptors, and a transfer allocates nothing.
type epoll struct {
	fd, wakeFD int
	raw        []unix.EpollEvent
	events     []event
	family     int
	v4         unix.SockaddrInet4
	v6         unix.SockaddrInet6
	source     unix.SockaddrInet4
	// own is the source address that the system chooses anyway, if known.
	own netip.Addr
}

// What an epoll event belongs to.
const (
	padControl = iota
	padData
	padWake
)

// newPoller makes the poller of this system. Tests replace it.
var newPoller = newEpoll

func newEpoll(to netip.Addr) (poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	e := &epoll{
		fd: fd, wakeFD: wake, family: unix.AF_INET6,
		raw: make([]unix.EpollEvent, eventsMax), events: make([]event, 0, eventsMax),
	}
	if to = to.Unmap(); to.Is4() {
		e.family, e.v4.Addr = unix.AF_INET, to.As4()
	} else {
		e.v6.Addr = to.As16()
	}
	if first := sourceAddress(0, 1); to == first {
		e.own = first
	}
	if err = e.add(wake, unix.EPOLLIN, 0, padWake); err != nil {
		e.shut()
		return nil, err
	}
	return e, nil
}

func (e *epoll) add(fd int, events uint32, client, pad int32) error {
	ev := unix.EpollEvent{Events: events, Fd: client, Pad: pad}
	return unix.EpollCtl(e.fd, unix.EPOLL_CTL_ADD, fd, &ev)
}

func (e *epoll) dial(d dialing) (int32, error) {
	fd, err := unix.Socket(e.family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	if d.from.IsValid() && d.from != e.own {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		e.source.Addr = d.from.As4()
		err = unix.Bind(fd, &e.source)
	}
	if d.receiveBuffer > 0 {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, d.receiveBuffer)
	}
	events, pad := uint32(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLET), int32(padData)
	if d.sends {
		events |= unix.EPOLLOUT
	}
	if !d.data {
		pad = padControl
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err == nil {
		err = unix.Connect(fd, e.remote(d.port))
	}
	if err == nil || errors.Is(err, unix.EINPROGRESS) {
		err = e.add(fd, events, d.client, pad)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return int32(fd), nil
}

func (e *epoll) remote(port uint16) unix.Sockaddr {
	if e.family == unix.AF_INET {
		e.v4.Port = int(port)
		return &e.v4
	}
	e.v6.Port = int(port)
	return &e.v6
}

func (*epoll) read(fd int32, b []byte) (int, bool, error)  { return moveOnce(unix.Read, fd, b) }
func (*epoll) write(fd int32, b []byte) (int, bool, error) { return moveOnce(unix.Write, fd, b) }
func (*epoll) closeWrite(fd int32)                         { _ = unix.Shutdown(int(fd), unix.SHUT_WR) }
func (*epoll) close(fd int32)                              { _ = unix.Close(int(fd)) }

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

func (*epoll) dialError(fd int32) error {
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

func (e *epoll) wait(d time.Duration) []event {
	n, err := waitNanos(e.fd, e.raw, d)
	if err != nil && !errors.Is(err, unix.EINTR) {
		panic("bench: epoll: " + err.Error()) // only a bug in this program can cause it
	}
	e.events = e.events[:0]
	for _, r := range e.raw[:max(n, 0)] {
		if r.Pad == padWake {
			var b [8]byte
			_, _ = unix.Read(e.wakeFD, b[:])
			e.events = append(e.events, event{client: -1})
			continue
		}
		failed := r.Events&(unix.EPOLLHUP|unix.EPOLLERR) != 0
		ended := failed || r.Events&unix.EPOLLRDHUP != 0
		e.events = append(e.events, event{
			client: r.Fd, data: r.Pad == padData, ended: ended, failed: failed,
			readable: ended || r.Events&unix.EPOLLIN != 0,
			writable: r.Events&unix.EPOLLOUT != 0,
		})
	}
	return e.events
}

// waitNanos is epoll_pwait2: open-loop pacing needs more than epoll_wait's milliseconds.
func waitNanos(fd int, events []unix.EpollEvent, d time.Duration) (int, error) {
	limit := unix.NsecToTimespec(d.Nanoseconds())
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(fd),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)),
		uintptr(unsafe.Pointer(&limit)), 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.ENOSYS, unix.EPERM:
		// Before Linux 5.11 a wait below a millisecond does not wait at all.
		return unix.EpollWait(fd, events, int(d.Milliseconds()))
	default:
		return 0, errno
	}
}

func (e *epoll) wake() {
	one := [8]byte{1}
	_, _ = unix.Write(e.wakeFD, one[:]) // it is full only if a wake is pending
}

func (e *epoll) shut() {
	_ = unix.Close(e.fd)
	_ = unix.Close(e.wakeFD)
}

// descriptorsMax is how many descriptors this process may open.
func descriptorsMax() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return int(min(limit.Cur, 1<<20))
}
