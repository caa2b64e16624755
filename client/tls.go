package client

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
)

// TLS says which servers are trusted. Its zero value trusts those whose certificate has the
// server's name and the signature of an authority that the system knows.
type TLS struct {
	// MinVersion is the oldest version to speak; 0 means tls.VersionTLS12.
	MinVersion uint16
	// Fingerprint, if set, is that of the only certificate to trust.
	Fingerprint *Fingerprint
	// Roots, if set, are the only authorities to trust. Pin does not count then.
	Roots *x509.CertPool
	// Pin, if set, returns what is known of the server at HOST:PORT, nil if nothing is. Authorities
	// count only for servers that it does not know.
	Pin func(addr string) (*Pin, error)

	// maxVersion is for tests.
	maxVersion uint16
}

// Fingerprint is the SHA-256 of a certificate.
type Fingerprint [sha256.Size]byte

// String is the fingerprint in hexadecimal digits.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// ParseFingerprint reads 64 hexadecimal digits, between which colons may stand.
func ParseFingerprint(text string) (f Fingerprint, err error) {
	b, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil || len(b) != len(f) {
		return f, errors.New("a SHA-256 is 64 hexadecimal digits")
	}
	return Fingerprint(b), nil
}

// Pin is a certificate that is known, and where that is noted, if anywhere.
type Pin struct {
	Fingerprint Fingerprint
	Where       string
}

// CertificateError means that the server's certificate is not trusted. Nothing was sent to it.
type CertificateError struct {
	// Addr is the server's address as the caller of Dial named it.
	Addr string
	// Seen is the certificate's fingerprint, and Known the one that it should have. Without Known
	// the server is unknown.
	Seen  Fingerprint
	Known *Pin
	// Err is why no authority vouches for an unknown server.
	Err error
}

// Error says what is wrong and what can be done.
func (e *CertificateError) Error() string {
	if e.Known == nil {
		return fmt.Sprintf("its certificate is not known (%v): SHA-256 %v", e.Err, e.Seen)
	}
	text := fmt.Sprintf("its certificate has the SHA-256 %v, not %v", e.Seen, e.Known.Fingerprint)
	if e.Known.Where != "" {
		text += " as in " + e.Known.Where + "; unless the server has a new one, where that line " +
			"is to be removed, somebody is in between"
	}
	return text
}

// check returns a *CertificateError unless the certificate is trusted for addr.
func (t *TLS) check(addr string, seen Fingerprint, certs []*x509.Certificate) error {
	known, err := (*Pin)(nil), error(nil)
	switch {
	case t.Fingerprint != nil:
		known = &Pin{Fingerprint: *t.Fingerprint}
	case t.Roots == nil && t.Pin != nil:
		if known, err = t.Pin(addr); err != nil {
			return err
		}
	}
	switch {
	case known == nil:
	case known.Fingerprint != seen:
		return &CertificateError{Addr: addr, Seen: seen, Known: known}
	default:
		return nil
	}
	host, _, _ := net.SplitHostPort(addr)
	o := x509.VerifyOptions{
		DNSName: host, Roots: t.Roots, Intermediates: x509.NewCertPool(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, c := range certs[1:] {
		o.Intermediates.AddCert(c)
	}
	if _, err := certs[0].Verify(o); err != nil {
		return &CertificateError{Addr: addr, Seen: seen, Err: err}
	}
	return nil
}

// errOther means that a server shows two certificates in one session: it has a new one, or somebody
// is in between. A new session finds out.
var errOther = errors.New("a later connection has another certificate than the first")

// secure makes the settings of a session. Once a certificate was trusted, every connection of the
// session must present it.
func (c *control) secure(addr string) *tls.Config {
	t := c.options.TLS
	host, _, _ := net.SplitHostPort(addr)
	return &tls.Config{
		ServerName: host, MinVersion: max(t.MinVersion, tls.VersionTLS12), MaxVersion: t.maxVersion,
		// Tickets of control serve its data connections, and nobody else's.
		ClientSessionCache:          tls.NewLRUClientSessionCache(1),
		DynamicRecordSizingDisabled: true,
		// VerifyConnection does it, for resumed sessions too.
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			seen := Fingerprint(sha256.Sum256(s.PeerCertificates[0].Raw))
			switch {
			case c.server == nil:
				if err := t.check(addr, seen, s.PeerCertificates); err != nil {
					return err
				}
				c.server = &seen
			case *c.server != seen:
				return errOther
			}
			return nil
		},
	}
}

// sameServer are the options of a further session with the same server.
func (c *control) sameServer() Options {
	o := c.options
	if o.TLS != nil {
		o.TLS = &TLS{MinVersion: o.TLS.MinVersion, Fingerprint: c.server}
	}
	return o
}
