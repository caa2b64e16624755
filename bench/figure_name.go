package bench

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// figureNamed gives the figure of that name: one of allFigures, or any percentile, such as p95 or
// put.p99.99.
func figureNamed(name string) (figure, error) {
	all := allFigures()
	if i := slices.IndexFunc(all, func(f figure) bool { return f.name == name }); i >= 0 {
		return all[i], nil
	}
	kind, rest := Kind(""), name
	if before, after, ok := strings.Cut(name, "."); ok && slices.Contains(Kinds(), Kind(before)) {
		kind, rest = Kind(before), after
	}
	if digits, ok := strings.CutPrefix(rest, "p"); ok && plainDecimal(digits) {
		p, err := strconv.ParseFloat(digits, 64)
		if err == nil && p > 0 && p < 100 {
			return percentileFigure(kind, p), nil
		}
		return figure{}, fmt.Errorf("%s: a percentile lies between 0 and 100, as in p99.9", name)
	}
	return figure{}, fmt.Errorf("no figure is called %q; there are %s", name, figureNames())
}

// plainDecimal says whether text is digits with at most one point among them.
func plainDecimal(text string) bool {
	whole, part, point := strings.Cut(text, ".")
	digits := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	return digits(whole) && (!point || digits(part))
}

// plainFigures are all figures but those of a kind.
func plainFigures() []figure {
	return slices.DeleteFunc(allFigures(), func(f figure) bool {
		kind, _, dotted := strings.Cut(f.name, ".")
		return dotted && slices.Contains(Kinds(), Kind(kind))
	})
}

// figureNames are the names of plainFigures and how others are made of them.
func figureNames() string {
	var names []string
	for _, f := range plainFigures() {
		names = append(names, f.name)
	}
	return strings.Join(names, ", ") + "; and " + otherFigures()
}

func otherFigures() string {
	kinds := make([]string, 0, len(Kinds()))
	for _, kind := range Kinds() {
		kinds = append(kinds, string(kind)+".")
	}
	return "any percentile, as p95; those up to max with " + strings.Join(kinds, " ") + " before"
}

// FigureHelp lists the names by which figures are known, each with what it is, in lines for a
// terminal.
func FigureHelp() string {
	var b strings.Builder
	for _, f := range plainFigures() {
		fmt.Fprintf(&b, "  %-20s %s\n", f.name, f.about)
	}
	return b.String() + "and " + otherFigures() + ".\nA storm has no transfers: there its " +
		"connects count as such."
}
