package reactor

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// stuck is a log that writes nothing until it is told to, and then everything.
type stuck struct {
	begun chan struct{}
	wait  chan struct{}
	once  sync.Once
	bytes.Buffer
}

func (s *stuck) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.begun) })
	<-s.wait
	return s.Buffer.Write(p)
}

func TestLogNeverBlocks(t *testing.T) {
	out := &stuck{begun: make(chan struct{}), wait: make(chan struct{})}
	w := NewLogWriter(out, out)
	line := []byte(strings.Repeat("x", 1023) + "\n")
	_, _ = w.Write(line)
	<-out.begun
	const lines = 3 * logRingBytes / 1024
	for range lines {
		if n, err := w.Write(line); n != len(line) || err != nil {
			t.Fatal("a line was refused: ", n, err)
		}
	}
	close(out.wait)
	check(t, w.Close())
	check(t, w.Close())
	if _, err := w.Write(line); err != nil {
		t.Error(err)
	}
	text := out.String()
	if n := strings.Count(text, string(line)); n != 1+logRingBytes/1024 {
		t.Errorf("%d lines were written", n)
	}
	if !strings.Contains(text, `"lines":2048`) {
		t.Error("the log does not say what is missing")
	}
}

// A log that takes nothing does not keep its writer from ending.
func TestStuckLogIsGivenUp(t *testing.T) {
	out := &stuck{begun: make(chan struct{}), wait: make(chan struct{})}
	w := NewLogWriter(out, out)
	w.patience = 10 * time.Millisecond
	_, _ = w.Write([]byte("line\n"))
	<-out.begun
	if err := w.Close(); err != errLogStuck {
		t.Errorf("it closed with %v", err)
	}
	close(out.wait)
	<-w.done
	check(t, w.Close())
}

// Whoever writes while the log is closed loses a line and nothing else.
func TestLogIsClosedWhileItIsWritten(t *testing.T) {
	var group sync.WaitGroup
	for range 1000 {
		w := NewLogWriter(new(bytes.Buffer), new(bytes.Buffer))
		group.Go(func() { _, _ = w.Write([]byte("line\n")) })
		group.Go(func() { _, _ = w.Write([]byte("line\n")) })
		group.Go(func() { check(t, w.Close()) })
	}
	group.Wait()
}

// One line a transfer and one a session, with what an operator asks for.
func TestLogLines(t *testing.T) {
	plainOnly(t) // the relay has the port that is logged
	ts := serve(t)
	ts.file("a file", []byte("content"))
	c := ts.dial()
	// A transfer ends with its client's close, which may be seen after the next has begun.
	c.get("a file", []byte("content"))
	ts.wantTransfer(1, outcomeComplete)
	c.get("missing", nil)
	ts.wantTransfer(2, outcomeMissing)
	c.put("new", "12345")
	ts.wantTransfer(3, outcomeComplete)
	c.ask("ls").wantRecord([]byte("a file\nnew\n"))
	ts.wantTransfer(4, outcomeComplete)
	c.ask("what is this").wantRecord([]byte("500 what: unknown command\n"))
	c.quit()
	ts.wantSession(1, endQuit)
	ts.wantTransfer(5, outcomeUnknown) // it may end after its session
	peer := c.LocalAddr().String()
	lines := ts.log.all("transfer ended")
	for i, want := range []struct {
		command, name string
		bytes         float64
		outcome       outcome
	}{
		{"get", "a file", 7, outcomeComplete},
		{"get", "missing", 0, outcomeMissing},
		{"put", "new", 5, outcomeComplete},
		{"ls", "", 11, outcomeComplete},
		{"what", "", 26, outcomeUnknown},
	} {
		l := lines[i]
		if l["command"] != want.command || l["name"] != want.name || l["bytes"] != want.bytes ||
			l["outcome"] != string(want.outcome) || l["peer"] != peer || l["session"] != 1.0 ||
			l["level"] != "info" {
			t.Errorf("line %d: %v", i, l)
		}
		if _, ok := l["seconds"].(float64); !ok {
			t.Errorf("line %d has no time: %v", i, l)
		}
	}
	if len(lines) != 5 {
		t.Errorf("%d lines for 5 transfers", len(lines))
	}
	ends := ts.log.all("session ended")
	if len(ends) != 1 || ends[0]["transfers"] != 5.0 || ends[0]["bytes"] != 49.0 ||
		ends[0]["peer"] != peer {
		t.Errorf("the session's line: %v", ends)
	}
}

// A name that a client chose cannot make lines of its own.
func TestNamesInTheLogStayOnOneLine(t *testing.T) {
	var out bytes.Buffer
	log := zerolog.New(&out)
	ts := serve(t, func(o *Options) { o.Log = log })
	c := ts.dial()
	c.ask("get x\n{\"message\":\"forged\"}\x1b[2J").wantRecord(nil)
	c.quit()
	ts.Stop()
	check(t, ts.wait())
	text := out.String()
	if strings.Contains(text, "\n{\"message\":\"forged") || strings.Contains(text, "\x1b") {
		t.Errorf("forged: %q", text)
	}
}

func TestStatusTellsOfEverySessionAndTransfer(t *testing.T) {
	ts := serve(t)
	c := ts.dial()
	d := c.ask("put file")
	d.say("0000000100half")
	eventually(t, "the half to arrive", func() bool { return ts.offset(t) == 14 })
	ts.LogStatus()
	eventually(t, "the status", func() bool { return len(ts.log.all("status")) == 1 })
	s, tr := ts.log.all("session"), ts.log.all("transfer")
	if len(s) != 1 || s[0]["state"] != "moving" {
		t.Errorf("sessions: %v", s)
	}
	if len(tr) != 1 || tr[0]["state"] != "moving" || tr[0]["name"] != "file" ||
		tr[0]["bytes"] != 4.0 {
		t.Errorf("transfers: %v", tr)
	}
	now := ts.log.all("status")[0]["now"].(map[string]any)
	if now["sessions"] != 1.0 || now["transfers"] != 1.0 || now["bytes_announced"] != 100.0 {
		t.Errorf("now: %v", now)
	}
	reset(t, d.TCPConn)
	c.quit()
}

// A long name does not push the lines of others out of the log; what is cut says so.
func TestLoggedNameIsCut(t *testing.T) {
	for text, want := range map[string]string{
		"":            "",
		"abcd":        "abcd",
		"abcde":       "abcd…",
		"abcä":        "abc…",
		"\xff\xffabc": "ab…",
	} {
		if got := cut(text, 4); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// What a client says does nothing to a terminal that shows the log: what JSON does not escape is
// replaced.
func TestLoggedTextIsVisible(t *testing.T) {
	for text, want := range map[string]string{
		"plain name":          "plain name",
		"Grüße 文件 🙂":          "Grüße 文件 🙂",
		"\x1b[2J\n":           "\x1b[2J\n", // JSON escapes these
		"a\u009b2Jb":          "a\ufffd2Jb",
		"a\x7fb":              "a\ufffdb",
		"exe\u202etxt":        "exe\ufffdtxt",
		"two\u2028lines":      "two\ufffdlines",
		"\xff\xfe":            "\ufffd\ufffd",
		"zero\u200bwidth\x85": "zero\ufffdwidth\ufffd",
	} {
		if got := visible(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if err := visibleError(errors.New("a\u009b")); err.Error() != "a\ufffd" {
		t.Errorf("got %q", err)
	}
	if visibleError(nil) != nil {
		t.Error("nothing became an error")
	}
}
