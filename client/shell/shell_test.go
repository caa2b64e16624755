package shell

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"ferry/client"
)

// ran is what came of a shell.
type ran struct {
	status   int
	out, err string
}

// paces is what differs from run to run in a line about a transfer.
var paces = regexp.MustCompile(`in [0-9.]+ s \([0-9.]+ .?B/s\)`)

func (r ran) want(t *testing.T, status int, out, err string) {
	t.Helper()
	got := paces.ReplaceAllString(r.out, "PACE")
	if r.status != status || got != out || r.err != err {
		t.Errorf("status %d, out:\n%serr:\n%swant %d, out:\n%serr:\n%s",
			r.status, got, r.err, status, out, err)
	}
}

func TestShellFetchesAndStores(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"a/b": "text", "my last file": "spaces", `"q"`: "quotes", "../../x": "hostile",
		"two words": "two", "up/old": "",
	}
	f := newFake(t, files)
	f.run(&Shell{}, dir, "HOST PORT", "GET a/b\nget \"my last file\"\r\nget \"\"\"q\"\"\"\n"+
		"get ../../x\nGet a/b copy\nget \"two words\"\nexit\nnever read\n").want(t, 0,
		"got a/b: 4 bytes PACE\ngot my last file: 6 bytes PACE\ngot \"q\": 6 bytes PACE\n"+
			"got ../../x: 7 bytes PACE\ngot a/b as copy: 4 bytes PACE\n"+
			"got two words: 3 bytes PACE\n", "")
	wantTree(t, dir, map[string]string{
		"b": "text", "my last file": "spaces", `"q"`: "quotes", "x": "hostile", "copy": "text",
		"two words": "two",
	})

	dir = t.TempDir()
	writeFile(t, dir, "sub/c", strings.Repeat("a", 1234567))
	writeFile(t, dir, "the c", "c")
	writeFile(t, dir, "empty", "")
	f.run(&Shell{}, dir, "HOST PORT", "put sub/c\nput sub/c up/\nput \"the c\"\n"+
		"put empty e\n").want(t, 0,
		"stored c: 1,234,567 bytes PACE\nstored up/c: 1,234,567 bytes PACE\n"+
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
	f := newFake(t, nil)
	for _, name := range []string{
		"..", ".", "a/..", "a/.", "/", "a/", "../", "a\x00b", ".. sub", "a nodir/", "a nodir/b",
	} {
		r := f.run(&Shell{}, dir, "", "open HOST PORT\nget "+name+"\n")
		if r.status != StatusFailed || strings.Count(r.err, "\n") != 1 {
			t.Errorf("get %q: %+v", name, r)
		}
	}
	if asked := f.commands(); len(asked) > 0 {
		t.Errorf("the server was asked: %q", asked)
	}
	if err := os.Remove(filepath.Join(dir, "sub")); err != nil {
		t.Fatal(err)
	}
	wantTree(t, dir, nil)
}

func TestGetSavesIntoNamedFolder(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "sub/old", "old")
	f := newFake(t, map[string]string{"a/b": "text"})
	f.run(&Shell{}, dir, "HOST:PORT get a/b sub", "").
		want(t, 0, "got a/b as sub/b: 4 bytes PACE\n", "")
	f.run(&Shell{}, dir, "HOST:PORT get a/b sub/", "").want(t, 0,
		"got a/b as sub/b: 4 bytes PACE\n", "")
	wantTree(t, filepath.Join(dir, "sub"), map[string]string{"old": "old", "b": "text"})
}

func TestShellStopsAtTheFirstError(t *testing.T) {
	dir := t.TempDir()
	f := newFake(t, map[string]string{"a": "text"})
	const missing = "missing: nothing sent: not found, not readable, or too large " +
		"(this server does not say which)\n"
	f.run(&Shell{}, dir, "HOST PORT", "ls\nget missing\nls\n").want(t, 1, "a\n", missing)
	f.run(&Shell{}, dir, "HOST PORT", "# a list\n-get missing\n  -  frob\nls\n").want(t, 0,
		"a\n", missing+"frob: unknown command; help lists the commands\n")
	f.run(&Shell{}, dir, "HOST PORT", "get a b c \"d\"\nls\n").want(t, 2, "",
		"use: get [-r] [-c] [-s N] [-a] REMOTE [LOCAL]\n")
	f.run(&Shell{}, dir, "HOST PORT", "get \"a\nls\n").want(t, 2, "",
		"a quote was opened and not closed: \"a name\"\n")
	f.run(&Shell{}, dir, "", "ls\nopen HOST PORT\n").want(t, 1, "",
		"not connected: open HOST PORT first\n")
	f.run(&Shell{}, dir, "", "open HOST:PORT\nls\nclose\nls\n").want(t, 1,
		"connected to HOST:PORT\na\n", "not connected: open HOST PORT first\n")

	// A person has seen each error and goes on.
	writeFile(t, dir, "sub/a", "text")
	person := func() *Shell { return &Shell{Interactive: Interactive{Prompt: true}} }
	f.run(person(), dir, "", "ls\nfrob\nopen HOST PORT\nput missing\nput sub\n"+
		"get a\n").want(t, 0,
		"not connected; open HOST PORT connects, help lists the commands\n"+
			"ftp> ftp> ftp> connected to HOST:PORT\nftp> ftp> ftp> got a: 4 bytes PACE\nftp> \n",
		"not connected: open HOST PORT first\nfrob: unknown command; help lists the commands\n"+
			"missing: no such file or directory\n"+
			"sub: not a plain file; put -r stores a folder\n")
}

func TestShellRunsScripts(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "script", "get \"a from file\"\n-get missing\nlpwd\n")
	f := newFake(t, map[string]string{"a": "text", "b": "other", "a from file": "x"})
	s := &Shell{Commands: []string{"get a; get b", "-get gone;ls"}, Quiet: true}
	r := f.run(s, dir, "HOST PORT", "never read\n")
	if r.status != 0 || r.out != "a\na from file\nb\n" {
		t.Errorf("-e: %+v", r)
	}
	s = &Shell{Scripts: []string{filepath.Join(dir, "script"), "-"}, Trace: true, Quiet: true}
	r = f.run(s, dir, "HOST PORT", "ls\nget missing\nls\n")
	if r.status != StatusFailed || !strings.HasSuffix(r.out, dir+"\na\na from file\nb\n") ||
		!strings.HasPrefix(r.err, "+ get \"a from file\"\n+ get missing\nmissing: nothing sent") ||
		!strings.Contains(r.err, "\n+ lpwd\n+ ls\n+ get missing\n") {
		t.Errorf("-f: %+v", r)
	}
	s = &Shell{Scripts: []string{"nowhere"}}
	f.run(s, dir, "", "").want(t, 2, "", "nowhere: no such file or directory\n")
	s = &Shell{Commands: []string{"ls"}}
	f.run(s, dir, "HOST PORT ls", "").want(t, 2, "", errTwice.Error()+"\n")
	s = &Shell{Commands: []string{"quit; ls"}, Scripts: []string{"nowhere"}}
	f.run(s, dir, "HOST PORT", "").want(t, 0, "", "")
}

func TestShellPromptsAPersonOnly(t *testing.T) {
	f := newFake(t, map[string]string{"a": "text"})
	person := &Shell{Interactive: Interactive{Prompt: true}}
	f.run(person, t.TempDir(), "HOST PORT", "\nls\nfrob\n").want(t, 0,
		"connected to HOST:PORT; help lists the commands\nftp> ftp> a\nftp> ftp> \n",
		"frob: unknown command; help lists the commands\n")
	f.run(&Shell{}, t.TempDir(), "HOST PORT", "\nls\n").want(t, 0, "a\n", "")
}

// early is what a base session adds that was lost at its first command.
const early = " at the first command; it may require TLS (--tls) or a login"

func TestShellReconnects(t *testing.T) {
	f := newFake(t, map[string]string{"a": "text", "sub/b": "other"})
	f.answer = func(c *control, command string) bool {
		if strings.HasSuffix(command, "drop") {
			_ = c.conn.Close()
			return true
		}
		return false
	}
	dir := t.TempDir()
	f.run(&Shell{}, dir, "HOST PORT", "get drop\nget a\n").want(t, 4, "",
		"connection lost: the server closed it"+early+"; the next command reconnects\n")
	f.run(&Shell{}, dir, "HOST PORT get drop", "").want(t, 4, "",
		"connection lost: the server closed it"+early+"\n")
	f.run(&Shell{}, dir, "HOST PORT", "cd sub\n-get drop\nget b\nopen\nls\n").want(t, 0,
		"reconnected to HOST:PORT\ngot b: 5 bytes PACE\nconnected to HOST:PORT\nb\n",
		"connection lost: the server closed it; the next command reconnects\n")
}

func TestIdleSessionReconnects(t *testing.T) {
	var times atomic.Int32
	f := newFake(t, map[string]string{"a": "text"})
	f.answer = func(c *control, command string) bool {
		if times.Add(1) == 2 || command == "get drop" {
			_ = c.conn.Close()
			return true
		}
		return false
	}
	s := &Shell{state: state{idleMin: 1}}
	f.run(s, t.TempDir(), "HOST PORT", "ls\nget a\nls\n").want(t, 0,
		"a\ngot a: 4 bytes PACE\na\n", "")
	// Once is enough: who is left again has been answered.
	s = &Shell{state: state{idleMin: 1}}
	f.run(s, t.TempDir(), "HOST PORT", "ls\nget drop\n").want(t, 4, "a\n",
		"connection lost: the server closed it"+early+"; the next command reconnects\n")
}

func TestShellRetries(t *testing.T) {
	var times atomic.Int32
	f := newFake(t, map[string]string{"a": "text"})
	f.answer = func(c *control, command string) bool {
		if times.Add(1) <= 2 && strings.HasPrefix(command, "get") {
			_ = c.conn.Close()
			return true
		}
		return false
	}
	r := f.run(&Shell{Retries: 2}, t.TempDir(), "HOST PORT get a", "")
	const again = "connection lost: the server closed it" + early + "; again in"
	if r.status != 0 || strings.Count(r.err, again) != 2 {
		t.Errorf("%+v", r)
	}
	times.Store(0)
	r = f.run(&Shell{Retries: 1}, t.TempDir(), "HOST PORT get a", "")
	if r.status != StatusLost || strings.Count(r.err, "again in") != 1 {
		t.Errorf("%+v", r)
	}
	// What is said of a file is not going to be another thing the next time.
	r = f.run(&Shell{Retries: 9}, t.TempDir(), "HOST PORT get missing", "")
	if r.status != StatusFailed || strings.Contains(r.err, "again in") {
		t.Errorf("%+v", r)
	}
	f.listener.Close()
	r = f.run(&Shell{Retries: 1}, t.TempDir(), "HOST PORT ls", "")
	if r.status != StatusNoServer || strings.Count(r.err, "again in") != 1 {
		t.Errorf("%+v", r)
	}
}

func TestWaitsBetweenTriesGrow(t *testing.T) {
	for try, most := range map[int]float64{0: 0.5, 1: 1, 2: 2, 5: 16, 6: 30, 100: 30} {
		for range 100 {
			if w := retryWait(try).Seconds(); w < most/2 || w >= most {
				t.Fatalf("try %d waits %v s, want %v to %v", try, w, most/2, most)
			}
		}
	}
}

func TestShellTellsStoredFromSent(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "a", strings.Repeat("a", 4096))
	f := newFake(t, map[string]string{})
	f.answer = func(c *control, command string) bool {
		if command == "put b" {
			c.data()
			return true
		}
		return false
	}
	quick := client.Options{ConfirmWait: 1e7}
	f.run(&Shell{Options: quick}, dir, "HOST PORT put a b", "").want(t, 0,
		"sent b: 4,096 bytes, not confirmed\n", "")
	f.run(&Shell{}, dir, "HOST PORT put a nowhere/", "").want(t, 1, "",
		"nowhere/a: not stored: the server reset the data connection\n")
}

func TestHostileListingIsEscapedOnATerminal(t *testing.T) {
	f := newFake(t, map[string]string{"\x1b[2J\u202egnp": ""})
	f.run(&Shell{Interactive: Interactive{Terminal: true, Colour: true}}, "", "HOST PORT ls", "").
		want(t, 0, "\\x1b[2J\\u202egnp\n", "")
	f.run(&Shell{}, "", "HOST PORT ls", "").want(t, 0, "\x1b[2J\u202egnp\n", "")
	// What a person is told is escaped wherever it goes.
	for _, line := range []string{"get \x1b[2J", "\x1b[2J", "mget \x1b[2J", "put \x1b[2J"} {
		r := f.run(&Shell{Trace: true}, t.TempDir(), "HOST PORT", line+"\n")
		if strings.Contains(r.err+r.out, "\x1b") || r.err == "" {
			t.Errorf("%+v holds an escape", r)
		}
	}
}

func TestWrongUseIsSaidBeforeConnecting(t *testing.T) {
	f := newFake(t, nil)
	for _, args := range []string{
		"get x", "localhost", "localhost 0", "localhost ftp", "HOST PORT frob", "HOST PORT get",
		"HOST PORT get a b c", "HOST PORT get -z a", "ferry://HOST:PORT/a b c", "ferry://HOST",
	} {
		r := f.run(&Shell{Options: client.Options{DialTimeout: 1}}, "", args, "")
		if r.status != StatusWrongUse || strings.Count(r.err, "\n") != 1 || r.out != "" {
			t.Errorf("%q: %+v", args, r)
		}
	}
}

func TestURLFetches(t *testing.T) {
	dir := t.TempDir()
	f := newFake(t, map[string]string{"sub/the a": "text", "sub/b": "other"})
	f.run(&Shell{}, dir, "ferry://HOST:PORT/sub/the%20a", "").
		want(t, 0, "got sub/the a: 4 bytes PACE\n", "")
	f.run(&Shell{}, dir, "ferry://HOST:PORT/sub/b c", "").
		want(t, 0, "got sub/b as c: 5 bytes PACE\n", "")
	f.run(&Shell{}, dir, "ferry://HOST:PORT/sub/ ls", "").want(t, 0, "b\nthe a\n", "")
	f.run(&Shell{}, dir, "", "open ferry://HOST:PORT/sub/\npwd\n").want(t, 0,
		"connected to HOST:PORT\n/sub\n", "")
	f.run(&Shell{}, dir, "ferry://HOST:PORT/nowhere/ ls", "").want(t, 1, "",
		"nowhere: no such folder\n")
	wantTree(t, dir, map[string]string{"the a": "text", "c": "other"})
}

func TestRemoteFolderIsKeptByShell(t *testing.T) {
	f := newFake(t, map[string]string{"a/b/c": "text", "a/d": "other", "e": ""})
	f.run(&Shell{}, t.TempDir(), "HOST PORT", "pwd\ncd a\nls\ncd b/\npwd\nls\ncd ..\nls b\n"+
		"get b/c\n").want(t, 0, "/\nb/\nd\n/a/b\nc\nc\ngot b/c: 4 bytes PACE\n", "")
	f.run(&Shell{}, t.TempDir(), "HOST PORT", "cd a\nls /\ncd ../a/b\npwd\nls ..\ncd\npwd\n"+
		"cd ../../..\npwd\ncd e\n").want(t, 1, "a/\ne\n/a/b\nb/\nd\n/\n/\n",
		"e: no such folder\n")
	s := new(Shell)
	for _, test := range []struct{ folder, word, want string }{
		{"", "../x", "../x"},
		{"", "a", "a"},
		{"a", "b", "a/b"},
		{"a", "/b", "/b"},
		{"a", "", "a"},
		{"a", "..", "/"},
		{"a/b", "../c", "/a/c"},
		{"a", "..b", "a/..b"},
		{"a", "./b", "/a/b"},
		{"a", ".", "a"},
	} {
		s.folder = test.folder
		if got := s.remote(test.word); got != test.want {
			t.Errorf("%q in %q: %q, want %q", test.word, test.folder, got, test.want)
		}
	}
}

func TestInterruptedTransferEndsOneCommand(t *testing.T) {
	moving := make(chan struct{}, 1)
	f := newFake(t, map[string]string{"a": "text"})
	f.answer = func(c *control, command string) bool {
		if !strings.HasPrefix(command, "get slow") {
			return false
		}
		conn := c.data()
		_, _ = io.WriteString(conn, "0000000100text")
		moving <- struct{}{}
		_, _ = io.Copy(io.Discard, conn)
		return true
	}
	shell := func() *Shell {
		return &Shell{Interactive: Interactive{Interruptible: func(
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
		}}}
	}
	dir := t.TempDir()
	f.run(shell(), dir, "HOST PORT get slow", "").want(t, 130, "", "slow: interrupted\n")
	wantTree(t, dir, nil)
	// A dash in front is no reason to go on after that.
	f.run(shell(), dir, "HOST PORT", "-get slow\nget a\n").want(t, 130, "",
		"slow: interrupted\n")
	person := shell()
	person.Prompt = true
	f.run(person, dir, "HOST PORT", "get slow\nget a\nquit\n").want(t, 0,
		"connected to HOST:PORT; help lists the commands\nftp> ftp> got a: 4 bytes PACE\nftp> ",
		"slow: interrupted\n")
}

func TestHelpNamesEveryCommand(t *testing.T) {
	f := newFake(t, nil)
	all := f.run(&Shell{}, "", "", "?\n")
	for _, v := range verbs() {
		name := strings.TrimSpace(v.words[0] + " " + v.usage)
		if !strings.Contains(all.out, name+" ") || v.says == "" {
			t.Errorf("help leaves out %s", name)
		}
		one := f.run(&Shell{}, "", "", "HELP "+strings.ToUpper(v.words[0])+"\n")
		if one.status != 0 || !strings.HasPrefix(one.out, v.line()) {
			t.Errorf("help %s: %+v", v.words[0], one)
		}
		for _, line := range v.examples {
			word, follows, err := splitLine(line)
			c, bad := new(Shell).find(word, &follows)
			if err := errors.Join(err, bad); err != nil || c.verb.words[0] != v.words[0] {
				t.Errorf("the example %q of %s: %v", line, v.words[0], err)
			}
		}
	}
	for line := range strings.Lines(f.run(&Shell{}, t.TempDir(), "", "help\n").out) {
		if len(line) > 80 {
			t.Errorf("help has a line of %d columns: %s", len(line)-1, line)
		}
	}
	s := &Shell{In: strings.NewReader(""), Out: new(strings.Builder), Err: new(strings.Builder)}
	if got := s.Help([]string{"frob"}); got != StatusWrongUse {
		t.Errorf("help frob: %d", got)
	}
}

func TestClassicCommands(t *testing.T) {
	s := func() *Shell { return &Shell{Options: client.Options{Exchange: client.Classic}} }
	f := newFake(t, nil)
	// What cannot be is said before anybody is asked.
	for _, line := range []string{"ls", "put x", "mget *", "cd x", "mkdir x", "mirror"} {
		word, _, _ := strings.Cut(line, " ")
		f.run(s(), t.TempDir(), "localhost 1 "+line, "").want(t, 1, "",
			word+": the classic exchange has none\n")
	}
	f.run(s(), t.TempDir(), "localhost 1 put", "").want(t, 2, "",
		"use: put [-r] [-c] [-a] LOCAL [REMOTE]\n")
	help := f.run(s(), t.TempDir(), "", "help\n").out
	if !strings.Contains(help, "list a folder; folders end with / (also: dir) (the classic") {
		t.Errorf("help:\n%s", help)
	}
}
