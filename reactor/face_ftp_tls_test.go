package reactor

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// ftpClient is a client of FTP that may encrypt its session.
type ftpClient struct {
	*textproto.Conn
	t      testing.TB
	raw    net.Conn
	config *tls.Config
}

func withFTP(o *Options) {
	o.TLS.Mode = TLSAllow
	o.FTP.Port, o.FTP.ImplicitPort, o.FTP.Active = 0, 0, true
}

// ftpClient connects to the port of FTP and reads the greeting.
func (ts *testServer) ftpClient(t testing.TB, config *tls.Config) *ftpClient {
	t.Helper()
	raw := bare(t, uint16(ts.FTPPort()))
	c := &ftpClient{Conn: textproto.NewConn(raw), t: t, raw: raw, config: config}
	c.want(220)
	return c
}

func (c *ftpClient) want(code int) string {
	c.t.Helper()
	_, text, err := c.ReadResponse(code)
	if err != nil {
		c.t.Fatalf("want %d: %v", code, err)
	}
	return text
}

func (c *ftpClient) say(code int, format string, args ...any) string {
	c.t.Helper()
	check(c.t, c.PrintfLine(format, args...))
	return c.want(code)
}

// auth encrypts control.
func (c *ftpClient) auth() {
	c.t.Helper()
	c.say(234, "AUTH TLS")
	secure := tls.Client(c.raw, c.config)
	check(c.t, secure.Handshake())
	c.raw, c.Conn = secure, textproto.NewConn(secure)
}

func (c *ftpClient) login() {
	c.t.Helper()
	c.say(331, "USER ftp")
	c.say(230, "PASS x")
	c.say(200, "TYPE I")
}

// offer returns the port of a new offer.
func (c *ftpClient) offer() uint16 {
	c.t.Helper()
	_, after, _ := strings.Cut(c.say(229, "EPSV"), "|||")
	n, err := strconv.ParseUint(strings.TrimRight(after, "|)."), 10, 16)
	check(c.t, err)
	return uint16(n)
}

// get downloads the file over a data connection that open makes.
func (c *ftpClient) get(open func(port uint16) net.Conn, want []byte) {
	c.t.Helper()
	port := c.offer()
	c.say(150, "RETR file")
	data := open(port)
	got, err := io.ReadAll(data)
	check(c.t, err)
	check(c.t, data.Close())
	if !bytes.Equal(got, want) {
		c.t.Fatalf("%d bytes came, want %d", len(got), len(want))
	}
	c.want(226)
}

func (c *ftpClient) encrypted(port uint16) net.Conn { return encrypted(c.t, port, c.config) }
func (c *ftpClient) plain(port uint16) net.Conn     { return bare(c.t, port) }

// AUTH, PBSZ and PROT encrypt a session and, one by one, its data connections.
func TestFTPIsEncryptedByAuthAndProt(t *testing.T) {
	ts := serve(t, withFTP)
	content := pattern(300_000)
	ts.file("file", content)
	bothVersions(t, func(t *testing.T, config *tls.Config) {
		c := ts.ftpClient(t, config)
		if text := c.say(211, "FEAT"); !strings.Contains(text, "AUTH TLS") {
			t.Errorf("FEAT says %q", text)
		}
		c.say(503, "PROT P")
		c.say(504, "AUTH GSSAPI")
		c.auth()
		c.say(530, "PWD")
		c.say(503, "AUTH TLS")
		c.login()
		c.get(c.plain, content)
		c.say(200, "PBSZ 0")
		c.say(536, "PROT S")
		c.say(504, "PROT x")
		c.say(200, "PROT P")
		c.get(c.encrypted, content)
		port := c.offer()
		c.say(150, "STOR up")
		up := encrypted(t, port, config)
		_, err := up.Write(content)
		check(t, err)
		check(t, up.CloseWrite())
		_, err = io.Copy(io.Discard, up)
		check(t, err)
		check(t, up.Close())
		c.want(226)
		ts.wantFile("up", content)
		c.say(200, "PROT C")
		c.get(c.plain, content)
		c.say(502, "CCC")
		c.say(221, "QUIT")
		if n, err := c.raw.Read(make([]byte, 1)); n > 0 || err != io.EOF {
			t.Errorf("control ended with %v", err)
		}
	})
}

// An upload that ends without close_notify is not stored.
func TestFTPUploadThatIsCutIsNotStored(t *testing.T) {
	ts := serve(t, withFTP)
	bothVersions(t, func(t *testing.T, config *tls.Config) {
		c := ts.ftpClient(t, config)
		c.auth()
		c.login()
		c.say(200, "PROT P")
		port := c.offer()
		c.say(150, "STOR up")
		up := encrypted(t, port, config)
		_, err := up.Write([]byte("half"))
		check(t, err)
		check(t, up.NetConn().(*net.TCPConn).CloseWrite())
		c.want(426)
		ts.wantNoFile("up")
	})
}

// Commands that came in clear behind AUTH are not carried out, and a login in clear is forgotten.
func TestFTPForgetsWhatWasSaidInClear(t *testing.T) {
	ts := serve(t, withFTP)
	c := ts.ftpClient(t, tlsVersion(tls.VersionTLS13))
	c.login()
	_, err := io.WriteString(c.raw, "AUTH TLS\r\nMKD injected\r\nUSER ftp\r\nPASS")
	check(t, err)
	c.want(234)
	secure := tls.Client(c.raw, c.config)
	check(t, secure.Handshake())
	c.raw, c.Conn = secure, textproto.NewConn(secure)
	c.say(530, "PWD")
	c.say(503, "PASS x")
	ts.wantNoFile("injected")
}

// A data connection is of the kind that PROT asks for; another one is a stranger's.
func TestFTPDataConnectionsDoNotMix(t *testing.T) {
	ts := serve(t, withFTP)
	ts.file("file", []byte("hello"))
	c := ts.ftpClient(t, tlsVersion(tls.VersionTLS13))
	c.auth()
	c.login()
	c.say(200, "PROT P")
	port := c.offer()
	c.say(150, "RETR file")
	stranger := bare(t, port)
	_, err := io.WriteString(stranger, "x")
	check(t, err)
	wantEnd(t, stranger, errAny)
	data := encrypted(t, port, c.config)
	if got, err := io.ReadAll(data); err != nil || string(got) != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
	check(t, data.Close())
	c.want(226)
}

// gated is a client's connection whose second message waits.
type gated struct {
	net.Conn
	writes int
	gate   chan struct{}
}

func (c *gated) Write(p []byte) (int, error) {
	if c.writes++; c.writes == 2 {
		<-c.gate
	}
	return c.Conn.Write(p)
}

// A connection that was made for an offer before does not become that of the next offer, though its
// handshake ends after that was told, at the same port.
func TestFTPConnectionOfAnEarlierOfferIsAStranger(t *testing.T) {
	ts := serve(t, withFTP)
	ts.file("file", []byte("hello"))
	bothVersions(t, func(t *testing.T, config *tls.Config) {
		c := ts.ftpClient(t, config)
		c.auth()
		c.login()
		c.say(200, "PROT P")
		handshakes := func(n int) {
			t.Helper()
			r := ts.reactors[0]
			eventually(t, "handshakes", func() (is bool) {
				onLoop(t, r, func() { is = r.handshakes.counted.Len() == n })
				return is
			})
		}
		port := c.offer()
		late := &gated{Conn: bare(t, port), gate: make(chan struct{})}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			// In TLS 1.3 the client may be done before the server refuses it.
			_ = tls.Client(late, config).Handshake()
		}()
		handshakes(1)
		c.say(550, "RETR none")
		if again := c.offer(); again != port {
			t.Fatalf("port %d was told, and then %d", port, again)
		}
		close(late.gate)
		<-ended
		handshakes(0)
		c.say(150, "RETR file")
		data := encrypted(t, port, config)
		if got, err := io.ReadAll(data); err != nil || string(got) != "hello" {
			t.Fatalf("%q, %v", got, err)
		}
		check(t, data.Close())
		c.want(226)
	})
}

// Where data connections must resume, one that does not is a stranger's, whoever makes it. A ticket
// of another session does not help.
func TestFTPDataConnectionsMustResume(t *testing.T) {
	ts := serve(t, withFTP, func(o *Options) { o.FTP.Resume = ResumeRequire })
	ts.file("file", []byte("hello"))
	bothVersions(t, func(t *testing.T, config *tls.Config) {
		session := func() *ftpClient {
			config := config.Clone()
			config.ServerName, config.ClientSessionCache = "ferry", tls.NewLRUClientSessionCache(1)
			c := ts.ftpClient(t, config)
			c.auth()
			c.login()
			c.say(200, "PROT P")
			return c
		}
		c, other := session(), session()
		port := c.offer()
		c.say(150, "RETR file")
		for _, config := range []*tls.Config{config, other.config} {
			stranger := tls.Client(bare(t, port), config)
			if got, _ := io.ReadAll(stranger); len(got) > 0 {
				t.Errorf("a stranger got %q", got)
			}
		}
		data := encrypted(t, port, c.config)
		if got, err := io.ReadAll(data); err != nil || string(got) != "hello" {
			t.Fatalf("%q, %v", got, err)
		}
		check(t, data.Close())
		c.want(226)
	})
}

// A stranger at the client's address cannot earn a ticket on a data connection and resume with it.
func TestFTPStrangersGetNoTicket(t *testing.T) {
	ts := serve(t, withFTP, func(o *Options) { o.FTP.Resume = ResumeRequire })
	ts.file("file", []byte("hello"))
	bothVersions(t, func(t *testing.T, config *tls.Config) {
		for _, command := range []string{"RETR file", "STOR new"} {
			c := ts.ftpClient(t, config)
			c.auth()
			c.login()
			c.say(200, "PROT P")
			port := c.offer()
			c.say(150, "%s", command)
			strange := config.Clone()
			strange.ServerName = "ferry"
			strange.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			for range 2 {
				stranger := tls.Client(bare(t, port), strange)
				if got, _ := io.ReadAll(stranger); len(got) > 0 {
					t.Errorf("%s: a stranger got %q", command, got)
				}
				if stranger.ConnectionState().DidResume {
					t.Errorf("%s: a stranger has resumed", command)
				}
				check(t, stranger.Close())
			}
			c.say(425, "ABOR")
			c.want(226)
		}
	})
}

// What was sent behind AUTH in clear, and searched for ABOR already, is forgotten.
func TestFTPForgetsWhatWasSearchedInClear(t *testing.T) {
	ts := serve(t, withFTP)
	ts.file("file", []byte("hello"))
	c := ts.ftpClient(t, tlsVersion(tls.VersionTLS13))
	c.login()
	port := c.offer()
	c.say(150, "RETR file")
	check(t, c.PrintfLine("AUTH TLS\r\n%s", strings.Repeat("HELP\r\n", 1000)))
	r := ts.reactors[0]
	eventually(t, "the search", func() (all bool) {
		onLoop(t, r, func() {
			for s := range r.sessions {
				all = s.face.(*ftpFace).seen > 6000
			}
		})
		return all
	})
	data := c.plain(port)
	_, err := io.ReadAll(data)
	check(t, err)
	check(t, data.Close())
	c.want(226)
	c.want(234)
	secure := tls.Client(c.raw, c.config)
	check(t, secure.Handshake())
	c.raw, c.Conn = secure, textproto.NewConn(secure)
	c.login()
	c.say(200, "PROT P")
	c.get(c.encrypted, []byte("hello"))
}

// A data connection whose handshake began for one session's offer cannot take another session's,
// though the first offer was used meanwhile.
func TestFTPHandshakeBelongsToItsSession(t *testing.T) {
	bothVersions(t, func(t *testing.T, config *tls.Config) {
		ts := serve(t, withFTP, func(o *Options) {
			o.FTP.Resume, o.DataPorts.Count = ResumeRequire, 2
		})
		ts.file("file", []byte("hello"))
		check(t, os.Truncate(filepath.Join(ts.dir, "file"), 64<<20)) // more than sockets hold
		session := func() *ftpClient {
			config := config.Clone()
			config.ServerName, config.ClientSessionCache = "ferry", tls.NewLRUClientSessionCache(1)
			c := ts.ftpClient(t, config)
			c.auth()
			c.login()
			c.say(200, "PROT P")
			return c
		}
		mine := session()
		port := mine.offer()
		mine.say(150, "RETR file")
		late := bare(t, port)
		r := ts.reactors[0]
		eventually(t, "the late handshake", func() (began bool) {
			onLoop(t, r, func() { began = r.handshakes.counted.Len() == 1 })
			return began
		})
		data := tls.Client(bare(t, port), mine.config)
		_, err := io.ReadFull(data, make([]byte, 5))
		check(t, err)
		other := session()
		if other.offer() != port {
			other = session() // it gets the other of two ports
			other.offer()
		}
		other.say(150, "RETR file")
		c := tls.Client(late, mine.config)
		if n, _ := c.Read(make([]byte, 5)); n > 0 {
			t.Error("another session's client got the file")
		}
		reset(t, data.NetConn().(*net.TCPConn))
		mine.want(426)
		other.say(425, "ABOR")
		other.want(226)
	})
}

// Where TLS is required nobody logs in without it, and no data moves without it.
func TestFTPRequiresTLS(t *testing.T) {
	ts := serve(t, withFTP, func(o *Options) { o.TLS.Mode = TLSRequire })
	ts.file("file", []byte("hello"))
	c := ts.ftpClient(t, tlsVersion(tls.VersionTLS13))
	c.say(530, "USER ftp")
	c.say(530, "PASS x")
	c.auth()
	c.login()
	c.say(522, "EPSV")
	c.say(534, "PROT C")
	c.say(200, "PROT P")
	c.get(c.encrypted, []byte("hello"))
}

// On the port of implicit TLS the greeting comes in TLS, and so does all else until PROT C.
func TestFTPBeginsWithTLS(t *testing.T) {
	ts := serve(t, withFTP)
	ts.file("file", []byte("hello"))
	bothVersions(t, func(t *testing.T, config *tls.Config) {
		raw := encrypted(t, uint16(ts.portOf("ftps")), config)
		c := &ftpClient{Conn: textproto.NewConn(raw), t: t, raw: raw, config: config}
		c.want(220)
		c.say(503, "AUTH TLS")
		c.login()
		c.get(c.encrypted, []byte("hello"))
		c.say(200, "PBSZ 0")
		c.say(200, "PROT P")
		c.get(c.encrypted, []byte("hello"))
		c.say(200, "PROT C")
		c.get(c.plain, []byte("hello"))
	})
}

// A connection that the server makes is encrypted as well, and the server is that of TLS.
func TestFTPActiveConnectionIsEncrypted(t *testing.T) {
	ts := serve(t, withFTP)
	ts.file("file", []byte("hello"))
	c := ts.ftpClient(t, tlsVersion(tls.VersionTLS13))
	c.auth()
	c.login()
	c.get(c.plain, []byte("hello"))
	c.say(200, "PROT P")
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	check(t, err)
	defer func() { _ = l.Close() }()
	eprt := fmt.Sprintf("EPRT |1|127.0.0.1|%d|", l.Addr().(*net.TCPAddr).Port)
	c.say(200, "%s", eprt)
	c.say(150, "RETR file")
	conn, err := l.Accept()
	check(t, err)
	data := tls.Client(conn, c.config)
	if got, err := io.ReadAll(data); err != nil || string(got) != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
	check(t, data.Close())
	c.want(226)
	// One that is no TLS gets nothing.
	c.say(200, "%s", eprt)
	c.say(150, "RETR file")
	conn, err = l.Accept()
	check(t, err)
	_, err = io.WriteString(conn, "hello, who is there?")
	check(t, err)
	if got, _ := io.ReadAll(conn); bytes.Contains(got, []byte("hello")) {
		t.Errorf("%q came in clear", got)
	}
	check(t, conn.Close())
	c.want(425)
}
