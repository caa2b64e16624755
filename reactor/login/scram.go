package login

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"

	"github.com/xdg-go/scram"
)

// Exchange is one login by SCRAM-SHA-256: First, then Final, once each.
type Exchange struct {
	users *Users
	conv  *scram.ServerConversation
}

// NewExchange begins a login. Binding is the tls-exporter value of the connection, nil without TLS.
// Plus demands that the client proves it knows it too, so that nobody is in the middle.
func (u *Users) NewExchange(binding []byte, plus bool) *Exchange {
	e := &Exchange{users: u}
	cb := scram.ChannelBinding{Type: scram.ChannelBindingTLSExporter, Data: binding}
	if plus {
		e.conv = u.server.NewConversationWithChannelBindingRequired(cb)
	} else {
		e.conv = u.server.NewConversationWithChannelBinding(cb)
	}
	return e
}

// errMessage is a message that breaks RFC 5802.
var errMessage = errors.New("not a message of SCRAM-SHA-256")

// First takes the client's first message and returns the server's. Unknown names are not told from
// known ones.
func (e *Exchange) First(message string) (challenge string, err error) {
	challenge, err = e.conv.Step(message)
	if err != nil || e.conv.AuthzID() != "" && e.conv.AuthzID() != e.conv.Username() {
		return "", errMessage
	}
	return challenge, nil
}

// Name is the name that the client gave, once First has returned.
func (e *Exchange) Name() string { return e.conv.Username() }

// Final takes the client's last message. It returns the user and the server's last message, or nil
// if the password is wrong.
func (e *Exchange) Final(message string) (*User, string) {
	reply, err := e.conv.Step(message)
	user := e.users.User(e.Name())
	if err != nil || !e.conv.Valid() || user == nil {
		return nil, ""
	}
	return user, reply
}

// credentials looks a user up. Unknown names, and those whose verifier serves for no SCRAM, get a
// salt of their own and keys that nobody has.
func (u *Users) credentials(name string) (scram.StoredCredentials, error) {
	if user := u.byName[name]; user != nil && user.verifier.scram != nil {
		return *user.verifier.scram, nil
	}
	c := scram.StoredCredentials{
		StoredKey: make([]byte, sha256.Size), ServerKey: make([]byte, sha256.Size),
	}
	_, _ = rand.Read(c.StoredKey) // it never fails
	c.Iters, c.Salt = iterations, string(u.mac(name)[:saltBytes])
	if decoy := u.decoy(name); decoy != nil && decoy.verifier.scram != nil {
		c.Iters = decoy.verifier.scram.Iters
		c.Salt = string(u.mac(name)[:min(len(decoy.verifier.scram.Salt), sha256.Size)])
	}
	return c, nil
}
