package bench

import (
	"regexp"
	"strings"
	"testing"
)

func markdownOf(t *testing.T, results ...*Result) string {
	var named []NamedResult
	for _, r := range results {
		named = append(named, NamedResult{Result: r})
	}
	t.Helper()
	var b strings.Builder
	if err := WriteMarkdown(&b, named...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestMarkdownPutsResultsSideBySide has two runs of the same targets, of which one missed a target.
func TestMarkdownPutsResultsSideBySide(t *testing.T) {
	gets := synthetic{names: []string{"ferryd", "a|b"}, turns: 6}.result()
	gets.each(func(turn *Turn) { delete(turn.Kinds, KindPut) })
	storms := stormResult(6)
	storms.each(func(turn *Turn) { turn.Server.PSS = 999 << 20 })
	text := markdownOf(t, gets, storms)
	lines := strings.Split(text, "\n")
	for i, want := range []string{
		`^\| server \| protocol \| gets/s \| p50 \| p99 \| CPU/get \| connects/s \| p50 \| p99 ` +
			`\| CPU/connect \| memory \|$`,
		`^\| --- \| --- \|( ---: \|){9}$`,
		`^\| ferryd \| base \| [0-9,]+ ±[0-9]+% \| .* \| 1,000 ±0% \| 3.00 ms \| 3.00 ms ` +
			`\| 20 µs \| 999 MiB \|$`,
		`^\| a\\\|b \| base \| [0-9,]+ ±[0-9]+% \| .* \| - \| - \| - \| - \| [0-9.]+ MiB \|$`,
		`^$`,
		`^6 turns of 2.00 s each, which alternate; \d{4}-\d\d-\d\d, .*processor`,
	} {
		if !regexp.MustCompile(want).MatchString(lines[i]) {
			t.Errorf("line %d is %q, which %s does not match", i, lines[i], want)
		}
	}
}

func TestMarkdownTellsLoadsErrorsAndDoubts(t *testing.T) {
	r := synthetic{clients: []int{1, 100}, turns: 1}.result()
	r.Machine.Processors = 2
	turn := r.Targets[0].Steps[1].Turns[0]
	turn.Errors = []Failure{{"stalled", 3, "x"}}
	turn.Own.CPU = 2 * turn.Seconds
	text := markdownOf(t, r)
	for _, want := range []string{
		"**3 errors, scenario mixed.**\n\n| server | protocol | load | ",
		"| ferryd | base | 1 client |", "| ferryd | base | 100 clients |",
		"1 turn of 2.00 s each; ",
		"\n\nOf transfers, ferryd, 100 clients: THE HARNESS WAS THE LIMIT",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
