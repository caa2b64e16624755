package login

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/xdg-go/scram"
)

// The conversation of RFC 7677, section 3.
const (
	rfcClientNonce = "rOprNGfwEbeRWgbNEkqO"
	rfcServerNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	rfcFirst       = "n,,n=user,r=" + rfcClientNonce
	rfcChallenge   = "r=" + rfcClientNonce + rfcServerNonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
	rfcFinal       = "c=biws,r=" + rfcClientNonce + rfcServerNonce +
		",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	rfcReply = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
)

func rfcUsers(t testing.TB) *Users {
	u := parse(t, "user : "+rfcVerifier+"\nbob:"+secretBcrypt(t))
	u.server.WithNonceGenerator(func() string { return rfcServerNonce })
	return u
}

func TestScramFollowsRFC7677(t *testing.T) {
	e := rfcUsers(t).NewExchange(nil, false)
	challenge, err := e.First(rfcFirst)
	if err != nil || challenge != rfcChallenge || e.Name() != "user" {
		t.Fatalf("%q %q (%v)", challenge, e.Name(), err)
	}
	user, reply := e.Final(rfcFinal)
	if user == nil || user.Name != "user" || reply != rfcReply {
		t.Errorf("%v %q", user, reply)
	}
	if user, _ = e.Final(rfcFinal); user != nil {
		t.Error("it can be ended twice")
	}
}

func TestScramRefusesEverythingElse(t *testing.T) {
	swap := func(was, is string) string { return strings.Replace(rfcFinal, was, is, 1) }
	for _, c := range []struct{ what, first, final string }{
		{"wrong proof", rfcFirst, swap("p=dH", "p=eH")},
		{"short proof", rfcFirst, swap("ndVQ=", "")},
		{"another nonce", rfcFirst, swap("%hv", "%hw")},
		{"another binding", rfcFirst, swap("biws", "eSws")},
		{"another user", "n,,n=bob,r=" + rfcClientNonce, rfcFinal},
		{"unknown user", "n,,n=eve,r=" + rfcClientNonce, rfcFinal},
		{"first again", rfcFirst, rfcFirst},
	} {
		e := rfcUsers(t).NewExchange(nil, false)
		if _, err := e.First(c.first); err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		if user, reply := e.Final(c.final); user != nil || reply != "" {
			t.Errorf("%s: %v %q", c.what, user, reply)
		}
	}
	for _, first := range []string{
		"", rfcFinal, "n,,n=user", "n,a=bob,n=user,r=x", "p=tls-exporter,,n=user,r=x", "n,,n==,r=x",
		"q,,n=user,r=x", "\xff",
	} {
		if challenge, err := rfcUsers(t).NewExchange(nil, false).First(first); err == nil {
			t.Errorf("%q is answered %q", first, challenge)
		}
	}
	if _, err := rfcUsers(t).NewExchange([]byte("b"), true).First(rfcFirst); err == nil {
		t.Error("PLUS works without a binding")
	}
}

// What a client has sent once is of no use in another login, whose nonce differs.
func TestScramRefusesReplay(t *testing.T) {
	u := parse(t, "user : "+rfcVerifier)
	e := u.NewExchange(nil, false)
	_, err := e.First(rfcFirst)
	check(t, err)
	if user, _ := e.Final(rfcFinal); user != nil {
		t.Error("a recorded login is accepted")
	}
}

func TestUnknownNamesLookLikeKnownOnes(t *testing.T) {
	u := rfcUsers(t)
	challenge := func(name string) string {
		c, err := u.NewExchange(nil, false).First("n,,n=" + name + ",r=x")
		check(t, err)
		return c
	}
	for _, name := range []string{"eve", "bob", "mallory"} {
		one, two := challenge(name), challenge(name)
		if one != two || one == challenge(name+"x") {
			t.Errorf("%s is told by %q and %q", name, one, two)
		}
		_, salt, _ := strings.Cut(one, ",s=")
		salt, _, _ = strings.Cut(salt, ",")
		if b, err := base64.StdEncoding.DecodeString(salt); err != nil || len(b) != saltBytes {
			t.Errorf("salt %q", salt)
		}
	}
}

// bind makes a login as a client does that knows one value of the channel, with a server that knows
// another.
func bind(t *testing.T, client, server string, plus bool) bool {
	t.Helper()
	c, err := scram.SHA256.NewClient("user", "pencil", "")
	check(t, err)
	conv := c.NewConversationWithChannelBinding(scram.ChannelBinding{
		Type: scram.ChannelBindingTLSExporter, Data: []byte(client),
	})
	e := rfcUsers(t).NewExchange([]byte(server), plus)
	first, err := conv.Step("")
	check(t, err)
	challenge, err := e.First(first)
	check(t, err)
	final, err := conv.Step(challenge)
	check(t, err)
	user, _ := e.Final(final)
	return user != nil
}

func TestScramPlusBindsToTheChannel(t *testing.T) {
	for _, plus := range []bool{false, true} {
		if !bind(t, "same", "same", plus) || bind(t, "one", "two", plus) {
			t.Errorf("plus %v: the binding does not decide", plus)
		}
	}
}
