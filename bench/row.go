package bench

import (
	"fmt"

	"golang.org/x/perf/benchmath"
)

// row is a step of a target with its turns merged.
type row struct {
	target *Target
	step   *Step
	merged *view
}

// main is what the row's clients waited for above all: transfers, or connects where there are no
// transfers.
func (row *row) main() *Tally {
	connects := row.merged.turn.Kinds[KindConnect]
	if row.merged.all.Count == 0 && connects != nil {
		return connects
	}
	return row.merged.all
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

// spread is how far the median over turns may be off, in percent, at 95 % confidence; empty where
// there are too few turns to say.
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
	if s.Center == 0 {
		return ""
	}
	return fmt.Sprintf("±%.0f%%", 100*max(s.Hi-s.Center, s.Center-s.Lo)/s.Center)
}

const (
	// spreadConfidence is that of intervals.
	spreadConfidence = 0.95
	// spreadTurnsMin is the smallest number of turns whose median has a finite interval at that
	// confidence: with five, all lie on one side of the true median in 6 % of cases.
	spreadTurnsMin = 6
)

// hasKinds says whether the figures by kind tell more than those of all transfers: there are
// several kinds, or one that is no transfer.
func (row *row) hasKinds() bool {
	kinds := row.merged.turn.Kinds
	return len(kinds) > 1 || kinds[KindConnect] != nil
}
