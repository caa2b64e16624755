package reactor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"ferry/reactor/loop"
)

// TLSOptions say which connections are encrypted, and with which certificate.
type TLSOptions struct {
	Mode TLSMode
	// MinVersion is the oldest version that is spoken: "1.2" or "1.3".
	MinVersion string
	// CertFile and KeyFile are PEM files. Without them the server makes a certificate of its own
	// and keeps it in State.
	CertFile, KeyFile string
	// State is a folder for what outlives the server; empty means DefaultState.
	State string
}

// TLSMode says which connections are encrypted.
type TLSMode string

// The modes. Classic is never encrypted.
const (
	TLSOff     TLSMode = "off"
	TLSAllow   TLSMode = "allow"
	TLSRequire TLSMode = "require"
)

// tlsVersions are what --tls-min takes.
var tlsVersions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// DefaultState is the folder for what outlives the server, "" if there is none.
func DefaultState() string {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "ferryd")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "state", "ferryd")
}

// folder is where a certificate of the server's own is kept.
func (t *TLSOptions) folder() string {
	if t.State != "" {
		return t.State
	}
	return DefaultState()
}

// validate returns every fault.
func (t *TLSOptions) validate(o *Options) (faults []error) {
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	_, known := tlsVersions[t.MinVersion]
	bad(known, "--tls-min %s: give 1.2 or 1.3", t.MinVersion)
	bad((t.CertFile == "") == (t.KeyFile == ""), "--tls-cert and --tls-key go together: give both")
	on := t.Mode == TLSAllow || t.Mode == TLSRequire
	bad(on || t.Mode == TLSOff, "--tls %s: give off, allow or require", t.Mode)
	bad(on || t.CertFile == "", "--tls-cert goes with --tls allow or --tls require")
	// The classic exchange has no TLS.
	bad(t.Mode != TLSRequire || !o.Classic, "--tls require excludes --classic, which has no TLS")
	if !on {
		return faults
	}
	secret, flag := t.KeyFile, "--tls-key"
	if secret == "" {
		secret, flag = t.folder(), "--state"
		bad(secret != "", "--state: name a folder, since the user has no home folder")
	}
	bad(!servedFrom(o, secret), "%s %s: clients could fetch the key, since it lies in --root %s",
		flag, secret, o.Root)
	return faults
}

// servedFrom says whether a path lies in the served folder, and is not hidden there.
func servedFrom(o *Options, path string) bool {
	root, err := filepath.Abs(o.Root)
	if err == nil {
		root, err = filepath.EvalSymlinks(root)
	}
	at, err2 := filepath.Abs(path)
	if err != nil || err2 != nil {
		return false
	}
	// What does not exist yet lies where its folder does.
	rest := ""
	for {
		resolved, err := filepath.EvalSymlinks(at)
		if err == nil {
			at = filepath.Join(resolved, rest)
			break
		}
		if at == filepath.Dir(at) {
			return false
		}
		at, rest = filepath.Dir(at), filepath.Join(filepath.Base(at), rest)
	}
	beneath, err := filepath.Rel(root, at)
	if err != nil || !filepath.IsLocal(beneath) {
		return false
	}
	hidden := strings.HasPrefix(beneath, ".") && beneath != "." ||
		strings.Contains(beneath, string(filepath.Separator)+".")
	return o.Dotfiles || !hidden
}

// certificates say how connections are encrypted.
type certificates struct {
	// tls is nil if none is.
	tls *loop.TLS
	// certificate may be replaced while the server runs.
	certificate atomic.Pointer[tls.Certificate]
}

// openTLS loads the certificate, and makes one first if the options name none.
func (s *Server) openTLS() error {
	o := &s.options.TLS
	if o.Mode == TLSOff || o.Mode == "" {
		s.options.Limits.Handshakes = 0
		return nil
	}
	if o.CertFile == "" {
		if err := ownCertificate(o.folder()); err != nil {
			return optionError(fmt.Errorf("--state %s: %w", o.folder(), err))
		}
	}
	if err := s.loadCertificate(); err != nil {
		return optionError(err)
	}
	s.tls = loop.NewTLS(tlsVersions[o.MinVersion], s.certificate.Load)
	return nil
}

// certificateFiles are the files of the certificate and its key.
func (t *TLSOptions) certificateFiles() (cert, key string) {
	if t.CertFile != "" {
		return t.CertFile, t.KeyFile
	}
	return filepath.Join(t.folder(), "cert.pem"), filepath.Join(t.folder(), "key.pem")
}

// loadCertificate reads the certificate from its files.
func (s *Server) loadCertificate() error {
	cert, key := s.options.TLS.certificateFiles()
	c, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", cert, key, err)
	}
	s.certificate.Store(&c)
	return nil
}

// Reload reads the certificate again, for new connections. After an error the old one stays.
func (s *Server) Reload() {
	if s.tls == nil {
		return
	}
	if err := s.loadCertificate(); err != nil {
		s.log.Error().Err(err).Msg("the certificate was not replaced")
		return
	}
	s.log.Info().Str("sha256", s.fingerprint()).Msg("the certificate was read")
}

// fingerprint is the SHA-256 of the certificate, "" without one.
func (c *certificates) fingerprint() string {
	now := c.certificate.Load()
	if now == nil {
		return ""
	}
	sum := sha256.Sum256(now.Certificate[0])
	return hex.EncodeToString(sum[:])
}

// ownYears is how long a certificate of the server's own is valid. Clients know it by its
// fingerprint, so that a renewal would help nobody.
const ownYears = 20

// ownCertificate makes a self-signed certificate in a folder, unless there is one.
func ownCertificate(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return errors.Unwrap(err)
	}
	t := TLSOptions{State: dir}
	certFile, keyFile := t.certificateFiles()
	if _, err := os.Stat(certFile); err == nil {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	names := []string{"localhost"}
	if host, err := os.Hostname(); err == nil && host != "localhost" {
		names = append(names, host)
	}
	now := time.Now()
	template := x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "ferryd on " + names[len(names)-1]},
		DNSNames: names, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(ownYears, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	// The certificate comes last: where it is, its key is.
	if err := writePEM(keyFile, "PRIVATE KEY", secret); err != nil {
		return err
	}
	return writePEM(certFile, "CERTIFICATE", cert)
}

// writePEM writes a file whole or not at all.
func writePEM(name, kind string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	err = pem.Encode(f, &pem.Block{Type: kind, Bytes: content})
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
