package shell

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
)

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
