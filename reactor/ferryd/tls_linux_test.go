package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startTLS runs ferryd with a certificate of its own, and returns its fingerprint.
func startTLS(t *testing.T) (p *process, dir, fingerprint string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "root"), 0o777); err != nil {
		t.Fatal(err)
	}
	p, err := startServer(dir, "--tls", "require", "--state", "state")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.signal(syscall.SIGTERM)
		if status, err := p.wait(); err != nil || status != 0 {
			t.Errorf("ferryd ended with %d, %v", status, err)
		}
	})
	line, err := p.log.last("server started")
	if err != nil {
		t.Fatal(err)
	}
	fingerprint, _ = line["certificate_sha256"].(string)
	return p, dir, fingerprint
}

// need skips a test without a program, and fails it where CI must have it.
func need(t *testing.T, program string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed: %v\n%s", program, err, out)
		}
		t.Skipf("%s is not installed", program)
	}
}

// Python's ssl, which is OpenSSL, transfers files by TLS 1.2 and 1.3.
func TestPythonTransfersByTLS(t *testing.T) {
	need(t, "python3", "-c", "import ssl")
	p, _, fingerprint := startTLS(t)
	host, port, _ := net.SplitHostPort(p.address)
	for _, version := range []string{"TLSv1_2", "TLSv1_3"} {
		c := exec.CommandContext(t.Context(), "python3", "testdata/tls_client.py", host, port,
			version, fingerprint)
		if out, err := c.CombinedOutput(); err != nil || string(out) != "done\n" {
			t.Errorf("%s: %v\n%s", version, err, out)
		}
	}
}

// openssl s_client fetches a file.
func TestOpenSSLFetchesByTLS(t *testing.T) {
	need(t, "openssl", "version")
	p, dir, _ := startTLS(t)
	if err := os.WriteFile(filepath.Join(dir, "root", "file"), []byte("hello"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		control := startOpenSSL(t, version, p.address)
		for range 2 {
			control.say("0000000008get file")
			port, err := strconv.Atoi(control.read(10))
			if err != nil {
				t.Fatal(err)
			}
			data := startOpenSSL(t, version, fmt.Sprintf("127.0.0.1:%d", port))
			if got := data.rest(); got != "0000000005hello" {
				t.Errorf("%s: %q came", version, got)
			}
		}
		control.say("0000000004quit")
		if got := control.rest(); len(got) != 10 {
			t.Errorf("quit was answered by %q", got)
		}
	}
}

// openSSL is a running openssl s_client.
type openSSL struct {
	t   *testing.T
	in  io.WriteCloser
	out io.Reader
}

func startOpenSSL(t *testing.T, version, address string, more ...string) *openSSL {
	t.Helper()
	args := append([]string{"s_client", "-quiet", version, "-connect", address}, more...)
	c := exec.CommandContext(t.Context(), "openssl", args...)
	s := &openSSL{t: t}
	var err error
	if s.in, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if s.out, err = c.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.in.Close()
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	return s
}

func (s *openSSL) say(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.in, text); err != nil {
		s.t.Fatal(err)
	}
}

func (s *openSSL) read(n int) string {
	s.t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(s.out, b); err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

func (s *openSSL) rest() string {
	s.t.Helper()
	b, err := io.ReadAll(s.out)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

// SIGHUP reads the certificate again, and a broken one is not taken.
func TestHangupReloadsCertificate(t *testing.T) {
	p, dir, fingerprint := startTLS(t)
	_, otherDir, otherPrint := startTLS(t)
	for _, name := range []string{"cert.pem", "key.pem"} {
		b, err := os.ReadFile(filepath.Join(otherDir, "state", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "state", name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if fingerprint == otherPrint || len(fingerprint) != 64 {
		t.Fatalf("two servers have the certificate %q", fingerprint)
	}
	p.signal(syscall.SIGHUP)
	err := p.log.await(func(line string) bool {
		return strings.Contains(line, `"sha256":"`+otherPrint+`"`)
	})
	if err != nil {
		t.Fatal(err)
	}
	d := tls.Dialer{
		NetDialer: &net.Dialer{Timeout: 10 * time.Second},
		Config:    &tls.Config{InsecureSkipVerify: true},
	}
	c, err := d.DialContext(t.Context(), "tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if err := os.WriteFile(filepath.Join(dir, "state", "cert.pem"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	err = p.log.await(func(line string) bool {
		return strings.Contains(line, "the certificate was not replaced")
	})
	if err != nil {
		t.Fatal(err)
	}
}
