package main

import (
	"slices"
	"strings"
	"testing"
)

func TestSizesAreReadWithTheirUnits(t *testing.T) {
	got, err := parseSizes([]string{"0", "4096", "64KiB", "1MB", "2 GiB"})
	if want := []int64{0, 4096, 64 << 10, 1e6, 2 << 30}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, not %v", got, err, want)
	}
	for _, bad := range []string{"", "x", "4 apples", "-1"} {
		if got, err := parseSizes([]string{bad}); err == nil {
			t.Errorf("%q is %v", bad, got)
		}
	}
}

func TestStatusTellsWrongUseFromErrors(t *testing.T) {
	for _, c := range []struct {
		status int
		args   []string
	}{
		{0, []string{"--help"}},
		{2, []string{"--no-such-flag"}},
		{2, []string{"--clients", "0"}},
		{2, []string{"--size", "large"}},
		{2, []string{"one:1", "two:2"}},
		{1, []string{"--server", "no/such/ferryd", "--scratch", t.TempDir()}},
		{1, []string{"127.0.0.1:1", "--clients", "1", "--max-errors", "1", "--transfers", "1"}},
	} {
		var out, errs strings.Builder
		if got := run(c.args, &out, &errs); got != c.status {
			t.Errorf("%v: status %d, not %d: %s", c.args, got, c.status, &errs)
		}
		if lines := strings.Count(errs.String(), "\n"); c.status != 0 && lines == 0 {
			t.Errorf("%v: nothing said", c.args)
		}
	}
}
