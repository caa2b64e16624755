package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ferry/reactor"
)

var update = flag.Bool("update", false, "write what is generated in the documents")

// documents are the texts for users, by their paths in the module.
var documents = []string{
	"README.md", "reactor/ferryd/README.md", "client/ferry/README.md", "bench/README.md",
	"reactor/README.md", "codec/PROTOCOL.md",
}

// document is the text of one.
func document(t *testing.T, name string) string {
	t.Helper()
	lookAtSources(t)
	text, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// generated are the tables that the documents have exactly once. Each stands below a comment that
// says what it is made of, and ends with an empty line.
var generated = []string{
	"ferryd help serving", "ferryd help access", "ferryd help ftp", "ferryd help logging",
	"the table of limits",
	"ferry help", "ferry --help",
	"ferrybench help load", "ferrybench help scenario", "ferrybench help servers",
	"ferrybench help results", "ferrybench show --help", "ferrybench diff --help",
	"ferrybench report --help",
}

var generatedForm = regexp.MustCompile(`(?m)^<!-- made of: (.+) -->\n((?:.+\n)*)`)

func TestDocumentsHaveGeneratedTables(t *testing.T) {
	var found []string
	for _, name := range documents {
		text := document(t, name)
		want := generatedForm.ReplaceAllStringFunc(text, func(part string) string {
			m := generatedForm.FindStringSubmatch(part)
			found = append(found, m[1])
			made := makeTable(t, m[1])
			if made != m[2] && !*update {
				t.Errorf("%s: the table made of %s is old: -update writes\n%s", name, m[1], made)
			}
			return strings.TrimSuffix(part, m[2]) + made
		})
		if *update && want != text {
			err := os.WriteFile(filepath.Join("..", "..", name), []byte(want), 0o666)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	slices.Sort(found)
	if want := slices.Sorted(slices.Values(generated)); !slices.Equal(found, want) {
		t.Errorf("the documents have tables made of\n%q, want\n%q", found, want)
	}
}

func makeTable(t *testing.T, from string) string {
	t.Helper()
	if from == "the table of limits" {
		return limitsTable()
	}
	if from == "ferry help" {
		return commandTable(output(t, from))
	}
	return flagTable(output(t, from))
}

func limitsTable() string {
	o := reactor.DefaultOptions()
	flags := newFlagSet()
	for _, topic := range newTopics(&o, new(logFlags)) {
		flags.AddFlagSet(topic.flags)
	}
	table := "| limit | default | what and why | at the limit, in base | " +
		"at the limit, in status |\n|---|---|---|---|---|\n"
	for _, row := range o.Limits.Table() {
		flag := flags.Lookup(row.Flag)
		help, standard, found := strings.Cut(row.Help, " (default ")
		if standard = strings.TrimSuffix(standard, ")"); !found {
			standard = "`" + flag.DefValue + "`"
		}
		table += fmt.Sprintf("| `--%s %s` | %s | %s | %s | %s |\n", row.Flag,
			strings.ReplaceAll(flag.Value.Type(), "|", `\|`), standard, help, row.Base, row.Status)
	}
	return table
}

// commandTable makes a table of the commands that help lists, up to an empty line.
func commandTable(help string) string {
	table := "| command | what it does |\n|---|---|\n"
	help, _, _ = strings.Cut(help, "\n\n")
	for line := range strings.Lines(help) {
		usage, says, _ := strings.Cut(strings.TrimSpace(line), "  ")
		table += "| `" + usage + "` | " + strings.TrimSpace(says) + " |\n"
	}
	return table
}

var (
	helpFlag = regexp.MustCompile(`(?m)^ +((?:-\w, )?--\S+(?: \S+)?)  +(\S.*(?:\n {20,}\S.*)*)$`)
	helpText = regexp.MustCompile(`^(.*?)(?: \(default:? ((?:[^()]|\([^()]*\))*)\))?$`)
)

// flagTable makes a table of the flags that a help lists.
func flagTable(help string) string {
	table := "| flag | default | what it does |\n|---|---|---|\n"
	for _, m := range helpFlag.FindAllStringSubmatch(help, -1) {
		if strings.HasSuffix(m[1], "--help") || strings.HasSuffix(m[1], "--version") {
			continue
		}
		text := helpText.FindStringSubmatch(strings.Join(strings.Fields(m[2]), " "))
		standard := "none"
		switch {
		case text[2] != "":
			standard = strings.Trim(text[2], `"`)
		case !strings.Contains(m[1][strings.Index(m[1], "--"):], " "):
			standard = "off"
		}
		table += "| `" + strings.ReplaceAll(m[1], "|", `\|`) + "` | " + standard + " | " +
			strings.ReplaceAll(text[1], "|", `\|`) + " |\n"
	}
	return table
}

// A command of a document runs at least one test or benchmark.
func TestDocumentedTestsExist(t *testing.T) {
	command := regexp.MustCompile("go test \\./(\\S+)( [^`\n]*)")
	selects := regexp.MustCompile(` -(?:run|bench) '?([^' ]+)`)
	count := 0
	for _, name := range documents {
		for _, m := range command.FindAllStringSubmatch(document(t, name), -1) {
			count++
			names := testNames(t, m[1])
			for _, s := range selects.FindAllStringSubmatch(m[2], -1) {
				pattern, _, _ := strings.Cut(strings.ReplaceAll(s[1], `\|`, "|"), "/")
				for one := range strings.SplitSeq(pattern, "|") {
					matches := regexp.MustCompile(one).MatchString
					if one != "^$" && !slices.ContainsFunc(names, matches) {
						t.Errorf("%s: no test or benchmark of %s matches %s", name, m[1], one)
					}
				}
			}
		}
	}
	if count < 20 {
		t.Errorf("found %d commands", count)
	}
}

// testNames are the tests and benchmarks of a package.
func testNames(t *testing.T, folder string) (names []string) {
	t.Helper()
	function := regexp.MustCompile(`(?m)^func ((?:Test|Benchmark)\w+)\(`)
	files, err := filepath.Glob(filepath.Join("..", "..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range function.FindAllStringSubmatch(string(text), -1) {
			names = append(names, f[1])
		}
	}
	return names
}

// readmeBytesMax keeps the README short enough to be read.
const readmeBytesMax = 12_000

func TestReadmeIsShort(t *testing.T) {
	if n := len(document(t, "README.md")); n > readmeBytesMax {
		t.Errorf("README.md has %d bytes, more than %d", n, readmeBytesMax)
	}
}

func TestDocumentLinksResolve(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]*)(?:#([^)]*))?\)`)
	notInAnchors := regexp.MustCompile(`[^a-z0-9_ -]`)
	for _, name := range documents {
		for _, m := range link.FindAllStringSubmatch(document(t, name), -1) {
			to := name
			if m[1] != "" {
				to = filepath.Join(filepath.Dir(name), m[1])
			}
			if _, err := os.Stat(filepath.Join("..", "..", to)); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if m[2] == "" {
				continue
			}
			found := false
			for _, h := range headings.FindAllStringSubmatch(document(t, to), -1) {
				anchor := notInAnchors.ReplaceAllString(strings.ToLower(h[1]), "")
				found = found || strings.ReplaceAll(anchor, " ", "-") == m[2]
			}
			if !found {
				t.Errorf("%s: %s has no heading #%s", name, to, m[2])
			}
		}
	}
}

var headings = regexp.MustCompile(`(?m)^#+ (.+)$`)

// codeBlocks returns the blocks of a kind in a text.
func codeBlocks(text, kind string) (blocks []string) {
	re := regexp.MustCompile("(?sm)^```" + kind + "\n(.*?)^```$")
	for _, m := range re.FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// helps are the commands that name every flag of the programs.
var helps = []string{
	"ferryd help serving", "ferryd help access", "ferryd help ftp", "ferryd help limits",
	"ferryd help timing", "ferryd help logging", "ferryd user add --help", "ferry man",
	"ferrybench help load", "ferrybench help scenario", "ferrybench help servers",
	"ferrybench help results", "ferrybench diff --help",
}

// Documents name flags that some program has, in text and tables.
func TestDocumentedFlagsExist(t *testing.T) {
	others := regexp.MustCompile("^`(?:curl|systemctl) ")
	span, flags := regexp.MustCompile("`[^`\n]+`"), regexp.MustCompile(`--[a-z][a-z-]+`)
	var known strings.Builder
	for _, command := range helps {
		known.WriteString(output(t, command))
	}
	have := flags.FindAllString(strings.ReplaceAll(known.String(), `\-`, "-"), -1)
	have = append(have, "--help", "--version")
	for _, name := range documents {
		for _, code := range span.FindAllString(document(t, name), -1) {
			if others.MatchString(code) {
				continue
			}
			for _, f := range flags.FindAllString(code, -1) {
				if !slices.Contains(have, f) {
					t.Errorf("%s: no program has %s, in %s", name, f, code)
				}
			}
		}
	}
}

// output is what a command of the programs prints.
func output(t *testing.T, command string) string {
	t.Helper()
	words := strings.Fields(command)
	out, err := exec.Command(filepath.Join(programs, words[0]), words[1:]...).Output()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return string(out)
}

// helpLinesMax is two screens.
const helpLinesMax, helpColumnsMax = 50, 100

func TestHelpFitsTwoScreens(t *testing.T) {
	for _, program := range []string{"ferryd", "ferry", "ferrybench"} {
		lines := strings.Split(strings.TrimSuffix(output(t, program+" --help"), "\n"), "\n")
		if len(lines) > helpLinesMax {
			t.Errorf("%s --help has %d lines, more than %d", program, len(lines), helpLinesMax)
		}
		for _, line := range lines {
			if len(line) > helpColumnsMax {
				t.Errorf("%s --help has a line of %d columns: %s", program, len(line), line)
			}
		}
	}
}

// Sessions are played by another test. Of commands that need a service, a router or a container the
// flags are checked.
func TestDocumentedFlagsAreValid(t *testing.T) {
	program := regexp.MustCompile(
		`(?m)^(?:ExecStart=/usr/local/bin/)?(?:\$ )?(ferry\w*\b(?: .*)?)$`)
	count := 0
	for _, name := range documents {
		text := document(t, name)
		blocks := slices.Concat(codeBlocks(text, "sh"), codeBlocks(text, "ini"),
			codeBlocks(text, "console"))
		for _, block := range blocks {
			for _, m := range program.FindAllStringSubmatch(block, -1) {
				line, _, _ := strings.Cut(m[1], "  #")
				if strings.HasPrefix(line, "ferry ") { // flags end at the server's name
					continue
				}
				count++
				out, err := exec.Command("sh", "-c", line+" --help").CombinedOutput()
				if err != nil {
					t.Errorf("%s: %s: %v\n%s", name, line, err, out)
				}
			}
		}
	}
	if count < 10 {
		t.Errorf("found %d commands", count)
	}
}
