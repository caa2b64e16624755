package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
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
		print, err := client.ParseFingerprint(f.fingerprint)
		if err != nil {
			return fmt.Errorf("--tls-fingerprint %s: %w", f.fingerprint, err)
		}
		s.Trust.Fingerprint = &print
	}
	if f.ca != "" {
		text, err := os.ReadFile(f.ca)
		if err != nil {
			return fmt.Errorf("--ca %s: %w", f.ca, pathCause(err))
		}
		s.Trust.Roots = x509.NewCertPool()
		if !s.Trust.Roots.AppendCertsFromPEM(text) {
			return fmt.Errorf("--ca %s: no certificate is in it", f.ca)
		}
	}
	if s.Password = os.Getenv("FERRY_PASSWORD"); f.passwordFile == "" {
		return nil
	}
	var err error
	if s.Password, err = firstLine(f.passwordFile); err != nil {
		return fmt.Errorf("--password-file %s: %w", f.passwordFile, pathCause(err))
	}
	return nil
}

// passwordMax is longer than any password, in bytes.
const passwordMax = 64 << 10

func firstLine(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	line, err := bufio.NewReader(io.LimitReader(file, passwordMax)).ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" && err == nil {
		err = errors.New("its first line is empty")
	}
	return line, err
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
