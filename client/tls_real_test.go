//go:build unix

package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ferry/codec"
)

// startedLine is what a server says at its start.
type startedLine struct {
	Message     string `json:"message"`
	DataPorts   string `json:"data_ports"`
	Certificate string `json:"certificate_sha256"`
}

// newTLSServer runs a ferryd that requires TLS.
func newTLSServer(t *testing.T, flags ...string) *server {
	t.Helper()
	return newServer(t, append([]string{"--tls", "require", "--state", t.TempDir()}, flags...)...)
}

// started is what the server said at its start.
func (s *server) started() (line startedLine) {
	s.t.Helper()
	for text := range strings.Lines(s.log.String()) {
		if json.Unmarshal([]byte(text), &line) == nil && line.Message == "server started" {
			return line
		}
	}
	s.t.Fatalf("the server said nothing: %s", s.log)
	return line
}

// trusted trusts the server's certificate alone, and speaks one version.
func (s *server) trusted(version uint16) *TLS {
	s.t.Helper()
	sum, err := ParseFingerprint(s.started().Certificate)
	if err != nil {
		s.t.Fatal(err)
	}
	return &TLS{Fingerprint: &sum, MinVersion: version, maxVersion: version}
}

// withUser makes a users file with ann, whose password is pencil, and returns the flag for it.
func withUser(t *testing.T) string {
	t.Helper()
	flag := "--users=" + filepath.Join(t.TempDir(), "users")
	addUser(t, flag, "ann", "pencil", "/:rw")
	return flag
}

func addUser(t *testing.T, flag, name, password, rights string) {
	t.Helper()
	program, err := ferryd()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, "user", "add", name, flag, "--rights", rights)
	c.Stdin = strings.NewReader(password + "\n")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

var tlsVersions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// TestTransfersByTLS moves files both ways, in each exchange and in each way that a file can go.
func TestTransfersByTLS(t *testing.T) {
	s := newTLSServer(t)
	trust := map[string]*TLS{"1.2": s.trusted(tls.VersionTLS12), "1.3": s.trusted(tls.VersionTLS13)}
	data := random(3<<20 + 1)
	for name, version := range tlsVersions {
		for _, exchange := range []Exchange{Base, Status} {
			t.Run(name+" "+exchange.String(), func(t *testing.T) {
				c := s.session(Options{TLS: trust[name], Exchange: exchange})
				if got := c.conn.(*secureConn).ConnectionState().Version; got != version {
					t.Fatalf("version %x is spoken", got)
				}
				local := filepath.Join(t.TempDir(), "a")
				if err := os.WriteFile(local, data, 0o600); err != nil {
					t.Fatal(err)
				}
				for _, put := range []func() (Moved, error){
					func() (Moved, error) { return c.PutFile(t.Context(), "a", local) },
					func() (Moved, error) { return c.PutFileContinue(t.Context(), "b", local) },
				} {
					moved, err := put()
					if errors.Is(err, ErrUnsupported) && exchange == Base {
						continue
					}
					if err != nil || moved.Stored != Confirmed {
						t.Errorf("%+v, %v", moved, err)
					}
				}
				for _, get := range []func() (Moved, error){
					func() (Moved, error) {
						n, err := c.GetFile(t.Context(), "a", local)
						return Moved{Size: n}, err
					},
					func() (Moved, error) { return c.GetFileContinue(t.Context(), "b", local) },
					func() (Moved, error) { return c.GetSegments(t.Context(), "b", local, 3) },
				} {
					_ = os.Remove(local)
					_, err := get()
					if errors.Is(err, ErrUnsupported) && exchange == Base {
						continue
					}
					if got, _ := os.ReadFile(local); err != nil || !bytes.Equal(got, data) {
						t.Errorf("%v; the file has %d bytes", err, len(got))
					}
				}
				names, err := c.List(t.Context(), "")
				if err != nil || names[0] != "a" {
					t.Errorf("%q, %v", names, err)
				}
				if err := c.Quit(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestGivenUpTransferByTLSLeavesSession: what a deadline interrupts is a read of a whole record.
func TestGivenUpTransferByTLSLeavesSession(t *testing.T) {
	s := newTLSServer(t)
	trust := map[string]*TLS{"1.2": s.trusted(tls.VersionTLS12), "1.3": s.trusted(tls.VersionTLS13)}
	s.file("a", random(20<<20))
	s.file("b", []byte("text"))
	for name := range tlsVersions {
		stop := func() {}
		c := s.session(Options{TLS: trust[name], Progress: func(moved, _ int64) {
			if moved > 1<<20 {
				stop()
			}
		}})
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			stop = cancel
			_, err := c.GetFile(ctx, "a", filepath.Join(t.TempDir(), "a"))
			cancel()
			wantKind(t, err, ErrGivenUp)
			wantGet(t, c, "b", "text")
		}
	}
}

// TestAbandonedPutByTLSIsReset: an end in order would make an empty file.
func TestAbandonedPutByTLSIsReset(t *testing.T) {
	for _, version := range tlsVersions {
		s := newTLSServer(t)
		c := s.session(Options{TLS: s.trusted(version), Exchange: Base})
		conn, _, err := c.open(t.Context(), named(codec.VerbPut, "new"))
		if err != nil {
			t.Fatal(err)
		}
		c.done(conn, true)
		s.log.await(t, "transfer ended")
		if _, err := os.Stat(filepath.Join(s.root(), "new")); err == nil {
			t.Error("a file was made")
		}
	}
}

// TestSegmentsTrustTheServerOfTheirSession, though they know it by its number only.
func TestSegmentsTrustTheServerOfTheirSession(t *testing.T) {
	s := newTLSServer(t)
	data := random(3 << 20)
	s.file("a", data)
	trust := s.trusted(0)
	addr := strings.Replace(s.addr, "127.0.0.1", "localhost", 1)
	c, err := Dial(t.Context(), addr, Options{HelloWait: patience, TLS: &TLS{
		Pin: func(of string) (*Pin, error) {
			if of != addr {
				return nil, nil
			}
			return &Pin{Fingerprint: *trust.Fingerprint}, nil
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	local := filepath.Join(t.TempDir(), "a")
	moved, err := c.GetSegments(t.Context(), "a", local, 3)
	if got, _ := os.ReadFile(local); err != nil || moved.Segments != 3 || !bytes.Equal(got, data) {
		t.Errorf("%v: %+v", err, moved)
	}
}

// TestLoginIsBoundToTLS logs in over TLS, again in a second session, and in each of a file's
// segments.
func TestLoginIsBoundToTLS(t *testing.T) {
	s := newTLSServer(t, withUser(t))
	trust := map[string]*TLS{"1.2": s.trusted(tls.VersionTLS12), "1.3": s.trusted(tls.VersionTLS13)}
	data := random(3 << 20)
	s.file("a", data)
	for name := range tlsVersions {
		c := s.session(Options{TLS: trust[name]})
		_, err := c.Stat(t.Context(), "a")
		wantKind(t, err, ErrNotAllowed)
		if err := c.Login(t.Context(), credentials(t, "ann", "pencil")); err != nil {
			t.Fatal(err)
		}
		local := filepath.Join(t.TempDir(), "a")
		moved, err := c.GetSegments(t.Context(), "a", local, 3)
		got, _ := os.ReadFile(local)
		if err != nil || moved.Segments != 3 || !bytes.Equal(got, data) {
			t.Errorf("%v: %+v", err, moved)
		}
		again := s.session(Options{TLS: trust[name], Credentials: credentials(t, "ann", "pencil")})
		if _, err := again.Stat(t.Context(), "a"); err != nil {
			t.Error(err)
		}
		_, err = Dial(t.Context(), s.addr, Options{
			TLS: trust[name], Credentials: credentials(t, "ann", "pencil"), Exchange: Base,
		})
		wantKind(t, err, ErrUnsupported)
	}
}

// TestWrongPasswordLeavesSession, which can log in then.
func TestWrongPasswordLeavesSession(t *testing.T) {
	s := newTLSServer(t, withUser(t))
	c := s.session(Options{TLS: s.trusted(0)})
	for user, password := range map[string]string{"ann": "pen", "bob": "pencil"} {
		err := c.Login(t.Context(), credentials(t, user, password))
		wantKind(t, err, ErrLogin)
		want := user + "@" + s.addr + ": login failed: wrong name or password"
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := c.Login(t.Context(), credentials(t, "ann", "pencil")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.List(t.Context(), ""); err != nil {
		t.Error(err)
	}
}

// TestLoginWithoutTLSNeedsTheServersLeave: otherwise not even the name is sent.
func TestLoginWithoutTLSNeedsTheServersLeave(t *testing.T) {
	users := withUser(t)
	c := newServer(t, users).session(Options{})
	wantKind(t, c.Login(t.Context(), credentials(t, "ann", "pencil")), ErrNotAllowed)
	c = newServer(t, users, "--plain-passwords").session(Options{})
	if err := c.Login(t.Context(), credentials(t, "ann", "pencil")); err != nil {
		t.Error(err)
	}
	if _, err := c.List(t.Context(), ""); err != nil {
		t.Error(err)
	}
}

// TestServerThatRequiresTLSIsNamedSo where a client speaks in the clear.
func TestServerThatRequiresTLSIsNamedSo(t *testing.T) {
	s := newTLSServer(t)
	_, err := Dial(t.Context(), s.addr, Options{HelloWait: patience})
	wantKind(t, err, ErrConnect)
	if want := s.addr + ": TLS is required: use --tls or ferrys://" + s.addr; err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	_, err = s.session(Options{Exchange: Base}).List(t.Context(), "")
	wantKind(t, err, ErrLost)
	if !strings.Contains(err.Error(), "it may require TLS (--tls)") {
		t.Error(err)
	}
}

// TestServerWithoutTLSIsNamedSo where a client begins with TLS.
func TestServerWithoutTLSIsNamedSo(t *testing.T) {
	_, err := Dial(t.Context(), newServer(t).addr, Options{TLS: new(TLS)})
	wantKind(t, err, ErrConnect)
	if !strings.Contains(err.Error(), "it may not speak TLS") {
		t.Error(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = io.WriteString(c, "220 welcome to FTP\r\n")
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}()
	_, err = Dial(t.Context(), l.Addr().String(), Options{TLS: new(TLS)})
	wantKind(t, err, ErrConnect)
	if !strings.Contains(err.Error(), "does not answer in TLS") {
		t.Error(err)
	}
}

// TestNewCertificateEndsSession: a later connection must have that of the first, and a new session
// is checked anew.
func TestNewCertificateEndsSession(t *testing.T) {
	state, other := t.TempDir(), t.TempDir()
	s := newServer(t, "--tls", "require", "--state", state)
	s.file("a", []byte("text"))
	trust := s.trusted(tls.VersionTLS13)
	c := s.session(Options{TLS: trust})
	newServer(t, "--tls", "require", "--state", other) // it makes another certificate
	for _, name := range []string{"cert.pem", "key.pem"} {
		b, err := os.ReadFile(filepath.Join(other, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(state, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.log.await(t, "the certificate was read")
	c.tls.ClientSessionCache = nil // a ticket stands for the certificate that it was given under
	_, err := c.GetFile(t.Context(), "a", filepath.Join(t.TempDir(), "a"))
	wantKind(t, err, ErrLost)
	if !errors.Is(err, errOther) {
		t.Error(err)
	}
	_, err = Dial(t.Context(), s.addr, Options{TLS: trust})
	wantKind(t, err, ErrUntrusted)
}
