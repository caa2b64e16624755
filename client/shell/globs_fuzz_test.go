package shell

import (
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzPattern holds that a pattern walked folder by folder, as names come from a server, finds what
// it matches as a whole.
func FuzzPattern(f *testing.F) {
	for _, seed := range [][2]string{
		{"*.txt", "a.txt"},
		{"a/*/c", "a/b/c"},
		{"**/x", "a/b/x"},
		{"{a,b}/[c-e]?", "b/d1"},
		{"a/**", "a/b/c"},
		{"[^a]*", "b"},
		{"a\\*", "a*"},
		{"{a/b,c}", "c"},
		{"**", "x/y"},
		{"[", "["},
		{"/a/*", "a/b"},
		{"a//b", "a/b"},
		{"", ""},
		{"*/*", ".a/b"},
		{"*/**", "a"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, at string) {
		p, err := parsePattern(text)
		if err != nil {
			return
		}
		if at == "" || at != path.Clean(at) || strings.HasPrefix(at, "/") ||
			strings.HasPrefix(at, ".") || strings.Contains(at, "/.") || len(text)+len(at) > 200 {
			return // no path beneath a folder, or one whose names are hidden
		}
		got := walked(p.parts, strings.Split(at, "/"))
		if strings.ContainsAny(text, `{[\`) || !utf8.ValidString(text) {
			return // enough that it ends
		}
		for _, part := range p.parts {
			if part != "**" && strings.Contains(part, "**") {
				return // which the library takes as it likes
			}
		}
		if want := expression(p.parts).MatchString(at); got != want {
			t.Errorf("%q: %q walked to is %v, matched as a whole %v", text, at, got, want)
		}
	})
}

// expression is a pattern without classes and alternatives as a regular expression.
func expression(parts []string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("(?s)^")
	for i, part := range parts {
		last := i == len(parts)-1
		switch {
		case part == "**" && last:
			b.WriteString("(?:[^/]+/)*[^/]+") // whatever is beneath, and not the folder itself
		case part == "**":
			b.WriteString("(?:[^/]+/)*")
		default:
			b.WriteString(strings.NewReplacer(`\*`, "[^/]*", `\?`, "[^/]").Replace(
				regexp.QuoteMeta(part)))
			if !last {
				b.WriteString("/")
			}
		}
	}
	return regexp.MustCompile(b.String() + "$")
}

// walked says whether the parts of a pattern match a path whose last name is a file's.
func walked(parts, at []string) bool {
	for _, below := range nextParts(parts, at[0]) {
		if len(at) == 1 && len(below) == 0 || len(at) > 1 && walked(below, at[1:]) {
			return true
		}
	}
	return false
}
