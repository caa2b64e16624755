package shell

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"ferry/codec"
)

// serveStore answers as a server of ours does, and keeps what is put.
func serveStore(files map[string]string) func(s *session, command string) {
	var mu sync.Mutex
	return func(s *session, command string) {
		mu.Lock()
		defer mu.Unlock()
		c := codec.ParseCommand([]byte(command))
		if c.Verb != codec.VerbPut {
			serveFiles(files)(s, command)
			return
		}
		conn := s.data()
		text, err := receive(conn)
		if err == nil {
			files[string(c.Name)] = text
		}
		_ = conn.Close()
	}
}

// ran is what came of a shell.
type ran struct {
	status   int
	out, err string
}

// run runs the shell in dir with these arguments and lines. HOST PORT in them is the fake's.
func (f *fake) run(s *Shell, dir, args, lines string) ran {
	f.t.Helper()
	target := strings.NewReplacer("HOST:PORT", f.addr,
		"HOST PORT", strings.Replace(f.addr, ":", " ", 1))
	var out, errs strings.Builder
	s.Dir, s.In, s.Out, s.Err = dir, strings.NewReader(target.Replace(lines)), &out, &errs
	status := s.Run(f.t.Context(), strings.Fields(target.Replace(args)))
	return ran{status, strings.ReplaceAll(out.String(), f.addr, "HOST:PORT"), errs.String()}
}

// pace is what differs from run to run in a line about a transfer.
var pace = regexp.MustCompile(`in [0-9.]+ s \([0-9.]+ .?B/s\)`)

func (r ran) want(t *testing.T, status int, out, err string) {
	t.Helper()
	got := pace.ReplaceAllString(r.out, "PACE")
	if r.status != status || got != out || r.err != err {
		t.Errorf("status %d, out:\n%serr:\n%swant %d, out:\n%serr:\n%s",
			r.status, got, r.err, status, out, err)
	}
}

func writeFile(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestShellFetchesAndStores(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"a/b": "text", "my last file": "spaces", `"q"`: "quotes", "../../x": "hostile",
		"two words": "two",
	}
	f := newFake(t, "127.0.0.1", serveStore(files))
	f.run(&Shell{}, dir, "HOST PORT", "GET a/b\nget my last file\r\nget \"\"\"q\"\"\"\n"+
		"get ../../x\nGet a/b copy\nget \"two words\"\nexit\nnever read\n").want(t, 0,
		"got a/b: 4 bytes PACE\ngot my last file: 6 bytes PACE\ngot \"q\": 6 bytes PACE\n"+
			"got ../../x: 7 bytes PACE\ngot a/b as copy: 4 bytes PACE\n"+
			"got two words: 3 bytes PACE\n", "")
	wantFiles(t, dir, map[string]string{
		"b": "text", "my last file": "spaces", `"q"`: "quotes", "x": "hostile", "copy": "text",
		"two words": "two",
	})

	dir = t.TempDir()
	writeFile(t, dir, "sub/c", strings.Repeat("a", 1234567))
	writeFile(t, dir, "the c", "c")
	writeFile(t, dir, "empty", "")
	f.run(&Shell{}, dir, "HOST PORT", "put sub/c\nput sub/c up/\nput the c\nput empty e\n").want(
		t, 0, "stored c: 1,234,567 bytes PACE\nstored up/c: 1,234,567 bytes PACE\n"+
			"stored the c: 1 byte PACE\nstored e: 0 bytes PACE\n", "")
	if len(files["c"]) != 1234567 || files["the c"] != "c" || files["c"] != files["up/c"] {
		t.Error("the server got something else")
	}
	if text, there := files["e"]; !there || text != "" {
		t.Error("the empty file is not there")
	}
}

func TestShellNeverWritesOutsideTheFolder(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "in")
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	f := newFake(t, "127.0.0.1", func(_ *session, command string) {
		t.Errorf("the server was asked: %s", command)
	})
	for _, name := range []string{
		"..", ".", "a/..", "a/.", "/", "a/", "../", "a\x00b", ".. sub", "a nodir/", "a nodir/b",
	} {
		r := f.run(&Shell{}, dir, "", "open HOST PORT\nget "+name+"\n")
		if r.status != statusFailed || strings.Count(r.err, "\n") != 1 {
			t.Errorf("get %q: %+v", name, r)
		}
	}
	if err := os.Remove(filepath.Join(dir, "sub")); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, dir, nil)
}

func TestShellSavesBeneathTheFolderThatIsNamed(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "sub/old", "old")
	f := newFake(t, "127.0.0.1", serveStore(map[string]string{"a/b": "text"}))
	f.run(&Shell{}, dir, "HOST:PORT get a/b sub", "").
		want(t, 0, "got a/b as sub: 4 bytes PACE\n", "")
	f.run(&Shell{}, dir, "HOST:PORT get a/b sub/", "").want(t, 0,
		"got a/b as sub/: 4 bytes PACE\n", "")
	wantFiles(t, filepath.Join(dir, "sub"), map[string]string{"old": "old", "b": "text"})
}

func TestShellSaysWhatFailedAndGoesOn(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "sub/a", "text")
	f := newFake(t, "127.0.0.1", serveStore(map[string]string{"a": "text"}))
	f.run(&Shell{}, dir, "", "ls\nfrob\nopen HOST PORT\nget missing\nget a b c \"d\"\nget\n"+
		"put missing\nput sub\nls\nclose\nget a\nopen HOST:PORT\nget a\n").want(t, 1,
		"connected to HOST:PORT\na\nconnected to HOST:PORT\ngot a: 4 bytes PACE\n",
		"not connected: open HOST PORT first\n"+
			"frob: unknown command; help lists the commands\n"+
			"missing: nothing sent: missing, unreadable or too large (this server cannot say)\n"+
			"use: get NAME [LOCAL]\nuse: get NAME [LOCAL]\n"+
			"missing: local error: no such file or directory\n"+
			"sub: local error: not a plain file\n"+
			"not connected: open HOST PORT first\n")
}

func TestShellPromptsAPersonOnly(t *testing.T) {
	f := newFake(t, "127.0.0.1", serveStore(map[string]string{"a": "text"}))
	f.run(&Shell{Prompt: true}, t.TempDir(), "HOST PORT", "\nls\nfrob\n").want(t, 0,
		"connected to HOST:PORT; help lists the commands\nftp> ftp> a\nftp> ftp> \n",
		"frob: unknown command; help lists the commands\n")
	f.run(&Shell{}, t.TempDir(), "HOST PORT", "\nls\n").want(t, 0, "a\n", "")
}

func TestShellSaysThatTheConnectionWasLost(t *testing.T) {
	files := serveStore(map[string]string{"a": "text"})
	f := newFake(t, "127.0.0.1", func(s *session, command string) {
		if command == "get drop" {
			_ = s.control.Close()
			return
		}
		files(s, command)
	})
	dir := t.TempDir()
	f.run(&Shell{}, dir, "HOST PORT", "get drop\nget a\nopen HOST PORT\nget a\n").want(t, 1,
		"connected to HOST:PORT\ngot a: 4 bytes PACE\n",
		"connection lost: the server closed it; open HOST PORT connects again\n"+
			"not connected: open HOST PORT first\n")
	f.run(&Shell{}, dir, "HOST PORT get drop", "").want(t, 1, "",
		"connection lost: the server closed it\n")
}

func TestShellTellsStoredFromSent(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "a", strings.Repeat("a", 4096))
	f := newFake(t, "127.0.0.1", func(s *session, command string) {
		if conn := s.data(); command == "put refused" {
			reset(conn)
		}
	})
	quick := Options{ConfirmWait: 1e7}
	f.run(&Shell{Options: quick}, dir, "HOST PORT put a", "").want(t, 0,
		"sent a: 4,096 bytes, not confirmed\n", "")
	f.run(&Shell{Options: quick}, dir, "HOST PORT put a refused", "").want(t, 1, "",
		"refused: not stored: the server reset the data connection\n")
}

func TestHostileListingIsEscapedOnATerminal(t *testing.T) {
	f := newFake(t, "127.0.0.1", serveStore(map[string]string{"\x1b[2J\u202egnp": ""}))
	f.run(&Shell{Terminal: true}, "", "HOST PORT ls", "").want(t, 0, "\\x1b[2J\\u202egnp\n", "")
	f.run(&Shell{}, "", "HOST PORT ls", "").want(t, 0, "\x1b[2J\u202egnp\n", "")
	// What a person is told is escaped wherever it goes.
	r := f.run(&Shell{}, t.TempDir(), "HOST PORT", "get \x1b[2J\n")
	if strings.Contains(r.err+r.out, "\x1b") {
		t.Errorf("%+v holds an escape", r)
	}
}

func TestWrongUseIsSaidBeforeConnecting(t *testing.T) {
	f := newFake(t, "127.0.0.1", func(*session, string) {})
	for _, args := range []string{
		"get x", "localhost", "localhost 0", "localhost ftp", "HOST PORT frob", "HOST PORT get",
		"HOST PORT get a b c", "help frob too",
	} {
		r := f.run(&Shell{Options: Options{DialTimeout: 1}}, "", args, "")
		if r.status != statusWrongUse || strings.Count(r.err, "\n") != 1 || r.out != "" {
			t.Errorf("%q: %+v", args, r)
		}
	}
}

func TestTargetIsTakenOffTheFront(t *testing.T) {
	for words, want := range map[string]string{
		"h 21": "h:21 []", "h:21": "h:21 []", "21": "localhost:21 []", "h 21 get a": "h:21 [get a]",
		"[::1]:21 ls": "[::1]:21 [ls]", "::1 21": "[::1]:21 []", "[::1] 21 x": "[::1]:21 [x]",
		"21 get a": "localhost:21 [get a]", "10 21": "10:21 []",
		"fe80::1%lo 21": "[fe80::1%lo]:21 []",
	} {
		addr, rest, err := parseTarget(strings.Fields(words), 0)
		if got := fmt.Sprint(addr, " ", rest); got != want || err != nil {
			t.Errorf("%q: %s, %v; want %s", words, got, err, want)
		}
	}
}

func TestInterruptedTransferEndsOneCommand(t *testing.T) {
	files := serveStore(map[string]string{"a": "text"})
	moving := make(chan struct{}, 1)
	f := newFake(t, "127.0.0.1", func(s *session, command string) {
		if command != "get slow" {
			files(s, command)
			return
		}
		conn := s.data()
		_, _ = io.WriteString(conn, "0000000100text")
		moving <- struct{}{}
		_, _ = io.Copy(io.Discard, conn)
	})
	shell := func() *Shell {
		return &Shell{Interruptible: func(
			ctx context.Context,
		) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			go func() {
				select {
				case <-moving:
					cancel()
				case <-ctx.Done():
				}
			}()
			return ctx, cancel
		}}
	}
	dir := t.TempDir()
	f.run(shell(), dir, "HOST PORT get slow", "").want(t, 130, "", "slow: given up: canceled\n")
	wantFiles(t, dir, nil)
	f.run(shell(), dir, "HOST PORT", "get slow\nget a\n").want(t, 130, "",
		"slow: given up: canceled\n")
	person := shell()
	person.Prompt = true
	f.run(person, dir, "HOST PORT", "get slow\nget a\nquit\n").want(t, 0,
		"connected to HOST:PORT; help lists the commands\nftp> ftp> got a: 4 bytes PACE\nftp> ",
		"slow: given up: canceled\n")
}

func TestHelpNamesEveryCommand(t *testing.T) {
	f := newFake(t, "127.0.0.1", func(*session, string) {})
	all := f.run(&Shell{}, "", "help", "")
	for _, v := range verbs() {
		if !strings.Contains(all.out, v.line()) || v.says == "" {
			t.Errorf("help leaves out %s", v.line())
		}
		one := f.run(&Shell{}, "", "", "HELP "+strings.ToUpper(v.words[0])+"\n")
		if one.status != 0 || !strings.HasPrefix(one.out, v.line()) {
			t.Errorf("help %s: %+v", v.words[0], one)
		}
	}
}
