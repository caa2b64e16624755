package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"ferry/client"
	"ferry/client/shell"
)

// securityFlags are flags about logins and TLS that are no fields of the shell.
type securityFlags struct{ fingerprint, ca, min, passwordFile string }

func (f *securityFlags) add(to *pflag.FlagSet, s *shell.Shell) {
	to.StringVar(&s.User, "user", "", "log in as `NAME`, unless the address has USER@")
	to.StringVar(&f.passwordFile, "password-file", "",
		"read the password from the first line of `FILE`")
	to.BoolVar(&s.TLS, "tls", false,
		"encrypt all connections, as ferrys:// and the next three flags do")
	to.StringVar(&f.fingerprint, "tls-fingerprint", "",
		"trust only the certificate with this `SHA256`")
	to.StringVar(&f.ca, "ca", "", "trust only certificates signed by those in the PEM `FILE`")
	to.StringVar(&f.min, "tls-min", "", "lowest `VERSION` of TLS, 1.2 or 1.3")
	to.Lookup("tls-min").DefValue = "1.2"
}

// apply sets what the flags say, and where the files of the person are.
func (f *securityFlags) apply(s *shell.Shell) error {
	s.KnownHosts, s.Netrc = besideConfig("known_hosts"), netrcFile()
	s.TLS = s.TLS || f.fingerprint+f.ca+f.min != ""
	switch f.min {
	case "", "1.2":
	case "1.3":
		s.Trust.MinVersion = tls.VersionTLS13
	default:
		return fmt.Errorf("--tls-min %s: give 1.2 or 1.3", f.min)
	}
	if f.fingerprint != "" {
		sum, err := client.ParseFingerprint(f.fingerprint)
		if err != nil {
			return fmt.Errorf("--tls-fingerprint %s: %w", f.fingerprint, err)
		}
		s.Trust.Fingerprint = &sum
	}
	if f.ca != "" {
		text, err := os.ReadFile(f.ca)
		if err != nil {
			return fmt.Errorf("--ca %s: %w", f.ca, pathCause(err))
		}
		s.Trust.Roots = x509.NewCertPool()
		if !s.Trust.Roots.AppendCertsFromPEM(text) {
			return fmt.Errorf("--ca %s: it contains no certificate", f.ca)
		}
	}
	if s.Password = os.Getenv("FERRY_PASSWORD"); f.passwordFile == "" {
		return nil
	}
	text, err := os.ReadFile(f.passwordFile)
	s.Password, _, _ = strings.Cut(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	if err == nil && s.Password == "" {
		err = errors.New("its first line is empty")
	}
	if err != nil {
		return fmt.Errorf("--password-file %s: %w", f.passwordFile, pathCause(err))
	}
	return nil
}

// netrcFile is the person's file of passwords, "" for none.
func netrcFile() string {
	if path := os.Getenv("NETRC"); path != "" {
		return path
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".netrc")
}
