package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// limitRow is a line of the README's table of limits.
type limitRow struct{ flag, base, status string }

// limitRows reads that table.
func limitRows(t *testing.T) (rows []limitRow) {
	t.Helper()
	const head = "\n| limit | default | why that much | at the limit, in base | " +
		"at the limit, in status |\n|---|---|---|---|---|\n"
	_, table, found := strings.Cut(readme(t), head)
	if !found {
		t.Fatal("the README has no table of limits")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.SplitSeq(table, "\n") {
		line = strings.ReplaceAll(strings.Trim(line, "| "), `\|`, "\x00")
		cells := strings.Split(line, " | ")
		if len(cells) != 5 || slices.Contains(cells, "") {
			t.Fatalf("a limit has %d cells: %q", len(cells), cells)
		}
		flag, _, _ := strings.Cut(strings.Trim(cells[0], "`"), " ")
		rows = append(rows, limitRow{flag, cells[3], cells[4]})
	}
	return rows
}

// Every flag that is a limit stands in the table of limits, and no other.
func TestReadmeHasEveryLimit(t *testing.T) {
	out, err := exec.Command(filepath.Join(programs, "ferryd"), "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	isLimit := regexp.MustCompile(`^--(?:max-|min-|.*-timeout$|.*-rest$|(?:data|keyed)-ports$)`)
	var limits []string
	for flag := range helpFlags(string(out)) {
		if name, _, _ := strings.Cut(flag, " "); isLimit.MatchString(name) {
			limits = append(limits, name)
		}
	}
	var listed []string
	for _, row := range limitRows(t) {
		listed = append(listed, row.flag)
	}
	slices.Sort(limits)
	slices.Sort(listed)
	if !slices.Equal(limits, listed) {
		t.Errorf("ferryd has the limits %q, and the README %q", limits, listed)
	}
}

// stagedLimits are those that no script meets: they take longer than a script, or more memory.
// Tests of the server's own show them, where time is the test's.
var stagedLimits = map[string]bool{
	"--max-session-rate": true, "--max-listing-memory": true,
	"--lease-rest": true, "--classic-rest": true,
}

// limitSigns are what the README's words about base look like in a script.
var limitSigns = []struct{ words, sign *regexp.Regexp }{
	{
		regexp.MustCompile(`control is closed`),
		regexp.MustCompile(`(?m)^wire eof|connection lost|reason='too much sent ahead'`),
	},
	{regexp.MustCompile(`\breset\b`), regexp.MustCompile(`(?m)^wire cut|not stored`)},
	{
		regexp.MustCompile(`the port comes later`),
		regexp.MustCompile(`(?m)^status now\.commands_waiting=1`),
	},
}

// What the table says of a limit is what a client saw when a script ran into it, with real
// programs: each code of the status exchange, and base's signs. This test holds the table to the
// scripts, which TestScript runs.
func TestReadmeLimitsAreMet(t *testing.T) {
	sections := scriptSections(t)
	shows := func(flag string, status bool, sign *regexp.Regexp) bool {
		return slices.ContainsFunc(sections, func(section string) bool {
			serve, rest, _ := strings.Cut(section, "\n")
			return slices.Contains(strings.Fields(serve), flag) &&
				strings.Contains(rest, "'hello 1'") == status && sign.MatchString(rest)
		})
	}
	code := regexp.MustCompile(`\b[1-5]\d\d\b`)
	for _, row := range limitRows(t) {
		if stagedLimits[row.flag] {
			continue
		}
		for _, s := range limitSigns {
			if s.words.MatchString(row.base) && !shows(row.flag, false, s.sign) {
				t.Errorf("base: no script shows %q at %s", s.words, row.flag)
			}
		}
		for _, c := range code.FindAllString(row.status, -1) {
			sign := regexp.MustCompile(`(?m)^wire reply \w+ '\^` + c + `\b`)
			if c == "150" { // it comes later
				sign = limitSigns[2].sign
			}
			if !shows(row.flag, true, sign) {
				t.Errorf("status: no script shows %s at %s", c, row.flag)
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
