package bench

import (
	"fmt"
	"strings"

	"golang.org/x/perf/benchmath"
)

// row is a step of a target with its turns merged.
type row struct {
	target *Target
	step   *Step
	merged *view
}

// rows are the steps that have turns.
func (r *Result) rows() []*row {
	var rows []*row
	for _, target := range r.Targets {
		for _, step := range target.Steps {
			if len(step.Turns) > 0 {
				rows = append(rows, &row{target, step, newView(step.Merged())})
			}
		}
	}
	return rows
}

// isStorm says that connects were made in these rows, and nothing else.
func isStorm(rows []*row) bool {
	return anyRow(rows, func(row *row) bool { return row.merged.turn.storm() }) &&
		!anyRow(rows, func(row *row) bool { return row.merged.turn.Transfers() > 0 })
}

// stormWords is a text about transfers, of a storm's connects.
func stormWords(text string) string {
	return strings.NewReplacer("Transfer", "Connect", "transfer", "connect").Replace(text)
}

func anyRow(rows []*row, wanted func(*row) bool) bool {
	for _, row := range rows {
		if wanted(row) {
			return true
		}
	}
	return false
}

// cell is a column's text in a row.
func (row *row) cell(columns []column, i int) string {
	if columns[i].figure == "" {
		return row.spread(columns[i-1].figure)
	}
	return row.text(columns[i].figure)
}

// text is a figure of the row's turns together.
func (row *row) text(name string) string {
	f, err := figureNamed(name)
	if err != nil {
		panic(err) // the names stand in this package
	}
	value, known := f.of(row.merged)
	if !known {
		return noFigure
	}
	return f.unit.show(value)
}

// spread is how far a figure of the row's turns together may be off, in percent: up to the farther
// end of the interval in which the median over turns lies, at 95 % confidence. Empty where there
// are too few turns to say.
func (row *row) spread(name string) string {
	f, err := figureNamed(name)
	if err != nil {
		panic(err) // the names stand in this package
	}
	var values []float64
	for _, turn := range row.step.Turns {
		if value, known := f.of(newView(turn)); known {
			values = append(values, value)
		}
	}
	if len(values) < spreadTurnsMin {
		return ""
	}
	s := benchmath.AssumeNothing.Summary(
		benchmath.NewSample(values, &benchmath.DefaultThresholds), spreadConfidence)
	shown, known := f.of(row.merged)
	if !known || shown == 0 {
		return ""
	}
	return fmt.Sprintf("±%.0f%%", 100*max(s.Hi-shown, shown-s.Lo)/shown)
}

const (
	// spreadConfidence is that of intervals.
	spreadConfidence = 0.95
	// spreadTurnsMin is the smallest number of turns whose median has a finite interval at that
	// confidence: with five, all lie on one side of the true median in 6 % of cases.
	spreadTurnsMin = 6
)

// hasKinds says whether the figures by kind tell more than those of all transfers.
func (row *row) hasKinds() bool { return len(row.merged.turn.Kinds) > 1 }
