package loop

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Errors of calls that do not block. They stand for the several numbers that mean the same.
var (
	// ErrAgain means that the call would have had to wait.
	ErrAgain = errors.New("would wait")
	// ErrInterrupted means that the call may be repeated at once.
	ErrInterrupted = errors.New("interrupted")
	// ErrNoSendfile means that this file cannot be sent with sendfile.
	ErrNoSendfile = errors.New("no sendfile")
	// ErrNoSplice means that the system does not splice sockets.
	ErrNoSplice = errors.New("no splice")

	// errAborted means that the connection was gone before it was accepted.
	errAborted = errors.New("connection aborted before accept")
)

func socketError(err error) error {
	switch err {
	case nil:
		return nil
	case unix.EAGAIN:
		return ErrAgain
	case unix.EINTR:
		return ErrInterrupted
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

// addrPort is a socket's address without a zone; IPv4 mapped into IPv6 counts as IPv4.
func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

// receiveBytes reads what has arrived; 0 without an error is the end.
func receiveBytes(fd int, p []byte) (int, error) {
	n, err := unix.Read(fd, p)
	return max(n, 0), socketError(err)
}

func sendBytes(fd int, p []byte) (int, error) {
	n, err := unix.Write(fd, p)
	return max(n, 0), socketError(err)
}

func closeDescriptor(fd int) { _ = unix.Close(fd) }
