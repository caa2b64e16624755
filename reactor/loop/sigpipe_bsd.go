//go:build darwin || dragonfly || freebsd || netbsd

package loop

import (
	"os"

	"golang.org/x/sys/unix"
)

// ignoreBroken spares a write to a connection that is gone its signal, which Go's runtime would
// take and drop. The write fails all the same.
func ignoreBroken(fd int) error {
	return os.NewSyscallError("setsockopt",
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NOSIGPIPE, 1))
}
