//go:build !unix

package bench

import (
	"errors"
	"net/netip"
)

var newPoller = newPollSet

// newPollSet fails: there is neither epoll nor poll here. Results can be shown and compared.
func newPollSet(netip.Addr) (poller, error) {
	return nil, errors.New("loading a server needs Linux, macOS or another Unix")
}

func descriptorsMax() int { return 1 << 20 }
