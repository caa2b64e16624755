package bench

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
)

// comparedPlots are the figures of the curve and of targets beside each other.
var comparedPlots = []plotted{
	{"transfers/s", "Transfers a second"},
	{"p50", "Median latency"},
	{"p99", "Latency of the slowest in a hundred (p99)"},
	{"connect.transfers/s", "Connects a second"},
	{"connect.p99", "Time of the slowest connect in a hundred"},
	{"server-cpu/transfer", "Server CPU a transfer"},
	{"server-pss", "Server memory (PSS)"},
}

// plotted is a figure under a title.
type plotted struct{ figure, title string }

// plotsOf are the comparedPlots that say something of these rows: in a storm all jobs are connects.
func plotsOf(rows []*pageRow) []plotted {
	storm := isStorm(plainRows(rows))
	var all []plotted
	for _, what := range comparedPlots {
		if storm {
			if strings.HasPrefix(what.figure, string(KindConnect)) {
				continue
			}
			what.title = stormWords(what.title)
		}
		all = append(all, what)
	}
	return all
}

// curveSection shows what more load does, where there are several loads.
func curveSection(rows []*pageRow) (section, bool) {
	s := section{
		ID: "curve", Title: "Over loads",
		Text: "What more load does: where throughput stays level while latency climbs, the " +
			"server, the harness or the machine is at its limit. Marks are medians over turns, " +
			"whiskers reach from the least turn to the greatest.",
	}
	loads, label := loadAxisOf(rows)
	if len(loads) < 2 {
		return s, false
	}
	for _, what := range plotsOf(rows) {
		if c := curveChart(what.figure, what.title, label, rows); c != nil {
			c.id = plotID(s.ID, len(s.Plots))
			s.Plots = append(s.Plots, drawn(c))
		}
	}
	return s, len(s.Plots) > 0
}

// loadOn is a step's place on the axis of loads: its rate where rates are what differs.
func loadOn(label string, s *Step) float64 {
	if label == rateLabel {
		return s.Rate
	}
	return float64(s.Clients)
}

const (
	clientsLabel = "clients, logarithmic"
	rateLabel    = "transfers/s asked for, logarithmic"
)

// loadAxisOf are the different loads, and what they are loads of.
func loadAxisOf(rows []*pageRow) ([]float64, string) {
	of := func(label string) []float64 {
		var all []float64
		for _, row := range rows {
			if v := loadOn(label, row.step); v > 0 && !slices.Contains(all, v) {
				all = append(all, v)
			}
		}
		slices.Sort(all)
		return all
	}
	clients, rates := of(clientsLabel), of(rateLabel)
	if len(rates) > len(clients) {
		return rates, rateLabel
	}
	return clients, clientsLabel
}

// curveChart is nil where no two loads have the figure.
func curveChart(name, title, label string, rows []*pageRow) *chart {
	f, err := figureNamed(name)
	if err != nil {
		panic(err) // the names stand in this package
	}
	c := &chart{title: title, width: chartHalf}
	var loads []float64
	least, most := math.Inf(1), 0.0
	for _, target := range names(rows, nameOf) {
		l := line{name: target}
		var points []point
		for _, row := range rows {
			at := loadOn(label, row.step)
			b, known := barOf(f, row)
			if row.name != target || !known || at == 0 {
				continue
			}
			l.style = row.style
			points = append(points, point{
				x: at, y: b.median, lo: slices.Min(b.turns), hi: slices.Max(b.turns),
				note: fmt.Sprintf("%s, %s: %s", target, row.step.Label(), f.unit.show(b.median)),
			})
			least, most = min(least, slices.Min(b.turns)), max(most, slices.Max(b.turns))
			loads = append(loads, at)
		}
		slices.SortStableFunc(points, func(a, b point) int { return int(sign(a.x - b.x)) })
		if len(points) > 0 {
			l.pieces = [][]point{points}
			c.lines = append(c.lines, l)
		}
	}
	slices.Sort(loads)
	if loads = slices.Compact(loads); len(loads) < 2 {
		return nil
	}
	c.x = stepsAxis(label, loads, showDigits)
	if f.unit == unitSeconds && most > 20*least {
		c.y = logAxis(f.name+", logarithmic", least, most, f.unit.tickText)
	} else {
		c.y = linearAxis(f.name, most, f.unit)
	}
	c.desc = describeCurve(f, c)
	return c
}

func sign(v float64) float64 {
	switch {
	case v < 0:
		return -1
	case v > 0:
		return 1
	default:
		return 0
	}
}

func describeCurve(f figure, c *chart) string {
	said := make([]string, 0, len(c.lines))
	for _, l := range c.lines {
		points := l.pieces[0]
		first, last := points[0], points[len(points)-1]
		said = append(said, fmt.Sprintf("%s: %s at %s, %s at %s", l.name, f.unit.show(first.y),
			showDigits(first.x), f.unit.show(last.y), showDigits(last.x)))
	}
	return f.name + " over " + c.x.label + ". " + strings.Join(said, ". ") + "."
}

// barOf is a figure of a row's turns.
func barOf(f figure, row *pageRow) (bar, bool) {
	turns := valuesOf(f, views(row.step))
	if len(turns) == 0 {
		return bar{}, false
	}
	sorted := slices.Sorted(slices.Values(turns))
	n := len(sorted)
	return bar{row.name, row.style, (sorted[(n-1)/2] + sorted[n/2]) / 2, turns}, true
}

// targetSections put the targets beside each other at each load, where there are several.
func targetSections(results []NamedResult, rows []*pageRow) []section {
	var all []section
	for _, load := range names(rows, loadOf) {
		var own []*pageRow
		for _, row := range rows {
			if loadOf(row) == load {
				own = append(own, row)
			}
		}
		if len(own) < 2 {
			continue
		}
		s := section{
			ID: fmt.Sprintf("targets-%d", len(all)+1), Title: "Targets beside each other: " + load,
			Text: "Bars are medians over turns, marks the turns themselves.",
		}
		for _, what := range plotsOf(own) {
			if p, ok := barsPlot(plotID(s.ID, len(s.Plots)), what.figure, what.title, own); ok {
				s.Plots = append(s.Plots, p)
			}
		}
		s.Table, s.Folded = verdictTable(results, own), "Differences, as far as turns show them"
		if s.Table != nil {
			s.Text += fmt.Sprintf(" The table below them says which differences are more than "+
				"chance (p at most %g, corrected for the number of figures).", alphaDefault)
		}
		all = append(all, s)
	}
	return all
}

func barsPlot(id, name, title string, rows []*pageRow) (plot, bool) {
	f, err := figureNamed(name)
	if err != nil {
		panic(err) // the names stand in this package
	}
	c := &bars{id: id, title: title, unit: f.unit}
	var said []string
	for _, row := range rows {
		if b, known := barOf(f, row); known {
			c.bars = append(c.bars, b)
			said = append(said, b.name+": "+f.unit.show(b.median))
		}
	}
	c.desc = f.name + " by target. " + strings.Join(said, ". ") + "."
	return plot{
		Title: title, SVG: template.HTML(c.svg()), // what it holds is escaped
	}, len(c.bars) > 1
}

// verdictTable compares each target with the first at a load; nil where they have too few turns.
func verdictTable(results []NamedResult, rows []*pageRow) *pageTable {
	first := rows[0]
	t := &pageTable{
		Head:  []string{"figure", "target", first.name, "the target", "change", "difference"},
		Words: 2,
	}
	for _, other := range rows[1:] {
		older, newer := *results[first.run].Result, *results[other.run].Result
		older.Targets = []*Target{onlyStep(first)}
		newer.Targets = []*Target{onlyStep(other)}
		c, err := Compare(&older, &newer, CompareOptions{})
		if err != nil || c.Err() != nil {
			continue
		}
		for i := range c.Changes {
			change := &c.Changes[i]
			if change.Old.Center == 0 && change.New.Center == 0 {
				continue
			}
			show := change.figure.unit.show
			t.Rows = append(t.Rows, []string{
				change.Figure, other.name, show(change.Old.Center), show(change.New.Center),
				change.shareText(), change.verdictText(),
			})
		}
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return t
}

func onlyStep(row *pageRow) *Target {
	only := *row.target
	only.Steps = []*Step{row.step}
	return &only
}
