package loop

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// testTLS returns settings of a server with a certificate of its own.
func testTLS(t *testing.T) *TLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	c := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return NewTLS(tls.VersionTLS12, func() *tls.Certificate { return c })
}

// client is the settings of a client that speaks one version.
func client(version uint16) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version}
}

// bothVersions runs a test with each version.
func bothVersions(t *testing.T, f func(t *testing.T, version uint16)) {
	for name, version := range map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) { f(t, version) })
	}
}

// tlsPeer owns a TLS channel: it keeps what it receives, and sends what it is given.
type tlsPeer struct {
	t       *testing.T
	l       *Loop
	c       *TLSChannel
	hello   bool
	done    bool
	err     error
	got     []byte
	ended   bool
	recvErr error
	send    []byte
	close   bool
}

func (p *tlsPeer) HelloArrived(h *Handshake) { p.hello = true; h.Start() }

func (p *tlsPeer) HandshakeDone(_ *Handshake, err error) {
	p.done, p.err = true, err
	if err == nil {
		p.c.Watch(p)
		p.Ready(CanRead | CanWrite)
	}
}

func (p *tlsPeer) Ready(Readiness) {
	b := make([]byte, 10_000)
	for !p.ended && p.recvErr == nil {
		n, err := p.c.Recv(b)
		if err == ErrAgain {
			p.c.Want(CanRead)
			break
		}
		p.got = append(p.got, b[:n]...)
		p.recvErr, p.ended = err, err == nil && n == 0
	}
	for len(p.send) > 0 {
		n, err := p.c.Send(p.send)
		p.send = p.send[n:]
		if err == ErrAgain {
			p.c.Want(CanWrite)
			return
		}
		if err != nil {
			p.t.Error(err)
			return
		}
	}
	if p.close {
		p.c.CloseWrite()
	}
}

// securePair returns a TLS channel whose handshake has begun, and the client's bare connection.
func securePair(t *testing.T, settings *TLS, tickets bool) (*tlsPeer, net.Conn, func(func() bool)) {
	t.Helper()
	l, _ := steppedLoop(t)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fds[1]), "client")
	conn, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	_ = conn.SetDeadline(time.Now().Add(watchPatience))
	p := &tlsPeer{t: t, l: l}
	p.c = l.Secure(l.Adopt(fds[0]), settings, tickets, nil, p)
	p.c.Handshake().Begin()
	t.Cleanup(func() { p.c.Close(); _ = conn.Close() })
	until := func(enough func() bool) {
		t.Helper()
		for end := time.Now().Add(watchPatience); !enough(); l.Step() {
			if time.Now().After(end) {
				t.Fatal("it never came")
			}
		}
	}
	return p, conn, until
}

// elsewhere runs the client's part on a goroutine of its own.
func elsewhere(f func() error) (done func() bool, err func() error) {
	result := make(chan error, 1)
	go func() { result <- f() }()
	var got error
	finished := false
	return func() bool {
			select {
			case got = <-result:
				finished = true
			default:
			}
			return finished
		}, func() error {
			return got
		}
}

// What is sent over TLS arrives, in both directions and in any version, and close_notify ends both.
func TestTLSChannelCarriesBytesBothWays(t *testing.T) {
	bothVersions(t, func(t *testing.T, version uint16) {
		p, conn, until := securePair(t, testTLS(t), false)
		up, down := make([]byte, 3<<20), make([]byte, 5<<20+7)
		_, _ = rand.Read(up)
		_, _ = rand.Read(down)
		p.send, p.close = down, true
		c := tls.Client(conn, client(version))
		done, failed := elsewhere(func() error {
			sent := make(chan error, 1)
			go func() {
				_, err := c.Write(up)
				sent <- errors.Join(err, c.CloseWrite())
			}()
			got, err := io.ReadAll(c)
			if !bytes.Equal(got, down) {
				err = errors.Join(err, errors.New("other bytes came down"))
			}
			return errors.Join(err, <-sent)
		})
		until(func() bool { return done() && p.ended })
		if err := errors.Join(failed(), p.err, p.recvErr); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(p.got, up) {
			t.Error("other bytes came up")
		}
		if n := p.c.Unsent(); n != int64(len(p.c.pending)) || p.l.held != 0 || !p.c.finished {
			t.Errorf("%d bytes are unsent, %d held", n, p.l.held)
		}
		// Until the peer closes there is something to wait for; then there is the end.
		if _, err := p.c.Recv(make([]byte, 1)); err != ErrAgain {
			t.Errorf("behind close_notify: %v", err)
		}
		_ = conn.Close()
		if n, err := p.c.Recv(make([]byte, 1)); n != 0 || err != nil {
			t.Errorf("behind the end: %d, %v", n, err)
		}
		for _, r := range [...]int{len(p.l.sealed), p.l.held} {
			if r != 0 {
				t.Error("something is left in the loop's buffers")
			}
		}
	})
}

// cutter passes on a number of bytes and ends the connection there.
type cutter struct {
	net.Conn
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	n := min(len(p), c.left)
	c.left -= n
	if _, err := c.Conn.Write(p[:n]); err != nil {
		return 0, err
	}
	if n < len(p) {
		_ = c.Conn.(*net.UnixConn).CloseWrite()
		return 0, io.ErrClosedPipe
	}
	return n, nil
}

// recorder notes where each record of a client ends.
type recorder struct {
	net.Conn
	record record
	total  int
	ends   []int
}

func (r *recorder) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), r.record.left())
		r.record.count(rest[:n])
		rest = rest[n:]
		if r.total += n; r.record == (record{}) {
			r.ends = append(r.ends, r.total)
		}
	}
	return r.Conn.Write(p)
}

// An upload that is cut anywhere, at the end of a record too, does not end well: only close_notify
// is an end.
func TestTLSUploadEndsByCloseNotifyOnly(t *testing.T) {
	bothVersions(t, func(t *testing.T, version uint16) {
		settings := testTLS(t)
		upload := func(wrap func(net.Conn) net.Conn) *tlsPeer {
			p, conn, until := securePair(t, settings, false)
			c := tls.Client(wrap(conn), client(version))
			done, _ := elsewhere(func() error {
				for range 5 {
					if _, err := c.Write(make([]byte, 1000)); err != nil {
						return err
					}
				}
				return c.CloseWrite()
			})
			until(func() bool { return done() && (p.ended || p.recvErr != nil || p.err != nil) })
			return p
		}
		r := new(recorder)
		if p := upload(func(c net.Conn) net.Conn { r.Conn = c; return r }); !p.ended {
			t.Fatalf("a whole upload: %v, %v", p.err, p.recvErr)
		}
		if len(r.ends) < 8 {
			t.Fatalf("only %d records", len(r.ends))
		}
		for _, end := range r.ends {
			for _, at := range []int{end - 1, end, end + 3} {
				if at >= r.total {
					continue
				}
				p := upload(func(c net.Conn) net.Conn { return &cutter{c, at} })
				if p.ended {
					t.Errorf("cut at %d of %d, it ended well", at, r.total)
				}
				if !p.done || p.err == nil && p.recvErr != ErrCut &&
					!errors.Is(p.recvErr, io.ErrUnexpectedEOF) {
					t.Errorf("cut at %d of %d: %v, %v", at, r.total, p.err, p.recvErr)
				}
			}
		}
	})
}

// What is no TLS, or breaks off, fails. No goroutine stays, and bytes that do not make a record
// start none.
func TestTLSHandshakeThatFails(t *testing.T) {
	for name, sent := range map[string]string{
		"plain text":       "0000000008get file",
		"garbage in TLS":   "\x16\x03\x01\x00\x05hello",
		"an empty record":  "\x16\x03\x01\x00\x00",
		"a huge record":    "\x16\x03\x01\xff\xff" + string(make([]byte, handshakeBytesMax)),
		"a broken record":  "\x16\x03\x01\x02\x00\x01",
		"an alert":         "\x16\x03\x01\x00\x02\x02\x28",
		"nothing":          "",
		"SSL of long ago":  "\x16\x80\x2e\x01\x00\x02",
		"half of a header": "\x16\x03",
	} {
		t.Run(name, func(t *testing.T) {
			p, conn, until := securePair(t, testTLS(t), false)
			done, _ := elsewhere(func() error {
				if _, err := io.WriteString(conn, sent); err != nil {
					return err
				}
				return conn.(*net.UnixConn).CloseWrite()
			})
			until(func() bool { return done() && p.done })
			if p.err == nil {
				t.Error("the handshake succeeded")
			}
			p.l.handshakes.Wait()
			if len(computing) != 0 {
				t.Errorf("%d places are taken", len(computing))
			}
		})
	}
}

// A client that asks for renegotiation, or for answers of TLS without end, does not get them.
func TestTLSHandshakeInsideConnectionIsRefused(t *testing.T) {
	bothVersions(t, func(t *testing.T, version uint16) {
		p, conn, until := securePair(t, testTLS(t), false)
		c := tls.Client(conn, client(version))
		done, failed := elsewhere(c.Handshake)
		until(func() bool { return done() && p.done })
		if err := errors.Join(failed(), p.err); err != nil {
			t.Fatal(err)
		}
		// A handshake message in the clear, where only encrypted records may be.
		hello := []byte("\x16\x03\x03\x00\x04\x01\x00\x00\x00")
		if _, err := conn.Write(hello); err != nil {
			t.Fatal(err)
		}
		until(func() bool { return p.recvErr != nil })
		if p.ended {
			t.Error("it ended well")
		}
	})
}

// On a connection on which we receive, a client of TLS 1.3 gets no ticket, and may resume one of
// another connection. A ticket of another session's key does not resume, nor does one that a
// channel gave without having resumed itself.
func TestTLSTicketsOfOneSession(t *testing.T) {
	bothVersions(t, func(t *testing.T, version uint16) {
		shared := testTLS(t)
		one, other := shared.PerSession(), shared.PerSession()
		cache := &ticketCache{}
		config := client(version)
		config.ClientSessionCache, config.ServerName = cache, "ferry"
		control := false
		connect := func(settings *TLS, tickets bool) (resumed bool) {
			t.Helper()
			p, conn, until := securePair(t, settings, tickets)
			p.c.memory.channel = !control
			p.send, p.close = []byte("hello"), true
			c := tls.Client(conn, config)
			done, failed := elsewhere(func() error {
				_, err := io.ReadAll(c)
				return err
			})
			until(func() bool { return done() && p.done })
			if err := errors.Join(failed(), p.err); err != nil {
				t.Fatal(err)
			}
			if mine := p.c.TLS().DidResume; mine != c.ConnectionState().DidResume {
				t.Fatal("the sides disagree")
			}
			return p.c.TLS().DidResume
		}
		if connect(one, false) || version == tls.VersionTLS13 && cache.puts > 0 {
			t.Fatalf("%d tickets where none may be", cache.puts)
		}
		if version == tls.VersionTLS12 {
			cache.state = nil // there a ticket is part of the handshake
		}
		for range 2 {
			if connect(one, true) {
				t.Fatal("resumed with a channel's ticket")
			}
		}
		cache.state, cache.puts, control = nil, 0, true
		if connect(one, true) || cache.puts == 0 {
			t.Fatal("no ticket, or resumed without one")
		}
		puts := cache.puts
		control = false
		if !connect(one, true) || cache.puts == puts {
			t.Error("not resumed, or no further ticket")
		}
		puts = cache.puts
		if !connect(one, false) || version == tls.VersionTLS13 && cache.puts != puts {
			t.Errorf("not resumed, or %d more tickets", cache.puts-puts)
		}
		kept := cache.state
		if connect(other, false) {
			t.Error("resumed with another session's ticket")
		}
		cache.state = kept
		if !connect(one, true) {
			t.Error("not resumed after that")
		}
	})
}

// ticketCache keeps the last ticket.
type ticketCache struct {
	state *tls.ClientSessionState
	puts  int
}

func (c *ticketCache) Get(string) (*tls.ClientSessionState, bool) { return c.state, c.state != nil }

func (c *ticketCache) Put(_ string, s *tls.ClientSessionState) {
	if s != nil {
		c.state = s
		c.puts++
	}
}

// Bytes that a client sends right behind its handshake are not lost, and neither is the rest of a
// buffer that the owner had read.
func TestTLSTakesEarlyBytes(t *testing.T) {
	l, _ := steppedLoop(t)
	c, other := pair(t, l)
	near, far := net.Pipe()
	defer near.Close()
	tlsClient := tls.Client(near, client(tls.VersionTLS13))
	p := &tlsPeer{t: t, l: l}
	done, failed := elsewhere(func() error {
		if _, err := tlsClient.Write([]byte("early bird")); err != nil {
			return err
		}
		return tlsClient.CloseWrite()
	})
	// The client's bytes go through two hands: the first 16 are read before the channel is made.
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := far.Read(b)
			if err != nil {
				return
			}
			_, _ = unix.Write(other, b[:n])
		}
	}()
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := unix.Read(other, b)
			if n <= 0 || err != nil {
				return
			}
			_, _ = far.Write(b[:n])
		}
	}()
	first := make([]byte, 16)
	n := 0
	for end := time.Now().Add(watchPatience); n < len(first) && time.Now().Before(end); {
		m, _ := c.Recv(first[n:])
		n += m
	}
	p.c = l.Secure(c, testTLS(t), false, first, p)
	p.c.Handshake().Begin()
	for end := time.Now().Add(watchPatience); (!done() || !p.ended) && time.Now().Before(end); {
		l.Step()
	}
	p.c.Close()
	if string(p.got) != "early bird" || failed() != nil {
		t.Errorf("got %q, %v, %v", p.got, failed(), p.recvErr)
	}
}

// A reader that takes nothing holds a bounded number of bytes, and none once it is closed.
func TestTLSSlowReaderHoldsLittle(t *testing.T) {
	p, conn, until := securePair(t, testTLS(t), false)
	c := tls.Client(conn, client(tls.VersionTLS13))
	done, failed := elsewhere(c.Handshake)
	until(func() bool { return done() && p.done })
	if err := errors.Join(failed(), p.err); err != nil {
		t.Fatal(err)
	}
	big := make([]byte, 8<<20)
	taken := 0
	for {
		n, err := p.c.Send(big[taken:])
		taken += n
		if err == ErrAgain {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if p.c.Flush() != ErrAgain || p.l.held == 0 || p.l.held > sendMax+64<<10 {
		t.Errorf("%d bytes are held", p.l.held)
	}
	p.l.held += heldMax
	if n := p.c.SendMax(); n != tlsRecordBytes {
		t.Errorf("with much held, a send takes %d bytes", n)
	}
	p.l.held -= heldMax
	p.c.Close()
	if p.l.held != 0 {
		t.Errorf("%d bytes are held after the close", p.l.held)
	}
	p.c = &TLSChannel{under: p.l.Adopt(-1)} // for the cleanup
}
