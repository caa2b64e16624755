package reactor

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"ferry/codec"
)

// speaker is a control connection that speaks status. Like wire it says what it sends byte by byte.
type speaker struct{ *wire }

// greet opens a session and makes it one of the status exchange.
func (ts *testServer) greet() *speaker {
	ts.t.Helper()
	c := &speaker{ts.dial()}
	c.command("hello 1")
	c.want(200, "ferry/1")
	return c
}

// reply reads one reply.
func (c *speaker) reply() (code int, text string) {
	c.t.Helper()
	n := wantField(c.t, c)
	if n < 4 || n > codec.ReplyMax {
		c.t.Fatalf("a reply of %d bytes", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(c, b); err != nil {
		c.t.Fatal("no reply came: ", err)
	}
	if _, err := fmt.Sscanf(string(b[:3]), "%d", &code); err != nil || b[3] != ' ' {
		c.t.Fatalf("%q is no reply", b)
	}
	return code, string(b[4:])
}

// want demands the next reply: its code, and what its text begins with.
func (c *speaker) want(code int, text string) string {
	c.t.Helper()
	got, rest := c.reply()
	if got != code || !strings.HasPrefix(rest, text) {
		c.t.Fatalf("%d %q came, want %d %q", got, rest, code, text)
	}
	return rest
}

// ask sends a command and demands its reply.
func (c *speaker) ask(command string, code int, text string) {
	c.t.Helper()
	c.command(command)
	c.want(code, text)
}

// standing is an offer that was told.
type standing struct {
	codec.Offer
	c *speaker
}

// offered sends a command that moves something and reads its offer.
func (c *speaker) offered(command string) standing {
	c.t.Helper()
	c.command(command)
	return c.wantOffer(command)
}

func (c *speaker) wantOffer(command string) standing {
	c.t.Helper()
	code, text := c.reply()
	if code != 150 {
		c.t.Fatalf("%s: %d %q came, want an offer", command, code, text)
	}
	q, err := codec.ParseRequest([]byte(command))
	check(c.t, err)
	o, ok := codec.ParseOffer(q.Verb, []byte(text))
	if !ok {
		c.t.Fatalf("%s: %q is no offer", command, text)
	}
	return standing{o, c}
}

// knock connects to the offer's port and says nothing.
func (s standing) knock() *data {
	s.c.t.Helper()
	return connectFrom(s.c.t, s.c.from, s.Port)
}

// take connects and says the KEY.
func (s standing) take() *data {
	s.c.t.Helper()
	d := s.knock()
	d.say(s.Key.String())
	return d
}

// fetch gets what a command sends, and demands that everything about it agrees.
func (c *speaker) fetch(command string, want []byte) {
	c.t.Helper()
	o := c.offered(command)
	if o.Size != int64(len(want)) {
		c.t.Fatalf("%s: %d bytes were announced, want %d", command, o.Size, len(want))
	}
	o.take().wantRecord(want)
	c.want(226, fmt.Sprint(len(want)))
}

// store puts a file.
func (c *speaker) store(name, content string) {
	c.t.Helper()
	d := c.offered("put " + name).take()
	d.say(record(content))
	c.want(226, fmt.Sprint(len(content)))
	d.wantEOF()
	check(c.t, d.Close())
}

// bye ends the session.
func (c *speaker) bye() {
	c.t.Helper()
	c.ask("quit", 221, "")
	c.wantEOF()
	check(c.t, c.Close())
}

// announced is what a server announces.
func (ts *testServer) announced(t testing.TB) string {
	t.Helper()
	c := &speaker{ts.dial()}
	c.command("hello 1")
	words := c.want(200, "ferry/1")
	c.bye()
	if overTLS {
		words = strings.TrimSuffix(words, " tls")
	}
	return strings.TrimPrefix(words, "ferry/1 ")
}
