package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/xdg-go/scram"

	"ferry/codec"
)

// Credentials are a user's name and password, for any number of sessions at once. They remember
// what was computed from the password, so that a further login with it costs little.
type Credentials struct {
	user  string
	scram *scram.Client
}

// NewCredentials makes credentials. Both texts may hold what RFC 4013 allows.
func NewCredentials(user, password string) (*Credentials, error) {
	c, err := scram.SHA256.NewClient(user, password, "")
	if err != nil || user == "" || password == "" {
		return nil, failure(user, ErrArgument,
			errors.New("the name or the password is empty or holds characters that cannot be used"))
	}
	return &Credentials{user, c}, nil
}

// CanLogin returns why nobody can log in, nil if somebody can.
func (c *control) CanLogin() error {
	switch {
	case c.exchange != Status:
		return failure(c.target, ErrUnsupported,
			wording("a login needs the status exchange, which is not spoken here"))
	case !c.features.Has(codec.FeatureAuth):
		return failure(c.target, ErrNotAllowed,
			wording("the server has no login, or not without TLS (--tls)"))
	}
	return nil
}

// Login logs a session in, by SCRAM-SHA-256: the server does not learn the password, and must prove
// that it knows it. Over TLS the proofs hold for this connection only, so that nobody can be in
// between. After an ErrLogin the session stands; after an ErrUntrusted it does not.
func (c *Client) Login(ctx context.Context, as *Credentials) error {
	err := c.within(ctx, func() error { return c.login(ctx, as) })
	if err == nil {
		c.options.Credentials = as
		return nil
	}
	var e *Error
	if !errors.As(err, &e) || e.Name != codec.VerbAuth.String() || errors.Is(err, ErrGivenUp) {
		return err
	}
	return &Error{
		Name: as.user + "@" + c.target, Kind: ErrConnect, Code: e.Code, also: e.Kind,
		Err: wording(ErrLogin.Error() + strings.TrimPrefix(e.Error(), e.Name)),
	}
}

// login runs the four messages of SCRAM. (PROTOCOL.md, Login.)
func (c *control) login(ctx context.Context, as *Credentials) error {
	if err := c.CanLogin(); err != nil {
		return err
	}
	q := codec.Request{Verb: codec.VerbAuth, Mechanism: codec.MechanismScram}
	talk := as.scram.NewConversation()
	if s, encrypted := c.conn.(*secureConn); encrypted {
		// It is never done without the binding: whoever is in between could ask for that.
		state := s.ConnectionState()
		binding, err := scram.NewTLSExporterBinding(&state)
		if err != nil {
			return c.distrust(as, err)
		}
		q.Mechanism = codec.MechanismScramPlus
		talk = as.scram.NewConversationWithChannelBinding(binding)
	}
	var challenge []byte
	for _, want := range []int64{codec.CodeChallenge, codec.CodeLoggedIn} {
		message, err := talk.Step(string(challenge))
		if err != nil {
			return c.distrust(as, err)
		}
		q.Message = []byte(message)
		ev, err := c.simple(ctx, q, want)
		if err != nil {
			return err
		}
		var ok bool
		if challenge, ok = codec.ParseMessage(ev.Data); !ok {
			return c.unexpected(ctx, q.Verb, ev)
		}
		if err := checkIterations(string(challenge)); err != nil {
			return c.distrust(as, err)
		}
		q.Mechanism = 0
	}
	if _, err := talk.Step(string(challenge)); err != nil || !talk.Valid() {
		return c.distrust(as, errors.New("it does not know the password"))
	}
	return nil
}

// iterationsMax is some seconds of work. A server that asks for more wants to keep this side busy.
const iterationsMax = 10_000_000

// checkIterations bounds the work that a server's message asks for.
func checkIterations(message string) error {
	for field := range strings.SplitSeq(message, ",") {
		count, found := strings.CutPrefix(field, "i=")
		if n, err := strconv.ParseUint(count, 10, 64); found && (err != nil || n > iterationsMax) {
			return fmt.Errorf("it asks for %q iterations", count)
		}
	}
	return nil
}

// distrust leaves a server at once that fails to prove who it is.
func (c *control) distrust(as *Credentials, why error) error {
	_ = c.Close()
	return &Error{
		Name: as.user + "@" + c.target, Kind: ErrConnect, also: ErrUntrusted,
		Err: wording(ErrUntrusted.Error() + ": " + why.Error()),
	}
}
