package reactor

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xdg-go/scram"

	"ferry/reactor/limit"
)

// Clients that stop in their ClientHello, at any of its bytes, or behind it, cost little and end at
// the time of an offer; what they held comes back, and others are served meanwhile.
func TestTLSHandshakesThatStop(t *testing.T) {
	const clients = 1000
	ts := serve(t, withTLS, func(o *Options) { o.Limits.Handshakes = 100 })
	ts.file("file", []byte("hello"))
	hello := clientHello(t)
	for i := range clients {
		_, err := bare(t, uint16(ts.Port())).Write(hello[:1+i%len(hello)])
		check(t, err)
	}
	for range 20 { // they send all, and then nothing more
		_, err := bare(t, uint16(ts.Port())).Write(hello)
		check(t, err)
	}
	r := ts.reactors[0]
	eventually(t, "every session", func() (all bool) {
		onLoop(t, r, func() { all = len(r.sessions) == clients+20 })
		return all
	})
	eventually(t, "the handshakes that began", func() (all bool) {
		onLoop(t, r, func() {
			n := ts.limiter.Used(limit.Handshakes)
			all = n >= 20
			if n > 100 {
				t.Errorf("%d handshakes", n)
			}
		})
		return all
	})
	ts.tlsSession(t, tlsVersion(tls.VersionTLS13), true).get("file", []byte("hello"))
	onLoop(t, r, func() { skip(r, ts.limiter.Limits.OfferTimeout) })
	eventually(t, "their end", func() (all bool) {
		onLoop(t, r, func() { all = len(r.sessions) <= 1 })
		return all
	})
	if n := ts.limiter.Used(limit.Handshakes); n > 0 {
		t.Errorf("%d handshakes are counted", n)
	}
}

// clientHello is what a client of TLS 1.3 says first.
func clientHello(t testing.TB) []byte {
	t.Helper()
	near, far := net.Pipe()
	go func() { _ = tls.Client(near, tlsVersion(tls.VersionTLS13)).Handshake() }()
	b := make([]byte, 4096)
	n, err := far.Read(b)
	check(t, err)
	check(t, near.Close())
	check(t, far.Close())
	return b[:n]
}

// Handshakes over the limit wait, and one that has waited for its client for too long makes room.
func TestTLSHandshakesOverTheLimitWait(t *testing.T) {
	ts := serve(t, withTLS, func(o *Options) { o.Limits.Handshakes = 2 })
	hello := clientHello(t)
	stuck := bare(t, uint16(ts.Port()))
	_, err := stuck.Write(hello)
	check(t, err)
	r := ts.reactors[0]
	eventually(t, "the first handshake", func() (all bool) {
		onLoop(t, r, func() { all = r.handshakes.counted.Len() == 1 })
		return all
	})
	done := make(chan error, 1)
	second := bare(t, uint16(ts.Port()))
	go func() { done <- tls.Client(second, tlsVersion(tls.VersionTLS13)).Handshake() }()
	eventually(t, "the second waits", func() (all bool) {
		onLoop(t, r, func() { all = r.handshakes.waiting.Len() == 1 })
		return all
	})
	onLoop(t, r, func() { skip(r, handshakePatience) })
	check(t, <-done)
	if _, err := io.Copy(io.Discard, stuck); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the stuck one has kept its place")
	}
}

// Data connections that stop in their handshake take no more places than the limit allows, and the
// offer still stands.
func TestTLSDataHandshakesAreLimited(t *testing.T) {
	ts := serve(t, withTLS, func(o *Options) { o.Limits.Handshakes = 8 })
	ts.file("file", []byte("hello"))
	s := ts.tlsSession(t, tlsVersion(tls.VersionTLS13), true)
	port, key := s.ask("get file")
	closed := make(chan error, 50)
	for range 50 {
		c := bare(t, port)
		_, err := io.WriteString(c, "\x16")
		check(t, err)
		go func() { _, err := c.Read(make([]byte, 1)); closed <- err }()
	}
	for range 50 - 8 { // the others have a place
		if err := <-closed; err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
	r := ts.reactors[0]
	eventually(t, "handshakes that wait for their clients", func() (wait bool) {
		onLoop(t, r, func() {
			wait = true
			for at := r.handshakes.counted.Front(); at != nil; at = at.Next() {
				wait = wait && at.Value.(*handshake).loop.Waits()
			}
		})
		return wait
	})
	onLoop(t, r, func() { skip(r, handshakePatience) })
	s.download(s.connect(port, key), []byte("hello"))
}

// Resets, at any moment, leave nothing behind.
func TestTLSResetsLeaveNothing(t *testing.T) {
	ts := serve(t, withTLS)
	ts.file("file", nil)
	check(t, os.Truncate(filepath.Join(ts.dir, "file"), 64<<20)) // more than sockets hold
	hello := clientHello(t)
	for _, n := range []int{0, 1, 4, 5, 6, len(hello) - 1, len(hello)} {
		c := bare(t, uint16(ts.Port()))
		_, err := c.Write(hello[:n])
		check(t, err)
		reset(t, c)
	}
	bothVersions(t, func(t *testing.T, config *tls.Config) {
		s := ts.tlsSession(t, config, true)
		for _, command := range []string{"get file", "put other"} {
			port, key := s.ask(command)
			c := s.connect(port, key)
			reset(t, c.NetConn().(*net.TCPConn))
			if text := s.reply(); !strings.HasPrefix(text, "426 ") {
				t.Errorf("%s: %s", command, text)
			}
		}
		reset(t, s.Conn.(*tls.Conn).NetConn().(*net.TCPConn))
	})
	ts.wantNoFile("other")
}

// taped notes what a client sends.
type taped struct {
	net.Conn
	sent []byte
}

func (c *taped) Write(p []byte) (int, error) {
	c.sent = append(c.sent, p...)
	return c.Conn.Write(p)
}

// Whoever has recorded a connection, its ticket included, gets nothing with it, and the offer that
// it is tried on still stands.
func TestTLSReplayGetsNothing(t *testing.T) {
	ts := serve(t, withTLS)
	ts.file("file", []byte("hello"))
	bothVersions(t, func(t *testing.T, config *tls.Config) {
		config.ClientSessionCache, config.ServerName = tls.NewLRUClientSessionCache(4), "ferry"
		s := ts.tlsSession(t, config, false)
		s.get("file", []byte("hello"))
		port, _ := s.ask("get file")
		tape := &taped{Conn: bare(t, port)}
		c := tls.Client(tape, config)
		s.download(c, []byte("hello"))
		if !c.ConnectionState().DidResume {
			t.Fatal("it did not resume")
		}
		port, key := s.ask("get file")
		replay := bare(t, port)
		_, err := replay.Write(tape.sent)
		check(t, err)
		got, _ := io.ReadAll(replay)
		if bytes.Contains(got, []byte("hello")) {
			t.Error("a replay was sent the file")
		}
		s.download(s.connect(port, key), []byte("hello"))
	})
}

// A byte that is changed on the way ends an upload, and nothing is stored.
func TestTLSUploadThatIsChangedIsNotStored(t *testing.T) {
	ts := serve(t, withTLS)
	bothVersions(t, func(t *testing.T, config *tls.Config) {
		for _, status := range []bool{false, true} {
			s := ts.tlsSession(t, config, status)
			port, key := s.ask("put file")
			flip := &flipped{Conn: bare(t, port)}
			c := tls.Client(flip, config)
			_, err := io.WriteString(c, key)
			check(t, err)
			flip.on = true
			_, _ = io.WriteString(c, record("hello"))
			_ = c.CloseWrite()
			if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil || err == io.EOF {
				t.Errorf("the upload ended with %v", err)
			}
			ts.quiet()
			ts.wantNoFile("file")
		}
	})
}

// flipped changes a bit of the next record.
type flipped struct {
	net.Conn
	on bool
}

func (c *flipped) Write(p []byte) (int, error) {
	if c.on {
		c.on = false
		p = bytes.Clone(p)
		p[len(p)-1] ^= 1
	}
	return c.Conn.Write(p)
}

// Control that is changed or cut does not end an upload that stands at a record's end, as a good
// end of control would.
func TestTLSControlThatIsBrokenEndsNoUpload(t *testing.T) {
	ts := serve(t, withTLS)
	for name, brk := range map[string]func(c *tls.Conn) error{
		"changed": func(c *tls.Conn) error {
			_, err := c.NetConn().Write([]byte("\x17\x03\x03\x00\x20" + strings.Repeat("x", 32)))
			return err
		},
		"reset": func(c *tls.Conn) error {
			return errors.Join(c.NetConn().(*net.TCPConn).SetLinger(0), c.NetConn().Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := ts.tlsSession(t, tlsVersion(tls.VersionTLS13), false)
			c := s.connect(s.ask("put file"))
			_, err := io.WriteString(c, record("hello"))
			check(t, err)
			r := ts.reactors[0]
			var up *transfer
			eventually(t, "the record", func() (came bool) {
				onLoop(t, r, func() {
					up = r.transfers[0]
					came = up.recv.atBoundary()
				})
				return came
			})
			check(t, brk(s.Conn.(*tls.Conn)))
			eventually(t, "the end of control", func() (ended bool) {
				onLoop(t, r, func() { ended = len(r.sessions) == 0 })
				return ended
			})
			onLoop(t, r, func() {
				if up.recv.endAsked != askNot {
					t.Error("the upload was asked to end")
				}
			})
			reset(t, c.NetConn().(*net.TCPConn))
			ts.quiet()
			ts.wantNoFile("file")
		})
	}
}

// In TLS a user may log in without --plain-passwords, and the login may be bound to the connection:
// bound to another one it fails, since somebody may stand in between.
func TestTLSLoginIsBoundToTheConnection(t *testing.T) {
	ts := serveUsers(t, userLine("ann", "/:r"), withTLS, func(o *Options) {
		o.PlainPasswords = false
	})
	bothVersions(t, func(t *testing.T, config *tls.Config) {
		logIn := func(s *tlsSession, of *tls.Conn) string {
			state := of.ConnectionState()
			binding, err := scram.NewTLSExporterBinding(&state)
			check(t, err)
			client, err := scram.SHA256.NewClient("ann", "pencil", "")
			check(t, err)
			conv := client.NewConversationWithChannelBinding(binding)
			first, err := conv.Step("")
			check(t, err)
			s.say("auth SCRAM-SHA-256-PLUS " + base64.StdEncoding.EncodeToString([]byte(first)))
			_, text, _ := strings.Cut(s.reply(), "334 ")
			challenge, err := base64.StdEncoding.DecodeString(text)
			check(t, err)
			final, err := conv.Step(string(challenge))
			check(t, err)
			s.say("auth " + base64.StdEncoding.EncodeToString([]byte(final)))
			return s.reply()
		}
		s, other := ts.tlsSession(t, config, true), ts.tlsSession(t, config, true)
		if got := logIn(other, s.Conn.(*tls.Conn)); !strings.HasPrefix(got, "535 ") {
			t.Errorf("bound to another connection: %s", got)
		}
		onLoop(t, ts.reactors[0], func() { skip(ts.reactors[0], time.Minute) })
		if got := logIn(s, s.Conn.(*tls.Conn)); !strings.HasPrefix(got, "230 ") {
			t.Errorf("bound to its own: %s", got)
		}
	})
}
