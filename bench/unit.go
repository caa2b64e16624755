package bench

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
)

// unit is what a figure counts, and decides how it is shown and read.
type unit uint8

const (
	unitCount   unit = iota // a number of things
	unitRate                // things a second
	unitBytes               // bytes
	unitSpeed               // bytes a second
	unitSeconds             // seconds
	unitShare               // a share of 1, shown in percent
	unitCPUs                // processors kept busy
)

// noFigure is shown for a figure that was not measured.
const noFigure = "-"

// show is a figure for people, in about three digits and with its unit.
func (u unit) show(value float64) string {
	switch u {
	case unitSeconds:
		return showSeconds(value)
	case unitBytes:
		return showBytes(value)
	case unitSpeed:
		return showBytes(value) + "/s"
	case unitShare:
		return showDigits(value*100) + "%"
	case unitCPUs:
		return strconv.FormatFloat(value, 'f', 2, 64)
	case unitCount:
		return showDigits(math.Round(value))
	default:
		return showDigits(value)
	}
}

// showDigits shows large numbers whole, with commas, and small ones in three digits.
func showDigits(value float64) string {
	switch size := math.Abs(value); {
	case size >= 1e15: // an integer may not hold it
		return strconv.FormatFloat(value, 'g', 3, 64)
	case size >= 100:
		return humanize.Comma(int64(math.Round(value)))
	case size == math.Trunc(size):
		return strconv.FormatFloat(value, 'f', 0, 64)
	case size >= 1:
		return strconv.FormatFloat(value, 'f', 2-min(1, int(size/10)), 64)
	default:
		return strconv.FormatFloat(value, 'g', 3, 64)
	}
}

// scaled shows a value in the largest unit in which it is 1 or more.
func scaled(value float64, units []string, step float64) string {
	i := 0
	for ; i+1 < len(units) && math.Abs(value) >= step*0.9995; i++ {
		value /= step
	}
	digits := 2
	switch size := math.Abs(value); {
	case size == 0 || size >= 99.95:
		digits = 0
	case size >= 9.995:
		digits = 1
	}
	return strconv.FormatFloat(value, 'f', digits, 64) + " " + units[i]
}

// showSeconds shows a time in µs, ms or s, and in minutes from ten on.
func showSeconds(seconds float64) string {
	if math.Abs(seconds) >= 600 {
		return showDigits(seconds/60) + " min"
	}
	us := seconds * 1e6
	if whole := math.Round(us); math.Abs(us) < 1000 && math.Abs(us-whole) < 0.005 {
		return strconv.FormatFloat(whole, 'f', 0, 64) + " µs" // as histograms count
	}
	return scaled(us, []string{"µs", "ms", "s"}, 1000)
}

func showBytes(bytes float64) string {
	if math.Abs(bytes) < 1024 {
		return showDigits(math.Round(bytes)) + " B"
	}
	return scaled(bytes, []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}, 1024)
}

// tick is a round value on an axis, without the zeros behind its point.
func (u unit) tick(value float64) string {
	text := u.show(value)
	if u == unitCPUs {
		text = showDigits(value) // two digits would show some ticks as equal
	}
	number, word, spaced := strings.Cut(text, " ")
	if strings.Contains(number, ".") {
		number = strings.TrimRight(strings.TrimRight(number, "0"), ".")
	}
	if spaced {
		number += " " + word
	}
	return number
}

// plural is "1 turn" or "3 turns".
func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return humanize.Comma(n) + " " + one + "s"
}

// timeUnits are the seconds of each unit of time.
var timeUnits = map[string]float64{
	"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "min": 60,
	"h": 3600,
}

// parse reads a value in the unit's words.
func (u unit) parse(text string) (float64, error) {
	end := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	digits, word := text, ""
	if end >= 0 {
		digits, word = text[:end], strings.TrimSpace(text[end:])
	}
	value, err := strconv.ParseFloat(digits, 64)
	if err != nil || math.IsInf(value, 0) {
		return 0, fmt.Errorf("%q does not begin with a number of 0 or more", text)
	}
	switch u {
	case unitSeconds:
		seconds, ok := timeUnits[word]
		if !ok {
			return 0, fmt.Errorf("%q is no time: write its unit, as 20ms or 1.5s", text)
		}
		return value * seconds, nil
	case unitShare:
		if word != "%" {
			return 0, fmt.Errorf("%q is no share: write it in percent, as 0.1%%", text)
		}
		return value / 100, nil
	case unitBytes, unitSpeed:
		if u == unitSpeed {
			word = strings.TrimSuffix(word, "/s")
		}
		one, err := humanize.ParseBytes("1" + word)
		if err != nil {
			return 0, fmt.Errorf("%q: not a number of B, kB, KiB, MB, MiB, GB or GiB", text)
		}
		return value * float64(one), nil
	default:
		if u == unitRate {
			word = strings.TrimPrefix(word, "/s")
		}
		if word != "" {
			return 0, fmt.Errorf("%q: want a plain number, without %q", text, word)
		}
		return value, nil
	}
}
