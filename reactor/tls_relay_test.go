package reactor

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"ferry/reactor/loop"
)

// overTLS runs every test of a server over TLS: each connection of a test then goes through a relay
// that encrypts it. Ends and resets pass through in both directions.
var overTLS = os.Getenv("FERRY_TEST_TLS") != ""

// havePlainSendfile says whether files are sent by sendfile, which TLS cannot use.
var havePlainSendfile = loop.HaveSendfile && !overTLS

// plainOnly skips a test that is about connections without TLS in a run over TLS.
func plainOnly(t testing.TB) {
	t.Helper()
	if overTLS {
		t.Skip("it is about plain connections")
	}
}

// relayTLS returns a connection whose bytes travel encrypted over another one.
func relayTLS(server *net.TCPConn) (*net.TCPConn, error) {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	defer func() { _ = l.Close() }()
	near, err := net.DialTCP("tcp4", nil, l.Addr().(*net.TCPAddr))
	if err != nil {
		return nil, err
	}
	far, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	r := &relay{plain: far, server: server}
	conn := &ended{TCPConn: server, end: &r.end}
	r.secure = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	greeted := make(chan struct{})
	relays.Go(func() { r.run(greeted) })
	<-greeted // a test may let time pass that a handshake does not have
	return near, nil
}

// relays are those that run.
var relays sync.WaitGroup

// relay moves bytes between a plain connection of a test and a TLS connection of a server.
type relay struct {
	plain, server *net.TCPConn
	secure        *tls.Conn
	// end is set once the server's end was read, without close_notify before it.
	end atomic.Bool
}

// ended notes the end of a connection.
type ended struct {
	*net.TCPConn
	end *atomic.Bool
}

func (c *ended) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if err == io.EOF {
		c.end.Store(true)
	}
	return n, err
}

func (r *relay) run(greeted chan<- struct{}) {
	err := r.secure.Handshake()
	close(greeted)
	if err != nil {
		_ = r.plain.Close() // whoever is refused sees an end, or a reset if it was quick
		_ = r.server.Close()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, err := io.Copy(r.secure, onlyReader{r.plain})
		if err == nil {
			_ = r.secure.CloseWrite()
			_ = r.server.CloseWrite()
		} else if wasReset(err) {
			_ = r.server.SetLinger(0)
			_ = r.server.Close()
		}
	}()
	_, err = io.Copy(r.plain, onlyReader{r.secure})
	if r.end.Load() {
		// A reset is told once, and the other direction may have been told.
		_, err = r.server.Write([]byte{0})
	}
	if err == nil {
		_ = r.plain.CloseWrite()
	} else {
		_ = r.plain.SetLinger(0)
		_ = r.plain.Close()
	}
	<-done
	_ = r.plain.Close()
	_ = r.server.Close()
}

func wasReset(err error) bool { return errors.Is(err, syscall.ECONNRESET) }

// onlyReader keeps io.Copy from what a connection does by itself.
type onlyReader struct{ io.Reader }
