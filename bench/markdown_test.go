package bench

import (
	"strings"
	"testing"
)

func TestMarkdownHasTheTablesAndDoubts(t *testing.T) {
	r := synthetic{names: []string{"ferryd", "a|b"}, turns: 1}.result()
	r.Machine.Processors = 2
	turn := r.Targets[0].Steps[0].Turns[0]
	turn.Errors = []Failure{{"stalled", 3, "x"}}
	turn.Own.CPU = 2 * turn.Seconds
	var b strings.Builder
	if err := r.WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"**3 errors.**\n\nSpeed, mixed:\n\n| target | load | transfers/s | ",
		"\n| --- | --- | ---: |", "| ferryd | 100 clients |", "| a\\|b | 100 clients |",
		"\n\nferryd, 100 clients: THE HARNESS WAS THE LIMIT", "; linux/",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
}
