//go:build darwin || dragonfly || freebsd || netbsd

package loop

import (
	"os"

	"golang.org/x/sys/unix"
)

// ignoreBroken turns off SIGPIPE for writes to a broken connection, which Go's runtime would catch
// and drop anyway. The write still fails.
func ignoreBroken(fd int) error {
	return os.NewSyscallError("setsockopt",
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NOSIGPIPE, 1))
}
