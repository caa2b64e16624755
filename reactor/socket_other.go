//go:build !linux || ferryportable

package reactor

import (
	"errors"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// Files and sockets do not meet inside the kernel here: their bytes go through buffers of the pool.
const (
	haveSendfile = false
	haveSplice   = false
)

// sendFile is not to be had.
func sendFile(int, int, int64, int64) (int, error) { return 0, errors.ErrUnsupported }

// sendMore writes bytes behind which something follows at once. Nothing but Linux lets them wait
// for it.
func sendMore(fd int, p []byte) (int, error) { return sendBytes(fd, p) }

// accept takes a connection, non-blocking, with its peer's address as leases know it: an IPv4
// address mapped into IPv6 counts as IPv4.
func accept(fd int) (int, netip.AddrPort, error) {
	n, sa, err := unix.Accept(fd)
	if err != nil {
		return -1, netip.AddrPort{}, acceptError(err)
	}
	if makeOurs(n) != nil || ignoreBroken(n) != nil {
		// Some systems fail so for a connection that is gone already.
		closeDescriptor(n)
		return -1, netip.AddrPort{}, errAborted
	}
	return n, addrPort(sa), nil
}

// makeOurs makes a descriptor non-blocking, and keeps it from programs that this one starts.
func makeOurs(fd int) error {
	unix.CloseOnExec(fd)
	return os.NewSyscallError("fcntl", unix.SetNonblock(fd, true))
}

// acceptWithBytes is not to be had.
func acceptWithBytes(int) {}

// unsent is how many bytes of what a socket took the other side has not acknowledged: not known
// here, so that a reader counts by what the socket takes.
func unsent(int) int64 { return 0 }

// pipe would carry an upload from its socket to its file inside the kernel.
type pipe struct{ in, out int }

func newPipe() *pipe { return nil }

func (p *pipe) close() {}

func (p *pipe) read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// spliceIn is not to be had.
func spliceIn(int, int, int) (int, error) { return 0, errNoSplice }

// openSocket makes a non-blocking TCP socket.
func openSocket(family int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, err
	}
	if err := makeOurs(fd); err != nil {
		closeDescriptor(fd)
		return -1, err
	}
	return fd, nil
}
