package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// flagParts are the README's parts that have a table of flags, each with the command whose flags
// those are.
var flagParts = []struct{ heading, command string }{
	{"## The server's flags", "ferryd"},
	{"## The client's flags", "ferry"},
	{"## The harness", "ferrybench"},
	{"### Results shown again", "ferrybench show"},
	{"### Results compared", "ferrybench diff"},
	{"### Results as a page", "ferrybench report"},
}

// TestReadmeHasEveryFlag compares the README's tables with what --help prints: the flags that there
// are, what follows them, and their defaults.
func TestReadmeHasEveryFlag(t *testing.T) {
	for _, part := range flagParts {
		words := append(strings.Fields(part.command), "--help")
		out, err := exec.Command(filepath.Join(programs, words[0]), words[1:]...).Output()
		if err != nil {
			t.Fatalf("%v: %v", words, err)
		}
		want, got := helpFlags(string(out)), tableFlags(flagPart(t, part.heading))
		for _, flag := range slices.Sorted(maps.Keys(want)) {
			if have, listed := got[flag]; !listed || !sameDefault(have, want[flag], flag) {
				t.Errorf("%s: the default of %q is %q, and in the README %q", part.command, flag,
					want[flag], have)
			}
			delete(got, flag)
		}
		for flag := range got {
			t.Errorf("%s has no flag %q, and the README says so", part.command, flag)
		}
	}
}

// TestReadmeHasEveryCommand compares the README's table with what help prints.
func TestReadmeHasEveryCommand(t *testing.T) {
	out, err := exec.Command(filepath.Join(programs, "ferry"), "help").Output()
	if err != nil {
		t.Fatal(err)
	}
	table, _, _ := strings.Cut(string(out), "\n\n")
	_, section, _ := strings.Cut(readme(t), "\n| command | what it does |\n|---|---|\n")
	section, _, _ = strings.Cut(section, "\n\n")
	rows, lines := strings.Split(section, "\n"), strings.Split(table, "\n")
	for i, line := range lines {
		usage, _, _ := strings.Cut(line, "  ")
		if i >= len(rows) || !strings.HasPrefix(rows[i], "| `"+usage+"` | ") {
			t.Errorf("the README's command %d is not %q", i+1, usage)
		}
	}
	if len(rows) != len(lines) {
		t.Errorf("the README has %d commands, and help %d", len(rows), len(lines))
	}
}

// flagPart is a part of the README, without those within it that are other commands'.
func flagPart(t *testing.T, heading string) string {
	t.Helper()
	_, section, found := strings.Cut(readme(t), "\n"+heading+"\n")
	if !found {
		t.Fatalf("the README has no part %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	if strings.HasPrefix(heading, "### ") {
		section, _, _ = strings.Cut(section, "\n### ")
		return section
	}
	for _, part := range flagParts {
		before, within, found := strings.Cut(section, "\n"+part.heading+"\n")
		if found {
			_, after, _ := strings.Cut(within, "\n### ")
			section = before + "\n### " + after
		}
	}
	return section
}

// sameDefault says whether a cell of the README tells a default. Help leaves out what is nothing.
func sameDefault(cell, help, flag string) bool {
	if help != "" {
		return cell == help
	}
	if !strings.Contains(flag, " ") {
		return cell == "off"
	}
	return cell == "none" || cell == "0"
}

// readme is the README's text.
func readme(t *testing.T) string {
	t.Helper()
	lookAtSources(t)
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	helpFlag    = regexp.MustCompile(`(?m)^ +(?:-\w, )?(--\S+(?: \S+)?)  +(\S.*(?:\n {20,}\S.*)*)$`)
	helpDefault = regexp.MustCompile(`\(default:? ((?:[^()]|\([^()]*\))*)\)`)
)

// helpFlags are the flags of a --help, each with its default.
func helpFlags(help string) map[string]string {
	flags := make(map[string]string)
	for _, m := range helpFlag.FindAllStringSubmatch(help, -1) {
		if m[1] == "--help" || m[1] == "--version" {
			continue
		}
		flags[m[1]] = ""
		if d := helpDefault.FindStringSubmatch(m[2]); d != nil {
			flags[m[1]] = strings.Trim(d[1], `"`)
		}
	}
	return flags
}

// tableFlags are the flags of the tables in a part of the README, each with its default.
func tableFlags(section string) map[string]string {
	flags := make(map[string]string)
	for _, m := range regexp.MustCompile("(?m)^\\| `(--.*?)` \\| (.*?) \\|").
		FindAllStringSubmatch(section, -1) {
		flags[strings.ReplaceAll(m[1], `\|`, "|")] = strings.Trim(m[2], "`")
	}
	return flags
}
