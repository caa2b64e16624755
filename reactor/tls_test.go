package reactor

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"ferry/codec"
)

// withTLS serves plain and encrypted sessions.
func withTLS(o *Options) { o.TLS.Mode = TLSAllow }

// tlsVersion is the settings of a client that speaks one version.
func tlsVersion(version uint16) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version}
}

// bothVersions runs a test with each version.
func bothVersions(t *testing.T, f func(t *testing.T, config *tls.Config)) {
	t.Run("1.2", func(t *testing.T) { f(t, tlsVersion(tls.VersionTLS12)) })
	t.Run("1.3", func(t *testing.T) { f(t, tlsVersion(tls.VersionTLS13)) })
}

// bare makes a plain connection, whatever the run is over.
func bare(t testing.TB, port uint16) *net.TCPConn {
	t.Helper()
	d := net.Dialer{Timeout: patience}
	conn, err := d.Dial("tcp4", netip.AddrPortFrom(loopback, port).String())
	check(t, err)
	check(t, conn.SetDeadline(time.Now().Add(patience)))
	t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.TCPConn)
}

// encrypted makes a TLS connection whose handshake is done.
func encrypted(t testing.TB, port uint16, config *tls.Config) *tls.Conn {
	t.Helper()
	c := tls.Client(bare(t, port), config)
	check(t, c.Handshake())
	return c
}

// tlsSession is a session of a client of crypto/tls, encrypted or, without settings, plain.
type tlsSession struct {
	net.Conn
	t      testing.TB
	config *tls.Config
	status bool
}

func (ts *testServer) tlsSession(t testing.TB, config *tls.Config, status bool) *tlsSession {
	t.Helper()
	s := &tlsSession{t: t, config: config, status: status}
	if config == nil {
		s.Conn = bare(t, uint16(ts.Port()))
	} else {
		s.Conn = encrypted(t, uint16(ts.Port()), config)
	}
	if status {
		s.say("hello 1")
		if text := s.reply(); !strings.HasPrefix(text, "200 ferry/1 ") ||
			!strings.HasSuffix(text, " tls") {
			t.Fatalf("hello was answered by %q", text)
		}
	}
	return s
}

func (s *tlsSession) say(command string) {
	s.t.Helper()
	_, err := io.WriteString(s, framed(command))
	check(s.t, err)
}

func (s *tlsSession) reply() string {
	s.t.Helper()
	b := make([]byte, wantField(s.t, s))
	_, err := io.ReadFull(s, b)
	check(s.t, err)
	return string(b)
}

// ask sends a command and returns the port and the KEY of its offer, which is "" in base.
func (s *tlsSession) ask(command string) (port uint16, key string) {
	s.t.Helper()
	s.say(command)
	if !s.status {
		return uint16(wantField(s.t, s)), ""
	}
	words := strings.Fields(s.reply())
	if words[0] != "150" {
		s.t.Fatalf("%s was answered by %q", command, words)
	}
	n, err := strconv.ParseUint(words[1], 10, 16)
	check(s.t, err)
	return uint16(n), words[2]
}

// connect makes the data connection of an offer.
func (s *tlsSession) connect(port uint16, key string) *tls.Conn {
	s.t.Helper()
	c := encrypted(s.t, port, s.config)
	_, err := io.WriteString(c, key)
	check(s.t, err)
	return c
}

// get downloads a file.
func (s *tlsSession) get(name string, want []byte) {
	s.t.Helper()
	s.download(s.connect(s.ask("get "+name)), want)
}

func (s *tlsSession) download(c *tls.Conn, want []byte) {
	s.t.Helper()
	n := wantField(s.t, c)
	got, err := io.ReadAll(c)
	check(s.t, err)
	if n != int64(len(want)) || !bytes.Equal(got, want) {
		s.t.Fatalf("%d bytes came, %d were announced, want %d", len(got), n, len(want))
	}
	check(s.t, c.Close())
	s.wantDone()
}

// put uploads a file.
func (s *tlsSession) put(name string, content []byte) {
	s.t.Helper()
	c := s.connect(s.ask("put " + name))
	_, err := io.WriteString(c, record(string(content)))
	check(s.t, err)
	check(s.t, c.CloseWrite())
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		s.t.Fatalf("the upload ended with %q, %v", rest, err)
	}
	check(s.t, c.Close())
	s.wantDone()
}

func (s *tlsSession) wantDone() {
	s.t.Helper()
	if !s.status {
		return
	}
	if text := s.reply(); !strings.HasPrefix(text, "226 ") {
		s.t.Fatalf("the transfer was answered by %q", text)
	}
}

// Base and status transfer files of any size by TLS 1.2 and 1.3, on Linux and as if elsewhere.
func TestTLSTransfersFiles(t *testing.T) {
	for _, portable := range []bool{false, true} {
		ts := serve(t, withTLS, func(o *Options) { o.Portable = portable })
		sizes := []int{0, 1, 4096, smallMax, smallMax + 1, 3<<20 + 7}
		for _, status := range []bool{false, true} {
			bothVersions(t, func(t *testing.T, config *tls.Config) {
				s := ts.tlsSession(t, config, status)
				for _, size := range sizes {
					content := pattern(size)
					s.put("file", content)
					ts.wantFile("file", content)
					s.get("file", content)
				}
			})
		}
	}
}

// A data connection is of its session's kind: another one is a stranger's, and the offer stands.
func TestTLSSessionsAndPlainOnesDoNotMix(t *testing.T) {
	ts := serve(t, withTLS)
	content := pattern(100_000)
	ts.file("file", content)
	bothVersions(t, func(t *testing.T, config *tls.Config) {
		for _, status := range []bool{false, true} {
			s := ts.tlsSession(t, config, status)
			port, key := s.ask("get file")
			stranger := bare(t, port)
			_, err := io.WriteString(stranger, key+"xxxxxxxxxxxx")
			check(t, err)
			wantEnd(t, stranger, errAny)
			s.download(s.connect(port, key), content)
		}
		// The KEY of a plain session, said in TLS.
		plain := ts.tlsSession(t, nil, true)
		port, key := plain.ask("get file")
		stranger := encrypted(t, port, config)
		_, err := io.WriteString(stranger, key)
		check(t, err)
		if n, err := stranger.Read(make([]byte, 1)); err == nil || n > 0 {
			t.Fatalf("a stranger was sent %d bytes", n)
		}
		d := bare(t, port)
		_, err = io.WriteString(d, key)
		check(t, err)
		(&data{d, t}).wantRecord(content)
		plain.wantDone()
		// A plain session's upload in base that begins with TLS is reset.
		base := ts.tlsSession(t, nil, false)
		port, _ = base.ask("put other")
		if err := tls.Client(bare(t, port), config).Handshake(); err == nil {
			t.Fatal("the handshake succeeded")
		}
		ts.wantNoFile("other")
	})
}

// A stranger who only connects to the port of an encrypted session neither gets a byte nor takes
// the offer, and neither does one who offers another server's ticket.
func TestTLSOfferOutlivesSilentStranger(t *testing.T) {
	ts := serve(t, withTLS)
	ts.file("file", []byte("hello"))
	s := ts.tlsSession(t, tlsVersion(tls.VersionTLS13), false)
	port, key := s.ask("get file")
	silent := bare(t, port)
	half := bare(t, port)
	_, err := io.WriteString(half, "\x16\x03\x01\x02\x00\x01")
	check(t, err)
	s.download(s.connect(port, key), []byte("hello"))
	onLoop(t, ts.reactors[0], func() { skip(ts.reactors[0], ts.limiter.Limits.OfferTimeout) })
	wantEnd(t, silent, errAny)
	wantEnd(t, half, errAny)
}

// Where TLS is off its first byte is a protocol error, and where it is required a plain session
// ends at its first command.
func TestTLSOffAndRequired(t *testing.T) {
	plainOnly(t)
	off := serve(t)
	if err := tls.Client(bare(t, uint16(off.Port())), tlsVersion(tls.VersionTLS13)).
		Handshake(); err == nil {
		t.Error("a handshake succeeded without TLS")
	}
	off.wantSession(1, endViolation)
	ts := serve(t, func(o *Options) { o.TLS.Mode = TLSRequire })
	base := bare(t, uint16(ts.Port()))
	_, err := io.WriteString(base, framed("get file"))
	check(t, err)
	wantEnd(t, base, io.EOF)
	ts.wantSession(1, endPlain)
	status := &tlsSession{Conn: bare(t, uint16(ts.Port())), t: t}
	status.say("hello 1")
	if text := status.reply(); text != "421 TLS is required" {
		t.Errorf("hello was answered by %q", text)
	}
	ts.wantSession(2, endPlain)
	ts.tlsSession(t, tlsVersion(tls.VersionTLS12), true).put("file", []byte("x"))
}

// The oldest version that is spoken can be set.
func TestTLSMinimumVersion(t *testing.T) {
	ts := serve(t, withTLS, func(o *Options) { o.TLS.MinVersion = "1.3" })
	c := tls.Client(bare(t, uint16(ts.Port())), tlsVersion(tls.VersionTLS12))
	if err := c.Handshake(); err == nil {
		t.Error("TLS 1.2 was spoken")
	}
	ts.tlsSession(t, tlsVersion(tls.VersionTLS13), true)
}

// An upload in base that ends without close_notify is not stored, even where a record ends, and
// neither is one whose control connection ended so.
func TestTLSUploadThatIsCutIsNotStored(t *testing.T) {
	ts := serve(t, withTLS)
	bothVersions(t, func(t *testing.T, config *tls.Config) {
		s := ts.tlsSession(t, config, false)
		c := s.connect(s.ask("put cut"))
		_, err := io.WriteString(c, record("whole"))
		check(t, err)
		check(t, c.NetConn().(*net.TCPConn).CloseWrite())
		if _, err := c.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Fatalf("a cut upload ended with %v", err)
		}
		ts.wantNoFile("cut")

		c = s.connect(s.ask("put cut"))
		_, err = io.WriteString(c, record("whole"))
		check(t, err)
		check(t, s.Conn.(*tls.Conn).NetConn().(*net.TCPConn).CloseWrite())
		if n, err := s.Read(make([]byte, 1)); n > 0 || err == nil {
			t.Fatal("control goes on: ", err)
		}
		r := ts.reactors[0]
		onLoop(t, r, func() { skip(r, recordPause) })
		if n, err := c.Read(make([]byte, 1)); n > 0 || err != io.EOF {
			t.Fatalf("after a second of silence our side ended with %v", err)
		}
		if _, err := os.Lstat(filepath.Join(ts.dir, "cut")); err == nil {
			t.Fatal("it was stored")
		}
		check(t, c.NetConn().(*net.TCPConn).SetLinger(0))
		check(t, c.NetConn().Close())
		ts.quiet()
		ts.wantNoFile("cut")
	})
}

// In status an upload is whole at its size, and a client may close as it likes.
func TestTLSStatusUploadIsWholeAtItsSize(t *testing.T) {
	ts := serve(t, withTLS)
	s := ts.tlsSession(t, tlsVersion(tls.VersionTLS13), true)
	c := s.connect(s.ask("put file"))
	_, err := io.WriteString(c, record("whole"))
	check(t, err)
	check(t, c.NetConn().(*net.TCPConn).CloseWrite())
	s.wantDone()
	ts.wantFile("file", []byte("whole"))
}

// A client that ends a download without close_notify, as many do, has received it.
func TestTLSDownloadMayEndWithoutCloseNotify(t *testing.T) {
	ts := serve(t, withTLS)
	ts.file("file", []byte("hello"))
	s := ts.tlsSession(t, tlsVersion(tls.VersionTLS13), true)
	c := s.connect(s.ask("get file"))
	_, err := io.ReadAll(c)
	check(t, err)
	check(t, c.NetConn().Close())
	s.wantDone()
	ts.wantTransfer(1, outcomeComplete)
}

// A reader that takes its time gets everything, close_notify included: what the server itself holds
// back leaves before it waits for the client's close.
func TestTLSSlowReaderGetsTheEnd(t *testing.T) {
	ts := serve(t, withTLS)
	content := pattern(16 << 20)
	ts.file("file", content)
	s := ts.tlsSession(t, tlsVersion(tls.VersionTLS13), false)
	c := s.connect(s.ask("get file"))
	r := ts.reactors[0]
	b := make([]byte, 64<<10)
	for n := 0; ; {
		m, err := c.Read(b)
		n += m
		if err != nil {
			if err != io.EOF || n != len(content)+codec.FieldSize {
				t.Fatalf("%d bytes came, then %v", n, err)
			}
			return
		}
		if n%(4<<20) < m { // longer than a client may linger
			onLoop(t, r, func() { skip(r, 2*lingerMax) })
		}
	}
}

// A certificate is made once, is readable by its owner alone and has the printed fingerprint.
// Reload takes another one, and a broken file keeps the one that is there.
func TestTLSCertificateIsKeptAndReloaded(t *testing.T) {
	plainOnly(t)
	state := filepath.Join(t.TempDir(), "new", "state")
	own := func(o *Options) { o.TLS.Mode, o.TLS.State = TLSAllow, state }
	shown := func(ts *testServer) string {
		t.Helper()
		c := encrypted(t, uint16(ts.Port()), tlsVersion(tls.VersionTLS13))
		sum := sha256.Sum256(c.ConnectionState().PeerCertificates[0].Raw)
		return hex.EncodeToString(sum[:])
	}
	ts := serve(t, own)
	first := shown(ts)
	if d := ts.Describe(); d.Fingerprint != first || d.TLS != TLSAllow {
		t.Errorf("%s is printed, %s is shown", d.Fingerprint, first)
	}
	for _, name := range []string{"", "key.pem", "cert.pem"} {
		info, err := os.Stat(filepath.Join(state, name))
		check(t, err)
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%q has the mode %v", name, info.Mode())
		}
	}
	o := testOptions(t.TempDir())
	own(&o)
	again, err := New(o)
	check(t, err)
	if got := again.Describe().Fingerprint; got != first {
		t.Error("a second start made another certificate")
	}
	again.Close()
	check(t, os.Remove(filepath.Join(state, "cert.pem")))
	check(t, ownCertificate(state))
	ts.Reload()
	second := shown(ts)
	if second == first {
		t.Error("the certificate was not reloaded")
	}
	check(t, os.WriteFile(filepath.Join(state, "key.pem"), []byte("broken"), 0o600))
	ts.Reload()
	if got := shown(ts); got != second {
		t.Error("a broken file replaced the certificate")
	}
	if len(ts.log.all("the certificate was not replaced")) != 1 {
		t.Error("it was not logged")
	}
}

// Options that would leave a session unencrypted, or a key to be fetched, are refused.
func TestTLSOptionsAreChecked(t *testing.T) {
	root := t.TempDir()
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"version": {func(o *Options) { o.TLS.MinVersion = "1.1" }, "--tls-min 1.1"},
		"half":    {func(o *Options) { o.TLS.CertFile = "x" }, "go together"},
		"unused": {func(o *Options) {
			o.TLS.CertFile, o.TLS.KeyFile = "x", "y"
		}, "goes with --tls"},
		"classic": {func(o *Options) { o.TLS.Mode, o.Classic = TLSRequire, true }, "--classic"},
		"served": {func(o *Options) {
			o.TLS.Mode, o.TLS.State = TLSAllow, root+"/x/y"
		}, "--state"},
		"hidden": {func(o *Options) {
			o.TLS.Mode, o.TLS.State, o.Dotfiles = TLSAllow, root+"/.x", true
		}, "--state"},
		"key": {func(o *Options) {
			o.TLS = TLSOptions{
				Mode: TLSAllow, MinVersion: "1.2", CertFile: "x", KeyFile: root + "/key",
			}
		}, "--tls-key"},
		"missing": {func(o *Options) {
			o.TLS = TLSOptions{
				Mode: TLSAllow, MinVersion: "1.2", CertFile: "/no/x", KeyFile: "/no/y",
			}
		}, "/no/x"},
		"good": {func(o *Options) { o.TLS.Mode, o.TLS.State = TLSAllow, root+"/.x" }, ""},
	} {
		o := testOptions(root)
		c.change(&o)
		s, err := New(o)
		var wrong *OptionsError
		switch {
		case c.want == "":
			check(t, err)
			s.Close()
		case !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want):
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A certificate that an authority signed is used as it is: a client that trusts it connects.
func TestTLSClientMayCheckTheCertificate(t *testing.T) {
	ts := serve(t, withTLS)
	pem, err := os.ReadFile(filepath.Join(testState, "cert.pem"))
	check(t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	encrypted(t, uint16(ts.Port()), &tls.Config{RootCAs: pool, ServerName: "localhost"})
}

// A client gets a ticket on control, and its data connections resume with it. No ticket comes where
// the server may receive.
func TestTLSDataConnectionsResume(t *testing.T) {
	ts := serve(t, withTLS)
	ts.file("file", []byte("hello"))
	config := tlsVersion(tls.VersionTLS13)
	config.ClientSessionCache, config.ServerName = tls.NewLRUClientSessionCache(1), "ferry"
	s := ts.tlsSession(t, config, true)
	for range 2 {
		c := s.connect(s.ask("get file"))
		if !c.ConnectionState().DidResume {
			t.Error("the data connection did not resume")
		}
		s.download(c, []byte("hello"))
	}
	s.put("file", []byte("hello"))
}
