package reactor

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
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
	r.secure = tls.Client(server, &tls.Config{InsecureSkipVerify: true})
	relays.Go(r.run)
	return near, nil
}

// relays are those that run.
var relays sync.WaitGroup

// relay moves bytes between a plain connection of a test and a TLS connection of a server.
type relay struct {
	plain, server *net.TCPConn
	secure        *tls.Conn
}

func (r *relay) run() {
	if r.secure.Handshake() != nil {
		_ = r.plain.Close() // whoever is refused sees an end, or a reset if it was quick
		_ = r.server.Close()
		return
	}
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(r.secure, onlyReader{r.plain})
		if err == nil {
			_ = r.secure.CloseWrite()
			_ = r.server.CloseWrite()
		} else if wasReset(err) {
			_ = r.server.SetLinger(0)
			_ = r.server.Close()
		}
		done <- err
	}()
	_, err := io.Copy(r.plain, onlyReader{r.secure})
	switch {
	case err == nil, errors.Is(err, io.ErrUnexpectedEOF):
		_ = r.plain.CloseWrite()
	default:
		_ = r.plain.SetLinger(0)
		_ = r.plain.Close()
	}
	if wasReset(<-done) { // a reset is told once, and it may have been told there
		_ = r.plain.SetLinger(0)
	}
	_ = r.plain.Close()
	_ = r.server.Close()
}

func wasReset(err error) bool { return errors.Is(err, syscall.ECONNRESET) }

// onlyReader keeps io.Copy from what a connection does by itself.
type onlyReader struct{ io.Reader }
