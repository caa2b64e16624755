package shell

import (
	"fmt"
	"strings"
	"testing"
)

func TestClassicShellFetchesAndHasNoMore(t *testing.T) {
	dir := t.TempDir()
	f := newClassic(t, serveClassic(map[string]string{"a/b": "text", "empty": ""}))
	shell := func() *Shell { return &Shell{Options: f.set(Options{})} }
	f.run(shell(), dir, "HOST PORT", "get a/b\nls\nput b\nget gone\nget empty\nopen HOST PORT\n"+
		"get a/b copy\nquit\nnever read\n").want(t, 1,
		"got a/b: 4 bytes PACE\ngot empty: 0 bytes PACE\nconnected to HOST:PORT\n"+
			"got a/b as copy: 4 bytes PACE\n",
		"ls: the classic exchange has none\nput: the classic exchange has none\n"+
			"gone: "+notFound+"\n")
	wantFiles(t, dir, map[string]string{"b": "text", "empty": "", "copy": "text"})

	f.run(shell(), dir, "HOST PORT get a/b", "").want(t, 0, "got a/b: 4 bytes PACE\n", "")
	f.run(shell(), dir, "HOST PORT get gone", "").want(t, 1, "", "gone: "+notFound+"\n")
	f.run(shell(), dir, "HOST PORT quit", "").want(t, 0, "", "")
	// What cannot be is said before anybody is asked.
	for _, word := range []string{"ls", "put"} {
		f.run(shell(), dir, "localhost 1 "+word+" x", "").want(t, 1, "",
			word+": the classic exchange has none\n")
	}
	f.run(shell(), dir, "localhost 1 put", "").want(t, 2, "", "use: put LOCAL [REMOTE]\n")
	help := f.run(shell(), dir, "help", "").out
	if strings.Count(help, "(the classic exchange has none)\n") != 2 {
		t.Errorf("help:\n%s", help)
	}
}

func TestClassicMessageIsEscaped(t *testing.T) {
	f := newClassic(t, func(s *session, f *classicFake, _ string) {
		s.say(conn(f.messages))
		finish(s.meet(f.messages), "\x1b[2J\u202e\a\x9b: GONE\rTOO\n")
	})
	f.run(&Shell{Options: f.set(Options{})}, t.TempDir(), "HOST PORT get a", "").want(t, 1, "",
		`a: \x1b[2J\u202e\a\x9b: GONE\rTOO`+"\n")
}

func TestHostAloneServesWhereThereIsAStandardPort(t *testing.T) {
	for words, want := range map[string]string{
		"h": "h:20021 []", "h get a": "h:20021 [get a]", "h 21 get a": "h:21 [get a]",
		"h:21 get a": "h:21 [get a]", "21": "localhost:21 []", "::1 get a": "[::1]:20021 [get a]",
		"[::1] get 7": "[::1]:20021 [get 7]", "::1 21": "[::1]:21 []",
		"fe80::1%lo": "[fe80::1%lo]:20021 []", "h:ftp": "", "h:0": "", "[]": "",
	} {
		addr, rest, err := parseTarget(strings.Fields(words), ClassicPort)
		if got := fmt.Sprint(addr, " ", rest); want != "" && (got != want || err != nil) {
			t.Errorf("%q: %s, %v; want %s", words, got, err, want)
		}
		if want == "" && err == nil {
			t.Errorf("%q was taken for %s", words, addr)
		}
	}
	if _, _, err := parseTarget([]string{"h", "get", "a"}, 0); err == nil {
		t.Error("a host alone was taken without a standard port")
	}
}
