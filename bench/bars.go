package bench

import (
	"fmt"
	"html"
	"slices"
	"strings"
)

// bar is one target's figure: a bar as long as the median over turns, and a mark for each turn.
type bar struct {
	name   string
	style  int
	median float64
	turns  []float64
}

// bars is a chart of lying bars, so that names of any length stand beside them.
type bars struct {
	id, title, desc string
	unit            unit
	bars            []bar
}

// Sizes of a chart of bars.
const (
	barsWidth  = chartHalf
	barHeight  = 44
	barsTop    = 6
	barsFoot   = 26
	barsRight  = 64 // room for the value behind the longest bar
	barOfSlot  = 18 // a bar's own height; its name stands above it
	barsBottom = 4
)

func (c *bars) svg() string {
	var b strings.Builder
	height := barsTop + len(c.bars)*barHeight + barsFoot + barsBottom
	openSVG(&b, c.id, c.title, c.desc, barsWidth, height)
	most := 0.0
	for _, one := range c.bars {
		most = max(most, one.median, slices.Max(append(one.turns, 0)))
	}
	across := linearAxis("", most, c.unit)
	place := func(v float64) float64 { return across.share(v) * (barsWidth - barsRight) }
	foot := barsTop + len(c.bars)*barHeight
	ticks := across.ticks
	for i, t := range ticks {
		x := pixels(place(t.at))
		fmt.Fprintf(&b, `<line class="grid" x1="%s" x2="%s" y1="%d" y2="%d"/>`, x, x, barsTop, foot)
		// The first, the last and one between them: more would run into each other.
		anchor := "middle"
		switch i {
		case 0:
			anchor = "start"
		case len(ticks) - 1, len(ticks) / 2:
		default:
			continue
		}
		fmt.Fprintf(&b, `<text class="tick" x="%s" y="%d" text-anchor="%s">%s</text>`, x, foot+16,
			anchor, html.EscapeString(t.text))
	}
	for i, one := range c.bars {
		style, top := one.style%styleCount, barsTop+i*barHeight
		fmt.Fprintf(&b, `<g class="s%d"><text class="name" x="0" y="%d">%s</text>`, style, top+13,
			html.EscapeString(one.name))
		fmt.Fprintf(&b, `<rect class="bar" x="0" y="%d" width="%s" height="%d"/>`, top+18,
			pixels(place(one.median)), barOfSlot)
		end := place(one.median)
		for _, v := range one.turns {
			end = max(end, place(v))
			drawMark(&b, style, place(v), float64(top+18+barOfSlot/2), c.unit.show(v))
		}
		fmt.Fprintf(&b, `<text class="value" x="%s" y="%d">%s</text></g>`, pixels(end+8),
			top+18+barOfSlot/2+5, html.EscapeString(c.unit.show(one.median)))
	}
	b.WriteString("</svg>")
	return b.String()
}
