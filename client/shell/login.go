package shell

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"ferry/client"
	"ferry/codec"
)

// Security says as whom sessions log in, and which servers they trust.
type Security struct {
	// TLS encrypts every session; without it those of ferrys:// are.
	TLS bool
	// Trust says which servers are trusted. Without a fingerprint and authorities of its own, the
	// file KnownHosts counts, too; "" means none.
	Trust      client.TLS
	KnownHosts string
	// User logs in where the server's address names nobody.
	User string
	// Password is that of whoever logs in. Without it the file Netrc may have one, or Ask gets it.
	Password, Netrc string
	// Ask asks a person, who may not see the answer to a secret question; nil means that there is
	// nobody to ask.
	Ask func(ctx context.Context, question string, secret bool) (string, error)
}

// dial makes a session, and logs in.
func (l *link) dial(ctx context.Context) (*client.Client, error) {
	c, err := client.Dial(ctx, l.addr, l.options())
	if err == nil && l.as == nil {
		l.as, err = l.shell.logIn(ctx, c, l.server)
	}
	if err != nil {
		if c != nil {
			_ = c.Close()
		}
		return nil, err
	}
	return c, nil
}

// loginTries is how often a person is asked for a password.
const loginTries = 3

// logIn logs a session in if its address or the file of passwords names somebody, and returns the
// credentials.
func (s *Shell) logIn(
	ctx context.Context, c *client.Client, to server,
) (*client.Credentials, error) {
	user, password := to.user, s.Password
	err := c.CanLogin()
	if err != nil && user == "" {
		return nil, nil
	}
	if err == nil && password == "" {
		var entry netrcEntry
		host, _, _ := net.SplitHostPort(to.addr)
		entry, err = fromNetrc(s.Netrc, host, user)
		if password = entry.password; user == "" {
			user = entry.login
		}
	}
	// Without a login everybody is anonymous.
	if err == nil && (user == "" || to.user == "" && user == "anonymous") {
		return nil, nil
	}
	if err != nil {
		return nil, failure(user+"@"+to.addr, client.ErrConnect, err)
	}
	typed := password == ""
	for try := 1; ; try++ {
		if typed {
			if password, err = s.askPassword(ctx, user+"@"+to.addr); err != nil {
				return nil, err
			}
		}
		as, err := client.NewCredentials(user, password)
		if err == nil {
			err = c.Login(ctx, as)
		}
		if err == nil {
			return as, nil
		}
		if !typed || try == loginTries || !errors.Is(err, client.ErrLogin) {
			return nil, err
		}
		s.complain(err)
	}
}

var errNoPassword = errors.New("no password in FERRY_PASSWORD, --password-file or .netrc, and no " +
	"terminal to ask for it")

func (s *Shell) askPassword(ctx context.Context, who string) (string, error) {
	if s.Ask == nil {
		return "", failure(who, client.ErrConnect, errNoPassword)
	}
	return s.Ask(ctx, codec.Printable("password of "+who)+": ", true)
}

// trust asks whether a server is to be trusted that err says is unknown. It returns nil if it is
// from now on, and otherwise the error with what helps.
func (s *Shell) trust(ctx context.Context, err error) error {
	var c *client.CertificateError
	if !errors.As(err, &c) || c.Known != nil || s.Trust.Roots != nil {
		return err
	}
	if s.Ask == nil || s.KnownHosts == "" {
		return fmt.Errorf("%w; if that is what the server printed at its start, give it by "+
			"--tls-fingerprint, or connect at a terminal, where ferry asks", err)
	}
	answer, asked := s.Ask(ctx, fmt.Sprintf(
		"%s is not known here (%s).\nIts certificate has the SHA-256\n  %v\n"+
			"Compare that with what the server printed at its start.\n"+
			"Trust it from now on? [y/N] ",
		codec.Printable(c.Addr), codec.Printable(c.Err.Error()), c.Seen), false)
	answer = strings.ToLower(strings.TrimSpace(answer))
	switch {
	case asked != nil:
		return asked
	case answer != "y" && answer != "yes":
		return err
	}
	if err := s.keepPin(c.Addr, c.Seen); err != nil {
		return failure(s.KnownHosts, client.ErrLocal, err)
	}
	return nil
}
