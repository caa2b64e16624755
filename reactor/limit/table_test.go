package limit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The README has the generated table of limits.
func TestReadmeHasTableOfLimits(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "\n\n"+Markdown()+"\n") {
		t.Errorf("the README lacks this table:\n%s", Markdown())
	}
}

// Every row is complete, has a field of its own and a valid default.
func TestTableIsComplete(t *testing.T) {
	fields := make(map[any]string)
	flags := make(map[string]bool)
	l := Defaults()
	for i := range Table {
		r := &Table[i]
		if r.Flag == "" || r.Help == "" || r.Base == "" || r.Status == "" || flags[r.Flag] {
			t.Errorf("row %d is not complete or not unique: %+v", i, r)
		}
		flags[r.Flag] = true
		if r.Field == nil {
			continue
		}
		p := r.Field(&l)
		if other, taken := fields[p]; taken {
			t.Errorf("--%s and --%s have the same field", other, r.Flag)
		}
		fields[p] = r.Flag
		if _, isDuration := p.(*time.Duration); isDuration != (r.Unit == Duration) || r.Most == 0 ||
			r.Auto != "" && r.Default+r.Least != 0 {
			t.Errorf("--%s: unit, range or default are wrong", r.Flag)
		}
	}
	if faults := l.Validate(); faults != nil {
		t.Errorf("the defaults are not valid: %v", faults)
	}
}

// Validate names every limit that is out of range, with the range in the flag's unit.
func TestValidateNamesEveryLimitOutOfRange(t *testing.T) {
	for i := range Table {
		r := &Table[i]
		if r.Field == nil {
			continue
		}
		for _, v := range []int64{r.Least - 1, r.Most + 1} {
			l := Defaults()
			r.set(&l, v)
			if faults := l.Validate(); len(faults) == 0 ||
				!strings.HasPrefix(faults[0].Error(), "--"+r.Flag+" "+r.Unit.text(v)+": give from ") {
				t.Errorf("--%s %d: %v", r.Flag, v, faults)
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
