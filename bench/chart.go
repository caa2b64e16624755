package bench

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// A chart is drawn as SVG by hand, not by a plotting library: its colours are the page's, so that
// they turn with light and dark, its text is text, and each of its points says what it is.

// Sizes of a chart in its own units, which are a screen's pixels where the page has room. A wide
// one fills the page, and two others stand side by side.
const (
	chartWide   = 960
	chartHalf   = 470
	chartHeight = 300
	marginLeft  = 76
	marginRight = 20
	marginTop   = 34
	marginFoot  = 48
)

// styleCount is how many lines a chart tells apart, by colour, dashes and marks together.
const styleCount = 8

// point is a place in a chart, in the axes' values. One with a note has a mark, which says it.
type point struct {
	x, y   float64
	note   string
	lo, hi float64 // a whisker's ends, where they differ from each other
}

// line is a row of points. A piece that does not join the one before it is a piece of its own.
type line struct {
	name   string
	style  int
	pieces [][]point
}

// band is a stretch of the x axis with a word on top.
type band struct {
	from, to float64
	label    string
}

// chart is a figure with two axes.
type chart struct {
	id, title, desc string
	width           int
	x, y            axis
	lines           []line
	bands           []band
}

// svg draws the chart. Every name in it is escaped.
func (c *chart) svg() string {
	var b strings.Builder
	openSVG(&b, c.id, c.title, c.desc, c.width, chartHeight)
	c.drawBands(&b)
	c.drawAxes(&b)
	for i := range c.lines {
		c.drawLine(&b, &c.lines[i])
	}
	b.WriteString("</svg>")
	return b.String()
}

// openSVG begins a picture that tells those who do not see it what it shows.
func openSVG(b *strings.Builder, id, title, desc string, width, height int) {
	fmt.Fprintf(b, `<svg class="chart" viewBox="0 0 %d %d" role="img" `+
		`aria-labelledby="%[3]s-title %[3]s-desc"><title id="%[3]s-title">%[4]s</title>`+
		`<desc id="%[3]s-desc">%[5]s</desc>`, width, height, html.EscapeString(id),
		html.EscapeString(title), html.EscapeString(desc))
}

// left and top give a value's place in the picture.
func (c *chart) left(x float64) float64 {
	return marginLeft + c.x.share(x)*float64(c.width-marginLeft-marginRight)
}

func (c *chart) top(y float64) float64 {
	return chartHeight - marginFoot - c.y.share(y)*(chartHeight-marginTop-marginFoot)
}

func (c *chart) drawBands(b *strings.Builder) {
	for i, band := range c.bands {
		from, to := c.left(band.from), c.left(band.to)
		if i%2 == 1 {
			fmt.Fprintf(b, `<rect class="band" x="%s" y="%d" width="%s" height="%d"/>`,
				pixels(from), marginTop, pixels(to-from), chartHeight-marginTop-marginFoot)
		}
		// Seven units are about a letter's width.
		if to-from > 7*float64(len(band.label)) {
			fmt.Fprintf(b, `<text class="band-label" x="%s" y="%d" text-anchor="middle">%s</text>`,
				pixels((from+to)/2), marginTop-7, html.EscapeString(band.label))
		}
	}
}

func (c *chart) drawAxes(b *strings.Builder) {
	const foot = chartHeight - marginFoot
	for _, t := range c.y.ticks {
		y := pixels(c.top(t.at))
		fmt.Fprintf(b, `<line class="grid" x1="%d" x2="%d" y1="%s" y2="%s"/>`, marginLeft,
			c.width-marginRight, y, y)
		fmt.Fprintf(b, `<text class="tick" x="%d" y="%s" dy="0.35em" text-anchor="end">%s</text>`,
			marginLeft-8, y, html.EscapeString(t.text))
	}
	for _, t := range c.x.ticks {
		x := pixels(c.left(t.at))
		fmt.Fprintf(b, `<line class="grid" x1="%s" x2="%s" y1="%d" y2="%d"/>`, x, x, marginTop,
			foot)
		fmt.Fprintf(b, `<text class="tick" x="%s" y="%d" text-anchor="middle">%s</text>`, x,
			foot+18, html.EscapeString(t.text))
	}
	fmt.Fprintf(b, `<line class="axis" x1="%d" x2="%d" y1="%d" y2="%d"/>`, marginLeft,
		c.width-marginRight, foot, foot)
	// The label of the upright axis lies on top of it: turned text is hard to read.
	fmt.Fprintf(b, `<text class="label" x="0" y="16">%s</text>`, html.EscapeString(c.y.label))
	fmt.Fprintf(b, `<text class="label" x="%d" y="%d" text-anchor="end">%s</text>`,
		c.width-marginRight, chartHeight-8, html.EscapeString(c.x.label))
}

func (c *chart) drawLine(b *strings.Builder, l *line) {
	style := l.style % styleCount
	fmt.Fprintf(b, `<g class="s%d">`, style)
	for _, piece := range l.pieces {
		var path strings.Builder
		for i, p := range piece {
			if i > 0 {
				path.WriteByte(' ')
			}
			path.WriteString(pixels(c.left(p.x)) + "," + pixels(c.top(p.y)))
		}
		fmt.Fprintf(b, `<polyline points="%s"/>`, &path)
	}
	for _, piece := range l.pieces {
		for _, p := range piece {
			if p.lo < p.hi {
				x := c.left(p.x)
				fmt.Fprintf(b, `<path class="whisker" d="M%s %sV%sM%s %sh8M%s %sh8"/>`, pixels(x),
					pixels(c.top(p.lo)), pixels(c.top(p.hi)), pixels(x-4), pixels(c.top(p.lo)),
					pixels(x-4), pixels(c.top(p.hi)))
			}
			if p.note != "" {
				drawMark(b, style, c.left(p.x), c.top(p.y), p.note)
			}
		}
	}
	b.WriteString("</g>")
}

// marks are the shapes of the styles' marks around 0,0, as paths.
var marks = [styleCount]string{
	"M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",                  // circle
	"M-4 -4h8v8h-8z",                                       // square
	"M0 -5l5 9h-10z",                                       // triangle
	"M0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z",                  // diamond
	"M0 5l5 -9h-10z",                                       // triangle on its point
	"M-5 -1.5h3.5v-3.5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5z", // plus
	"M-5 -2.5h10v5h-10z",                                   // bar
	"M-4 -5h8l-4 5l4 5h-8l4 -5z",                           // hourglass
}

// drawMark draws a style's mark, with a note that shows where a mouse rests on it.
func drawMark(b *strings.Builder, style int, x, y float64, note string) {
	fmt.Fprintf(b, `<path class="mark" transform="translate(%s %s)" d="%s">`, pixels(x), pixels(y),
		marks[style])
	if note != "" {
		fmt.Fprintf(b, "<title>%s</title>", html.EscapeString(note))
	}
	b.WriteString("</path>")
}

// legendMark is a piece of a line of that style, as large as a word.
func legendMark(style int) string {
	var b strings.Builder
	style %= styleCount
	fmt.Fprintf(&b, `<svg class="key" viewBox="0 0 44 14" aria-hidden="true"><g class="s%d">`+
		`<polyline points="2,7 42,7"/>`, style)
	drawMark(&b, style, 22, 7, "")
	b.WriteString("</g></svg>")
	return b.String()
}

// pixels gives a place in the picture; what is no number would break the drawing.
func pixels(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = 0
	}
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}
