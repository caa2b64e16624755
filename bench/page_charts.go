package bench

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// sections are the parts of the page that have something to show.
func sections(results []NamedResult, rows []*pageRow) []section {
	var all []section
	if s := percentileSection(rows); len(s.Plots) > 0 { // else nothing ended well
		all = append(all, s)
	}
	all = append(all, timeSections(results, rows)...)
	if s, ok := curveSection(rows); ok {
		all = append(all, s)
	}
	return append(all, targetSections(results, rows)...)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// names gives what is in the rows, in their order, each once.
func names(rows []*pageRow, of func(*pageRow) string) []string {
	var all []string
	for _, row := range rows {
		if name := of(row); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

func nameOf(row *pageRow) string { return row.name }
func loadOf(row *pageRow) string { return row.step.Label() }

// timesLine is one line of a chart of percentiles.
type timesLine struct {
	name  string
	style int
	times *Histogram
}

// percentileSection shows who waits how long. Its charts compare what differs: targets at the same
// load, or one target's loads, or the kinds of one load.
func percentileSection(rows []*pageRow) section {
	s := section{
		ID: "percentiles", Title: "Latency by percentile",
		Text: "How many in a hundred took no longer. Right of the 99% lies the slowest one in a " +
			"hundred; a line that rises there says that some clients wait far longer than most.",
	}
	targets, loads := names(rows, nameOf), names(rows, loadOf)
	var charts []*chart
	switch {
	case len(targets) > 1:
		for _, load := range loads {
			var lines []timesLine
			for _, row := range rows {
				if loadOf(row) == load {
					lines = append(lines, timesLine{row.name, row.style, row.merged.all.Latency})
				}
			}
			charts = append(charts, percentileCharts("Latency, "+load, lines)...)
		}
	case len(loads) > 1:
		var lines []timesLine
		for i, row := range rows {
			lines = append(lines, timesLine{loadOf(row), i, row.merged.all.Latency})
		}
		charts = percentileCharts("Latency of "+targets[0], lines)
	default:
		turn := rows[0].merged.turn
		all := "all transfers"
		if turn.storm() {
			all = stormWords(all)
		}
		lines := []timesLine{{all, 0, rows[0].merged.all.Latency}}
		if rows[0].hasKinds() {
			for i, kind := range Kinds() {
				if tally := turn.Kinds[kind]; tally != nil {
					lines = append(lines, timesLine{string(kind), i + 1, tally.Latency})
				}
			}
		}
		charts = percentileCharts("Latency of "+targets[0]+", "+loads[0], lines)
	}
	for i, c := range charts {
		c.id = plotID(s.ID, i)
		if len(charts) > 1 {
			c.width = chartHalf
		}
		p := drawn(c)
		p.Table = percentileTable(c)
		s.Plots = append(s.Plots, p)
	}
	return s
}

// percentileCharts draws lines, as many to a chart as can be told apart. Lines without a sample are
// left out.
func percentileCharts(title string, lines []timesLine) []*chart {
	lines = slices.DeleteFunc(lines, func(l timesLine) bool { return l.times.Count() == 0 })
	var charts []*chart
	parts := max(1, (len(lines)+styleCount-1)/styleCount)
	each := max(1, (len(lines)+parts-1)/parts) // of nine lines five and four, not eight and one
	for part := range slices.Chunk(lines, each) {
		c := &chart{title: title, width: chartWide}
		least, most, count := math.Inf(1), 0.0, int64(0)
		var said []string
		for _, l := range part {
			drawn := percentileLine(l)
			for _, p := range drawn.pieces[0] {
				least, most = min(least, p.y), max(most, p.y)
			}
			count = max(count, l.times.Count())
			c.lines = append(c.lines, drawn)
			said = append(said, fmt.Sprintf("%s: median %s, 99%% at most %s, longest %s", l.name,
				showSeconds(float64(l.times.Percentile(50))/1e6),
				showSeconds(float64(l.times.Percentile(99))/1e6),
				showSeconds(float64(l.times.Max())/1e6)))
		}
		c.x = percentileAxis(count)
		c.y = logAxis("latency, logarithmic", least, most, unitSeconds.tickText)
		c.desc = "Latency by percentile. " + strings.Join(said, ". ") + "."
		charts = append(charts, c)
	}
	return charts
}

// notedPercentiles have a mark in charts and a column in tables.
var notedPercentiles = []float64{50, 90, 99, 99.9, 99.99, 99.999, 99.9999}

func percentileLine(l timesLine) line {
	end := math.Log10(float64(l.times.Count()))
	at := func(place float64, note string) point {
		us := l.times.Percentile(placePercentile(place))
		return point{x: place, y: float64(max(us, 1)) / 1e6, note: note}
	}
	var points []point
	const step = 0.04
	for place := 0.0; place < end; place += step {
		points = append(points, at(place, ""))
	}
	for _, percent := range notedPercentiles {
		if place := percentilePlace(percent); place < end {
			p := at(place, "")
			p.note = fmt.Sprintf("%s: %g%% took at most %s", l.name, percent, showSeconds(p.y))
			points = append(points, p)
		}
	}
	longest := float64(max(l.times.Max(), 1)) / 1e6
	points = append(points, point{
		x: end, y: longest, note: fmt.Sprintf("%s: the longest, %s", l.name, showSeconds(longest)),
	})
	slices.SortStableFunc(points, func(a, b point) int {
		switch {
		case a.x < b.x:
			return -1
		case a.x > b.x:
			return 1
		default:
			return 0
		}
	})
	return line{name: l.name, style: l.style, pieces: [][]point{points}}
}

// percentileTable holds what the chart's marks say.
func percentileTable(c *chart) *pageTable {
	t := &pageTable{Head: []string{""}, Words: 1}
	var places []float64
	for _, percent := range notedPercentiles {
		if place := percentilePlace(percent); place <= c.x.hi {
			places = append(places, place)
			t.Head = append(t.Head, fmt.Sprintf("%g%%", percent))
		}
	}
	t.Head = append(t.Head, "longest")
	for _, l := range c.lines {
		cells := []string{l.name}
		points := l.pieces[0]
		for _, place := range places {
			i := slices.IndexFunc(points, func(p point) bool {
				return p.x == place && p.note != ""
			})
			if i < 0 {
				cells = append(cells, noFigure)
				continue
			}
			cells = append(cells, showSeconds(points[i].y))
		}
		t.Rows = append(t.Rows, append(cells, showSeconds(points[len(points)-1].y)))
	}
	return t
}
