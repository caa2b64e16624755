package bench

import (
	"fmt"
	"html"
	"html/template"
	"image/color"
	"math"
	"slices"
	"strconv"
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
	textColor = color.RGBA{R: 0xC3, A: 0xFF}
	softColor = color.RGBA{R: 0xC1, A: 0xFF}
	ruleColor = color.RGBA{R: 0xC2, A: 0xFF}
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
			"font-size:14px;", "", "#C10000", "var(--soft)",
		"#C20000", "var(--rule)", "#C30000", "var(--text)", "#C00000", "var(--c0)",
		"#C00001", "var(--c1)",
		"#C00002", "var(--c2)", "#C00003", "var(--c3)", "#C00004", "var(--c4)",
		"#C00005", "var(--c5)", "#C00006", "var(--c6)", "#C00007", "var(--c7)")
)

func styleColor(style int) color.Color {
	return color.RGBA{R: 0xC0, B: uint8(style % styleCount), A: 0xFF}
}

// picture is a plot on the page.
type picture struct {
	Title string
	SVG   template.HTML
	Keys  []key
	Table *table // its figures, if no other table has them
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
	marks  plotter.XYs // points with a mark
	// whiskers are the distances of marks to their least and greatest value, if any.
	whiskers plotter.YErrors
}

// newPlot makes an empty plot in the page's look.
func newPlot(x, y string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	p.X.Label.Text, p.Y.Label.Text = x, y
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Color, a.Tick.Color = softColor, softColor
		sans := font.Font{Typeface: "Liberation", Variant: "Sans", Size: 14}
		a.Label.TextStyle.Font, a.Tick.Label.Font = sans, sans
		a.Label.TextStyle.Color, a.Tick.Label.Color = softColor, softColor
	}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = ruleColor, ruleColor
	grid.Vertical.Width, grid.Horizontal.Width = 0.8, 0.8
	p.Add(grid)
	return p
}

// svg draws a plot, with a description for those who cannot see it.
func svg(p *plot.Plot, height vg.Length, description string) template.HTML {
	c := vgsvg.New(plotWidth, height)
	// Room at both ends, since the text of a tick is centered there.
	p.Draw(draw.Crop(draw.New(c), 12, -18, 0, -4))
	open := fmt.Sprintf(`<svg class="chart" role="img" aria-label="%s" viewBox="0 0 %d %g">`,
		html.EscapeString(description), plotWidth, float64(height))
	return drawn(c, open)
}

// drawn is a canvas as an element of the page, with another opening tag.
func drawn(c *vgsvg.Canvas, open string) template.HTML {
	var b strings.Builder
	_, _ = c.WriteTo(&b) // a builder takes everything
	_, body, _ := strings.Cut(b.String(), "xlink\">")
	return template.HTML(open + themed.Replace(body)) // gonum escapes its texts
}

// linesPicture adds series to a plot, for the caller to scale and draw. Those without points are
// left out; nil if all are.
func linesPicture(title string, p *plot.Plot, all []series) *picture {
	pic := &picture{Title: title}
	for _, s := range all {
		style := draw.LineStyle{
			Color: styleColor(s.style), Width: 1.6, Dashes: dashes[s.style%styleCount],
		}
		glyph := draw.GlyphStyle{
			Color: styleColor(s.style), Radius: 3.2, Shape: glyphs[s.style%styleCount],
		}
		for _, piece := range s.pieces {
			if l, err := plotter.NewLine(piece); err == nil {
				l.LineStyle = style
				p.Add(l)
			}
		}
		if len(s.whiskers) > 0 {
			if e, err := plotter.NewYErrorBars(struct {
				plotter.XYs
				plotter.YErrors
			}{s.marks, s.whiskers}); err == nil {
				e.Color = style.Color
				p.Add(e)
			}
		}
		if marks, err := plotter.NewScatter(s.marks); err == nil {
			marks.GlyphStyle = glyph
			p.Add(marks)
			pic.Keys = append(pic.Keys, key{keyMark(style, glyph), s.name})
		}
	}
	if len(pic.Keys) == 0 {
		return nil
	}
	return pic
}

// keyMark is a sample of a line.
func keyMark(line draw.LineStyle, glyph draw.GlyphStyle) template.HTML {
	c := vgsvg.New(40, 12)
	to := draw.New(c)
	to.StrokeLine2(line, 1, 6, 39, 6)
	to.DrawGlyph(glyph, vg.Point{X: 20, Y: 6})
	return drawn(c, `<svg class="key" viewBox="0 0 40 12" aria-hidden="true">`)
}

// linear scales an axis from 0 with round ticks. Bytes are round in their own unit.
func linear(a *plot.Axis, u unit) {
	a.Min = 0
	if !(a.Max > 0) {
		a.Max = 1
	}
	a.Max *= 1.04
	a.Tick.Marker = plot.TickerFunc(func(_, most float64) []plot.Tick {
		one := 1.0
		for (u == unitBytes || u == unitSpeed) && most/one >= 1024 {
			one *= 1024
		}
		step := math.Pow(10, math.Floor(math.Log10(most/one)))
		for _, part := range []float64{0.2, 0.5, 1, 2} {
			if most/one/(step*part) <= 7 {
				step *= part
				break
			}
		}
		var ticks []plot.Tick
		for v := 0.0; v*one <= most*(1+1e-9); v += step {
			ticks = append(ticks, plot.Tick{Value: v * one, Label: u.tick(v * one)})
		}
		return ticks
	})
}

// logarithmic scales an axis with equal room for equal factors and ticks at 1, 2 and 5.
func logarithmic(a *plot.Axis, u unit) {
	a.Scale = plot.LogScale{}
	a.Min, a.Max = a.Min/1.1, a.Max*1.1
	a.Tick.Marker = plot.TickerFunc(func(least, most float64) []plot.Tick {
		factors := []float64{1, 2, 5}
		if most/least > 2000 {
			factors = factors[:1]
		}
		var ticks []plot.Tick
		for decade := math.Floor(math.Log10(least)); math.Pow(10, decade) <= most; decade++ {
			for _, f := range factors {
				if v := f * math.Pow(10, decade); v >= least && v <= most {
					ticks = append(ticks, plot.Tick{Value: v, Label: u.tick(v)})
				}
			}
		}
		return ticks
	})
}

// notedPercentiles have a mark in plots and a column in tables.
var notedPercentiles = []float64{50, 90, 99, 99.9, 99.99, 99.999}

// place is where a percentile is on its axis: each further nine has the same room.
func place(percent float64) float64 { return -math.Log10(1 - percent/100) }

// curve is the latency by percentile of a row's kind: at each percentile the median over turns.
type curve struct {
	name  string
	style int
	row   *row
	kind  Kind // empty: all jobs
}

func (c *curve) at(percent float64) float64 {
	v, _ := c.row.value(percentileFigure(c.kind, percent))
	return max(v, 1e-6)
}

// count is how many times the turn with the fewest has.
func (c *curve) count() int64 {
	least := int64(math.MaxInt64)
	for _, t := range c.row.step.Turns {
		n := int64(0)
		if tally := t.tally(c.kind); tally != nil {
			n = tally.Count
		}
		least = min(least, n)
	}
	return least
}

// percentilePlot draws latency by percentile, each as far as a turn's transfers go.
func percentilePlot(title string, curves []curve) *picture {
	p := newPlot("percentile", "latency")
	t := &table{Head: []string{""}, Words: 1}
	var all []series
	var said []string
	end := place(99)
	for _, c := range curves {
		n := c.count()
		if n == 0 {
			continue
		}
		last := math.Log10(float64(n))
		end = max(end, last)
		s := series{name: c.name, style: c.style}
		line, cells := plotter.XYs{}, []string{plain(c.name)}
		for x := 0.0; x <= last; x += 0.05 {
			line = append(line, plotter.XY{X: x, Y: c.at(100 * (1 - math.Pow(10, -x)))})
		}
		for _, percent := range notedPercentiles {
			v := c.at(percent)
			if place(percent) > last {
				cells = append(cells, noFigure)
				continue
			}
			s.marks = append(s.marks, plotter.XY{X: place(percent), Y: v})
			cells = append(cells, showSeconds(v))
		}
		if len(s.marks) == 0 {
			s.marks = line[:1]
		}
		s.pieces = []plotter.XYs{line}
		all = append(all, s)
		t.Rows = append(t.Rows, cells)
		said = append(said, fmt.Sprintf("%s: median %s, 99%% at most %s", c.name,
			showSeconds(c.at(50)), showSeconds(c.at(99))))
	}
	var ticks plot.ConstantTicks
	for _, percent := range notedPercentiles {
		text := strconv.FormatFloat(percent, 'f', -1, 64) + "%"
		t.Head = append(t.Head, text)
		if place(percent) <= end {
			ticks = append(ticks, plot.Tick{Value: place(percent), Label: text})
		}
	}
	p.X.Tick.Marker = ticks
	pic := linesPicture(title, p, all)
	if pic == nil {
		return nil
	}
	logarithmic(&p.Y, unitSeconds)
	p.X.Max = end
	pic.SVG, pic.Table = svg(p, plotHeight, title+". "+strings.Join(said, ". ")), t
	return pic
}

// loadPlot draws a figure over loads, with whiskers from the least turn to the greatest; nil unless
// there are two loads.
func loadPlot(title, label string, f figure, rows []*row, load func(*Step) float64) *picture {
	p := newPlot(label, f.name)
	lines := map[string]*series{}
	var order, said []string
	var loads []float64
	least, most := math.Inf(1), 0.0
	for _, r := range rows {
		v, known := r.value(f)
		x := load(r.step)
		if !known || x == 0 {
			continue
		}
		if lines[r.name] == nil {
			lines[r.name] = &series{name: r.name, style: r.style, pieces: make([]plotter.XYs, 1)}
			order = append(order, r.name)
		}
		turns, s := r.perTurn(f), lines[r.name]
		low, high := slices.Min(turns), slices.Max(turns)
		least, most = min(least, low), max(most, high)
		s.marks = append(s.marks, plotter.XY{X: x, Y: v})
		s.whiskers = append(s.whiskers, struct{ Low, High float64 }{v - low, high - v})
		loads = append(loads, x)
		said = append(said, fmt.Sprintf("%s, %s: %s", r.name, r.load(), f.unit.show(v)))
	}
	slices.Sort(loads)
	if loads = slices.Compact(loads); len(loads) < 2 {
		return nil
	}
	var all []series
	for _, name := range order {
		s := lines[name]
		s.pieces[0] = slices.Clone(s.marks)
		slices.SortFunc(s.pieces[0], func(a, b plotter.XY) int { return int(a.X - b.X) })
		all = append(all, *s)
	}
	pic := linesPicture(title, p, all)
	p.X.Scale, p.X.Min, p.X.Max = plot.LogScale{}, loads[0]/1.1, loads[len(loads)-1]*1.1
	var ticks plot.ConstantTicks
	for _, x := range loads {
		if n := len(ticks); n == 0 || math.Log(x/ticks[n-1].Value) > 0.1*math.Log(p.X.Max/p.X.Min) {
			ticks = append(ticks, plot.Tick{Value: x, Label: showDigits(x)})
		}
	}
	p.X.Tick.Marker = ticks
	if f.unit == unitSeconds && most > 20*least && least > 0 {
		p.Y.Min, p.Y.Max = least, most
		logarithmic(&p.Y, f.unit)
	} else {
		linear(&p.Y, f.unit)
	}
	pic.SVG = svg(p, plotHeight, title+". "+strings.Join(said, ". "))
	return pic
}

// barPlot draws a figure of several targets as bars, each with its value at its end and its turns
// below; nil unless two targets have it.
func barPlot(title string, f figure, rows []*row) *picture {
	p := newPlot("", "")
	var said []string
	bars, values := barParts(f, rows)
	if len(bars) < 2 {
		return nil
	}
	for i, bar := range bars {
		r := bar.row
		bar.chart.Color, bar.chart.LineStyle.Width = styleColor(r.style), 0
		p.Add(bar.chart)
		if turns, err := plotter.NewScatter(bar.turns); err == nil {
			turns.GlyphStyle = draw.GlyphStyle{
				Color: styleColor(r.style), Radius: 2.6, Shape: glyphs[r.style%styleCount],
			}
			p.Add(turns)
		}
		said = append(said, r.name+": "+values.Labels[i])
	}
	values.Offset = vg.Point{X: 6}
	names := &plotter.Labels{Offset: vg.Point{Y: 16}}
	for i, bar := range bars {
		names.XYs = append(names.XYs, plotter.XY{Y: values.XYs[i].Y})
		names.Labels = append(names.Labels, bar.row.name)
	}
	for _, l := range []*plotter.Labels{values, names} {
		for range l.Labels {
			style := p.X.Tick.Label
			style.XAlign, style.YAlign, style.Color = draw.XLeft, draw.YCenter, textColor
			l.TextStyle = append(l.TextStyle, style)
		}
		p.Add(l)
	}
	p.HideY()
	p.Y.Min, p.Y.Max = -0.45, float64(len(bars))-0.45
	linear(&p.X, f.unit)
	p.X.Max *= 1.15 // for the value of the longest bar
	height := vg.Length(40 + 50*len(bars))
	return &picture{Title: title, SVG: svg(p, height, title+". "+strings.Join(said, ". "))}
}

// barPart is a bar with its turns.
type barPart struct {
	row   *row
	chart *plotter.BarChart
	turns plotter.XYs
}

// barParts are the bars of the rows that have the figure, from top to bottom, and their values,
// each at the end of its bar.
func barParts(f figure, rows []*row) (bars []barPart, values *plotter.Labels) {
	values = &plotter.Labels{}
	for _, r := range rows {
		v, known := r.value(f)
		if !known {
			continue
		}
		chart, err := plotter.NewBarChart(plotter.Values{v}, 12)
		if err != nil {
			continue
		}
		chart.Horizontal = true
		bars = append(bars, barPart{row: r, chart: chart})
		values.XYs = append(values.XYs, plotter.XY{X: v})
		values.Labels = append(values.Labels, f.unit.show(v))
	}
	for i := range bars {
		y := float64(len(bars) - 1 - i)
		bars[i].chart.XMin, values.XYs[i].Y = y, y
		for _, v := range bars[i].row.perTurn(f) {
			bars[i].turns = append(bars[i].turns, plotter.XY{X: v, Y: y - 0.24})
		}
	}
	return bars, values
}
