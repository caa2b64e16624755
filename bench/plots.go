package bench

import (
	"fmt"
	"html"
	"html/template"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Plots are SVG, drawn by gonum/plot in stand-in colours that the page's style sheet replaces, so
// that they follow light and dark.

const (
	plotWidth  = 480
	plotHeight = 290
	// styleCount is how many lines a plot distinguishes, by colour, dashes and marks.
	styleCount = 8
)

var (
	textColor = color.RGBA{R: 0xC0, B: 0x08, A: 0xFF}
	ruleColor = color.RGBA{R: 0xC0, B: 0x09, A: 0xFF}
	dashes    = [styleCount][]vg.Length{
		nil, {8, 4}, {2, 3}, {10, 3, 2, 3}, {5, 2}, {12, 4}, {4, 2, 1, 2}, {1, 2},
	}
	glyphs = [styleCount]draw.GlyphDrawer{
		draw.CircleGlyph{},
		draw.BoxGlyph{},
		draw.PyramidGlyph{},
		draw.RingGlyph{},
		draw.SquareGlyph{},
		draw.TriangleGlyph{},
		draw.PlusGlyph{},
		draw.CrossGlyph{},
	}
	themed = strings.NewReplacer("\n\t", " ",
		"font-family:Liberation Sans;font-variant:normal;font-weight:normal;font-style:normal;"+
			"font-size:14px;", "",
		"#C00008", "var(--soft)", "#C00009", "var(--rule)", "#C0000", "var(--c",
		`;stroke-opacity:1`, "")
)

// picture is a plot on the page.
type picture struct {
	Title string
	SVG   template.HTML
	Keys  []key
}

// key explains a line.
type key struct {
	Mark template.HTML
	Name string
}

// series is a line of a plot. Its pieces are not joined.
type series struct {
	name   string
	style  int
	pieces []plotter.XYs
}

// lineStyles are the looks of a series.
func (s *series) looks() (draw.LineStyle, draw.GlyphStyle) {
	n := s.style % styleCount
	c := color.RGBA{R: 0xC0, B: uint8(n), A: 0xFF}
	return draw.LineStyle{Color: c, Width: 1.6, Dashes: dashes[n]},
		draw.GlyphStyle{Color: c, Radius: 3.2, Shape: glyphs[n]}
}

// axis is how an axis of a plot is labelled and scaled.
type axis struct {
	label string
	unit  unit
	log   bool
	ticks []plot.Tick // instead of round values
}

// linePlot draws series; nil if none has a point.
func linePlot(title string, x, y axis, all []series) *picture {
	p, pic := plot.New(), &picture{Title: title}
	p.BackgroundColor = nil
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = ruleColor, ruleColor
	p.Add(grid)
	for _, s := range all {
		line, glyph := s.looks()
		drawn := false
		for _, piece := range s.pieces {
			l, marks, err := plotter.NewLinePoints(piece)
			if err != nil {
				continue
			}
			l.LineStyle, marks.GlyphStyle = line, glyph
			marks.XYs = nil
			for i := 0; i < len(piece); i += 1 + len(piece)/8 {
				marks.XYs = append(marks.XYs, piece[i])
			}
			p.Add(l, marks)
			drawn = true
		}
		if drawn {
			pic.Keys = append(pic.Keys, key{keyMark(line, glyph), s.name})
		}
	}
	if len(pic.Keys) == 0 {
		return nil
	}
	x.apply(&p.X)
	y.apply(&p.Y)
	c := vgsvg.New(plotWidth, plotHeight)
	// Room at both ends, since the text of a tick is centered there.
	p.Draw(draw.Crop(draw.New(c), 12, -18, 0, -4))
	pic.SVG = drawn(c, fmt.Sprintf(
		`<svg class="chart" role="img" aria-label="%s" viewBox="0 0 %d %d">`,
		html.EscapeString(title+"; the tables have the figures"), plotWidth, plotHeight))
	return pic
}

// drawn is a canvas as an element of the page, with another opening tag.
func drawn(c *vgsvg.Canvas, open string) template.HTML {
	var b strings.Builder
	_, _ = c.WriteTo(&b) // a builder takes everything
	_, body, _ := strings.Cut(b.String(), "xlink\">")
	return template.HTML(open + themed.Replace(body)) // gonum escapes its texts
}

// keyMark is a sample of a line.
func keyMark(line draw.LineStyle, glyph draw.GlyphStyle) template.HTML {
	c := vgsvg.New(40, 12)
	to := draw.New(c)
	to.StrokeLine2(line, 1, 6, 39, 6)
	to.DrawGlyph(glyph, vg.Point{X: 20, Y: 6})
	return drawn(c, `<svg class="key" viewBox="0 0 40 12" aria-hidden="true">`)
}

// apply labels and scales an axis of a plot that has its data.
func (a axis) apply(to *plot.Axis) {
	sans := font.Font{Typeface: "Liberation", Variant: "Sans", Size: 14}
	to.Label.Text, to.Label.TextStyle.Font, to.Tick.Label.Font = a.label, sans, sans
	to.Color, to.Tick.Color = textColor, textColor
	to.Label.TextStyle.Color, to.Tick.Label.Color = textColor, textColor
	switch {
	case a.log:
		to.Scale, to.Min, to.Max = plot.LogScale{}, to.Min/1.1, to.Max*1.1
		to.Tick.Marker = plot.TickerFunc(a.logTicks)
	case a.ticks == nil:
		if to.Min = 0; !(to.Max > 0) {
			to.Max = 1
		}
		to.Max *= 1.04
		to.Tick.Marker = plot.TickerFunc(a.linearTicks)
	}
	if a.ticks != nil {
		to.Tick.Marker = plot.ConstantTicks(a.ticks)
	}
}

// linearTicks are at most seven round values from 0. Bytes are round in their own unit.
func (a axis) linearTicks(_, most float64) (ticks []plot.Tick) {
	one := 1.0
	for a.unit == unitBytes && most/one >= 1024 {
		one *= 1024
	}
	step := one * math.Pow(10, math.Floor(math.Log10(most/one)))
	for _, part := range []float64{0.2, 0.5, 1, 2} {
		if most <= 7*step*part {
			step *= part
			break
		}
	}
	for v := 0.0; v <= most*(1+1e-9); v += step {
		ticks = append(ticks, plot.Tick{Value: v, Label: a.unit.tick(v)})
	}
	return ticks
}

// logTicks are at 1, 2 and 5 of each decade, or at 1 if there are many decades.
func (a axis) logTicks(least, most float64) (ticks []plot.Tick) {
	factors := []float64{1, 2, 5}
	if most/least > 2000 {
		factors = factors[:1]
	}
	for decade := math.Floor(math.Log10(least)); math.Pow(10, decade) <= most; decade++ {
		for _, f := range factors {
			if v := f * math.Pow(10, decade); v >= least && v <= most {
				ticks = append(ticks, plot.Tick{Value: v, Label: a.unit.tick(v)})
			}
		}
	}
	return ticks
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
		for _, t := range r.step.Turns {
			n = min(n, t.jobs().Count)
		}
		if n == 0 {
			continue
		}
		var line plotter.XYs
		for x := 0.0; x <= math.Log10(float64(n)); x += 0.1 {
			v := r.value(percentileFigure("", 100*(1-math.Pow(10, -x))))
			line = append(line, plotter.XY{X: x, Y: max(v, 1e-6)})
			end = max(end, x)
		}
		all = append(all, series{name(r), i, []plotter.XYs{line}})
	}
	var ticks []plot.Tick
	for _, percent := range notedPercentiles {
		if at := -math.Log10(1 - percent/100); at <= end {
			ticks = append(ticks, plot.Tick{Value: at, Label: fmt.Sprintf("%g%%", percent)})
		}
	}
	return linePlot(title, axis{label: "percentile", ticks: ticks},
		axis{label: "latency", unit: unitSeconds, log: true}, all)
}

// loadPlot draws a figure over loads: medians over turns. It is nil unless there are two loads.
func loadPlot(title string, f figure, rows []*row, byRate bool) *picture {
	label, load := "clients", func(s *Step) float64 { return float64(s.Clients) }
	if byRate {
		label, load = "planned transfers/s", func(s *Step) float64 { return s.Rate }
	}
	var all []series
	var ticks []plot.Tick
	for _, name := range distinct(rows, func(r *row) string { return r.name }) {
		var line plotter.XYs
		own := only(rows, func(r *row) bool { return r.name == name })
		for _, r := range own {
			if x, v := load(r.step), r.value(f); x > 0 && !math.IsNaN(v) {
				line = append(line, plotter.XY{X: x, Y: v})
				ticks = append(ticks, plot.Tick{Value: x, Label: showDigits(x)})
			}
		}
		slices.SortFunc(line, func(a, b plotter.XY) int { return int(a.X - b.X) })
		all = append(all, series{name, own[0].style, []plotter.XYs{line}})
	}
	slices.SortFunc(ticks, func(a, b plot.Tick) int { return int(a.Value - b.Value) })
	if len(ticks) == 0 || ticks[0].Value == ticks[len(ticks)-1].Value {
		return nil
	}
	x := axis{label: label, log: true, ticks: slices.Compact(ticks)}
	return linePlot(title, x, axis{label: f.name, unit: f.unit}, all)
}

// coursePlot draws a figure of each second over a run.
func coursePlot(title, name string, from *Result, rows []*row) *picture {
	f := mustFigure(name)
	var all []series
	for _, target := range distinct(rows, func(r *row) string { return r.name }) {
		own := only(rows, func(r *row) bool { return r.name == target })
		s := series{name: target, style: own[0].style}
		for _, r := range own {
			for _, t := range r.step.Turns {
				s.pieces = append(s.pieces, course(t, f, t.Began.Sub(from.Began).Seconds()))
			}
		}
		all = append(all, s)
	}
	return linePlot(title, axis{label: "seconds since the begin of the run"},
		axis{label: f.name, unit: f.unit}, all)
}

// course is a figure of a turn's seconds, each as a level from its begin to its end. A turn
// without samples is one level.
func course(t *Turn, f figure, from float64) (points plotter.XYs) {
	level := func(begin, seconds float64, part *Turn) {
		if v := f.of(part); !math.IsNaN(v) {
			points = append(points, plotter.XY{X: max(0, from+begin), Y: v},
				plotter.XY{X: max(0, from+begin+seconds), Y: v})
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
	t.Seconds, t.Server = seconds, s.Server
	t.Tally(KindGet).Count = s.Transfers
	return t
}
