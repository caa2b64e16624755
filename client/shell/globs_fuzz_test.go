package shell

import (
	"path"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"
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
		whole, err := doublestar.Match(strings.Join(p.parts, "/"), at)
		if err != nil {
			t.Fatalf("%q is a pattern, and cannot be matched: %v", text, err)
		}
		if got := walked(p.parts, strings.Split(at, "/")); got != whole {
			t.Errorf("%q: %q walked to is %v, matched as a whole %v", text, at, got, whole)
		}
	})
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
