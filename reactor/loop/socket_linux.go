//go:build linux && !ferryportable

package loop

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// HaveSendfile says whether this system sends files without copying them through the process.
const HaveSendfile = true

// haveSplice says whether it moves received bytes to files in the same way.
const haveSplice = true

// sendFile sends n bytes of a file to a socket from the kernel's memory.
func sendFile(socket, file int, offset int64, n int64) (int, error) {
	sent, err := unix.Sendfile(socket, file, &offset, int(n))
	if err == unix.EINVAL || err == unix.ENOSYS || err == unix.EOPNOTSUPP {
		return 0, ErrNoSendfile
	}
	return max(sent, 0), socketError(err)
}

// sendMore writes bytes that are followed at once by more bytes or by the end.
func sendMore(fd int, p []byte) (int, error) {
	n, err := unix.SendmsgN(fd, p, nil, nil, unix.MSG_MORE|unix.MSG_NOSIGNAL)
	return max(n, 0), socketError(err)
}

// accept accepts a connection, non-blocking. IPv4 mapped into IPv6 counts as IPv4.
func accept(fd int) (int, netip.AddrPort, error) {
	// unix.Accept4 would allocate the address, and ask the new socket for its protocol.
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

// acceptWithBytes accepts connections once their first bytes have arrived, or after some seconds.
func acceptWithBytes(fd int) {
	const seconds = 5
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, seconds)
}

// ackSoon acknowledges the next bytes at once instead of after 40 ms: a client may wait for that
// before it sends the next piece of a message.
func ackSoon(fd int) { _ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) }

// unsent is how many bytes that a socket took the peer has not acknowledged.
func unsent(fd int) int64 {
	n, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	if err != nil {
		return 0
	}
	return int64(n)
}

// newPipe makes a pipe of PipeBytes, or returns nil: beyond a user's allowance there are small ones
// only, which are of no use.
func newPipe() *Pipe {
	var fds [2]int
	if unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC) != nil {
		return nil
	}
	p := &Pipe{in: fds[1], out: fds[0]}
	if n, err := unix.FcntlInt(uintptr(p.in), unix.F_SETPIPE_SZ, PipeBytes); err != nil ||
		n < PipeBytes {
		p.close()
		return nil
	}
	return p
}

// spliceIn moves up to n bytes from a socket into a pipe.
func spliceIn(socket, in, n int) (int, error) {
	moved, err := unix.Splice(socket, nil, in, nil, n,
		unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
	if err == unix.EINVAL || err == unix.ENOSYS || err == unix.EPERM {
		return 0, ErrNoSplice
	}
	return int(max(moved, 0)), socketError(err)
}

// openSocket makes a non-blocking TCP socket.
func openSocket(family int) (int, error) {
	return unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
}
