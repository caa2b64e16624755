package reactor

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// NAT gateways forget silent connections: control has keepalive on, well below five minutes.
func TestFTPControlHasKeepalive(t *testing.T) {
	ts := serveFTP(t)
	c := ts.ftp()
	for _, end := range descriptors() {
		if strings.Contains(end, fmt.Sprint(" to ", c.LocalAddr())) {
			fd := descriptorOf(t, end)
			if on, seconds := keepalive(t, fd); !on || seconds > 240 {
				t.Errorf("keepalive is %v, first after %d s", on, seconds)
			}
			c.bye()
			return
		}
	}
	t.Error("control's descriptor was not found")
}

// descriptorOf is the number that a line of descriptors begins with.
func descriptorOf(t testing.TB, line string) int {
	t.Helper()
	number, _, _ := strings.Cut(line, " ")
	fd, err := strconv.Atoi(number)
	check(t, err)
	return fd
}

// keepalive reads the setting of a socket.
func keepalive(t testing.TB, fd int) (on bool, seconds int) {
	t.Helper()
	value, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE)
	check(t, err)
	seconds, err = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE)
	check(t, err)
	return value != 0, seconds
}
