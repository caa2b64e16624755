package bench

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// NamedResult is a result with the name that distinguishes it from others, such as its file's.
type NamedResult struct {
	Name string
	*Result
}

// WriteMarkdown writes one table of all results, for documentation: a line for each target and
// load, with columns for each result. The number of turns, the machine and doubts follow.
func WriteMarkdown(w io.Writer, results ...NamedResult) error {
	var b strings.Builder
	t := table{Head: []string{"server", "protocol", "load"}, Words: 3}
	lines, memory := map[string]int{}, []float64{}
	var all []*row
	var doubts []string
	for i, r := range results {
		if n := r.Errors(); n > 0 {
			fmt.Fprintf(&b, "**%s, scenario %s.**\n\n", plural(n, "error"),
				markdownText(r.Scenario))
		}
		rows := rowsOf([]NamedResult{{Result: r.Result}})
		all = append(all, rows...)
		job := jobName(rows)
		t.Head = append(t.Head, job+"s/s", "p50", "p99", "CPU/"+job)
		for _, row := range rows {
			cells := []string{row.name, row.target.Proto, row.load()}
			key := strings.Join(cells, "\n")
			n, seen := lines[key]
			if !seen {
				n = len(t.Rows)
				lines[key], memory = n, append(memory, 0)
				for range 4 * len(results) {
					cells = append(cells, noFigure)
				}
				t.Rows = append(t.Rows, cells)
			}
			rate := strings.TrimSpace(row.show("transfers/s") + " " + row.spread("transfers/s"))
			copy(t.Rows[n][3+4*i:], []string{
				rate, row.show("p50"), row.show("p99"), row.show("server-cpu/transfer"),
			})
			pss, _ := row.value(mustFigure("server-pss"))
			memory[n] = max(memory[n], pss)
		}
		for _, n := range r.limitNotes(rows) {
			if n.Loud {
				doubts = append(doubts, "\nOf "+job+"s, "+n.Text+"\n")
			}
		}
	}
	t.Head = append(t.Head, "memory")
	for n := range t.Rows {
		pss := noFigure
		if memory[n] > 0 {
			pss = showBytes(memory[n])
		}
		t.Rows[n] = append(t.Rows[n], pss)
	}
	if len(distinct(all, (*row).load)) < 2 {
		t.Words--
		for n := range t.Rows {
			t.Rows[n] = slices.Delete(t.Rows[n], 2, 3)
		}
		t.Head = slices.Delete(t.Head, 2, 3)
	}
	t.writeMarkdown(&b)
	fmt.Fprintf(&b, "\n%s\n", whereMeasured(results, all))
	for _, text := range doubts {
		b.WriteString(strings.ReplaceAll(text, "<", "&lt;"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// jobName is what the clients did: a kind if there was only one, else transfer.
func jobName(rows []*row) string {
	found := map[Kind]bool{}
	for _, r := range rows {
		for kind := range r.merged.Kinds {
			if kind.Transfer() || r.merged.storm() {
				found[kind] = true
			}
		}
	}
	for kind := range found {
		switch {
		case len(found) > 1:
		case kind == KindList:
			return "listing"
		default:
			return string(kind)
		}
	}
	return "transfer"
}

// whereMeasured says how often and on which machines the rows were measured.
func whereMeasured(results []NamedResult, rows []*row) string {
	turns, least, most := map[string]bool{}, math.Inf(1), 0.0
	for _, r := range rows {
		n := len(r.step.Turns)
		each := math.Round(r.merged.Seconds/float64(n)*10) / 10
		turns[plural(int64(n), "turn")+" of "+showSeconds(each)] = true
		if others, known := othersCPU(r.merged); known {
			least, most = min(least, others), max(most, others)
		}
	}
	text := strings.Join(slices.Sorted(maps.Keys(turns)), ", ") + " each"
	for i, r := range results {
		if i == 0 && len(r.Targets) > 1 {
			text += ", which alternate"
		}
		if i == 0 || r.Machine != results[0].Machine {
			text += fmt.Sprintf("; %s, %s", r.Began.UTC().Format(time.DateOnly), r.Machine.brief())
		}
	}
	if most > 0 {
		text += fmt.Sprintf(", of which other programs kept %.1f to %.1f busy", least, most)
	}
	return text + "."
}
