//go:build unix && !linux

package bench

import (
	"golang.org/x/sys/unix"
)

// newPoller makes the poller of this system.
var newPoller = newPollSet

func newSocket(family int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
		err = unix.SetNonblock(fd, true)
	}
	return fd, err
}

func bindWithoutPort(int) {} // Linux alone can
