package bench

import (
	"math"
	"strconv"
	"strings"
)

// tick is a line of the grid with its text.
type tick struct {
	at   float64
	text string
}

// axis maps values to places. Its zero value is of no use: linearAxis, logAxis and percentileAxis
// make one.
type axis struct {
	label  string
	log    bool
	lo, hi float64
	ticks  []tick
}

// share is a value's place, 0 at the axis's begin and 1 at its end.
func (a *axis) share(v float64) float64 {
	lo, hi := a.lo, a.hi
	if a.log {
		v, lo, hi = math.Log10(max(v, a.lo)), math.Log10(lo), math.Log10(hi)
	}
	if hi <= lo {
		return 0
	}
	return max(0, min(1, (v-lo)/(hi-lo)))
}

// tickText is a round value of an axis: zeros behind the point say nothing there.
func (u unit) tickText(value float64) string {
	text := u.show(value)
	if u == unitCPUs {
		text = showDigits(value) // a fixed number of digits would show some ticks as the same
	}
	number, word, spaced := strings.Cut(text, " ")
	if strings.Contains(number, ".") {
		number = strings.TrimRight(strings.TrimRight(number, "0"), ".")
	}
	if number == "" {
		number = "0"
	}
	if spaced {
		number += " " + word
	}
	return number
}

// linearAxis begins at 0 and ends at a round number from the largest value on. Bytes are round in
// their own unit.
func linearAxis(label string, most float64, u unit) axis {
	one := 1.0
	if u == unitBytes || u == unitSpeed {
		for most/one >= 1024 {
			one *= 1024
		}
	}
	// A little room above the largest value keeps its mark in the picture.
	a := roundAxis(label, most/one*1.04, func(v float64) string { return u.tickText(v * one) })
	a.hi *= one
	for i := range a.ticks {
		a.ticks[i].at *= one
	}
	return a
}

// roundAxis is a linear one whose ticks are decimally round.
func roundAxis(label string, most float64, show func(float64) string) axis {
	if !(most > 0) {
		most = 1
	}
	const ticksMax = 8
	step := math.Pow(10, math.Floor(math.Log10(most/ticksMax)))
	for _, factor := range []float64{2, 2.5, 2, 2} { // to 1, 2, 5, 10 and 20 of the first step
		if most/step <= ticksMax {
			break
		}
		step *= factor
	}
	a := axis{label: label, hi: step * math.Ceil(most/step*(1-1e-9))}
	for i := 0; float64(i)*step <= a.hi*(1+1e-9); i++ {
		a.ticks = append(a.ticks, tick{float64(i) * step, show(float64(i) * step)})
	}
	return a
}

// showTick gives a round number without the digits that it does not need.
func showTick(value float64) string {
	if value >= 1000 {
		return showDigits(value)
	}
	return strconv.FormatFloat(math.Round(value*1000)/1000, 'f', -1, 64)
}

// timeAxis is a linear one of seconds that ends with the last one.
func timeAxis(label string, last float64) axis {
	a := roundAxis(label, last, showTick)
	a.hi = last
	for len(a.ticks) > 0 && a.ticks[len(a.ticks)-1].at > last*(1+1e-9) {
		a.ticks = a.ticks[:len(a.ticks)-1]
	}
	return a
}

// logAxis has equal room for equal factors; its values are more than 0. It is cut at round numbers
// around what it shows.
func logAxis(label string, least, most float64, show func(float64) string) axis {
	if !(least > 0) {
		least = 1e-6
	}
	most = max(most, least*1.0001)
	a := axis{label: label, log: true}
	decade := math.Floor(math.Log10(least) + 1e-9)
	last := math.Ceil(math.Log10(most) - 1e-9)
	factors := []float64{1, 2, 5}
	if last-decade > 3 {
		factors = []float64{1}
	}
	var all []float64
	for d := decade; d <= last; d++ {
		for _, factor := range factors {
			all = append(all, factor*math.Pow(10, d))
		}
	}
	// From the last round number below all values to the first above them.
	first, end := 0, len(all)-1
	for first+1 < len(all) && all[first+1] <= least*(1+1e-9) {
		first++
	}
	for end > first+1 && all[end-1] >= most*(1-1e-9) {
		end--
	}
	a.lo, a.hi = all[first], all[end]
	for _, v := range all[first : end+1] {
		a.ticks = append(a.ticks, tick{v, show(v)})
	}
	return a
}

// stepsAxis is a logarithmic one whose ticks are the steps themselves: a curve has few of them.
func stepsAxis(label string, steps []float64, show func(float64) string) axis {
	a := axis{label: label, log: true, lo: math.Inf(1)}
	for _, v := range steps {
		a.lo, a.hi = min(a.lo, v), max(a.hi, v)
	}
	// Ends of a few percent keep marks off the frame.
	margin := math.Pow(a.hi/a.lo, 0.04)
	if margin < 1.01 {
		margin = 1.2
	}
	last := math.Inf(-1)
	for _, v := range steps {
		if place := math.Log10(v); place-last >= 0.06*math.Log10(a.hi/a.lo) {
			a.ticks = append(a.ticks, tick{v, show(v)})
			last = place
		}
	}
	a.lo, a.hi = a.lo/margin, a.hi*margin
	return a
}

// percentileAxis is HdrHistogram's: each further nine has the same room. Its values are places as
// percentilePlace gives them, up to that of the largest sample.
func percentileAxis(count int64) axis {
	a := axis{
		label: "percentile (each further nine has the same room)",
		hi:    max(percentilePlace(99), math.Log10(float64(max(count, 1)))),
	}
	for _, t := range []struct {
		percent float64
		text    string
	}{
		{50, "50%"},
		{90, "90%"},
		{99, "99%"},
		{99.9, "99.9%"},
		{99.99, "99.99%"},
		{99.999, "99.999%"},
		{99.9999, "99.9999%"},
		{99.99999, "99.99999%"},
	} {
		if at := percentilePlace(t.percent); at <= a.hi*(1+1e-9) {
			a.ticks = append(a.ticks, tick{at, t.text})
		}
	}
	return a
}

// percentilePlace is 0 for 0 %, 1 for 90 %, 2 for 99 % and so on.
func percentilePlace(percent float64) float64 { return -math.Log10(1 - percent/100) }

// placePercentile is its inverse.
func placePercentile(place float64) float64 { return 100 * (1 - math.Pow(10, -place)) }
