package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The template draws pictures as SVG, in colours and dashes of the style sheet.
const (
	plotLeft, plotRight = 76, 462
	plotTop, plotBottom = 10, 244
	// styleCount is how many lines a plot distinguishes.
	styleCount = 8
)

// picture is a plot on the page.
type picture struct {
	Title string
	X, Y  axis
	Lines []series
}

// point is a point of a series.
type point struct{ x, y float64 }

// series is a line of a plot. Its pieces are not joined.
type series struct {
	Name   string
	style  int
	pieces [][]point
	Points []string // of each piece, in the drawing
}

// Style is the number of the line's style in the style sheet.
func (s series) Style() int { return s.style % styleCount }

// tick is a labelled place on an axis; At is in the drawing.
type tick struct {
	value float64
	Label string
	At    float64
}

// axis is how an axis of a plot is labelled and scaled.
type axis struct {
	Label       string
	unit        unit
	log         bool
	Ticks       []tick // given, or round values
	least, most float64
}

// linePlot draws series; nil if none has a point.
func linePlot(title string, x, y axis, all []series) *picture {
	var xs, ys []float64
	for _, s := range all {
		for _, at := range slices.Concat(s.pieces...) {
			xs, ys = append(xs, at.x), append(ys, at.y)
		}
	}
	if len(xs) == 0 {
		return nil
	}
	p := &picture{title, x.fit(xs, plotLeft, plotRight), y.fit(ys, plotBottom, plotTop), all}
	for i := range all {
		for _, piece := range all[i].pieces {
			if len(piece) == 1 {
				piece = append(piece, piece[0]) // a line to itself is a dot
			}
			var b strings.Builder
			for _, at := range piece {
				fmt.Fprintf(&b, "%.1f,%.1f ", p.X.at(at.x, plotLeft, plotRight),
					p.Y.at(at.y, plotBottom, plotTop))
			}
			all[i].Points = append(all[i].Points, b.String())
		}
	}
	return p
}

// fit scales the axis to values, from 0 unless it is logarithmic, and places its ticks.
func (a axis) fit(values []float64, from, to float64) axis {
	a.least, a.most = 0, slices.Max(values)*1.04
	if a.log {
		a.least = slices.Min(values) / 1.1
	} else if !(a.most > 0) {
		a.most = 1
	}
	if a.Ticks == nil {
		for _, v := range a.roundValues() {
			a.Ticks = append(a.Ticks, tick{value: v, Label: a.unit.tick(v)})
		}
	}
	for i := range a.Ticks {
		t := &a.Ticks[i]
		t.At = math.Round(a.at(t.value, from, to))
	}
	return a
}

// at is the place of a value in the drawing.
func (a axis) at(value, from, to float64) float64 {
	share := (value - a.least) / (a.most - a.least)
	if a.log {
		share = math.Log(value/a.least) / math.Log(a.most/a.least)
	}
	return from + share*(to-from)
}

// roundValues are at most seven from 0 on a linear axis, where bytes are round in their own unit.
// On a logarithmic one they are 1, 2 and 5 of each decade, or 1 alone for many decades.
func (a axis) roundValues() (values []float64) {
	if !a.log {
		one := 1.0
		for a.unit == unitBytes && a.most/one >= 1024 {
			one *= 1024
		}
		step := one * math.Pow(10, math.Floor(math.Log10(a.most/one)))
		for _, part := range []float64{0.2, 0.5, 1, 2} {
			if a.most <= 7*step*part {
				step *= part
				break
			}
		}
		for v := 0.0; v <= a.most; v += step {
			values = append(values, v)
		}
		return values
	}
	factors := []float64{1, 2, 5}
	if a.most/a.least > 2000 {
		factors = factors[:1]
	}
	for decade := math.Pow(10, math.Floor(math.Log10(a.least))); decade <= a.most; decade *= 10 {
		for _, f := range factors {
			if v := f * decade; v >= a.least && v <= a.most {
				values = append(values, v)
			}
		}
	}
	return values
}

// notedPercentiles have a tick.
var notedPercentiles = []float64{50, 90, 99, 99.9, 99.99, 99.999}

// percentilePlot draws latency by percentile, as far as the transfers of a turn go: each further
// nine has the same room.
func percentilePlot(title string, rows []*row, name func(*row) string) *picture {
	var all []series
	end := 0.0
	for i, r := range rows {
		n := int64(math.MaxInt64)
		for _, jobs := range r.jobs {
			n = min(n, jobs.Count)
		}
		var line []point
		for x := 0.0; x <= math.Log10(float64(n)); x += 0.1 {
			v := r.value(percentile(100 * (1 - math.Pow(10, -x))))
			line = append(line, point{x, max(v, 1e-6)})
			end = max(end, x)
		}
		all = append(all, series{Name: name(r), style: i, pieces: [][]point{line}})
	}
	var ticks []tick
	for _, percent := range notedPercentiles {
		if at := -math.Log10(1 - percent/100); at <= end {
			ticks = append(ticks, tick{value: at, Label: fmt.Sprintf("%g%%", percent)})
		}
	}
	return linePlot(title, axis{Label: "percentile", Ticks: ticks},
		axis{Label: "latency", unit: unitSeconds, log: true}, all)
}

// loadPlot draws a figure over loads: medians over turns. It is nil unless there are two loads.
func loadPlot(title string, f figure, rows []*row, byRate bool) *picture {
	label, load := "clients", func(s *Step) float64 { return float64(s.Clients) }
	if byRate {
		label, load = "planned transfers/s", func(s *Step) float64 { return s.Rate }
	}
	var all []series
	var ticks []tick
	for _, name := range distinct(rows, func(r *row) string { return r.name }) {
		var line []point
		own := only(rows, func(r *row) bool { return r.name == name })
		for _, r := range own {
			if x, v := load(r.step), r.value(f); x > 0 && !math.IsNaN(v) {
				line = append(line, point{x, v})
				ticks = append(ticks, tick{value: x, Label: showDigits(x)})
			}
		}
		slices.SortFunc(line, func(a, b point) int { return int(a.x - b.x) })
		all = append(all, series{Name: name, style: own[0].style, pieces: [][]point{line}})
	}
	slices.SortFunc(ticks, func(a, b tick) int { return int(a.value - b.value) })
	if len(ticks) == 0 || ticks[0].value == ticks[len(ticks)-1].value {
		return nil
	}
	x := axis{Label: label, log: true, Ticks: slices.Compact(ticks)}
	return linePlot(title, x, axis{Label: f.name, unit: f.unit}, all)
}

// coursePlot draws a figure of each second over the run.
func (r *Result) coursePlot(title, name string) *picture {
	f := mustFigure(name)
	var all []series
	for i, target := range r.Targets {
		s := series{Name: plain(target.Name), style: i}
		for _, step := range target.Steps {
			for _, t := range step.Turns {
				s.pieces = append(s.pieces, course(t, f, t.Began.Sub(r.Began).Seconds()))
			}
		}
		all = append(all, s)
	}
	return linePlot(title, axis{Label: "seconds since the begin of the run"},
		axis{Label: f.name, unit: f.unit}, all)
}

// course is a figure of a turn's seconds, each as a level from its begin to its end. A turn
// without samples is one level.
func course(t *Turn, f figure, from float64) (points []point) {
	level := func(begin, seconds float64, part *Turn) {
		if v := f.value(part, part.jobs()); !math.IsNaN(v) {
			points = append(points, point{max(0, from+begin), v},
				point{max(0, from+begin+seconds), v})
		}
	}
	for i, s := range t.Samples {
		begin := float64(i) * sampleEvery.Seconds()
		seconds := min(sampleEvery.Seconds(), t.Seconds-begin)
		if i > 0 && seconds < sampleEvery.Seconds()/5 {
			break // too short for a rate
		}
		level(begin, seconds, s.turn(seconds))
	}
	if points == nil {
		level(0, t.Seconds, t)
	}
	return points
}

// turn is a sample as a turn, for its figures.
func (s *Sample) turn(seconds float64) *Turn {
	t := NewTurn()
	t.Seconds, t.Wall, t.Server = seconds, seconds, s.Server
	t.Tally(KindGet).Count = s.Transfers
	return t
}
