package reactor

import (
	"encoding/base64"
	"fmt"
	"net/textproto"
	"os"
	"strings"
	"testing"

	"github.com/xdg-go/scram"

	"ferry/codec"
	"ferry/reactor/limit"
	"ferry/reactor/login"
)

// userLine is a line of a users file for a user whose password is pencil, as RFC 7677 has it.
func userLine(name, rights string) string {
	return name + " : SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==" +
		"$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:" +
		"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU= : " + rights + "\n"
}

// scramFirst sends the first message of a login, and returns the last.
func (c *speaker) scramFirst(name, password string) (final string, conv *scram.ClientConversation) {
	c.t.Helper()
	client, err := scram.SHA256.NewClient(name, password, "")
	check(c.t, err)
	conv = client.NewConversation()
	first, err := conv.Step("")
	check(c.t, err)
	c.command("auth SCRAM-SHA-256 " + base64.StdEncoding.EncodeToString([]byte(first)))
	message, ok := codec.ParseMessage([]byte(c.want(334, "")))
	if !ok {
		c.t.Fatal("the challenge is no message")
	}
	final, err = conv.Step(string(message))
	check(c.t, err)
	return final, conv
}

// logIn logs in, or demands to be refused with a code.
func (c *speaker) logIn(name, password string, code int) {
	c.t.Helper()
	final, conv := c.scramFirst(name, password)
	c.command("auth " + base64.StdEncoding.EncodeToString([]byte(final)))
	text := c.want(code, "")
	if code != codec.CodeLoggedIn {
		return
	}
	message, ok := codec.ParseMessage([]byte(text))
	if _, err := conv.Step(string(message)); !ok || err != nil || !conv.Valid() {
		c.t.Fatalf("the server does not prove that it knows the password: %v", err)
	}
}

func TestLoginGivesTheRightsOfTheUser(t *testing.T) {
	ts := serveUsers(t, userLine("ann", "/own:rw")+userLine("bob", "/:r"))
	if got := ts.announced(t); !strings.HasSuffix(got, " auth") {
		t.Errorf("announced: %s", got)
	}
	c := ts.greet()
	c.ask("get a", 530, "get: log in first")
	c.ask("auth bm9uc2Vuc2U=", 503, "auth: wrong order")
	c.ask("auth SCRAM-SHA-256 bm9uc2Vuc2U=", 501, "auth: ")
	c.logIn("bob", "pencil", 230)
	c.fetch("get a", []byte("abc"))
	c.ask("mkdir own/b", 530, "")
	c.ask("cd pub", 250, "")
	c.logIn("ann", "pencil", 230) // as another user
	c.ask("pwd", 257, "/")
	c.ask("get a", 550, "")
	c.store("own/b", "new")
	c.logIn("bob", "pen", 535)
	c.ask("mkdir own/c", 250, "") // it is still ann
	check(t, os.WriteFile(ts.options.Users, []byte(userLine("bob", "/:r")), 0o600))
	ts.ReloadUsers()
	for _, r := range ts.reactors {
		onLoop(t, r, func() {})
	}
	c.ask("mkdir own/d", 530, "mkdir: log in first")
	c.bye()
	if lines := ts.log.all("user logged in"); len(lines) != 2 || lines[1]["user"] != "ann" {
		t.Errorf("logged: %v", lines)
	}
}

func TestWrongOrderAndReplayOfLoginsAreRefused(t *testing.T) {
	ts := serveUsers(t, userLine("ann", "/:r"))
	c := ts.greet()
	final, _ := c.scramFirst("ann", "pencil")
	recorded := "auth " + base64.StdEncoding.EncodeToString([]byte(final))
	c.ask("noop", 200, "") // which cancels the login
	c.ask(recorded, 503, "auth: wrong order")
	c.scramFirst("ann", "pencil")
	c.ask(recorded, 535, "auth: wrong name or password")
	c.ask(recorded, 503, "")
	c.scramFirst("ann", "pencil")
	c.ask("abor", 530, "")
	c.ask(recorded, 503, "")
	c.ask("ls", 530, "")
	c.bye()
}

func TestLoginNeedsTLSOrPlainPasswords(t *testing.T) {
	plainOnly(t) // it is about logins in clear
	ts := serveUsers(t, userLine("ann", "/:r")+"* : - : /pub:r", func(o *Options) {
		o.PlainPasswords = false
	})
	if got := ts.announced(t); strings.HasSuffix(got, " auth") {
		t.Errorf("announced: %s", got)
	}
	c := ts.greet()
	c.ask("auth SCRAM-SHA-256 bm9uc2Vuc2U=", 530, "auth: logging in needs TLS")
	c.fetch("get pub/a", []byte("abc"))
	c.bye()
	ts = serve(t)
	c = ts.greet()
	c.ask("auth SCRAM-SHA-256 bm9uc2Vuc2U=", 530, "auth: users cannot log in here")
	c.bye()
}

// 1,000 guesses at one user from one address leave that user, and others, as they were elsewhere.
func TestGuessesChangeNothingForOthers(t *testing.T) {
	ts := serveUsers(t, userLine("ann", "/:r")+userLine("bob", "/:r"))
	guess := ts.greetFrom("127.0.0.9")
	guess.logIn("ann", "wrong", 535)
	delayed, refused := 0, 0
	var guessers []*speaker
	for range 20 {
		c := ts.greetFrom("127.0.0.9")
		final, _ := c.scramFirst("ann", "wrong")
		c.command("auth " + base64.StdEncoding.EncodeToString([]byte(final)))
		guessers = append(guessers, c)
	}
	r := ts.reactors[0]
	for range 1000 {
		onLoop(t, r, func() {
			from := limit.Network(guess.from)
			if _, ok := r.server.delays.Begin(from, "ann", r.loop.Now); ok {
				delayed++
			} else {
				refused++
			}
		})
	}
	if delayed > 31 || refused < 969 {
		t.Errorf("%d guesses are only delayed, %d refused", delayed, refused)
	}
	onLoop(t, r, func() {
		if n := len(r.attempts); n != len(guessers) {
			t.Errorf("%d of %d wait", n, len(guessers))
		}
	})
	for _, name := range []string{"ann", "bob"} {
		c := ts.greet()
		c.logIn(name, "pencil", 230)
		c.fetch("get a", []byte("abc"))
		c.bye()
	}
	// A guess that waits can be aborted, and leaves nothing when its session ends.
	guessers[0].ask("abor", 426, "auth: aborted")
	guessers[0].want(226, "aborted")
	guessers[0].bye()
	for _, c := range guessers[1:] {
		check(t, c.Close())
	}
	guess.bye()
}

func (ts *testServer) greetFrom(from string) *speaker {
	ts.t.Helper()
	c := &speaker{ts.dialFrom(ts.t, from)}
	c.command("hello 1")
	c.want(200, "ferry/1")
	return c
}

func TestPasswordChecksQueue(t *testing.T) {
	plainOnly(t) // sessions are known by the port, which is the relay's
	ts := serveUsers(t, userLine("ann", "/:r"), func(o *Options) { o.Limits.Logins = 3 })
	gate := make(chan struct{})
	results := make(chan string, 8)
	r := ts.reactors[0]
	try := func(from, password string) *speaker {
		c := ts.greetFrom(from)
		onLoop(t, r, func() {
			for s := range r.sessions {
				if s.peer().String() != c.LocalAddr().String() {
					continue
				}
				s.attempt(&attempt{
					name: "ann", slow: true,
					check: func() *login.User {
						<-gate
						return ts.accounts.Load().users.Check("ann", password)
					},
					done: func(g *rights, err error) { results <- fmt.Sprint(g != nil, err) },
				})
			}
		})
		return c
	}
	var all []*speaker
	for _, from := range []string{"127.0.0.2", "127.0.0.2", "127.0.0.2"} {
		all = append(all, try(from, "pencil"))
	}
	if got := <-results; got != "false too many logins at once" {
		t.Errorf("a third of one address: %s", got)
	}
	all = append(all, try("127.0.0.3", "wrong"), try("127.0.0.4", "pencil"))
	if got := <-results; got != "false too many logins at once" {
		t.Errorf("a fourth of all: %s", got)
	}
	if n := ts.limiter.Used(limit.Logins); n != 3 {
		t.Errorf("%d are counted", n)
	}
	check(t, all[1].Close()) // nobody waits for its result
	eventually(t, "the end of a session", func() (gone bool) {
		onLoop(t, r, func() { gone = len(r.sessions) == 4 })
		return gone
	})
	close(gate)
	for _, want := range []string{"true <nil>", "false wrong name or password"} {
		if got := <-results; got != want {
			t.Errorf("%s came, want %s", got, want)
		}
	}
	for i, c := range all {
		if i != 1 {
			c.bye()
		}
	}
}

func TestFTPUsersLogIn(t *testing.T) {
	ts := serveUsers(t, userLine("ann", "/own:rw /in:w")+"* : - : /pub:r", func(o *Options) {
		o.FTP.Port = 0
	})
	c, err := textproto.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", ts.FTPPort()))
	check(t, err)
	ask := func(command string, code int) {
		t.Helper()
		check(t, c.PrintfLine("%s", command))
		if _, _, err := c.ReadResponse(code); err != nil {
			t.Errorf("%s: %v", command, err)
		}
	}
	_, _, err = c.ReadResponse(220)
	check(t, err)
	ask("CWD pub", 530)
	ask("USER anonymous", 331)
	ask("PASS x", 230)
	ask("TYPE I", 200)
	ask("SIZE pub/a", 213)
	ask("CWD own", 550)
	ask("MKD pub/b", 550)
	ask("USER ann", 331)
	ask("CWD pub", 530)
	ask("PASS pencil", 230)
	ask("CWD pub", 550)
	ask("SIZE own/secret/a", 213)
	ask("MKD own/b", 257)
	ask("MKD in/b", 257)
	ask("CWD in/b", 250)
	ask("SIZE /in/a", 550)
	ask("DELE /in/a", 550)
	ask("REIN", 220)
	ask("USER ann", 331)
	ask("PASS wrong", 530)
	ask("CWD own", 530)
	ask("QUIT", 221)
	check(t, c.Close())
}
