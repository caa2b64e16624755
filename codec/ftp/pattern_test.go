package ftp

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPatternsMatch(t *testing.T) {
	for _, c := range []struct{ pattern, matches, others string }{
		{"*", "a b.txt é", ".a"},
		{"*.txt", "a.txt .txt.txt|", "a.txt2 .b.txt"},
		{".*", ".a ..", "a"},
		{"?.b", "a.b é.b \xff.b", "ab.b .b .c.b"},
		{"[a-c]x", "ax bx cx", "dx x"},
		{"[!a-c]x", "dx éx", "ax"},
		{"[^a-c]x", "dx", "ax"},
		{"[a[!]x", "!x [x ax", "^x bx"},
		{`\[!a*`, "[!ab", "ba"},
		{`[x!]*`, "!a xa", "ya"},
		{`\**`, "*a", "ba"},
		{"a*b*c", "abc aXbXc", "acb ab"},
	} {
		p, ok := ParsePattern([]byte(c.pattern))
		if !ok {
			t.Errorf("%q is no pattern", c.pattern)
			continue
		}
		for _, name := range strings.Fields(c.matches) {
			if want := !strings.HasSuffix(name, "|"); p.Match(name) != want {
				t.Errorf("%q matches %q: %t", c.pattern, name, !want)
			}
		}
		for _, name := range strings.Fields(c.others) {
			if p.Match(name) {
				t.Errorf("%q matches %q", c.pattern, name)
			}
		}
	}
}

func TestPatternsAreOfOneFolder(t *testing.T) {
	for pattern, want := range map[string]string{
		"*": " *", "a/*": "a/ *", "/a/b*": "/a/ b*", "/*": "/ *", "../*": "../ *",
	} {
		p, ok := ParsePattern([]byte(pattern))
		if got := p.Folder + " " + p.glob; !ok || got != want {
			t.Errorf("%q: %q, %t", pattern, got, ok)
		}
	}
	for _, pattern := range []string{
		"", "a", "a/b", "*/a", "*/*", "[", "[a", "[]a]", "a[", "[!]", `*\`, `a\b`,
		"*" + strings.Repeat("a", PatternMax),
	} {
		if _, ok := ParsePattern([]byte(pattern)); ok {
			t.Errorf("%q was taken for a pattern", pattern)
		}
	}
}

// A matcher that backtracks over each star takes years here.
func TestHostilePatternIsCheap(t *testing.T) {
	p, ok := ParsePattern([]byte(strings.Repeat("*a", PatternMax/2) + "b"))
	if !ok {
		t.Fatal("no pattern")
	}
	if p.Match(strings.Repeat("a", 255)) {
		t.Error("it matched")
	}
}

func TestListArguments(t *testing.T) {
	for argument, want := range map[string]string{
		"":          `[""]`,
		"dir":       `["dir"]`,
		" dir ":     `[" dir "]`,
		"-a":        `["-a" ""] all`,
		"-la":       `["-la" ""] long all`,
		"-al X":     `["-al X" "X"] long all`,
		"-a -l X y": `["-a -l X y" "X y"] long all`,
		"-A  X":     `["-A  X" " X"] all`,
		"-CF":       `["-CF" ""]`,
		"-R *":      `["-R *" "*" pattern "*"]`,
		"*.txt":     `["*.txt" pattern "*.txt"]`,
		"-l a/[b]":  `["-l a/[b]" "a/[b]" pattern "a/[b]"] long`,
		"-":         `["-"]`,
		"- a":       `["- a"]`,
		"-- -a":     `["-- -a" "-a"]`,
		"-l -- -a":  `["-l -- -a" "-a"] long`,
		"a -l":      `["a -l"]`,
		"-a ":       `["-a " ""] all`,
		"*/*":       `["*/*"]`,
	} {
		l := ParseList([]byte(argument))
		if got := describeList(l); got != want {
			t.Errorf("%q: %s, want %s", argument, got, want)
		}
	}
}

func describeList(l List) string {
	var out []string
	for _, try := range l.Tries() {
		text := fmt.Sprintf("%q", try.Name)
		if try.Pattern {
			text = "pattern " + text
		}
		out = append(out, text)
	}
	text := "[" + strings.Join(out, " ") + "]"
	if l.Long {
		text += " long"
	}
	if l.All {
		text += " all"
	}
	return text
}

// checkList holds the readings of an argument: the whole of it first, ends of it after.
func checkList(t *testing.T, argument []byte) {
	l := ParseList(argument)
	tries := l.Tries()
	if len(tries) == 0 || !bytes.Equal(tries[0].Name, argument) {
		t.Fatalf("%q: %s", argument, describeList(l))
	}
	for _, try := range tries {
		if !bytes.HasSuffix(argument, try.Name) {
			t.Fatalf("%q: %s", argument, describeList(l))
		}
	}
}

// FuzzPattern holds patterns against a regular expression of the same meaning.
func FuzzPattern(f *testing.F) {
	f.Add("*.txt", "a.txt")
	f.Add("[!a-c]?", "dx")
	f.Add(`\[*\]`, "[a]")
	f.Add("a*b*c", "aXbXc")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		p, ok := ParsePattern([]byte(pattern))
		if !ok || strings.Contains(name, "/") || p.Folder != "" {
			return
		}
		// Classes are path.Match's business; the expression knows the rest.
		if strings.ContainsAny(strings.ReplaceAll(pattern, `\[`, ""), "[") ||
			!utf8.ValidString(pattern) || !utf8.ValidString(name) {
			p.Match(name)
			return
		}
		var re strings.Builder
		re.WriteString(`\A(?s:`)
		escaped := false
		for _, c := range pattern {
			switch {
			case escaped:
				re.WriteString(regexp.QuoteMeta(string(c)))
				escaped = false
			case c == '\\':
				escaped = true
			case c == '*':
				re.WriteString(".*")
			case c == '?':
				re.WriteString(".")
			default:
				re.WriteString(regexp.QuoteMeta(string(c)))
			}
		}
		re.WriteString(`)\z`)
		want := regexp.MustCompile(re.String()).MatchString(name)
		if strings.HasPrefix(name, ".") && !strings.HasPrefix(pattern, ".") {
			want = false
		}
		if got := p.Match(name); got != want {
			t.Fatalf("%q matches %q: %t", pattern, name, got)
		}
	})
}
