package bench

import (
	"errors"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"ferry/client"
)

// hear reads control into buf and has the talk take it.
func (l *loop) hear(c *loopClient, buf []byte) (goesOn bool) {
	if len(c.part) > 0 {
		used, err := c.exchange.heard(&c.talk, c.part)
		if err != nil {
			l.fail(c, err)
			return false
		}
		if used > 0 {
			c.part = append(c.part[:0], c.part[used:]...)
			return true
		}
	}
	if !c.controlReadable {
		return false
	}
	kept := copy(buf, c.part)
	n, again, err := readSome(int(c.fd), buf[kept:])
	if again {
		c.controlReadable = false
		return false
	}
	if n == 0 {
		c.controlReadable = false
		if err = c.exchange.hungUp(&c.talk, err); err != nil {
			l.fail(c, err)
			return false
		}
		return c.wait == waitNothing
	}
	if n < len(buf)-kept && !c.controlHung {
		c.controlReadable = false
	}
	c.deadline = l.now + l.Timeout
	used, err := c.exchange.heard(&c.talk, buf[:kept+n])
	if err != nil {
		l.fail(c, err)
		return false
	}
	c.part = append(c.part[:0], buf[used:kept+n]...)
	return true
}

// read reads the data connection into buf and has the talk take it.
func (l *loop) read(c *loopClient, buf []byte) (goesOn bool) {
	if !c.dataReadable {
		return false
	}
	n, again, err := readSome(int(c.data), buf)
	if again {
		c.dataReadable = false
		return false
	}
	c.deadline = l.now + l.Timeout
	if n > 0 {
		if n < len(buf) && !c.dataHung {
			c.dataReadable = false
		}
		err = c.exchange.came(&c.talk, buf[:n])
	} else {
		err = l.dataEnded(c, err)
	}
	if err != nil {
		l.fail(c, err)
		return false
	}
	return true
}

// dataEnded tells a connection that was never made from one that ended.
func (l *loop) dataEnded(c *loopClient, cause error) error {
	c.dataReadable = false
	for _, never := range []error{unix.ECONNREFUSED, unix.ETIMEDOUT, unix.EHOSTUNREACH} {
		if errors.Is(cause, never) {
			return c.fault(client.ErrNoData, cause)
		}
	}
	return c.exchange.ended(&c.talk, cause)
}

// send sends what stands at the talk's place of say, head and content, at most buf full of it.
func (l *loop) send(c *loopClient, buf []byte) (goesOn bool) {
	if !c.writable {
		return false
	}
	n := 0
	if c.data < 0 && len(c.say) > 0 {
		n = copy(buf, c.say)
	}
	said := n
	if c.sent < int64(c.headLen) {
		n += copy(buf[n:], c.head[c.sent:c.headLen])
	}
	total := int64(c.headLen)
	if c.content {
		at := max(0, c.sent-int64(c.headLen))
		n += fill(buf[n:], c.job.key, c.job.size, at)
		total += c.job.size
	}
	if n > 0 {
		fd := c.data
		if fd < 0 {
			fd = c.fd
		}
		wrote, again, err := writeSome(int(fd), buf[:n])
		if again || err != nil {
			c.writable = false
			return err != nil && l.cutOff(c, err)
		}
		if wrote < said {
			l.fail(c, c.lost(errors.New("a command left in part")))
			return false
		}
		c.say = c.say[:0]
		c.sent += int64(wrote - said)
		c.writable = wrote == n
		c.deadline = l.now + l.Timeout
	}
	if c.sent < total {
		return c.writable
	}
	c.exchange.sent(&c.talk)
	if c.wait == waitEnd {
		_ = unix.Shutdown(int(c.data), unix.SHUT_WR) // if it ended, the read says so
		if _, consents := l.exchange.(base); consents {
			c.deadline = l.now + min(confirmWait, l.Timeout)
		}
	}
	return true
}

// cutOff ends a content that could not be sent.
func (l *loop) cutOff(c *loopClient, cause error) (goesOn bool) {
	err := error(nil)
	if c.data < 0 {
		err = c.exchange.hungUp(&c.talk, cause)
	} else {
		err = l.dataEnded(c, cause)
	}
	if err != nil {
		l.fail(c, err)
	}
	return err == nil
}

// openData makes the data connection that the talk asked for.
func (l *loop) openData(c *loopClient) bool {
	flags := uint32(unix.EPOLLIN | unix.EPOLLRDHUP)
	if c.job.kind == KindPut || c.headLen > 0 {
		flags |= unix.EPOLLOUT
	}
	port := c.port
	c.port = 0
	c.dataReadable, c.dataHung, c.writable = false, false, true
	fd, err := l.connectTo(c, port, flags, partData)
	c.data = fd
	if err != nil {
		l.fail(c, c.fault(client.ErrNoData, err))
		return false
	}
	return true
}

// slowBuffer is the receive buffer of slow readers: the less their side takes in, the sooner the
// server feels how slow they are.
const slowBuffer = 4 << 10

// connectTo begins a connection and watches it. Its end is told by events.
func (l *loop) connectTo(c *loopClient, port uint16, events uint32, part int32) (int32, error) {
	fd, err := unix.Socket(l.to.family,
		unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	from := source(l.First+int(c.index)*max(l.Stride, 1), l.Sources)
	if from.IsValid() && from != l.own {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		l.to.from.Addr = from.As4()
		err = unix.Bind(fd, &l.to.from)
	}
	if c.group == groupSlowReader {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, slowBuffer)
	}
	if err == nil {
		err = unix.Connect(fd, l.to.port(port))
	}
	if err == nil || errors.Is(err, unix.EINPROGRESS) {
		e := unix.EpollEvent{Events: events | unix.EPOLLET, Fd: c.index, Pad: part}
		err = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &e)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return int32(fd), nil
}

// address is a server's, and a client's own, for the system.
type address struct {
	family int
	v4     unix.SockaddrInet4
	v6     unix.SockaddrInet6
	from   unix.SockaddrInet4
}

func (a *address) set(to netip.Addr) {
	if to = to.Unmap(); to.Is4() {
		a.family, a.v4.Addr = unix.AF_INET, to.As4()
		return
	}
	a.family, a.v6.Addr = unix.AF_INET6, to.As16()
}

func (a *address) port(n uint16) unix.Sockaddr {
	if a.family == unix.AF_INET {
		a.v4.Port = int(n)
		return &a.v4
	}
	a.v6.Port = int(n)
	return &a.v6
}

func (l *loop) closeData(c *loopClient) {
	if c.data >= 0 {
		_ = unix.Close(int(c.data))
		c.data = -1
	}
}

// hangUp closes a client's connections.
func (l *loop) hangUp(c *loopClient) {
	l.closeData(c)
	if c.fd >= 0 {
		_ = unix.Close(int(c.fd))
		c.fd = -1
	}
	c.giveBack()
	c.phase, c.wait, c.port, c.dropData = phaseAway, waitNothing, 0, false
	c.say, c.part = c.say[:0], c.part[:0]
}

// shut gives back what the system lent.
func (l *loop) shut() {
	for i := range l.clients {
		l.hangUp(&l.clients[i])
	}
	_ = unix.Close(l.epoll)
	_ = unix.Close(l.wake)
}

// readSome reads once. A result of 0 without again is the end, or the error.
func readSome(fd int, buf []byte) (n int, again bool, err error) {
	return moveSome(unix.Read, fd, buf)
}

// writeSome writes once.
func writeSome(fd int, buf []byte) (n int, again bool, err error) {
	return moveSome(unix.Write, fd, buf)
}

func moveSome(
	call func(int, []byte) (int, error), fd int, buf []byte,
) (n int, again bool, err error) {
	for {
		n, err = call(fd, buf)
		switch err {
		case nil:
			return n, false, nil
		case unix.EINTR: //nolint:errorlint // a system call returns the number itself
		case unix.EAGAIN: //nolint:errorlint // as above
			return 0, true, nil
		default:
			return 0, false, err
		}
	}
}

func socketError(fd int) error {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && n != 0 {
		err = unix.Errno(n)
	}
	if err == nil {
		err = errors.New("it ended at once")
	}
	return err
}

// epollWait waits to the nanosecond, which pacing needs: the older call knows milliseconds.
func epollWait(epoll int, events []unix.EpollEvent, wait time.Duration) (int, error) {
	limit := unix.NsecToTimespec(wait.Nanoseconds())
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(epoll),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)),
		uintptr(unsafe.Pointer(&limit)), 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.ENOSYS, unix.EPERM:
		// Before Linux 5.11: a wait of less than a millisecond becomes none.
		return unix.EpollWait(epoll, events, int(wait.Milliseconds()))
	default:
		return 0, errno
	}
}
