package client

import (
	"errors"

	"golang.org/x/sys/windows"
)

// isReset reports whether the peer broke the connection.
func isReset(err error) bool {
	return errors.Is(err, windows.WSAECONNRESET) || errors.Is(err, windows.WSAECONNABORTED) ||
		errors.Is(err, windows.WSAESHUTDOWN)
}

// isRefused reports whether nobody listens on the port.
func isRefused(err error) bool { return errors.Is(err, windows.WSAECONNREFUSED) }
