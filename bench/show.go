package bench

import (
	"math"
	"strconv"

	"github.com/dustin/go-humanize"
)

// show gives a figure for people, in three digits or so and with its unit.
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

// showDigits gives large numbers whole, with commas, and small ones in three digits.
func showDigits(value float64) string {
	switch size := math.Abs(value); {
	case size >= 1e15: // beyond what is counted, and soon beyond what an integer holds
		return strconv.FormatFloat(value, 'g', 3, 64)
	case size >= 100:
		return humanize.Comma(int64(math.Round(value)))
	case size == math.Trunc(size):
		return strconv.FormatFloat(value, 'f', 0, 64)
	case size >= 10:
		return strconv.FormatFloat(value, 'f', 1, 64)
	case size >= 1:
		return strconv.FormatFloat(value, 'f', 2, 64)
	default:
		return strconv.FormatFloat(value, 'g', 3, 64)
	}
}

// scaled gives a value in the largest of the units in which it is 1 or more.
func scaled(value float64, units []string, step float64) string {
	i := 0
	for ; i+1 < len(units) && math.Abs(value) >= step*0.9995; i++ {
		value /= step
	}
	digits := 0
	switch size := math.Abs(value); {
	case size == 0 || size >= 99.95:
	case size >= 9.995:
		digits = 1
	default:
		digits = 2
	}
	return strconv.FormatFloat(value, 'f', digits, 64) + " " + units[i]
}

// showSeconds gives a time in µs, ms or s, and in minutes from ten of them on.
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

// plural is "1 turn" or "3 turns".
func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return humanize.Comma(n) + " " + one + "s"
}
