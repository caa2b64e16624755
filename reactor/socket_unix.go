package reactor

import (
	"errors"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// What the calls below return instead of the many numbers that mean the same.
var (
	// errAgain means that the call would have to wait.
	errAgain = errors.New("would wait")
	// errInterrupted means that the call may be made again at once.
	errInterrupted = errors.New("interrupted")
	// errAborted is a connection that was gone before it was accepted.
	errAborted = errors.New("connection gone before it was accepted")
	// errNoSplice means that splice cannot be had here.
	errNoSplice = errors.New("no splice here")
)

func socketError(err error) error {
	switch err {
	case nil:
		return nil
	case unix.EAGAIN:
		return errAgain
	case unix.EINTR:
		return errInterrupted
	}
	return err
}

func acceptError(err error) error {
	switch err {
	case unix.ECONNABORTED, unix.ECONNRESET, unix.EPROTO, unix.ENETDOWN, unix.ENOPROTOOPT,
		unix.EHOSTDOWN, unix.EHOSTUNREACH, unix.EOPNOTSUPP, unix.ENETUNREACH, unix.ETIMEDOUT:
		// Linux hands pending errors of the new socket to accept.
		return errAborted
	case unix.EINTR:
		return errAborted
	}
	return socketError(err)
}

// addrPort is a socket's address with the scope of its lease: no zone, IPv4 unmapped.
func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

// receiveBytes reads what is there; 0 without an error is the end.
func receiveBytes(fd int, p []byte) (int, error) {
	n, err := unix.Read(fd, p)
	return max(n, 0), socketError(err)
}

// isEmpty says whether nothing has come that was not read, the end included.
func isEmpty(fd int) bool {
	var b [1]byte
	_, _, err := unix.Recvfrom(fd, b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return err == unix.EAGAIN
}

// sendBytes writes what the socket takes.
func sendBytes(fd int, p []byte) (int, error) {
	n, err := unix.Write(fd, p)
	return max(n, 0), socketError(err)
}

// shutdownWrite ends our sending side. It fails on a connection that the client has reset, which
// the next read tells as well.
func shutdownWrite(fd int) { _ = unix.Shutdown(fd, unix.SHUT_WR) }

// setReset makes the close, by us or by the end of this process, a reset or not.
func setReset(fd int, on bool) {
	l := unix.Linger{}
	if on {
		l.Onoff = 1
	}
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &l)
}

// closeDescriptor closes a socket.
func closeDescriptor(fd int) { _ = unix.Close(fd) }

// dataBacklog is how many connections may wait at a data port. One offer an address stands there,
// so that many are addresses, not one client's flood.
const dataBacklog = 1024

// listenData binds a data port and listens. The connections inherit keepalive from it.
func listenData(ip netip.Addr, port uint16) (fd int, bound uint16, err error) {
	family, sa := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: int(port)})
	switch {
	case ip.Is4():
		sa = &unix.SockaddrInet4{Port: int(port), Addr: ip.As4()}
	case ip.Is6():
		family = unix.AF_INET6
		sa = &unix.SockaddrInet6{Port: int(port), Addr: ip.As16(), ZoneId: zoneID(ip.Zone())}
	}
	fd, err = openSocket(family)
	if err != nil {
		return -1, 0, os.NewSyscallError("socket", err)
	}
	defer func(opened int) {
		if err != nil {
			_ = unix.Close(opened) // fd is -1 by now
		}
	}(fd)
	if family == unix.AF_INET6 {
		only := 1
		if ip == netip.IPv6Unspecified() {
			only = 0 // one port for both families
		}
		if err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only); err != nil {
			return -1, 0, os.NewSyscallError("setsockopt", err)
		}
	}
	for _, o := range []struct{ level, option, value int }{
		{unix.SOL_SOCKET, unix.SO_REUSEADDR, 1},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
	} {
		if err = unix.SetsockoptInt(fd, o.level, o.option, o.value); err != nil {
			return -1, 0, os.NewSyscallError("setsockopt", err)
		}
	}
	if err = unix.Bind(fd, sa); err != nil {
		return -1, 0, os.NewSyscallError("bind", err)
	}
	if err = unix.Listen(fd, dataBacklog); err != nil {
		return -1, 0, os.NewSyscallError("listen", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return -1, 0, os.NewSyscallError("getsockname", err)
	}
	return fd, addrPort(name).Port(), nil
}
