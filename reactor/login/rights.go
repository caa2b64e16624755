package login

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
)

// Mode is what a rule allows. Write alone is a drop box: files can be added, but not listed, read,
// replaced or removed.
type Mode uint8

// The modes.
const (
	Read Mode = 1 << iota
	Write
)

// modeWords are the modes as they are written.
var modeWords = map[string]Mode{"-": 0, "r": Read, "w": Write, "rw": Read | Write}

// Has reports whether m includes all of wanted.
func (m Mode) Has(wanted Mode) bool { return m&wanted == wanted }

// String is the mode as it is written.
func (m Mode) String() string {
	for word, mode := range modeWords {
		if mode == m {
			return word
		}
	}
	return "-"
}

// Rule says what is allowed for a file or a folder, and for everything beneath it.
type Rule struct {
	// Path is relative to the served root, without slashes at its ends; empty for the root.
	Path string
	Mode Mode
}

// Rights are the rules of a user, longest path first. They do not change. Paths in calls look like
// Rule.Path. What no rule covers is not allowed.
type Rights []Rule

// rulesMax bounds the rules of one user, since every listed name is compared with each of them.
const rulesMax = 64

// At returns what is allowed at a path. The rule with the longest path decides.
func (r Rights) At(at string) Mode {
	for _, rule := range r {
		if covers(rule.Path, at) {
			return rule.Mode
		}
	}
	return 0
}

// Everything reports whether nothing is withheld.
func (r Rights) Everything() bool { return len(r) == 1 && r[0] == Rule{Mode: Read | Write} }

// Sees reports whether a user may know that a path exists: it can be read, or leads to something
// that is allowed.
func (r Rights) Sees(at string) bool {
	return r.At(at).Has(Read) || slices.ContainsFunc(r, func(rule Rule) bool {
		return rule.Mode != 0 && covers(at, rule.Path)
	})
}

// Divide reports whether a rule begins beneath a path, so that the rights there differ.
func (r Rights) Divide(at string) bool {
	return slices.ContainsFunc(r, func(rule Rule) bool {
		return rule.Path != at && covers(at, rule.Path)
	})
}

// covers reports whether at is the folder or beneath it.
func covers(folder, at string) bool {
	return folder == "" || strings.HasPrefix(at, folder) &&
		(len(at) == len(folder) || at[len(folder)] == '/')
}

// ParseRights reads rules such as "/:r /ann:rw". Spaces in a path are written as %20.
func ParseRights(text string) (Rights, error) {
	words := strings.Fields(text)
	if len(words) == 0 || len(words) > rulesMax {
		return nil, fmt.Errorf("give from 1 to %d rights such as /:r /ann:rw", rulesMax)
	}
	var rights Rights
	var faults []error
	for _, word := range words {
		rule, err := parseRule(word)
		taken := slices.ContainsFunc(rights, func(o Rule) bool { return o.Path == rule.Path })
		if err == nil && taken {
			err = fmt.Errorf("right %s: there are two for this path", word)
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		rights = append(rights, rule)
	}
	slices.SortFunc(rights, func(a, b Rule) int {
		return cmp.Or(len(b.Path)-len(a.Path), strings.Compare(b.Path, a.Path))
	})
	return rights, errors.Join(faults...)
}

func parseRule(word string) (Rule, error) {
	i := max(0, strings.LastIndexByte(word, ':'))
	mode, known := modeWords[strings.TrimPrefix(word[i:], ":")]
	at, err := url.PathUnescape(word[:i])
	switch {
	case err != nil || !strings.HasPrefix(at, "/"):
		return Rule{}, fmt.Errorf("right %s: give a path that begins with / and a mode", word)
	case !known:
		return Rule{}, fmt.Errorf("right %s: a mode is r, w, rw or -", word)
	case strings.ContainsFunc(at, isControl), slices.Contains(strings.Split(at, "/"), ".."):
		return Rule{}, fmt.Errorf("right %s: this path is not allowed", word)
	}
	return Rule{Path: strings.Trim(path.Clean(at), "/"), Mode: mode}, nil
}

// String is the rights as ParseRights reads them.
func (r Rights) String() string {
	var words []string
	for _, rule := range slices.Backward(r) {
		at := (&url.URL{Path: "/" + rule.Path}).EscapedPath()
		words = append(words, at+":"+rule.Mode.String())
	}
	return strings.Join(words, " ")
}

// isControl reports control characters and bytes that are not UTF-8.
func isControl(r rune) bool { return r < 0x20 || r == 0x7f || r == '\uFFFD' }
