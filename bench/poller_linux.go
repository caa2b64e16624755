package bench

import (
	"errors"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// epoll is a poller over epoll. A transfer allocates nothing.
type epoll struct {
	sockets
	fd, wakeFD int
	raw        []unix.EpollEvent
	events     []event
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
		sockets: newSockets(to), fd: fd, wakeFD: wake, raw: make([]unix.EpollEvent, eventsMax),
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
	fd, err := e.connect(d)
	if err != nil {
		return -1, err
	}
	events, pad := uint32(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLET), int32(padControl)
	if d.sends {
		events |= unix.EPOLLOUT
	}
	if d.data {
		pad = padData
	}
	if err = e.add(fd, events, d.client, pad); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return int32(fd), nil
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

func newSocket(family int) (int, error) {
	return unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
}

// bindWithoutPort leaves the choice of the port to connect, which has more to choose from.
func bindWithoutPort(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
}
