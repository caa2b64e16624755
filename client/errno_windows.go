package client

import (
	"errors"
	"syscall"
)

// The numbers of Winsock; package syscall gives its own invented ones their Unix names.
const (
	wsaConnAborted syscall.Errno = 10053
	wsaConnReset   syscall.Errno = 10054
	wsaShutdown    syscall.Errno = 10058
	wsaConnRefused syscall.Errno = 10061
)

// isReset says whether the peer broke the connection.
func isReset(err error) bool {
	return errors.Is(err, wsaConnReset) || errors.Is(err, wsaConnAborted) ||
		errors.Is(err, wsaShutdown)
}

// isRefused says whether nobody listens on the port.
func isRefused(err error) bool { return errors.Is(err, wsaConnRefused) }
