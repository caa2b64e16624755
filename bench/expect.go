package bench

import (
	"errors"
	"fmt"
	"strings"
)

// Expectation is a bound on a figure, such as p99<20ms: it makes a run a check.
//
//	[TARGET:]FIGURE OP VALUE      OP is < <= > >= = or !=
//
// FIGURE is one that FigureHelp lists. VALUE has the figure's unit: a time in ns, us, µs, ms, s, m
// or h; bytes in B, kB, KiB, MB, MiB, GB or GiB, with /s for speeds if wanted; a share in percent;
// otherwise a plain number. It must hold for each load of each target, or of the named one.
type Expectation struct {
	text   string
	target string // empty: every one
	figure figure
	op     string
	bound  float64
}

// String is the expectation as it was written.
func (e Expectation) String() string { return e.text }

// operators are those of expectations, longer ones before their prefixes.
var operators = []struct {
	text  string
	holds func(a, b float64) bool
}{
	{"<=", func(a, b float64) bool { return a <= b }},
	{">=", func(a, b float64) bool { return a >= b }},
	{"!=", func(a, b float64) bool { return a != b }},
	{"==", func(a, b float64) bool { return a == b }},
	{"<", func(a, b float64) bool { return a < b }},
	{">", func(a, b float64) bool { return a > b }},
	{"=", func(a, b float64) bool { return a == b }},
}

// ParseExpectation reads an expectation.
func ParseExpectation(text string) (Expectation, error) {
	e, err := parseExpectation(text)
	if err != nil {
		return Expectation{}, fmt.Errorf("expectation %q: %w", text, err)
	}
	return e, nil
}

func parseExpectation(text string) (Expectation, error) {
	at := strings.IndexAny(text, "<>=!")
	if at < 0 {
		return Expectation{}, errors.New("no comparison: write FIGURE<VALUE, as p99<20ms")
	}
	e := Expectation{text: text}
	name, rest := strings.TrimSpace(text[:at]), text[at:]
	for _, op := range operators {
		if value, ok := strings.CutPrefix(rest, op.text); ok {
			e.op, rest = op.text, strings.TrimSpace(value)
			break
		}
	}
	if e.op == "" {
		return Expectation{}, errors.New("no comparison but < <= > >= = and !=")
	}
	// The last colon: a target's name may have one, a figure's has none.
	if i := strings.LastIndexByte(name, ':'); i >= 0 {
		e.target, name = strings.TrimSpace(name[:i]), strings.TrimSpace(name[i+1:])
		if e.target == "" {
			return Expectation{}, errors.New("no target before the colon")
		}
	}
	var err error
	if e.figure, err = figureNamed(name); err != nil {
		return Expectation{}, err
	}
	e.bound, err = e.figure.unit.parse(rest)
	return e, err
}

// holds compares the value as it was measured, which a table may round to the bound.
func (e Expectation) holds(value float64) bool {
	for _, op := range operators {
		if op.text == e.op {
			return op.holds(value, e.bound)
		}
	}
	return false
}

// Unmet is an expectation that a load of a target does not meet.
type Unmet struct {
	Expectation Expectation
	// Where is the target and load, What the measured value in words.
	Where, What string
}

// String is what was expected and what was measured.
func (u Unmet) String() string {
	return fmt.Sprintf("expected %s; %s: %s", u.Expectation, u.Where, u.What)
}

// Check returns the expectations that the result does not meet. What was not measured is not met.
func (r *Result) Check(expectations []Expectation) []Unmet {
	var unmet []Unmet
	rows := rowsOf([]NamedResult{{Result: r}})
	for _, e := range expectations {
		checked := 0
		for _, row := range rows {
			if e.target != "" && e.target != row.name {
				continue
			}
			checked++
			if what := e.check(row); what != "" {
				unmet = append(unmet, Unmet{e, row.name + ", " + row.load(), what})
			}
		}
		if checked == 0 {
			where := "the run"
			if e.target != "" {
				where = fmt.Sprintf("target %q", e.target)
			}
			unmet = append(unmet, Unmet{e, where, "nothing was measured"})
		}
	}
	return unmet
}

// check is empty if the row meets e, and otherwise says what it has.
func (e Expectation) check(r *row) string {
	value, known := r.value(e.figure)
	switch {
	case !known:
		return e.figure.name + " was not measured"
	case e.holds(value):
		return ""
	}
	shown := e.figure.unit.show(value)
	if shown == e.figure.unit.show(e.bound) {
		shown += fmt.Sprintf(", %g before rounding", value)
	}
	return e.figure.name + " is " + shown
}
