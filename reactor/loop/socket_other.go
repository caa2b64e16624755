//go:build !linux || ferryportable

package loop

import (
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// HaveSendfile says whether this system sends files without copying them through the process.
const HaveSendfile = false

// haveSplice says whether it moves received bytes to files in the same way.
const haveSplice = false

func sendFile(int, int, int64, int64) (int, error) { return 0, ErrNoSendfile }

// sendMore writes bytes that are followed at once by more. Only Linux lets them wait for that.
func sendMore(fd int, p []byte) (int, error) { return sendBytes(fd, p) }

// accept accepts a connection, non-blocking. IPv4 mapped into IPv6 counts as IPv4.
func accept(fd int) (int, netip.AddrPort, error) {
	n, sa, err := unix.Accept(fd)
	if err != nil {
		return -1, netip.AddrPort{}, acceptError(err)
	}
	if makeOurs(n) != nil {
		// Some systems report a connection that is gone already in this way.
		closeDescriptor(n)
		return -1, netip.AddrPort{}, errAborted
	}
	return n, addrPort(sa), nil
}

// makeOurs makes a descriptor non-blocking and keeps it from child processes.
func makeOurs(fd int) error {
	unix.CloseOnExec(fd)
	return os.NewSyscallError("fcntl", unix.SetNonblock(fd, true))
}

func acceptWithBytes(int) {}

func ackSoon(int) {}

// unsent is not known here, so a reader counts by what the socket takes.
func unsent(int) int64 { return 0 }

func newPipe() *Pipe { return nil }

func spliceIn(int, int, int) (int, error) { return 0, ErrNoSplice }

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
