package fsio

import (
	"strings"
	"testing"
	"time"
)

// TestListedTimesCanBeReadAgain holds years to those that have four digits, as RFC 3339 demands:
// filesystems keep times of other years.
func TestListedTimesCanBeReadAgain(t *testing.T) {
	date := func(year int) time.Time { return time.Date(year, 3, 4, 5, 6, 7, 0, time.UTC) }
	first := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	last := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	for at, want := range map[time.Time]time.Time{
		date(2026): date(2026), date(0): date(0), date(9999): date(9999),
		date(10_000): last, date(300_000): last, date(-1): first, first.Add(-1): first,
		last.Add(time.Second): last,
	} {
		line := appendLine(nil, "name", meta{kind: typePlain, changed: at})
		text := strings.Split(string(line), "\t")[2]
		got, err := time.Parse(time.RFC3339, text)
		if err != nil || !got.Equal(want) {
			t.Errorf("%v is told as %q", at, text)
		}
	}
}
