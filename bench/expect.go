package bench

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
)

// Expectation is a bound on a figure, such as p99<20ms: it turns a run into a check.
//
//	[TARGET:]FIGURE OP VALUE      OP is < <= > >= = or !=
//
// FIGURE is one that FigureHelp lists. VALUE has the figure's unit: a time in ns, us, µs, ms, s, m
// or h; bytes in B, kB, KiB, MB, MiB, GB or GiB, with or without /s where the figure is a second's;
// a share in percent; plain numbers for counts, rates and processors. It holds for each step of
// each target, or of the one that is named.
type Expectation struct {
	text   string
	target string // empty: every one
	figure figure
	op     string
	bound  float64
}

// String is the expectation as it was written.
func (e Expectation) String() string { return e.text }

// operators are those of expectations, the longer ones first where one begins another.
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

// ParseExpectation reads one. The error says what is wrong and what would be right.
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
	// The last colon: no figure has one in its name, and a target may.
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

// timeUnits are seconds in each unit of time.
var timeUnits = map[string]float64{
	"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "min": 60,
	"h": 3600,
}

// parse reads a value with the unit's words.
func (u unit) parse(text string) (float64, error) {
	end := strings.IndexFunc(text, func(r rune) bool {
		return (r < '0' || r > '9') && r != '.'
	})
	digits, word := text, ""
	if end >= 0 {
		digits, word = text[:end], strings.TrimSpace(text[end:])
	}
	value, err := strconv.ParseFloat(digits, 64)
	if err != nil || math.IsInf(value, 0) {
		return 0, fmt.Errorf("%q does not begin with a number of 0 or more", text)
	}
	switch u {
	case unitSeconds:
		seconds, ok := timeUnits[word]
		if !ok {
			return 0, fmt.Errorf("%q is no time: write its unit, as 20ms or 1.5s", text)
		}
		return value * seconds, nil
	case unitShare:
		if word != "%" {
			return 0, fmt.Errorf("%q is no share: write it in percent, as 0.1%%", text)
		}
		return value / 100, nil
	case unitBytes, unitSpeed:
		if u == unitSpeed {
			word = strings.TrimSuffix(word, "/s")
		}
		one, err := humanize.ParseBytes("1" + word)
		if err != nil {
			return 0, fmt.Errorf("%q: not a number of B, kB, KiB, MB, MiB, GB or GiB", text)
		}
		return value * float64(one), nil
	default:
		if u == unitRate {
			word = strings.TrimPrefix(word, "/s")
		}
		if word != "" {
			return 0, fmt.Errorf("%q: a plain number is wanted, without %q", text, word)
		}
		return value, nil
	}
}

// holds says whether the value is within the bound. A figure is compared as it was measured, so
// that what a table rounds to the bound may still be beyond it.
func (e Expectation) holds(value float64) bool {
	for _, op := range operators {
		if op.text == e.op {
			return op.holds(value, e.bound)
		}
	}
	return false
}

// Unmet is an expectation that a step of a target did not fulfil.
type Unmet struct {
	Expectation Expectation
	// Where is the target and step, and What is what was found there, in words.
	Where, What string
}

// String is what was expected and what was found.
func (u Unmet) String() string {
	return fmt.Sprintf("expected %s; %s: %s", u.Expectation, u.Where, u.What)
}

// Check gives what the result does not fulfil, in the order of the expectations. A figure that a
// step does not have is not fulfilled, and neither is an expectation of a target that is not there,
// or of a result without a turn: what was not measured is not shown to be good.
func (r *Result) Check(expectations []Expectation) []Unmet {
	var unmet []Unmet
	for _, e := range expectations {
		steps := 0
		for _, target := range r.Targets {
			if e.target != "" && e.target != target.Name {
				continue
			}
			for _, step := range target.Steps {
				steps++
				if what := e.check(step); what != "" {
					unmet = append(unmet, Unmet{e, target.Name + ", " + step.Label(), what})
				}
			}
		}
		if steps == 0 {
			where := "the run"
			if e.target != "" {
				where = fmt.Sprintf("target %q", e.target)
			}
			unmet = append(unmet, Unmet{e, where, "nothing was measured"})
		}
	}
	return unmet
}

// check is empty when the step fulfils e, and says otherwise what it has.
func (e Expectation) check(step *Step) string {
	value, known := e.figure.of(newView(step.Merged()))
	switch {
	case !known:
		return e.figure.name + " was not measured"
	case !e.holds(value):
		shown := e.figure.unit.show(value)
		if shown == e.figure.unit.show(e.bound) {
			shown += fmt.Sprintf(", which is %g beside %g before rounding", value, e.bound)
		}
		return e.figure.name + " is " + shown
	default:
		return ""
	}
}
