//go:build !windows

package client

import (
	"errors"
	"os"
	"syscall"
)

// noFollow has an open fail on a symbolic link, where the system knows that.
const noFollow = syscall.O_NOFOLLOW

// renameClosed says that a file cannot be renamed while it is open.
const renameClosed = false

// lockFile takes a file for this open of it, or fails at once. The lock ends with the file's close,
// and with the process.
func lockFile(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// isReset reports whether the peer broke the connection.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, syscall.ECONNABORTED)
}

// isRefused reports whether nobody listens on the port.
func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
