//go:build linux && !ferryportable

package loop

import (
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// deaf is a client's connection that reads one byte, and no more until the test is over.
type deaf struct {
	net.Conn
	heard, over chan struct{}
}

func (c *deaf) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p[:1])
	close(c.heard)
	<-c.over
	return n, errors.Join(err, net.ErrClosed)
}

// Clients that write the end of their handshake in two pieces, lftp for one, let the second wait
// until the first is acknowledged: a delayed acknowledgment would cost each connection 40 ms.
func TestTLSHandshakeIsAcknowledgedAtOnce(t *testing.T) {
	bothVersions(t, func(t *testing.T, version uint16) {
		l, _ := steppedLoop(t)
		at, listener := listening(t)
		conn, err := net.DialTimeout("tcp4", at.String(), watchPatience)
		if err != nil {
			t.Fatal(err)
		}
		fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK)
		if err != nil {
			t.Fatal(err)
		}
		p := &tlsPeer{t: t, l: l}
		p.c = l.Secure(l.Adopt(fd), testTLS(t), false, nil, p)
		p.c.Handshake().Begin()
		_ = conn.SetDeadline(time.Now().Add(watchPatience))
		c := &deaf{conn, make(chan struct{}), make(chan struct{})}
		ended, failed := elsewhere(tls.Client(c, client(version)).Handshake)
		for heard := false; !heard; l.Step() {
			select {
			case <-c.heard:
				heard = true
			default:
			}
		}
		quick, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK)
		if err != nil || quick == 0 {
			t.Errorf("acknowledgments are delayed (%d, %v)", quick, err)
		}
		close(c.over)
		for !ended() {
			l.Step()
		}
		if failed() == nil {
			t.Error("the handshake has ended")
		}
		p.c.Close()
		_ = conn.Close()
	})
}
