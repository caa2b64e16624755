package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ferry/codec"
)

// classicFake is a server of the classic exchange: a fake with two ports that stay.
type classicFake struct {
	*fake
	files, messages *net.TCPListener
}

// newClassic serves until the test ends, calling handle for each line but the last.
func newClassic(t testing.TB, handle func(s *session, f *classicFake, line string)) *classicFake {
	t.Helper()
	f := new(classicFake)
	for _, to := range []**net.TCPListener{&f.files, &f.messages} {
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		*to = l
	}
	ready := make(chan struct{})
	f.fake = startFake(t, "127.0.0.1", codec.Lines, func(s *session, line string) {
		<-ready
		if line == "GOODBYE SERVER" && !s.ownQuit.Load() {
			_, _ = io.WriteString(s.control, codec.ClassicThanks+"\n")
			_ = s.control.CloseWrite()
			return
		}
		handle(s, f, line)
	})
	close(ready)
	return f
}

// set makes o an option of this server's sessions.
func (f *classicFake) set(o Options) Options {
	o.Exchange = Classic
	o.ClassicFiles = uint16(portOf(f.files))
	o.ClassicMessages = uint16(portOf(f.messages))
	return o
}

// dialClassic makes a session, closed when the test ends.
func (f *classicFake) dialClassic(o Options) *Client { return f.dial(f.set(o)) }

// conn tells a port in the exchange's words.
func conn(l net.Listener) string { return fmt.Sprintf("CONN %d\n", portOf(l)) }

// say sends text on control.
func (s *session) say(text string) { _, _ = io.WriteString(s.control, text) }

// send answers with a file.
func (f *classicFake) send(s *session, text string) {
	s.say(conn(f.files))
	finish(s.meet(f.files), text)
}

const notFound = "2026-03-01 10:11:12: FILE NOT FOUND AT CURRENT WORKING DIRECTORY"

// serveClassic answers from the map.
func serveClassic(files map[string]string) func(s *session, f *classicFake, line string) {
	return func(s *session, f *classicFake, line string) {
		name, get := strings.CutPrefix(line, "RETR ")
		if !get {
			s.t.Errorf("unexpected line %q", line)
		}
		text, there := files[name]
		if there {
			f.send(s, text)
			return
		}
		s.say(conn(f.messages))
		finish(s.meet(f.messages), notFound+"\n")
	}
}

func TestClassicFetchesFilesOfAnySize(t *testing.T) {
	files := map[string]string{
		"empty": "", "a": "text", "two words/b ": "spaces",
		// About where a file begins to be a long one, and longer than a splice's piece.
		"more": strings.Repeat("m", spliceMin), "large": strings.Repeat("l", 2*spliceMost+7),
	}
	c := newClassic(t, serveClassic(files)).dialClassic(Options{})
	dir := t.TempDir()
	local := filepath.Join(dir, "local")
	for name, text := range files {
		wantGet(t, c, name, text)
		n, err := c.GetFile(t.Context(), name, local)
		if err != nil || n != int64(len(text)) {
			t.Errorf("get file %s: %d, %v; want %d", name, n, err, len(text))
		}
		got, err := os.ReadFile(local)
		if err != nil || !bytes.Equal(got, []byte(text)) {
			t.Errorf("%s: the file differs (%v)", name, err)
		}
	}
	if err := c.Quit(t.Context()); err != nil {
		t.Errorf("quit: %v", err)
	}
}

func TestClassicEmptyFileReplacesContent(t *testing.T) {
	c := newClassic(t, serveClassic(map[string]string{"empty": ""})).dialClassic(Options{})
	dir := t.TempDir()
	writeFile(t, dir, "old", "content")
	if n, err := c.GetFile(t.Context(), "empty", filepath.Join(dir, "old")); err != nil || n != 0 {
		t.Errorf("%d, %v", n, err)
	}
	wantFiles(t, dir, map[string]string{"old": ""})
}

func TestClassicResetLeavesTheOldFile(t *testing.T) {
	f := newClassic(t, func(s *session, f *classicFake, line string) {
		var cut int
		_, _ = fmt.Sscanf(line, "RETR %d", &cut)
		s.say(conn(f.files))
		data := s.meet(f.files)
		_, _ = data.Write(make([]byte, cut))
		reset(data)
	})
	c := f.dialClassic(Options{})
	dir := t.TempDir()
	writeFile(t, dir, "a", "the old file")
	for _, cut := range []int{0, 1, 100_000, 2 * spliceMin, 2 * spliceMost} {
		_, err := c.GetFile(t.Context(), fmt.Sprint(cut), filepath.Join(dir, "a"))
		wantKind(t, err, ErrBroken)
		wantFiles(t, dir, map[string]string{"a": "the old file"})
		// A writer that the system cannot copy to sees the reset too.
		_, err = c.Get(t.Context(), fmt.Sprint(cut), io.Discard)
		wantKind(t, err, ErrBroken)
	}
}

// trickle sends text a byte a write.
func trickle(to io.Writer, text string) {
	for i := range len(text) {
		_, _ = io.WriteString(to, text[i:i+1])
	}
}

func TestClassicLinesComeInAnyCut(t *testing.T) {
	for _, end := range []string{"\n", "\r\n"} {
		f := newClassic(t, func(s *session, f *classicFake, line string) {
			switch line {
			case "RETR file":
				trickle(s.control, strings.TrimSpace(conn(f.files))+end)
				finish(s.meet(f.files), "text")
			case "RETR missing":
				trickle(s.control, strings.TrimSpace(conn(f.messages))+end)
				data := s.meet(f.messages)
				trickle(data, notFound+end)
				finish(data, "")
			default:
				trickle(s.control, codec.ClassicThanks+end)
			}
		})
		f.ownQuit.Store(true)
		c := f.dialClassic(Options{})
		for range 2 {
			wantGet(t, c, "file", "text")
			_, err := c.Get(t.Context(), "missing", io.Discard)
			wantKind(t, err, ErrNotFound)
			if err == nil || err.Error() != "missing: "+notFound {
				t.Errorf("%v, want the server's words", err)
			}
		}
		if err := c.Quit(t.Context()); err != nil {
			t.Errorf("quit: %v", err)
		}
	}
}

func TestClassicInvalidPortEndsSession(t *testing.T) {
	for _, answer := range []string{
		"CONN 0\n", "CONN 99999\n", "CONN 65536\n", "CONN 1\n", "CONN -1\n", "CONN +20020\n",
		"CONN\n", "CONN \n", "CONN 20020 20023\n", "CONN x\n", "conn\x1b[2J\n", "\n", "\r\n",
		"0000020020\n", "HTTP/1.1 400 Bad Request\r\n", codec.ClassicThanks + "\n",
		strings.Repeat("C", codec.CommandMax+1) + "\n", strings.Repeat("C", 100_000),
	} {
		f := newClassic(t, func(s *session, _ *classicFake, _ string) { s.say(answer) })
		c := f.dialClassic(Options{})
		_, err := c.Get(t.Context(), "a", io.Discard)
		wantKind(t, err, ErrProtocol)
		wantKind(t, err, ErrLost)
		if err != nil && (len(err.Error()) > 250 || strings.Contains(err.Error(), "\x1b")) {
			t.Errorf("%.40q: an error that is long or holds an escape: %q", answer, err)
		}
		_, err = c.Get(t.Context(), "a", io.Discard)
		wantKind(t, err, ErrLost)
	}
	// A port of somebody else is not connected to.
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	f := newClassic(t, func(s *session, _ *classicFake, _ string) { s.say(conn(other)) })
	_, err = f.dialClassic(Options{}).Get(t.Context(), "a", io.Discard)
	want := fmt.Sprintf("connection lost: the server broke the protocol: it sent port %d, but "+
		"files are on %d and messages on %d unless --classic-ports sets others",
		portOf(other), portOf(f.files), portOf(f.messages))
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestClassicUnaskedAnswerEndsSession(t *testing.T) {
	f := newClassic(t, func(s *session, f *classicFake, _ string) {
		s.say(conn(f.files) + "CO")
		finish(s.meet(f.files), "text")
	})
	c := f.dialClassic(Options{})
	wantGet(t, c, "a", "text")
	_, err := c.Get(t.Context(), "a", io.Discard)
	wantKind(t, err, ErrProtocol)
}

func TestClassicMessageBecomesError(t *testing.T) {
	long := strings.Repeat("W", codec.CommandMax)
	for _, test := range []struct {
		raw, text string
		kind      error
		reset     bool
	}{
		{raw: notFound + "\n", text: notFound, kind: ErrNotFound},
		{raw: notFound + "\r\nand more\n", text: notFound, kind: ErrNotFound},
		{raw: notFound, text: notFound, kind: ErrNotFound},
		{raw: "now: UNKNOWN COMMAND\n", text: "now: UNKNOWN COMMAND", kind: ErrUnknownCommand},
		{raw: "BUSY\n", text: "BUSY", kind: ErrMessage},
		{raw: long + "\n", text: long, kind: ErrMessage},
		{raw: "\n", text: "a message instead of a file", kind: ErrMessage},
		{raw: long + "W\n", kind: ErrProtocol},
		{raw: "", kind: ErrBroken},
		{raw: "", kind: ErrBroken, reset: true},
		{raw: notFound[:20], kind: ErrBroken, reset: true},
	} {
		f := newClassic(t, func(s *session, f *classicFake, line string) {
			if line == "RETR file" {
				f.send(s, "text")
				return
			}
			s.say(conn(f.messages))
			data := s.meet(f.messages)
			if test.reset {
				_, _ = io.WriteString(data, test.raw)
				reset(data)
				return
			}
			finish(data, test.raw)
		})
		c := f.dialClassic(Options{BufferSize: 512})
		dir := t.TempDir()
		writeFile(t, dir, "a", "the old file")
		_, err := c.GetFile(t.Context(), "x", filepath.Join(dir, "a"))
		wantKind(t, err, test.kind)
		if test.text != "" && (err == nil || err.Error() != "x: "+test.text) {
			t.Errorf("%.40q: %.80v", test.raw, err)
		}
		if errors.Is(err, ErrLost) {
			t.Errorf("%.40q: the session is lost: %v", test.raw, err)
		}
		wantFiles(t, dir, map[string]string{"a": "the old file"})
		wantGet(t, c, "file", "text")
	}
}

// TestClassicLateConnectKeepsFile has an offer run out: the server ends the session, and closes
// at once who connects after.
func TestClassicLateConnectKeepsFile(t *testing.T) {
	f := newClassic(t, func(s *session, f *classicFake, _ string) {
		s.say(conn(f.files))
		_ = s.control.Close()
		_ = s.meet(f.files).Close()
	})
	c := f.dialClassic(Options{})
	dir := t.TempDir()
	writeFile(t, dir, "a", "the old file")
	_, err := c.GetFile(t.Context(), "x", filepath.Join(dir, "a"))
	wantKind(t, err, ErrLost)
	wantFiles(t, dir, map[string]string{"a": "the old file"})
}

func TestClassicSilenceTimesOut(t *testing.T) {
	for line, kind := range map[string]error{
		"RETR control": ErrLost, "RETR files": ErrStalled, "RETR messages": ErrStalled,
		"GOODBYE SERVER": ErrLost,
	} {
		f := newClassic(t, func(s *session, f *classicFake, line string) {
			switch line {
			case "RETR files":
				s.say(conn(f.files))
				_, _ = io.WriteString(s.meet(f.files), "text")
			case "RETR messages":
				s.say(conn(f.messages))
				_, _ = io.WriteString(s.meet(f.messages), "text")
			}
		})
		f.ownQuit.Store(true)
		o := Options{StallTimeout: 1e7}
		if errors.Is(kind, ErrLost) {
			o.ReplyTimeout = 1e7
		}
		c := f.dialClassic(o)
		name, get := strings.CutPrefix(line, "RETR ")
		var err error
		if get {
			_, err = c.Get(t.Context(), name, io.Discard)
		} else {
			err = c.Quit(t.Context())
		}
		if !errors.Is(err, kind) {
			t.Errorf("%s: %v, want one that is %v", line, err, kind)
		}
	}
}

func TestClassicContextEndsTransferOnly(t *testing.T) {
	seen := make(chan error, 1)
	f := newClassic(t, func(s *session, f *classicFake, line string) {
		if line != "RETR slow" {
			f.send(s, "text")
			return
		}
		s.say(conn(f.files))
		data := s.meet(f.files)
		_, _ = io.WriteString(data, "text")
		_, err := io.Copy(io.Discard, data)
		seen <- err
	})
	c := f.dialClassic(Options{})
	w := newFirstWrite()
	_, err := c.Get(cancelOn(t, w.came), "slow", w)
	wantKind(t, err, context.Canceled)
	if err := <-seen; !isReset(err) {
		t.Errorf("the server saw %v, want a reset", err)
	}
	wantGet(t, c, "a", "text")
}

func TestClassicCompleteFileClosesCleanly(t *testing.T) {
	seen := make(chan error, 1)
	f := newClassic(t, func(s *session, f *classicFake, line string) {
		l := f.files
		if line == "RETR gone" {
			l = f.messages
		}
		s.say(conn(l))
		data := s.meet(l)
		_, _ = io.WriteString(data, notFound+"\n")
		_ = data.CloseWrite()
		_, err := io.Copy(io.Discard, data)
		seen <- err
	})
	c := f.dialClassic(Options{})
	for _, name := range []string{"file", "gone"} {
		_, _ = c.Get(t.Context(), name, io.Discard)
		if err := <-seen; err != nil {
			t.Errorf("%s: the server saw %v, want a close in order", name, err)
		}
	}
}

func TestClassicQuitSaysGoodbye(t *testing.T) {
	for name, test := range map[string]struct {
		answer func(s *session)
		kind   error
	}{
		"thanks":       {answer: func(s *session) { s.say(codec.ClassicThanks + "\n") }},
		"thanks, CRLF": {answer: func(s *session) { s.say(codec.ClassicThanks + "\r\n") }},
		"other words":  {answer: func(s *session) { s.say("THANK YOU, BYE\n") }},
		"cut": {answer: func(s *session) {
			s.say(codec.ClassicThanks)
			_ = s.control.Close()
		}},
		"close": {answer: func(s *session) { _ = s.control.Close() }},
		"reset": {answer: func(s *session) { reset(s.control) }},
		"CONN":  {answer: func(s *session) { s.say("CONN 20020\n") }, kind: ErrProtocol},
	} {
		said := make(chan string, 1)
		f := newClassic(t, func(s *session, _ *classicFake, line string) {
			said <- line
			test.answer(s)
		})
		f.ownQuit.Store(true)
		c := f.dialClassic(Options{})
		if err := c.Quit(t.Context()); !errors.Is(err, test.kind) {
			t.Errorf("%s: %v, want %v", name, err, test.kind)
		}
		if line := <-said; line != "GOODBYE SERVER" {
			t.Errorf("%s: the client said %q", name, line)
		}
		if _, err := c.Get(t.Context(), "a", io.Discard); err == nil {
			t.Errorf("%s: the session went on", name)
		}
	}
}

func TestClassicRefusesOtherCommands(t *testing.T) {
	f := newClassic(t, func(_ *session, f *classicFake, line string) {
		f.t.Errorf("the server was sent %q", line)
	})
	c := f.dialClassic(Options{})
	_, err := c.List(t.Context(), "")
	wantKind(t, err, ErrUnsupported)
	_, err = c.Put(t.Context(), "a", strings.NewReader("text"), 4)
	wantKind(t, err, ErrUnsupported)
	for _, name := range []string{
		"", "a\nGOODBYE SERVER", "a\r", strings.Repeat("a", codec.CommandMax-len("RETR ")+1),
	} {
		_, err := c.Get(t.Context(), name, io.Discard)
		wantKind(t, err, ErrName)
	}
	if err := c.Err(); err != nil {
		t.Errorf("the session is over: %v", err)
	}
	longest := strings.Repeat("a", codec.CommandMax-len("RETR "))
	c = newClassic(t, serveClassic(map[string]string{longest: "text"})).dialClassic(Options{})
	wantGet(t, c, longest, "text")
}

func TestClassicPortsFollowControl(t *testing.T) {
	for _, test := range []struct {
		control, files, messages uint16
		want                     classicPorts
		wrong                    bool
	}{
		{control: ClassicPort, want: classicPorts{20020, 20023}},
		{control: 5000, want: classicPorts{4999, 5002}},
		{control: 5000, files: 7, want: classicPorts{7, 5002}},
		{control: 5000, messages: 7, want: classicPorts{4999, 7}},
		{control: 1, files: 7, messages: 8, want: classicPorts{7, 8}},
		{control: 65535, files: 7, messages: 65535, want: classicPorts{7, 65535}},
		{control: 1, wrong: true},
		{control: 65534, wrong: true},
		{control: 5000, files: 5002, wrong: true},
		{control: 5000, files: 7, messages: 7, wrong: true},
	} {
		o := Options{Exchange: Classic, ClassicFiles: test.files, ClassicMessages: test.messages}
		got, err := o.classicPorts(test.control)
		if test.wrong != (err != nil) || err == nil && got != test.want {
			t.Errorf("%+v: %+v, %v", test, got, err)
		}
		if !test.wrong {
			continue
		}
		_, err = Dial(t.Context(), fmt.Sprintf("127.0.0.1:%d", test.control), o)
		wantKind(t, err, ErrConnect)
	}
}
