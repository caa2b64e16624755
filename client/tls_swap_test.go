//go:build linux

package client

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"ferry/codec"
)

// TestManWithAnotherCertificateGetsNothing on control and on data connections, and neither the
// client nor he is told anything.
func TestManWithAnotherCertificateGetsNothing(t *testing.T) {
	own := ownCertificate(t)
	manInTheMiddle(t, func(t *testing.T, m *man, s *server, trust *TLS, data []byte) {
		for _, control := range []bool{true, false} {
			met := make(chan []byte, 8)
			m.does(control, func(c *net.TCPConn, _ uint16) {
				met <- heard(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{own}}))
			})
			wantBroken(t, m, s, trust, data, met, func(got []byte) bool { return len(got) == 0 })
		}
	})
}

// heard is what a client says.
func heard(c net.Conn) []byte {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	got, _ := io.ReadAll(c) // however it ends
	return got
}

// wantBroken tries each transfer, which has to fail, and checks what the man heard each time.
func wantBroken(
	t *testing.T, m *man, s *server, trust *TLS, data []byte, met chan []byte,
	fine func(got []byte) bool,
) {
	t.Helper()
	for _, a := range attempts {
		if a.run(t.Context(), t, m, s, trust, data) {
			t.Errorf("%s was complete", a.name)
		}
		if got := <-met; !fine(got) {
			t.Errorf("%s: he heard %q", a.name, got)
		}
	}
}

// TestManWhoAnswersInTheClearGetsNothing but what begins TLS.
func TestManWhoAnswersInTheClearGetsNothing(t *testing.T) {
	manInTheMiddle(t, func(t *testing.T, m *man, s *server, trust *TLS, data []byte) {
		for _, control := range []bool{true, false} {
			met := make(chan []byte, 8)
			m.does(control, func(c *net.TCPConn, _ uint16) {
				answer := codec.AppendReply(nil, 200, codec.AppendHello(nil, everything))
				if !control {
					answer = append(codec.AppendField(nil, int64(len(data))), data...)
				}
				_, _ = c.Write(answer)
				_ = c.CloseWrite()
				met <- heard(c)
			})
			wantBroken(t, m, s, trust, data, met, func(got []byte) bool {
				return bytes.HasPrefix(got, []byte{0x16, 3}) && !bytes.Contains(got, data[:64]) &&
					!bytes.Contains(got, []byte("hello"))
			})
		}
	})
}

// TestManWhoReplaysGetsNothing: what a server has said once, tickets included, is worth nothing in
// another connection.
func TestManWhoReplaysGetsNothing(t *testing.T) {
	manInTheMiddle(t, func(t *testing.T, m *man, s *server, trust *TLS, data []byte) {
		for _, control := range []bool{true, false} {
			for _, a := range attempts {
				tape := make(chan []byte, 8)
				m.does(control, func(c *net.TCPConn, port uint16) { tape <- m.record(c, port) })
				if !a.run(t.Context(), t, m, s, trust, data) {
					t.Fatalf("%s was not complete", a.name)
				}
				said := <-tape
				m.does(control, func(c *net.TCPConn, _ uint16) {
					_, _ = c.Write(said)
					_ = c.CloseWrite()
					_ = heard(c)
				})
				if a.run(t.Context(), t, m, s, trust, data) {
					t.Errorf("%s was complete", a.name)
				}
			}
		}
	})
}

// record relays, and returns what the server said.
func (m *man) record(c *net.TCPConn, port uint16) []byte {
	s := m.server(port)
	if s == nil {
		return nil
	}
	defer s.Close()
	var said bytes.Buffer
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(s, c)
		_ = s.CloseWrite()
	})
	_, _ = io.Copy(io.MultiWriter(c, &said), s)
	_ = c.CloseWrite()
	both.Wait()
	return said.Bytes()
}

// TestAnotherUserAtTheDataPortGetsNothing: he has an account of his own and connects first. The
// one whose port it is gets the file all the same.
func TestAnotherUserAtTheDataPortGetsNothing(t *testing.T) {
	users := withUser(t)
	addUser(t, users, "bob", "crayon", "/bob:rw")
	manInTheMiddle(t, func(t *testing.T, m *man, s *server, trust *TLS, data []byte) {
		bob, err := Dial(t.Context(), s.addr, Options{
			TLS: trust, Credentials: credentials(t, "bob", "crayon"), HelloWait: patience,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer bob.Close()
		got := make(chan []byte, 1)
		m.does(false, func(c *net.TCPConn, port uint16) {
			// His session's own settings: he resumes with the ticket of his control connection.
			his := tls.Client(m.server(port), bob.tls)
			_, _ = io.WriteString(his, testKey.String())
			got <- heard(his)
			m.relay(c, port)
		})
		ann, err := Dial(t.Context(), m.addr, Options{
			TLS: trust, Credentials: credentials(t, "ann", "pencil"), HelloWait: patience,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer ann.Close()
		wantGet(t, ann, "a", string(data))
		if his := <-got; len(his) > 0 {
			t.Errorf("he got %d bytes", len(his))
		}
	}, users)
}

// TestLoginThroughATrustedManFails: he has a certificate that the client trusts, and passes on
// every word. The server does not take the login for his, and the client does not take him for the
// server.
func TestLoginThroughATrustedManFails(t *testing.T) {
	own := ownCertificate(t)
	sum := Fingerprint(sha256.Sum256(own.Certificate[0]))
	manInTheMiddle(t, func(t *testing.T, m *man, _ *server, trust *TLS, _ []byte) {
		his := *trust
		his.Fingerprint = &sum
		heard := make(chan string, 8)
		m.does(true, func(c *net.TCPConn, port uint16) {
			near := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{own}})
			far := tls.Client(m.server(port), &tls.Config{InsecureSkipVerify: true})
			var said bytes.Buffer
			var both sync.WaitGroup
			both.Go(func() {
				_, _ = io.Copy(far, near)
				_ = far.Close()
			})
			_, _ = io.Copy(io.MultiWriter(near, &said), far)
			_ = near.Close()
			both.Wait()
			heard <- said.String()
		})
		_, err := Dial(t.Context(), m.addr, Options{
			TLS: &his, Credentials: credentials(t, "ann", "pencil"), HelloWait: patience,
		})
		wantKind(t, err, ErrLogin)
		if said := <-heard; !strings.Contains(said, "535 ") || strings.Contains(said, "230 ") {
			t.Errorf("the server said %q", said)
		}
	}, withUser(t))
}

// TestManCannotForceBase, which has no login, by breaking or delaying the answer to hello.
func TestManCannotForceBase(t *testing.T) {
	own := ownCertificate(t)
	mark := Fingerprint(sha256.Sum256(own.Certificate[0]))
	for name, interfere := range map[string]func(c *net.TCPConn){
		"reset": reset,
		"changed": func(c *net.TCPConn) {
			_, _ = io.WriteString(c, "\x17\x03\x03\x00\x20"+strings.Repeat("x", 32))
		},
		"delayed": func(*net.TCPConn) {},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := tls.Listen("tcp", "127.0.0.1:0",
				&tls.Config{Certificates: []tls.Certificate{own}})
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan int, 1)
			go func() {
				for n := 0; ; n++ {
					c, err := l.Accept()
					if err != nil {
						served <- n
						return
					}
					defer c.Close()
					hello := make([]byte, len("0000000007hello 1"))
					if _, err := io.ReadFull(c, hello); err == nil {
						interfere(c.(*tls.Conn).NetConn().(*net.TCPConn))
					}
				}
			}()
			c, err := Dial(t.Context(), l.Addr().String(), Options{
				TLS: &TLS{Fingerprint: &mark}, HelloWait: time.Second,
			})
			wantKind(t, err, ErrConnect)
			if err == nil {
				_ = c.Close()
			}
			_ = l.Close()
			if n := <-served; n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// TestCertificateIsTrustedOrNot by fingerprint, by authority, and by what is known of the server.
func TestCertificateIsTrustedOrNot(t *testing.T) {
	own := ownCertificate(t)
	leaf, err := x509.ParseCertificate(own.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	right, wrong := Fingerprint(sha256.Sum256(leaf.Raw)), Fingerprint{1}
	pin := func(p *Pin, err error) func(string) (*Pin, error) {
		return func(addr string) (*Pin, error) {
			if addr != "localhost:7" {
				return nil, nil
			}
			return p, err
		}
	}
	pinned, changed := &Pin{right, "f:1"}, &Pin{wrong, "f:1"}
	wrongOnly, changedPin := &Pin{Fingerprint: wrong}, pin(changed, nil)
	const here, elsewhere = "localhost:7", "other:7"
	for name, test := range map[string]struct {
		trust   TLS
		addr    string
		trusted bool
		known   *Pin
	}{
		"fingerprint":            {TLS{Fingerprint: &right}, elsewhere, true, nil},
		"another fingerprint":    {TLS{Fingerprint: &wrong}, here, false, wrongOnly},
		"fingerprint before pin": {TLS{Fingerprint: &right, Pin: changedPin}, here, true, nil},
		"fingerprint and authority": {
			TLS{Fingerprint: &wrong, Roots: roots}, here, false, wrongOnly,
		},

		"authority":                 {TLS{Roots: roots}, here, true, nil},
		"authority of another name": {TLS{Roots: roots}, elsewhere, false, nil},
		"authority before pin":      {TLS{Roots: roots, Pin: changedPin}, here, true, nil},
		"another authority": {
			TLS{Roots: x509.NewCertPool(), Pin: pin(pinned, nil)}, here, false, nil,
		},

		"pin":                        {TLS{Pin: pin(pinned, nil)}, here, true, nil},
		"pin of another certificate": {TLS{Pin: changedPin}, here, false, changed},
		"pin of another server":      {TLS{Pin: pin(pinned, nil)}, elsewhere, false, nil},
		"broken file of pins":        {TLS{Pin: pin(nil, io.ErrNoProgress)}, here, false, nil},
		"nothing":                    {TLS{}, here, false, nil},
	} {
		err := test.trust.check(test.addr, right, []*x509.Certificate{leaf})
		if (err == nil) != test.trusted {
			t.Errorf("%s: %v", name, err)
		}
		var c *CertificateError
		if errors.As(err, &c) && (c.Seen != right || (c.Known == nil) != (test.known == nil) ||
			c.Known != nil && *c.Known != *test.known) {
			t.Errorf("%s: %+v", name, c)
		}
	}
}
