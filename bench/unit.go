package bench

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// unit is what a figure counts. It decides how values are shown and read.
type unit uint8

const (
	unitCount   unit = iota // a number of things, or of things a second
	unitBytes               // bytes
	unitSpeed               // bytes a second
	unitSeconds             // seconds
	unitShare               // a share of 1, shown in percent
	unitCPUs                // processors kept busy
)

// noFigure is shown for a figure that was not measured.
const noFigure = "-"

// show is a value for people, in about three digits and with its unit.
func (u unit) show(value float64) string {
	switch u {
	case unitSeconds:
		return showSeconds(value)
	case unitBytes:
		return scaled(value, 1024, "B", "KiB", "MiB", "GiB", "TiB")
	case unitSpeed:
		return unitBytes.show(value) + "/s"
	case unitShare:
		return showDigits(value*100) + "%"
	case unitCPUs:
		return strconv.FormatFloat(value, 'f', 2, 64)
	default:
		return showDigits(value)
	}
}

func showSeconds(seconds float64) string { return scaled(seconds*1e6, 1000, "µs", "ms", "s") }

// showDigits shows large numbers whole, with commas, and small ones in three digits.
func showDigits(value float64) string {
	switch size := math.Abs(value); {
	case size >= 100 && size < 1e15:
		return humanize.Comma(int64(math.Round(value)))
	case size >= 1 && size < 100 && size != math.Trunc(size):
		return strconv.FormatFloat(value, 'f', 2-min(1, int(size/10)), 64)
	default:
		return strconv.FormatFloat(value, 'g', 3, 64)
	}
}

// scaled shows a value in the largest unit in which it is 1 or more.
func scaled(value, step float64, units ...string) string {
	i := 0
	for ; i+1 < len(units) && value >= step*0.9995; i++ {
		value /= step
	}
	digits := 0
	switch { // counts of the smallest unit are whole
	case i == 0 && math.Abs(value-math.Round(value)) < 0.005:
	case value < 9.995:
		digits = 2
	case value < 99.95:
		digits = 1
	}
	return strconv.FormatFloat(value, 'f', digits, 64) + " " + units[i]
}

// tick is a round value on an axis, without the zeros after its point.
func (u unit) tick(value float64) string {
	if u == unitCPUs {
		return showDigits(value)
	}
	number, word, _ := strings.Cut(u.show(value), " ")
	if strings.Contains(number, ".") {
		number = strings.TrimRight(strings.TrimRight(number, "0"), ".")
	}
	return strings.TrimSpace(number + " " + word)
}

// plural is "1 turn" or "3 turns".
func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return humanize.Comma(n) + " " + one + "s"
}

// parse reads a value with its unit.
func (u unit) parse(text string) (value float64, err error) {
	number, want := strings.ReplaceAll(text, " ", ""), "a plain number"
	if u == unitCount || u == unitSpeed {
		number = strings.TrimSuffix(number, "/s")
	}
	switch u {
	case unitSeconds:
		want = "a time with its unit, such as 20ms or 1.5s"
		var d time.Duration
		d, err = time.ParseDuration(number)
		value = d.Seconds()
	case unitBytes, unitSpeed:
		want = "a number of B, kB, KiB, MB, MiB, GB or GiB"
		var n uint64
		n, err = humanize.ParseBytes(number)
		value = float64(n)
	case unitShare:
		want = "a share in percent, such as 0.1%"
		percent, _ := strings.CutSuffix(number, "%")
		if value, err = strconv.ParseFloat(percent, 64); percent == number {
			value = -1
		}
		value /= 100
	default:
		value, err = strconv.ParseFloat(number, 64)
	}
	if err != nil || !(value >= 0 && value < 1e18) {
		return 0, fmt.Errorf("%q: want %s", text, want)
	}
	return value, nil
}
