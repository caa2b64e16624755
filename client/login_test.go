package client

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/xdg-go/scram"

	"ferry/codec"
)

func credentials(t *testing.T, user, password string) *Credentials {
	t.Helper()
	c, err := NewCredentials(user, password)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// loginServer knows ann, whose password is pencil. alter changes what the server says.
func loginServer(t *testing.T, alter func(code int, message string) (int, string)) *fake {
	t.Helper()
	client, err := scram.SHA256.NewClient("ann", "pencil", "")
	if err != nil {
		t.Fatal(err)
	}
	stored, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: "salt", Iters: 4096})
	if err != nil {
		t.Fatal(err)
	}
	server, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) {
		return stored, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var talk *scram.ServerConversation
	return newStatusFake(t, func(s *session, q codec.Request) {
		if q.Verb != codec.VerbAuth {
			s.reply(200, "")
			return
		}
		code := codec.CodeLoggedIn
		if q.Mechanism != 0 {
			code, talk = codec.CodeChallenge, server.NewConversation()
		}
		message, err := talk.Step(string(q.Message))
		if err != nil {
			code = codec.CodeLoginFailed
		}
		code, message = alter(code, message)
		s.reply(code, base64.StdEncoding.EncodeToString([]byte(message)))
	})
}

// TestServerThatProvesNothingIsLeft at once: it may have no file of the user's, and no second guess
// at the password.
func TestServerThatProvesNothingIsLeft(t *testing.T) {
	replaced := func(at int, old, now string) func(int, string) (int, string) {
		return func(code int, message string) (int, string) {
			if code == at {
				message = strings.Replace(message, old, now, 1)
			}
			return code, message
		}
	}
	for name, alter := range map[string]func(code int, message string) (int, string){
		"another proof":   replaced(230, "v=", "v=AAAA"),
		"no proof":        replaced(230, "v=", "x="),
		"an error":        replaced(230, "v=", "e="),
		"another nonce":   replaced(334, "r=", "r=x"),
		"few iterations":  replaced(334, "i=4096", "i=4095"),
		"many iterations": replaced(334, "i=4096", "i=10000001"),
		"endless work":    replaced(334, "i=4096", "i=99999999999999999999"),
		"success at once": func(int, string) (int, string) { return 230, "v=AAAA" },
		"no message":      func(code int, _ string) (int, string) { return code, "" },
	} {
		t.Run(name, func(t *testing.T) {
			c := loginServer(t, alter).dial(Options{Exchange: Status})
			as := credentials(t, "ann", "pencil")
			err := c.Login(t.Context(), as)
			if err == nil || c.Err() == nil || c.options.Credentials != nil {
				t.Fatalf("%v; the session: %v", err, c.Err())
			}
			if name != "success at once" && name != "no message" {
				wantKind(t, err, ErrUntrusted)
			}
			err = c.Noop(t.Context())
			if err == nil {
				t.Error("the session goes on")
			}
		})
	}
}

func TestServerThatProvesItselfIsNotLeft(t *testing.T) {
	f := loginServer(t, func(code int, message string) (int, string) { return code, message })
	c := f.dial(Options{Exchange: Status, Credentials: credentials(t, "ann", "pencil")})
	if err := c.Noop(t.Context()); err != nil {
		t.Error(err)
	}
	err := c.Login(t.Context(), credentials(t, "ann", "pen"))
	wantKind(t, err, ErrLogin)
	if err := c.Noop(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestDelayedLoginIsBusy, and may succeed later.
func TestDelayedLoginIsBusy(t *testing.T) {
	f := loginServer(t, func(int, string) (int, string) { return 450, "" })
	c := f.dial(Options{Exchange: Status})
	err := c.Login(t.Context(), credentials(t, "ann", "pencil"))
	wantKind(t, err, ErrBusy)
	wantKind(t, err, ErrConnect)
	if c.Err() != nil {
		t.Error("the session has ended")
	}
}

func TestCredentialsNeedANameAndAPassword(t *testing.T) {
	for _, c := range [][2]string{{"", "a"}, {"a", ""}, {"a", "b\x00secret"}, {"\xff", "a"}} {
		_, err := NewCredentials(c[0], c[1])
		wantKind(t, err, ErrArgument)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Error(err)
		}
	}
	for _, c := range [][2]string{{"ann", "pencil"}, {"a@b", "ü ß"}, {"=,", "=,"}} {
		if _, err := NewCredentials(c[0], c[1]); err != nil {
			t.Error(err)
		}
	}
}
