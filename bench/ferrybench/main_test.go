package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ferry/bench"
)

func TestExitStatus(t *testing.T) {
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
		{2, []string{"--server", "no/such/ferryd"}},
		{2, []string{"--clients", "many"}},
		{2, []string{"127.0.0.1:1", "--server", os.Args[0]}},
		{2, []string{"127.0.0.1:1", "--proto", "status"}},
		{2, []string{"127.0.0.1:1?pid=2147483647"}},
		{2, []string{"127.0.0.1:1", "--output", filepath.Join(t.TempDir(), "no", "run.json")}},
		{2, []string{"127.0.0.1:1", "--output", t.TempDir()}},
		{1, []string{"127.0.0.1:1", "--clients", "1", "--max-errors", "1", "--transfers", "1"}},
	} {
		var out, errs strings.Builder
		if got := run(c.args, &out, &errs); got != c.status {
			t.Errorf("%v: status %d, not %d: %s", c.args, got, c.status, &errs)
		}
		if lines := strings.Count(errs.String(), "\n"); lines != c.status {
			t.Errorf("%v: %d lines, where one says it and another where help is: %s", c.args,
				lines, &errs)
		}
		if strings.Contains(errs.String(), "/.") {
			t.Errorf("%v: a hidden file: %s", c.args, &errs)
		}
	}
}

// TestFlagsChangeAScenario holds that what a flag does not say stays as the scenario has it.
func TestFlagsChangeAScenario(t *testing.T) {
	read := func(args ...string) bench.Scenario {
		t.Helper()
		var l load
		cmd := command(&l)
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
	if s := read("--scenario", "small", "--size", "9"); s.Names != 100 ||
		!slices.Equal(s.Sizes, []int64{9}) {
		t.Errorf("small with another size: %+v", s)
	}
	if s := read("--put", "2"); s.Gets != 0 || s.Puts != 2 {
		t.Errorf("puts alone: %+v", s)
	}
	if s := read("--scenario", "storm", "--get", "1"); s.Storm || s.Gets != 1 {
		t.Errorf("gets in place of a storm: %+v", s)
	}
}

func TestResultHidesPasswords(t *testing.T) {
	got := withoutPasswords([]string{
		"--compare-with", "x=ftp://ann:s3:cret@127.0.0.1:21/a", "h:1", "a:b@c",
	})
	want := []string{"--compare-with", "x=ftp://ann:***@127.0.0.1:21/a", "h:1", "a:b@c"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
