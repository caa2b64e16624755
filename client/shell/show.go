package shell

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
)

// printable is text that a terminal may be given: what would move its cursor, change its state or
// turn the order of letters round stands there as an escape.
func printable(text string) string {
	if !strings.ContainsFunc(text, unshown) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case unshown(r):
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteString(text[i : i+size])
		}
		i += size
	}
	return b.String()
}

// unshown says whether a terminal is to be spared the rune. Bytes that are no UTF-8 count as one.
func unshown(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) ||
		r == '\u2028' || r == '\u2029' || r == utf8.RuneError
}

// bytesText is a number of bytes as people read it.
func bytesText(n int64) string {
	if n == 1 {
		return "1 byte"
	}
	return humanize.Comma(n) + " bytes"
}

// paceText is how long a transfer took and how fast it was.
func paceText(n int64, took time.Duration) string {
	// Below a microsecond the clock says nothing about a rate.
	seconds := max(took, time.Microsecond).Seconds()
	rate := humanize.Bytes(uint64(float64(n) / seconds))
	return fmt.Sprintf("in %.2f s (%s/s)", seconds, rate)
}
