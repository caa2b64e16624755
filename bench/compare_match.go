package bench

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Only is a result with one of r's targets, for comparisons within a run.
func (r *Result) Only(target string) (*Result, error) {
	for _, t := range r.Targets {
		if t.Name == target {
			only := *r
			only.Targets = []*Target{t}
			return &only, nil
		}
	}
	names := make([]string, 0, len(r.Targets))
	for _, t := range r.Targets {
		names = append(names, t.Name)
	}
	return nil, fmt.Errorf("no target is called %q; there are %s", target,
		strings.Join(names, ", "))
}

// pair is a target in both results.
type pair struct{ older, newer *Target }

func matchTargets(older, newer *Result) []pair {
	if len(older.Targets) == 1 && len(newer.Targets) == 1 {
		return []pair{{older.Targets[0], newer.Targets[0]}}
	}
	var pairs []pair
	for _, a := range older.Targets {
		for _, b := range newer.Targets {
			if a.Name == b.Name {
				pairs = append(pairs, pair{a, b})
			}
		}
	}
	return pairs
}

func onlyIn(which string, r *Result, pairs []pair, side func(pair) *Target) []string {
	var lines []string
	for _, t := range r.Targets {
		if !slices.ContainsFunc(pairs, func(p pair) bool { return side(p) == t }) {
			lines = append(lines, fmt.Sprintf("target %q is in %s only", t.Name, which))
		}
	}
	return lines
}

// doubts are the differences between two runs that may be the reason for what they show.
func doubts(older, newer *Result) []string {
	var lines []string
	doubt := func(what, a, b string) {
		if a != b {
			lines = append(lines, fmt.Sprintf("%s: %q and %q", what, a, b))
		}
	}
	doubt("the machines differ", older.Machine.String(), newer.Machine.String())
	doubt("the scenarios differ", older.Scenario, newer.Scenario)
	names := maps.Clone(older.Settings)
	if names == nil {
		names = map[string]string{}
	}
	maps.Copy(names, newer.Settings)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		doubt("setting "+name+" differs", older.Settings[name], newer.Settings[name])
	}
	for _, side := range []struct {
		name string
		r    *Result
	}{{"OLD", older}, {"NEW", newer}} {
		if n := side.r.Errors(); n > 0 {
			lines = append(lines, side.name+" has "+plural(n, "error"))
		}
	}
	return lines
}

// stormFigures are the figures of connects, each once, where others are of all transfers as well.
func stormFigures(figures []figure) []figure {
	var all []figure
	for _, f := range figures {
		if of, err := figureNamed(string(KindConnect) + "." + f.name); err == nil {
			f = of
		}
		if !slices.ContainsFunc(all, func(other figure) bool { return other.name == f.name }) {
			all = append(all, f)
		}
	}
	return all
}
