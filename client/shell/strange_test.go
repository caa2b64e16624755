package shell

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"ferry/client"
	"ferry/codec"
)

// reply sends a reply of the status exchange.
func (c *control) reply(code int, text string) {
	_, _ = c.conn.Write(codec.AppendReply(nil, code, []byte(text)))
}

// speaksStatus has a fake speak the status exchange: its long listings are these, by folder, and
// more answers all else.
func (f *fake) speaksStatus(listings map[string]string, more func(*control, string) bool) {
	f.answer = func(c *control, command string) bool {
		switch verb, name, _ := strings.Cut(command, " "); {
		case verb == "hello":
			c.reply(codec.CodeOkay, "ferry/1 get ls stat change mkdir")
		case verb == "noop":
			c.reply(codec.CodeOkay, "")
		case strings.HasPrefix(command, "ls -l"):
			name = strings.TrimPrefix(strings.TrimPrefix(name, "-l"), " ")
			c.sendKeyed(listings[name])
		case verb == "quit":
			c.reply(codec.CodeGoodbye, "")
			_ = c.conn.Close()
		default:
			return more(c, command)
		}
		return true
	}
}

// sendKeyed offers a record and sends it to who knows its KEY.
func (c *control) sendKeyed(content string) {
	l := c.listen()
	defer l.Close()
	key := codec.NewKey(1)
	c.reply(codec.CodeOffer, string(codec.AppendOffer(nil, codec.Offer{
		Port: port(l), Key: key, Size: int64(len(content)), Total: -1,
	})))
	conn := c.accept(l)
	said := make([]byte, len(key))
	if _, err := io.ReadFull(conn, said); err != nil || !bytes.Equal(said, key[:]) {
		c.t.Errorf("the client's KEY is %q, %v", said, err)
	}
	send(conn, content)
	c.reply(codec.CodeComplete, string(codec.AppendSize(nil, int64(len(content)))))
}

func TestMirrorDeletesNothingForUnreadableLine(t *testing.T) {
	f := newFake(t, nil)
	f.speaksStatus(map[string]string{
		".": "file\t1\tsome day\tfar\nfile of which nothing is known\n",
	}, func(_ *control, command string) bool {
		t.Errorf("the client sent %q", command)
		return false
	})
	dir := t.TempDir()
	writeFile(t, dir, "copy/near", "x")
	s := &Shell{Options: client.Options{Exchange: client.Status}}
	r := f.run(s, dir, "HOST PORT", "mirror --delete --dry-run . copy\n")
	if r.status != StatusFailed || strings.Contains(r.out, "near") ||
		!strings.Contains(r.err, "file of which nothing is known") {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(r.out, "far") {
		t.Errorf("a file whose time is not known was left out: %+v", r)
	}
}

func TestChangeIsNotMadeTwice(t *testing.T) {
	f := newFake(t, nil)
	var asked atomic.Int32
	f.speaksStatus(nil, func(c *control, command string) bool {
		if command == "rm a" {
			asked.Add(1)
			_ = c.conn.Close() // as if the reply had been lost
		}
		return true
	})
	s := &Shell{
		Options: client.Options{Exchange: client.Status}, Retries: 3, state: state{idleMin: 1},
	}
	f.run(s, t.TempDir(), "HOST PORT", "rm a\n").want(t, StatusLost, "",
		"connection lost: the server closed it, and it is not known whether it was done; "+
			"the next command reconnects\n")
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestWaitForALineEndsWithTheContext(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	next := readLines(r)
	cancel()
	if line, err := next(ctx); !errors.Is(err, io.EOF) {
		t.Errorf("%q, %v", line, err)
	}
}
