package reactor

import (
	"encoding/base64"
	"strings"
	"testing"

	"ferry/codec"
	"ferry/reactor/login"
)

// FuzzAuth has a client log in with any messages in any order. Nobody but the user with the
// password gets in, and the session goes on.
func FuzzAuth(f *testing.F) {
	const nonce = "rOprNGfwEbeRWgbNEkqO"
	for _, seed := range [][2]string{
		{
			"n,,n=user,r=" + nonce,
			"c=biws,r=" + nonce + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
		},
		{"y,,n=user,r=" + nonce, "c=eSws,r=" + nonce + ",p="},
		{"p=tls-exporter,,n=user,r=x", "c=biws,r=x,p=eA=="},
		{"n,a=root,n=user,r=x", "e=other-error"},
		{"n,,n=us=2Cer=3D,r=,", "c=,r=,p="},
		{"n,,m=ext,n=*,r=x", "\x00\xff"},
		{"", ""},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]), false)
		f.Add([]byte(seed[1]), []byte(seed[0]), true)
	}
	ts := serveUsers(f, userLine("user", "/:r"))
	f.Fuzz(func(t *testing.T, first, final []byte, plus bool) {
		ts.t = t
		// Delays would make each guess wait.
		r := ts.reactors[0]
		onLoop(t, r, func() { r.server.delays = login.NewDelays() })
		c := ts.greet()
		mechanism := codec.MechanismScram
		if plus {
			mechanism = codec.MechanismScramPlus
		}
		for _, command := range []string{
			"auth " + mechanism.String() + " " + base64.StdEncoding.EncodeToString(first),
			"auth " + base64.StdEncoding.EncodeToString(final),
			"auth " + string(final),
		} {
			if len(command) > codec.CommandMax {
				return
			}
			c.command(command)
			if code, text := c.reply(); code == codec.CodeLoggedIn ||
				code == codec.CodeChallenge && !strings.HasPrefix(command, "auth S") {
				t.Fatalf("%s: %d %s", command, code, text)
			}
		}
		c.ask("ls", 530, "ls: log in first")
		c.bye()
	})
	f.Cleanup(func() { ts.t = f })
}
