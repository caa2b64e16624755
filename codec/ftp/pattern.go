package ftp

import (
	"bytes"
	"path"
	"strings"
)

// PatternMax is the longest pattern in bytes. Matching a name takes time in proportion to the
// product of both lengths, and names have 255 bytes.
const PatternMax = 255

// Pattern is a wildcard pattern for the names in one folder: `*`, `?`, `[a-z]`, `[!a-z]`, and `\`
// before a character that means itself.
type Pattern struct {
	// Folder is what stands before the last slash, with that slash, or empty.
	Folder string
	glob   string
	hidden bool // The pattern names hidden files: it begins with a dot.
}

// ParsePattern reads a pattern. It is none if it has no wildcard, or a wildcard before the last
// slash: one folder is read for a pattern, not a tree.
func ParsePattern(argument []byte) (p Pattern, ok bool) {
	text := string(argument)
	if !strings.ContainsAny(text, "*?[") || len(text) > PatternMax {
		return Pattern{}, false
	}
	last := strings.LastIndexByte(text, '/') + 1
	folder, glob := text[:last], text[last:]
	if strings.ContainsAny(folder, "*?[") {
		return Pattern{}, false
	}
	glob = negated(glob)
	if _, err := path.Match(glob, ""); err != nil {
		return Pattern{}, false
	}
	return Pattern{folder, glob, strings.HasPrefix(glob, ".")}, true
}

// negated writes the shell's [!a-z] as path.Match has it: [^a-z].
func negated(glob string) string {
	out := []byte(glob)
	inClass := false
	for i := 0; i < len(out); i++ {
		switch {
		case out[i] == '\\':
			i++
		case inClass:
			inClass = out[i] != ']'
		case out[i] == '[':
			inClass = true
			if i+1 < len(out) && out[i+1] == '!' {
				out[i+1] = '^'
			}
		}
	}
	return string(out)
}

// Match says whether the pattern matches a name. As in a shell, a wildcard does not match the dot
// that a hidden name begins with.
func (p Pattern) Match(name string) bool {
	if strings.HasPrefix(name, ".") && !p.hidden {
		return false
	}
	ok, err := path.Match(p.glob, name)
	return ok && err == nil
}

// List is the argument of LIST or NLST.
type List struct {
	// Long and All are set by the flags -l and -a or -A.
	Long, All bool
	tries     [3]Try
	n         int
}

// Try is one reading of an argument. Names come before patterns.
type Try struct {
	Name    []byte
	Pattern bool
}

// Tries are the readings in the order to try them: the first of a name that exists, or the
// pattern, is meant. An empty name is the current folder.
func (l *List) Tries() []Try { return l.tries[:l.n] }

// ParseList reads the argument of LIST or NLST: flags as ls has them, which clients send though no
// RFC knows them, and a path or a pattern. A word that may be flags is a name if it exists.
func ParseList(argument []byte) List {
	var l List
	rest := argument
	for len(rest) > 1 && rest[0] == '-' && rest[1] != ' ' {
		var flags []byte
		flags, rest, _ = bytes.Cut(rest, []byte{' '})
		l.Long = l.Long || bytes.IndexByte(flags, 'l') > 0
		l.All = l.All || bytes.ContainsAny(flags, "aA")
		if string(flags) == "--" {
			break
		}
	}
	if len(rest) < len(argument) {
		l.add(Try{Name: argument})
	}
	l.add(Try{Name: rest})
	if _, ok := ParsePattern(rest); ok {
		l.add(Try{rest, true})
	}
	return l
}

func (l *List) add(t Try) {
	l.tries[l.n] = t
	l.n++
}
