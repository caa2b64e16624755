package login

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func rightsOf(t testing.TB, text string) Rights {
	t.Helper()
	r, err := ParseRights(text)
	check(t, err)
	return r
}

func TestLongestRuleDecides(t *testing.T) {
	r := rightsOf(t, "/:r /ann:rw /in:w /ann/secret:- /in/sub/pub:r")
	for _, c := range []struct {
		path string
		mode string
		sees bool
	}{
		{"", "r", true},
		{"x", "r", true},
		{"ann", "rw", true},
		{"ann/x", "rw", true},
		{"anna", "r", true},
		{"in", "w", true},
		{"in/x", "w", false},
		{"in/sub", "w", true},
		{"in/sub/pub", "r", true},
		{"in/sub/pub/x", "r", true},
		{"ann/secret", "-", false},
		{"ann/secret/x", "-", false},
		{"ann/secrets", "rw", true},
	} {
		if m, s := r.At(c.path), r.Sees(c.path); m.String() != c.mode || s != c.sees {
			t.Errorf("%q: %v, %v", c.path, m, s)
		}
	}
	only := rightsOf(t, "/home/ann:rw")
	for path, sees := range map[string]bool{
		"": true, "home": true, "home/ann": true, "home/bob": false, "hom": false, "x": false,
	} {
		if only.Sees(path) != sees {
			t.Errorf("%q is seen: %v", path, !sees)
		}
	}
	for path, divides := range map[string]bool{
		"": true, "home": true, "home/ann": false, "home/ann/x": false, "ho": false,
	} {
		if only.Divide(path) != divides {
			t.Errorf("%q divides: %v", path, !divides)
		}
	}
}

// The model of rights walks down from the root: each rule on the way replaces what was before.
func TestRightsAreThoseOfAWalkFromTheRoot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.SampledFrom([]string{"a", "b", "ab", "a b", "%", "ä"})
		paths := rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(part, 0, 4).Draw(t, "parts"), "/")
		})
		modes := rapid.SampledFrom([]Mode{0, Read, Write, Read | Write})
		model := rapid.MapOfN(paths, modes, 1, 6).Draw(t, "rules")
		var rules Rights
		for path, mode := range model {
			rules = append(rules, Rule{path, mode})
		}
		// String and ParseRights are each other's inverse, and ParseRights sorts.
		r, err := ParseRights(rules.String())
		if err != nil {
			t.Fatal(err)
		}
		at := paths.Draw(t, "path")
		walk := func(at string) Mode {
			mode := model[""]
			for i := range len(at) + 1 {
				if i == len(at) || at[i] == '/' {
					if m, ok := model[at[:i]]; ok && i > 0 {
						mode = m
					}
				}
			}
			return mode
		}
		if got, want := r.At(at), walk(at); got != want {
			t.Fatalf("%v at %q is %v, want %v", r, at, got, want)
		}
		sees, divides := walk(at).Has(Read), false
		for path, mode := range model {
			if path == at || at == "" || strings.HasPrefix(path, at+"/") {
				sees = sees || mode != 0
				divides = divides || path != at
			}
		}
		if r.Sees(at) != sees || r.Divide(at) != divides {
			t.Fatalf("%v at %q: seen %v, divided %v", r, at, r.Sees(at), r.Divide(at))
		}
	})
}
