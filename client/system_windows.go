package client

import (
	"errors"
	"math"
	"os"

	"golang.org/x/sys/windows"
)

// noFollow has an open fail on a symbolic link, where the system knows that.
const noFollow = 0

// renameClosed says that a file cannot be renamed while it is open.
const renameClosed = true

// lockFile takes a file for this open of it, or fails at once. The lock ends with the file's close,
// and with the process. What is locked is a byte that no file has: others may read the rest.
func lockFile(f *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	beyond := windows.Overlapped{Offset: math.MaxUint32, OffsetHigh: math.MaxInt32}
	return windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &beyond)
}

// isReset reports whether the peer broke the connection.
func isReset(err error) bool {
	return errors.Is(err, windows.WSAECONNRESET) || errors.Is(err, windows.WSAECONNABORTED) ||
		errors.Is(err, windows.WSAESHUTDOWN)
}

// isRefused reports whether nobody listens on the port.
func isRefused(err error) bool { return errors.Is(err, windows.WSAECONNREFUSED) }
