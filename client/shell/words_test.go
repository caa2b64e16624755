package shell

import (
	"slices"
	"strings"
	"testing"
)

func TestLineIsSplit(t *testing.T) {
	for line, want := range map[string]struct {
		word  string
		words []string
	}{
		"":                       {},
		"  \t\r":                 {},
		"LS":                     {word: "ls"},
		" Get  a  b \r":          {"get", []string{"a", "b"}},
		`get "a  b"`:             {"get", []string{"a  b"}},
		`get "a" "b c" d`:        {"get", []string{"a", "b c", "d"}},
		`get "say ""hi"""`:       {"get", []string{`say "hi"`}},
		`get "a"""`:              {"get", []string{`a"`}},
		`get ""`:                 {"get", []string{""}},
		`get don't a"b C:\x\`:    {"get", []string{"don't", `a"b`, `C:\x\`}},
		"get the  last report":   {"get", []string{"the", "last", "report"}},
		"put\ta\u00a0b\u3000\tc": {"put", []string{"a\u00a0b\u3000", "c"}},
		`!echo "a  b`:            {"!", []string{`echo "a  b`}},
	} {
		word, follows, err := splitLine(line)
		if word != want.word || !slices.Equal(follows.words, want.words) || err != nil {
			t.Errorf("%q: %q %+v %v; want %+v", line, word, follows, err, want)
		}
	}
	for _, line := range []string{`get "a`, `get "a"b`, `get a "`, `get """`} {
		if _, follows, err := splitLine(line); err == nil {
			t.Errorf("%q: %+v, want an error", line, follows)
		}
	}
}

func TestOptionsAreParsed(t *testing.T) {
	for line, want := range map[string]struct {
		words []string
		has   string
	}{
		"get a":                       {words: []string{"a"}},
		"get a b":                     {words: []string{"a", "b"}},
		"get -rc a":                   {words: []string{"a"}, has: "continue recursive"},
		"get a b -c":                  {words: []string{"a", "b"}, has: "continue"},
		"get -s 4 a":                  {words: []string{"a"}, has: "segments"},
		"get -as4 a b":                {words: []string{"a", "b"}, has: "all segments"},
		"get --segments=4 a":          {words: []string{"a"}, has: "segments"},
		`get "-r"`:                    {words: []string{"-r"}},
		"get -- -r":                   {words: []string{"-r"}},
		"get -":                       {words: []string{"-"}},
		"mirror --dry-run a --delete": {words: []string{"a"}, has: "delete dry-run"},
		"mget a b c d":                {words: []string{"a", "b", "c", "d"}},
	} {
		word, follows, err := splitLine(line)
		if err != nil {
			t.Fatal(err)
		}
		c, err := new(Shell).find(word, &follows)
		if err != nil {
			t.Errorf("%q: %v", line, err)
			continue
		}
		var has []string
		for name := range c.has {
			has = append(has, name)
		}
		slices.Sort(has)
		if !slices.Equal(c.words, want.words) || strings.Join(has, " ") != want.has {
			t.Errorf("%q: %q %v; want %+v", line, c.words, has, want)
		}
	}
	for _, line := range []string{
		"get", "get -x a", "get a -s", "get --all=4 a",
		"get --frob a", `get a b "d"`, "get a my file", "get -h", "pwd a", "mget",
		"mirror a b c -R d", `get ""`, "frob",
	} {
		word, follows, err := splitLine(line)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := new(Shell).find(word, &follows); err == nil {
			t.Errorf("%q: %q %v", line, c.words, c.has)
		}
	}
}

func TestCommandsAreSplitAtSemicolons(t *testing.T) {
	for text, want := range map[string][]string{
		"":                      {""},
		"a; b":                  {"a", " b"},
		"get a;put b\nls":       {"get a", "put b", "ls"},
		`get "a;b"; ls`:         {`get "a;b"`, " ls"},
		`get "a"";"; ls`:        {`get "a"";"`, " ls"},
		`get a"b; ls`:           {`get a"b`, " ls"},
		`get "open; ls`:         {`get "open; ls`},
		`!echo "x;y";"ls;"`:     {`!echo "x;y"`, `"ls;"`},
		"get it's; get 'a;b c'": {"get it's", " get 'a", "b c'"},
	} {
		if got := splitCommands(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// FuzzSplitLine holds that nothing is lost: words put in quotes come back as they were.
func FuzzSplitLine(f *testing.F) {
	for _, line := range []string{
		"", "get a b", `get "a b" c`, `put """" x`, "ls \x00\xff", `get "`, "a\r", `x "a""b"`,
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		word, follows, err := splitLine(line)
		if strings.ContainsAny(word, blanks) {
			t.Fatalf("%q: the word is %q", line, word)
		}
		if err != nil {
			return
		}
		again := "word"
		for _, w := range follows.words {
			again += ` "` + strings.ReplaceAll(w, `"`, `""`) + `"`
		}
		_, back, err := splitLine(again)
		if err != nil || !slices.Equal(back.words, follows.words) {
			t.Fatalf("%q: %q, then %q (%v)", line, follows.words, back.words, err)
		}
		for _, w := range follows.words {
			if w == "" {
				continue
			}
			if _, one, err := splitLine("x " + quoted(w)); err != nil || len(one.words) != 1 ||
				one.words[0] != w {
				t.Fatalf("%q is quoted as %s, which is %q (%v)", w, quoted(w), one.words, err)
			}
		}
	})
}

// FuzzSplitCommands holds that nothing is lost but what stood between the commands.
func FuzzSplitCommands(f *testing.F) {
	for _, text := range []string{"a;b", `get "a;b"; c`, "x\ny", `"""`, `a "b`, ";;"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := splitCommands(text)
		length := len(lines) - 1
		for _, line := range lines {
			length += len(line)
			if !strings.Contains(text, line) {
				t.Errorf("%q: %q was not there", text, line)
			}
		}
		if length != len(text) {
			t.Errorf("%q: %d bytes came of %d", text, length, len(text))
		}
	})
}
