package shell

import (
	"slices"
	"strings"
	"testing"
)

func TestLineIsTakenApart(t *testing.T) {
	for line, want := range map[string]struct {
		word  string
		words []string
		rest  string
	}{
		"":                       {},
		"  \t\r":                 {},
		"LS":                     {word: "ls"},
		" Get  a  b \r":          {"get", []string{"a", "b"}, "a  b"},
		`get "a  b"`:             {"get", []string{"a  b"}, ""},
		`get "a" "b c" d`:        {"get", []string{"a", "b c", "d"}, ""},
		`get "say ""hi"""`:       {"get", []string{`say "hi"`}, ""},
		`get "a"""`:              {"get", []string{`a"`}, ""},
		`get ""`:                 {"get", []string{""}, ""},
		`get don't a"b C:\x\`:    {"get", []string{"don't", `a"b`, `C:\x\`}, `don't a"b C:\x\`},
		"get the  last report":   {"get", []string{"the", "last", "report"}, "the  last report"},
		"put\ta\u00a0b\u3000\tc": {"put", []string{"a\u00a0b\u3000", "c"}, "a\u00a0b\u3000\tc"},
	} {
		word, follows, err := splitLine(line)
		if word != want.word || !slices.Equal(follows.words, want.words) ||
			follows.rest != want.rest || err != nil {
			t.Errorf("%q: %q %+v %v; want %+v", line, word, follows, err, want)
		}
	}
	for _, line := range []string{`get "a`, `get "a"b`, `get a "`, `get """`} {
		if _, follows, err := splitLine(line); err == nil {
			t.Errorf("%q: %+v, want an error", line, follows)
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
	})
}

func TestWhatATerminalMustNotGetIsEscaped(t *testing.T) {
	for text, want := range map[string]string{
		"plain ü 文 👩‍🔬":   "plain ü 文 👩‍🔬",
		"\x1b[2Jx":        `\x1b[2Jx`,
		"a\tb\r\nc\x7f":   `a\tb\r\nc\x7f`,
		"\xff\x9bA":       `\xff\x9bA`,
		"\u009b31m":       `\u009b31m`,
		"a\u202egnp.exe":  `a\u202egnp.exe`,
		"a\u2028b\u2066c": `a\u2028b\u2066c`,
	} {
		if got := printable(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
