package main

import (
	"strings"
	"testing"
	"time"

	"ferry/bench"
)

func TestStatusTellsWrongUseFromErrors(t *testing.T) {
	for _, c := range []struct {
		status int
		args   []string
	}{
		{0, []string{"--help"}},
		{2, []string{"--no-such-flag"}},
		{2, []string{"--clients", "0"}},
		{2, []string{"--clients", "5,5"}},
		{2, []string{"--size", "large"}},
		{2, []string{"--scenario", "flood"}},
		{2, []string{"--rate", "0"}},
		{2, []string{"--format", "xml"}},
		{2, []string{"--compare-with", "x=gopher://127.0.0.1:70"}},
		{2, []string{"one:1", "two:2"}},
		{2, []string{"one"}},
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

// TestFlagsChangeAScenario holds that what a flag does not say stays as the scenario has it.
func TestFlagsChangeAScenario(t *testing.T) {
	read := func(args ...string) bench.Scenario {
		t.Helper()
		var l load
		cmd := command()
		cmd.ResetFlags()
		l.addFlags(cmd.Flags())
		if err := cmd.ParseFlags(args); err != nil {
			t.Fatal(err)
		}
		if err := l.read(cmd.Flags(), cmd.Flags().Args()); err != nil {
			t.Fatal(err)
		}
		return l.plan.Scenario
	}
	if s := read(); s.Name != "mixed" || s.Gets != 4 || s.Puts != 1 {
		t.Errorf("without flags: %+v", s)
	}
	if s := read("--scenario", "small", "--size", "9"); s.Names != 100 || s.Sizes.String() != "9" {
		t.Errorf("small with another size: %+v", s)
	}
	if s := read("--put", "2"); s.Gets != 0 || s.Puts != 2 {
		t.Errorf("puts alone: %+v", s)
	}
	if s := read("--scenario", "storm", "--get", "1"); s.Storm || s.Gets != 1 {
		t.Errorf("gets in place of a storm: %+v", s)
	}
}

func TestLiveLineSaysHowItGoes(t *testing.T) {
	got := liveText(bench.Live{
		Site: "ferryd", Step: "100 clients", Turn: 2, Turns: 10, Elapsed: 3 * time.Second,
		Length: 10 * time.Second, TransfersPerSec: 1234.5, BytesPerSec: 5 << 20, Errors: 7,
	})
	want := "ferryd · 100 clients · turn 2 of 10 · 3 of 10 s · 1234/s · 5.0 MiB/s · 7 errors"
	if got != want {
		t.Errorf("%q, not %q", got, want)
	}
	var out strings.Builder
	l := &line{to: &out}
	l.show(bench.Live{Site: strings.Repeat("long ", 40)})
	if n := len([]rune(strings.TrimPrefix(out.String(), "\r"))); n != lineMax {
		t.Errorf("a line of %d characters", n)
	}
}
