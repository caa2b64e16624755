package bench

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// Expectation is a bound on a figure, such as p99<20ms: it makes a run a check.
//
//	[TARGET:]FIGURE OP VALUE      OP is < <= > >= = or !=
//
// VALUE has the figure's unit. The bound must hold for each load of each target, or of TARGET.
type Expectation struct {
	text   string
	target string // empty: every one
	figure figure
	op     string
	bound  float64
}

// holds are the operators, applied to the measured value and the bound.
var holds = map[string]func(a, b float64) bool{
	"<=": func(a, b float64) bool { return a <= b },
	">=": func(a, b float64) bool { return a >= b },
	"!=": func(a, b float64) bool { return a != b },
	"==": func(a, b float64) bool { return a == b },
	"=":  func(a, b float64) bool { return a == b },
	"<":  func(a, b float64) bool { return a < b },
	">":  func(a, b float64) bool { return a > b },
}

// ParseExpectation reads an expectation.
func ParseExpectation(text string) (Expectation, error) {
	e := Expectation{text: text}
	at := strings.IndexAny(text, "<>=!")
	if at < 0 {
		return e, fmt.Errorf("expectation %q: write FIGURE<VALUE, such as p99<20ms", text)
	}
	end := at + len(text[at:]) - len(strings.TrimLeft(text[at:], "<>=!"))
	name, value := text[:at], text[end:]
	e.op = text[at:end]
	if holds[e.op] == nil {
		return e, fmt.Errorf("expectation %q: no comparison but < <= > >= = and !=", text)
	}
	// The last colon: a target's name may have one, a figure's has none.
	if i := strings.LastIndexByte(name, ':'); i >= 0 {
		e.target, name = strings.TrimSpace(name[:i]), name[i+1:]
		if e.target == "" {
			return e, fmt.Errorf("expectation %q: no target before the colon", text)
		}
	}
	var err error
	if e.figure, err = figureNamed(strings.TrimSpace(name)); err == nil {
		e.bound, err = e.figure.unit.parse(value)
	}
	if err != nil {
		err = fmt.Errorf("expectation %q: %w", text, err)
	}
	return e, err
}

// Check returns an error for each load that does not meet an expectation, joined. A figure that
// was not measured never meets one.
func (r *Result) Check(expectations []Expectation) error {
	var unmet []error
	rows := r.rows()
	for _, e := range expectations {
		measured := false
		for _, row := range rows {
			if e.target != "" && e.target != row.target.Name {
				continue
			}
			measured = true
			if what := e.check(row); what != "" {
				unmet = append(unmet, fmt.Errorf("expected %s; %s: %s", e.text, row.where(), what))
			}
		}
		if !measured {
			unmet = append(unmet, fmt.Errorf("expected %s; nothing was measured", e.text))
		}
	}
	return errors.Join(unmet...)
}

// check is empty if the row meets e, and otherwise says what was measured.
func (e Expectation) check(r *row) string {
	value := r.value(e.figure)
	switch {
	case math.IsNaN(value):
		return e.figure.name + " was not measured"
	case holds[e.op](value, e.bound):
		return ""
	}
	shown := e.figure.unit.show(value)
	if shown == e.figure.unit.show(e.bound) {
		shown += fmt.Sprintf(", %g before rounding", value)
	}
	return e.figure.name + " is " + shown
}
