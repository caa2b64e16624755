package shell

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// completed is what a Tab at the end of a line, or at | in it, makes of it.
func completed(s *Shell, line string) string {
	before, after, _ := strings.Cut(line, "|")
	head, candidates, tail := s.complete(before+after, len([]rune(before)))
	if tail != after {
		return fmt.Sprintf("%q stands behind", tail)
	}
	for i := range candidates {
		candidates[i] = head + candidates[i]
	}
	return strings.Join(candidates, "|")
}

func TestTabCompletes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"notes.txt", "nothing here", "sub/inner", ".hidden", "süß.txt", "new\x1bline",
	} {
		writeFile(t, dir, name, "")
	}
	f := newFake(t, map[string]string{
		"report.txt": "", "music/boat.ogg": "", "music/bass.ogg": "", "the last/one": "",
		"re\x1bd": "", "-r": "", `"q`: "",
	})
	s := &Shell{Config: &Config{Bookmarks: map[string]string{"lab": "h:1", "lap": "h:2"}}}
	f.run(s, dir, "", "")
	if err := s.open(t.Context(), target{server: server{addr: f.addr}}); err != nil {
		t.Fatal(err)
	}
	defer s.leave(t.Context())
	for line, want := range map[string]string{
		"ge":                    "get ",
		"GE":                    "get ",
		"  mg":                  "  mget ",
		"m":                     "mget|mirror|mkdir|mput|mv",
		"frob x":                "",
		"get rep":               "get report.txt ",
		"get m":                 "get music/",
		"get music/b":           "get music/bass.ogg|get music/boat.ogg",
		"get music/bo":          "get music/boat.ogg ",
		"get -r m":              "get -r music/",
		"get re|.txt":           "get report.txt ",
		"get the":               `get "the last/`,
		`get "the last/`:        `get "the last/one" `,
		`get "the last/o`:       `get "the last/one" `,
		`get "rep`:              `get "report.txt" `,
		"get report.txt n":      "get report.txt notes.txt|get report.txt \"nothing here\"",
		"get --":                "get --recursive|get --continue|get --segments|get --all",
		"get --re":              "get --recursive ",
		"cd ":                   "cd music/|cd \"the last/",
		"put no":                `put notes.txt|put "nothing here"`,
		"put not":               `put notes.txt|put "nothing here"`,
		"put note":              "put notes.txt ",
		"put s":                 "put sub/|put süß.txt",
		"put sub/":              "put sub/inner ",
		"put .":                 "put .hidden ",
		"put notes.txt m":       "put notes.txt music/",
		"lcd ":                  "lcd sub/",
		"mirror m":              "mirror music/",
		"mirror -R s":           "mirror -R sub/",
		"mirror music s":        "mirror music sub/",
		"help mi":               "help mirror ",
		"open la":               "open lab|open lap",
		"open lab":              "open lab ",
		"mget a b rep":          "mget a b report.txt ",
		"pwd ":                  "",
		`get "a"b`:              "",
		"get nowhere/x":         "",
		"get music/boat.ogg su": "get music/boat.ogg sub/",
	} {
		if got := completed(s, line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	got := strings.Split(completed(s, `get "`), "|")
	if want := []string{
		`get "-r"`, `get """q"`, `get "music/`, `get "report.txt"`, `get "the last/`,
	}; !slices.Equal(sorted(got), sorted(want)) {
		t.Errorf("an open quote: %q, want %q", got, want)
	}
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

func TestTabCachesListings(t *testing.T) {
	f := newFake(t, map[string]string{"a/b": ""})
	s := new(Shell)
	f.run(s, t.TempDir(), "", "")
	if err := s.open(t.Context(), target{server: server{addr: f.addr}}); err != nil {
		t.Fatal(err)
	}
	defer s.leave(t.Context())
	for range 3 {
		completed(s, "get a/")
	}
	f.mu.Lock()
	asked := slices.Clone(f.asked)
	f.mu.Unlock()
	if !slices.Equal(asked, []string{"ls a"}) {
		t.Errorf("asked %q", asked)
	}
}

func TestSystemShellCompletion(t *testing.T) {
	f := newFake(t, map[string]string{"report.txt": ""})
	s := func() *Shell {
		s := &Shell{Config: &Config{Bookmarks: map[string]string{"lab": f.addr}}}
		f.run(s, t.TempDir(), "", "")
		return s
	}
	host, port, _ := strings.Cut(f.addr, ":")
	for _, test := range []struct{ words, word, want string }{
		{"", "l", "lab"},
		{"lab", "mi", "mirror"},
		{"lab get", "re", "report.txt"},
		{host + " " + port + " get", "", "report.txt"},
		{"nowhere", "", ""},
		{"lab frob", "", ""},
	} {
		got := strings.Join(s().Candidates(t.Context(), strings.Fields(test.words), test.word), " ")
		if got != test.want {
			t.Errorf("%q %q: %q, want %q", test.words, test.word, got, test.want)
		}
	}
}

// FuzzComplete holds that whatever stands in a line, what completes it keeps what was there.
func FuzzComplete(f *testing.F) {
	for _, line := range []string{"get a", `put "b c`, "-ge", "\x00", `x "a"b`, "! a", "get \xff"} {
		f.Add(line, 3)
	}
	s := &Shell{Dir: f.TempDir()}
	f.Fuzz(func(t *testing.T, line string, pos int) {
		line = strings.ToValidUTF8(line, "?")
		n := len([]rune(line))
		if pos < 0 || pos > n {
			pos = n
		}
		head, _, tail := s.complete(line, pos)
		if !strings.HasPrefix(line, head) || !strings.HasSuffix(line, tail) ||
			tail != string([]rune(line)[pos:]) {
			t.Errorf("%q at %d: %q and %q", line, pos, head, tail)
		}
	})
}
