package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ferry/reactor/limit"
)

// stagedLimits are those that no script meets: they take longer than a script, or more memory.
// Tests of the server's own show them, where time is the test's.
var stagedLimits = map[string]bool{
	"--max-session-rate": true, "--max-listing-memory": true,
	"--lease-rest": true, "--classic-rest": true,
}

// limitSigns are what the words of the table about base look like in a script.
var limitSigns = []struct{ words, sign *regexp.Regexp }{
	{
		regexp.MustCompile(`control is closed`),
		regexp.MustCompile(`(?m)^wire eof|connection lost|reason='too much sent ahead'`),
	},
	{regexp.MustCompile(`\breset\b`), regexp.MustCompile(`(?m)^wire cut|not stored`)},
	{
		regexp.MustCompile(`port reply is delayed`),
		regexp.MustCompile(`(?m)^status now\.commands_waiting=1`),
	},
}

// What the table says of a limit is what a client saw when a script ran into it, with real
// programs: each code of the status exchange, and base's signs. This test holds the table to the
// scripts, which TestScript runs.
func TestLimitsTableMatchesScripts(t *testing.T) {
	sections := scriptSections(t)
	shows := func(flag string, status bool, sign *regexp.Regexp) bool {
		return slices.ContainsFunc(sections, func(section string) bool {
			serve, rest, _ := strings.Cut(section, "\n")
			return slices.Contains(strings.Fields(serve), flag) &&
				strings.Contains(rest, "'hello 1'") == status && sign.MatchString(rest)
		})
	}
	code := regexp.MustCompile(`\b[1-5]\d\d\b`)
	for _, row := range new(limit.Limits).Table() {
		flag := "--" + row.Flag
		if stagedLimits[flag] {
			continue
		}
		for _, s := range limitSigns {
			if s.words.MatchString(row.Base) && !shows(flag, false, s.sign) {
				t.Errorf("base: no script shows %q at %s", s.words, flag)
			}
		}
		for _, c := range code.FindAllString(row.Status, -1) {
			sign := regexp.MustCompile(`(?m)^wire reply \w+ '\^` + c + `\b`)
			if c == "150" { // it is delayed
				sign = limitSigns[2].sign
			}
			if !shows(flag, true, sign) {
				t.Errorf("status: no script shows %s at %s", c, flag)
			}
		}
	}
}

// scriptSections are what the scripts do with each server that they start.
func scriptSections(t *testing.T) (sections []string) {
	t.Helper()
	scripts, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts: ", err)
	}
	for _, name := range scripts {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split("\n"+string(text), "\nserve ")
		sections = append(sections, parts[1:]...)
	}
	return sections
}
