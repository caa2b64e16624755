//go:build linux && !ferryportable

package reactor

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Files and sockets meet inside the kernel here.
const (
	haveSendfile = true
	haveSplice   = true
)

// sendFile sends n bytes of a file to a socket from the kernel's memory. A file that is not to be
// sent this way is errNoSendfile.
func sendFile(socket, file int, offset int64, n int64) (int, error) {
	sent, err := unix.Sendfile(socket, file, &offset, int(n))
	if err == unix.EINVAL || err == unix.ENOSYS || err == unix.EOPNOTSUPP {
		return 0, errNoSendfile
	}
	return max(sent, 0), socketError(err)
}

// sendMore writes bytes behind which something follows at once, more bytes or the end, so that they
// should share its segment.
func sendMore(fd int, p []byte) (int, error) {
	n, err := unix.SendmsgN(fd, p, nil, nil, unix.MSG_MORE|unix.MSG_NOSIGNAL)
	return max(n, 0), socketError(err)
}

// accept takes a connection, non-blocking, with its peer's address as leases know it: an IPv4
// address mapped into IPv6 counts as IPv4.
func accept(fd int) (int, netip.AddrPort, error) {
	// Not unix.Accept4: that allocates the address, and asks the new socket for its protocol.
	var sa unix.RawSockaddrInet6
	size := uint32(unsafe.Sizeof(sa))
	n, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&sa)),
		uintptr(unsafe.Pointer(&size)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, netip.AddrPort{}, acceptError(errno)
	}
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&sa.Port))[:])
	if sa.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(&sa))
		return int(n), netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), port), nil
	}
	return int(n), netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), port), nil
}

// acceptWithBytes keeps connections from being accepted before their first bytes have come, for
// some seconds. Where the system does not know this they come without.
func acceptWithBytes(fd int) {
	const seconds = 5
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, seconds)
}

// unsent is how many bytes of what a socket took the other side has not acknowledged.
func unsent(fd int) int64 {
	n, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	if err != nil {
		return 0
	}
	return int64(n)
}

// pipe carries an upload from its socket to its file inside the kernel.
type pipe struct{ in, out int }

// newPipe makes one of pipeBytes, or none: past its allowance a user gets small ones only, which
// are of no use.
func newPipe() *pipe {
	var fds [2]int
	if unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC) != nil {
		return nil
	}
	p := &pipe{in: fds[1], out: fds[0]}
	if n, err := unix.FcntlInt(uintptr(p.in), unix.F_SETPIPE_SZ, pipeBytes); err != nil ||
		n < pipeBytes {
		p.close()
		return nil
	}
	return p
}

func (p *pipe) close() {
	_ = unix.Close(p.in)
	_ = unix.Close(p.out)
}

// read takes bytes out of the pipe where the file does not take them by splice.
func (p *pipe) read(b []byte) (int, error) { return unix.Read(p.out, b) }

// spliceIn moves up to n bytes from a socket into a pipe.
func spliceIn(socket, in, n int) (int, error) {
	moved, err := unix.Splice(socket, nil, in, nil, n,
		unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
	if err == unix.EINVAL || err == unix.ENOSYS || err == unix.EPERM {
		return 0, errNoSplice
	}
	return int(max(moved, 0)), socketError(err)
}

// openSocket makes a non-blocking TCP socket.
func openSocket(family int) (int, error) {
	return unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
}
