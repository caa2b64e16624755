package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"ferry/codec"
)

// answering replies to every command with one reply, and keeps what came.
func answering(t *testing.T, code int, text string) (*Client, chan string) {
	asked := make(chan string, 8)
	f := newStatusFake(t, func(s *session, q codec.Request) {
		wire, err := codec.AppendRequest(nil, q)
		if err != nil {
			t.Error(err)
		}
		asked <- string(wire[codec.FieldSize:])
		s.reply(code, text)
	})
	return f.dial(Options{Exchange: Status}), asked
}

func TestEveryCommandIsSentAndAnswered(t *testing.T) {
	hex32 := strings.Repeat("0f", 16)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ctx := t.Context()
	for _, test := range []struct {
		asked string
		code  int
		reply string
		want  string
		call  func(c *Client) (any, error)
	}{
		{
			"stat a b", 213, "file 12 2026-01-02T03:04:05Z", fmt.Sprint(Info{false, 12, at}),
			func(c *Client) (any, error) { return c.Stat(ctx, "a b") },
		},
		{
			"stat d", 213, "dir 0 2026-01-02T03:04:05Z more words", fmt.Sprint(Info{true, 0, at}),
			func(c *Client) (any, error) { return c.Stat(ctx, "d") },
		},
		{"mkdir a", 250, "", "", func(c *Client) (any, error) { return "", c.Mkdir(ctx, "a") }},
		{"rmdir a", 250, "x", "", func(c *Client) (any, error) { return "", c.Rmdir(ctx, "a") }},
		{"rm a", 250, "", "", func(c *Client) (any, error) { return "", c.Remove(ctx, "a") }},
		{"noop", 200, "", "", func(c *Client) (any, error) { return "", c.Noop(ctx) }},
		{
			"sum xxh3 a", 213, hex32 + " 5", fmt.Sprint(Sum{Hex: hex32, Size: 5}),
			func(c *Client) (any, error) { return c.Sum(ctx, XXH3, "a") },
		},
		{
			"sum sha256 a", 213, hex32 + " 5", fmt.Sprint(Sum{Hex: hex32, Size: 5}),
			func(c *Client) (any, error) { return c.Sum(ctx, SHA256, "a") },
		},
	} {
		c, asked := answering(t, test.code, test.reply)
		got, err := test.call(c)
		if err != nil || fmt.Sprint(got) != test.want {
			t.Errorf("%s: %v, %v; want %s", test.asked, got, err, test.want)
		}
		if q := <-asked; q != test.asked {
			t.Errorf("asked %q, want %q", q, test.asked)
		}
	}
}

func TestRenameTakesTwoCommands(t *testing.T) {
	var asked []string
	f := newStatusFake(t, func(s *session, q codec.Request) {
		asked = append(asked, q.Verb.String()+" "+string(q.Name))
		if q.Verb == codec.VerbRenameFrom {
			s.reply(350, "")
			return
		}
		s.reply(250, "")
	})
	c := f.dial(Options{Exchange: Status})
	if err := c.Rename(t.Context(), "a", "b c"); err != nil {
		t.Error(err)
	}
	if want := []string{"rnfr a", "rnto b c"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q", asked)
	}
	wantKind(t, c.Rename(t.Context(), "a", ""), ErrName)
	wantKind(t, c.Rename(t.Context(), "", "a"), ErrName)
}

// TestEveryCodeHasAKind holds the whole table of the protocol, for commands with and without a
// meaning of their own for 550, and for what users of base ask for.
func TestEveryCodeHasAKind(t *testing.T) {
	ctx := t.Context()
	calls := map[string]func(c *Client) error{
		"get":   func(c *Client) error { _, err := c.Get(ctx, "a", io.Discard); return err },
		"put":   func(c *Client) error { _, err := c.Put(ctx, "a", zeros{}, 1); return err },
		"ls":    func(c *Client) error { _, err := c.List(ctx, "a"); return err },
		"mkdir": func(c *Client) error { return c.Mkdir(ctx, "a") },
		"stat":  func(c *Client) error { _, err := c.Stat(ctx, "a"); return err },
	}
	for _, test := range []struct {
		code    int
		kind    error
		kindFor map[string]error
	}{
		{code: 425, kind: ErrNoData},
		{code: 426, kind: ErrBroken},
		{code: 450, kind: ErrBusy},
		{code: 451, kind: ErrServer},
		{code: 452, kind: ErrNoSpace},
		{code: 499, kind: ErrBusy},
		{code: 500, kind: ErrUnknownCommand},
		{code: 501, kind: ErrArgument},
		{code: 503, kind: ErrArgument},
		{code: 530, kind: ErrNotAllowed},
		{code: 550, kind: ErrNotFound, kindFor: map[string]error{
			"ls": ErrNoFolder, "mkdir": ErrNotDone, "put": ErrNotDone,
		}},
		// A get asks for the pieces then, and this server refuses all.
		{code: 552, kind: ErrTooLarge},
		{code: 553, kind: ErrName},
		{code: 554, kind: ErrMismatch},
		{code: 599, kind: ErrNotDone},
	} {
		for verb, call := range calls {
			c, _ := answering(t, test.code, "a: the \x1bserver's words")
			err := call(c)
			kind := test.kind
			if own := test.kindFor[verb]; own != nil {
				kind = own
			}
			wantKind(t, err, kind)
			var e *Error
			if !errors.As(err, &e) || e.Code != test.code ||
				e.Error() != "a: the ?server's words" {
				t.Errorf("%s %d: %v", verb, test.code, err)
			}
			// An error concerns the command, not the session.
			if c.Err() != nil {
				t.Errorf("%s %d: the session ended: %v", verb, test.code, c.Err())
			}
		}
	}
}

// TestServerTextIsEscaped: bytes that the codec of another server let through.
func TestServerTextIsEscaped(t *testing.T) {
	f := newStatusFake(t, func(s *session, _ codec.Request) {
		_, _ = io.WriteString(s.control, record("550 \x1b[2Jgone\u202e"))
	})
	err := f.dial(Options{Exchange: Status}).Mkdir(t.Context(), "a")
	if want := `a: \x1b[2Jgone\u202e`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestUnexpectedReplyEndsSession(t *testing.T) {
	for _, raw := range []string{
		record("226 12"), record("150 99 x"), record("213 file x y"), record("213"),
		record("21"), record("abc file"), "0000009000", "letters!!!",
		record("213 pipe 1 2026-01-02T03:04:05Z"),
	} {
		f := newStatusFake(t, func(s *session, _ codec.Request) {
			_, _ = io.WriteString(s.control, raw)
		})
		c := f.dial(Options{Exchange: Status})
		_, err := c.Stat(t.Context(), "a")
		if !errors.Is(err, ErrLost) || !errors.Is(err, ErrProtocol) {
			t.Errorf("%q: %v", raw, err)
		}
		wantKind(t, c.Noop(t.Context()), ErrLost)
	}
}

// TestFileWithoutATimeIsAFile: a time that cannot be read is none, and no reason to end a session.
func TestFileWithoutATimeIsAFile(t *testing.T) {
	f := newStatusFake(t, func(s *session, _ codec.Request) {
		_, _ = io.WriteString(s.control, record("213 file 1 yesterday"))
	})
	c := f.dial(Options{Exchange: Status})
	info, err := c.Stat(t.Context(), "a")
	if err != nil || info.Size != 1 || !info.Modified.IsZero() || c.Err() != nil {
		t.Errorf("%+v, %v, %v", info, err, c.Err())
	}
}

// TestTruncatedReplyLosesSession: a reply that ends early is none.
func TestTruncatedReplyLosesSession(t *testing.T) {
	whole := record("213 file 12 2026-01-02T03:04:05Z")
	for cut := range len(whole) {
		f := newStatusFake(t, func(s *session, _ codec.Request) {
			_, _ = io.WriteString(s.control, whole[:cut])
			_ = s.control.CloseWrite()
		})
		c := f.dial(Options{Exchange: Status})
		_, err := c.Stat(t.Context(), "a")
		wantKind(t, err, ErrLost)
	}
}

func TestUnaskedReplyEndsTheSession(t *testing.T) {
	for text, want := range map[string]string{
		"421 shutting down": "shutting down", "200 hello": "an answer that no command asked for",
	} {
		f := newStatusFake(t, func(s *session, _ codec.Request) {
			_, _ = io.WriteString(s.control, record("200 ")+record(text))
		})
		c := f.dial(Options{Exchange: Status})
		if err := c.Noop(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := c.Noop(t.Context())
		wantKind(t, err, ErrLost)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}

// TestServerReasonForClosingIsReported: at a command, and while data moves.
func TestServerReasonForClosingIsReported(t *testing.T) {
	f := newStatusFake(t, func(s *session, q codec.Request) {
		if q.Verb == codec.VerbGet {
			reset(s.offer("100"))
		}
		s.reply(421, "idle for too long")
		_ = s.control.CloseWrite()
	})
	for name, call := range map[string]func(c *Client) error{
		"stat": func(c *Client) error { _, err := c.Stat(t.Context(), "a"); return err },
		"get":  func(c *Client) error { _, err := c.Get(t.Context(), "a", io.Discard); return err },
	} {
		c := f.dial(Options{Exchange: Status})
		err := call(c)
		var e *Error
		if !errors.Is(err, ErrLost) || !errors.Is(err, ErrBusy) || !errors.As(err, &e) ||
			e.Code != 421 || err.Error() != "connection lost: idle for too long" {
			t.Errorf("%s: %v", name, err)
		}
		if again := c.Noop(t.Context()); again == nil || again.Error() != err.Error() {
			t.Errorf("%s: afterwards %v", name, again)
		}
	}
}

func TestContextAbortsCommandOnly(t *testing.T) {
	asked := make(chan struct{}, 1)
	f := newStatusFake(t, func(s *session, q codec.Request) {
		if q.Verb != codec.VerbSum {
			s.reply(200, "")
			return
		}
		asked <- struct{}{}
		s.wantAbort()
	})
	for cut := range int32(4) {
		f.cut.Store(cut)
		c := f.dial(Options{Exchange: Status})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-asked
			cancel()
		}()
		_, err := c.Sum(ctx, XXH3, "a")
		wantKind(t, err, ErrGivenUp)
		wantKind(t, err, context.Canceled)
		if err := c.Noop(t.Context()); err != nil {
			t.Errorf("the session did not go on: %v", err)
		}
	}
}

// TestAnswerCrossingAbortCounts: what was done was done.
func TestAnswerCrossingAbortCounts(t *testing.T) {
	asked := make(chan struct{})
	f := newStatusFake(t, func(s *session, q codec.Request) {
		if q.Verb == codec.VerbNoop {
			s.reply(200, "")
			return
		}
		close(asked)
		if command, _ := s.next(); command != "abor" {
			t.Errorf("%q came", command)
		}
		s.reply(250, "")
		s.reply(226, "")
	})
	c := f.dial(Options{Exchange: Status})
	if err := c.Mkdir(cancelOn(t, asked), "a"); err != nil {
		t.Errorf("a folder that was made: %v", err)
	}
	if err := c.Noop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSilenceEndsAStatusSession(t *testing.T) {
	f := newStatusFake(t, func(*session, codec.Request) {})
	c := f.dial(Options{Exchange: Status, ReplyTimeout: 1e7})
	wantKind(t, c.Noop(t.Context()), ErrLost)
}

func TestLongListingIsParsed(t *testing.T) {
	const long = "file\t12\t2026-01-02T03:04:05Z\ta b\ndir\t0\t2026-01-02T03:04:06Z\td\t/\n" +
		"nonsense\nfile\tx\t2026-01-02T03:04:05Z\tc\nfile\t1\tyesterday\tc\nfile\t1\t\t\n" +
		"pipe\t3\t2026-01-02T03:04:05+02:00\te"
	f := newStatusFake(t, func(s *session, q codec.Request) {
		text := "550 a: no such folder\n"
		if q.Long {
			text = long
		}
		if string(q.Name) == "empty" {
			text = ""
		}
		conn := s.offer(fmt.Sprint(len(text)))
		finish(conn, record(text))
		s.reply(226, fmt.Sprint(len(text)))
	})
	c := f.dial(Options{Exchange: Status})
	entries, err := c.ListLong(t.Context(), "some folder")
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want := []Entry{
		{"a b", Info{false, 12, at}},
		{"d\t", Info{true, 0, at.Add(time.Second)}},
		// A time that cannot be read, such as one of the year 10000, is no reason to lose a file.
		{"c", Info{false, 1, time.Time{}}},
		{"e", Info{false, 3, at.Add(-2 * time.Hour)}},
	}
	if !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), `"nonsense"`) {
		t.Errorf("lines that say nothing: %v", err)
	}
	if c.Err() != nil || len(entries) != len(want) {
		t.Fatalf("%v, %v", entries, c.Err())
	}
	for i, e := range entries {
		if e.Name != want[i].Name || e.Folder != want[i].Folder || e.Size != want[i].Size ||
			!e.Modified.Equal(want[i].Modified) {
			t.Errorf("%v, want %v", e, want[i])
		}
	}
	// A name is a name here, whatever base would say with it.
	names, err := c.List(t.Context(), "some folder")
	if err != nil || !slices.Equal(names, []string{"550 a: no such folder"}) {
		t.Errorf("%q, %v", names, err)
	}
	if names, err := c.List(t.Context(), "empty"); err != nil || len(names) != 0 {
		t.Errorf("%q, %v", names, err)
	}
}

func TestErrorNamesItsFileOnce(t *testing.T) {
	inner := failure("a", ErrBroken, nil)
	for want, err := range map[string]error{
		"a: connection lost: transfer broken off":    failure("a", ErrLost, inner),
		"b: connection lost: a: transfer broken off": failure("b", ErrLost, inner),
	} {
		if got := err.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
