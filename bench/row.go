package bench

import "math"

// NamedResult is a result with the name that distinguishes it from others, such as its file's.
type NamedResult struct {
	Name string
	*Result
}

// row is a load of a target: a line of a table.
type row struct {
	name   string // the target's, unique among all rows
	target *Target
	step   *Step
	merged *Turn
	run    int // the number of its result
	style  int // of its target in plots
}

// load is the row's load in a few words.
func (r *row) load() string { return r.step.Label() }

// where is the target and the load.
func (r *row) where() string { return r.name + ", " + r.load() }

// perTurn is the figure of each turn that has it.
func (r *row) perTurn(f figure) []float64 {
	var values []float64
	for _, t := range r.step.Turns {
		if value := f.of(t); !math.IsNaN(value) {
			values = append(values, value)
		}
	}
	return values
}

// value is the figure of all turns together for a total, otherwise the median over turns, which
// all must have it. NaN: it was not measured.
func (r *row) value(f figure) float64 {
	if f.total {
		return f.of(r.merged)
	}
	values := r.perTurn(f)
	if len(values) == 0 || len(values) < len(r.step.Turns) {
		return unknown
	}
	return median(values).Center
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
	values := r.perTurn(mustFigure(name))
	if len(values) < intervalTurnsMin {
		return ""
	}
	return "±" + interval(median(values))
}

// rowsOf are the loads that have turns. With several results, names start with the result's.
func rowsOf(results ...NamedResult) []*row {
	var rows []*row
	styles := map[string]int{}
	for i, r := range results {
		for _, target := range r.Targets {
			name := plain(target.Name)
			if len(results) > 1 {
				name = plain(r.Name) + ": " + name
			}
			if _, seen := styles[name]; !seen {
				styles[name] = len(styles)
			}
			for _, step := range target.Steps {
				if len(step.Turns) > 0 {
					rows = append(rows, &row{name, target, step, step.Merged(), i, styles[name]})
				}
			}
		}
	}
	return rows
}

// distinct are the different values of the rows, in order.
func distinct(rows []*row, of func(*row) string) []string {
	var all []string
	seen := map[string]bool{}
	for _, r := range rows {
		if s := of(r); !seen[s] {
			seen[s] = true
			all = append(all, s)
		}
	}
	return all
}

// only are the rows that f accepts.
func only(rows []*row, f func(*row) bool) []*row {
	var some []*row
	for _, r := range rows {
		if f(r) {
			some = append(some, r)
		}
	}
	return some
}
