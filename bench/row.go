package bench

import (
	"math"
	"slices"
)

// row is a load of a target: a line of a table.
type row struct {
	name   string // the target's, printable
	target *Target
	step   *Step
	jobs   []*Tally // of all kinds together, for each turn
	style  int      // of its target in plots
}

// rows are the loads that have turns.
func (r *Result) rows() (rows []*row) {
	for i, target := range r.Targets {
		for _, step := range target.Steps {
			if len(step.Turns) > 0 {
				rows = append(rows, newRow(target, step, i))
			}
		}
	}
	return rows
}

func newRow(target *Target, step *Step, style int) *row {
	r := &row{name: plain(target.Name), target: target, step: step, style: style}
	for _, t := range step.Turns {
		r.jobs = append(r.jobs, t.jobs())
	}
	return r
}

// load is the row's load in a few words.
func (r *row) load() string { return r.step.Label() }

// where is the target and the load.
func (r *row) where() string { return r.name + ", " + r.load() }

// storm says that clients only opened and ended sessions.
func (r *row) storm() bool { return r.step.Turns[0].storm() }

// perTurn is the figure of each turn that has it.
func (r *row) perTurn(f figure) []float64 {
	var values []float64
	for i, t := range r.step.Turns {
		if value := f.value(t, r.jobs[i]); !math.IsNaN(value) {
			values = append(values, value)
		}
	}
	return values
}

// value is the figure of the load. It is NaN unless all turns have it.
func (r *row) value(f figure) float64 {
	values := r.perTurn(f)
	switch {
	case len(values) < len(r.step.Turns):
		return unknown
	case f.combine == byMax:
		return slices.Max(values)
	case f.combine == bySum:
		sum := 0.0
		for _, v := range values {
			sum += v
		}
		return sum
	default:
		return median(values).Center
	}
}

// show is a named figure of the row as text.
func (r *row) show(name string) string {
	f := mustFigure(name)
	if value := r.value(f); !math.IsNaN(value) {
		return f.unit.show(value)
	}
	return noFigure
}

// spread is the interval of a median figure, as ±N%; empty if there are too few turns.
func (r *row) spread(name string) string {
	if off := interval(median(r.perTurn(mustFigure(name)))); off != "" {
		return "±" + off
	}
	return ""
}

// distinct are the different values of the rows, in order.
func distinct(rows []*row, of func(*row) string) (all []string) {
	for _, r := range rows {
		if s := of(r); !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// only are the rows that f accepts.
func only(rows []*row, f func(*row) bool) (some []*row) {
	for _, r := range rows {
		if f(r) {
			some = append(some, r)
		}
	}
	return some
}
