//go:build !windows

package client

import (
	"errors"
	"syscall"
)

// isReset reports whether the peer broke the connection.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, syscall.ECONNABORTED)
}

// isRefused reports whether nobody listens on the port.
func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
