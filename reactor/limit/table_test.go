package limit

import (
	"strings"
	"testing"
)

// Every row is complete and points to a field of its own, and the defaults are valid.
func TestTableIsComplete(t *testing.T) {
	l := Defaults()
	seen := make(map[any]bool)
	for _, r := range l.Table() {
		if r.Flag == "" || r.Help == "" || r.Base == "" || r.Status == "" || seen[r.Flag] ||
			r.Value != nil && seen[r.Value] {
			t.Errorf("a row is incomplete or repeated: %+v", r)
		}
		seen[r.Flag], seen[r.Value] = true, true
	}
	if faults := l.Validate(); faults != nil {
		t.Errorf("the defaults are invalid: %v", faults)
	}
}

// Validate names every limit that is out of range, with the range in the flag's unit.
func TestValidateNamesEveryLimitOutOfRange(t *testing.T) {
	for i, r := range new(Limits).Table() {
		for _, v := range []int64{r.Least - 1, r.Most + 1} {
			l := Defaults()
			limit := l.Table()[i]
			if limit.set(v); limit.value() != v {
				continue // the ports
			}
			want := "--" + r.Flag + " " + limit.text(v) + ": give from "
			faults := l.Validate()
			if len(faults) == 0 || !strings.HasPrefix(faults[0].Error(), want) {
				t.Errorf("got %v, want %s", faults, want)
			}
		}
	}
	l := Defaults()
	l.ListingBytes, l.ListingsBytes = 1<<20, 4<<20-1
	const want = "--max-listing-memory 4194303: give from 4MiB to 1TiB"
	if faults := l.Validate(); len(faults) != 1 || faults[0].Error() != want {
		t.Errorf("got %v, want %s", faults, want)
	}
}
