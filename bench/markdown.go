package bench

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// WriteMarkdown writes one table of the results in Markdown, fit for a page of documentation: a row
// for each target and load, in which each result has its rate, latencies and processor time, and
// the most memory of all. A sentence on turns and machine follows it, and what there is to doubt.
// Results of several runs of the same targets, of gets and of puts say, stand side by side.
func WriteMarkdown(w io.Writer, results ...*Result) error {
	var b strings.Builder
	for _, r := range results {
		if n := r.Errors(); n > 0 {
			fmt.Fprintf(&b, "**%s, scenario %s.**\n\n", plural(n, "error"),
				markdownText(r.Scenario))
		}
	}
	rows := markdownRows(results)
	loads := map[string]bool{}
	for _, row := range rows {
		loads[row.load] = true
	}
	head := []string{"server", "spoken"}
	if len(loads) > 1 {
		head = append(head, "load")
	}
	words := len(head)
	for _, r := range results {
		job := r.job()
		head = append(head, job+"s/s", "p50", "p99", "CPU a "+job)
	}
	head = append(head, "memory")
	markdownLine(&b, head)
	rule := make([]string, len(head))
	for i := range rule {
		if rule[i] = "---"; i >= words {
			rule[i] = "---:"
		}
	}
	markdownLine(&b, rule)
	for _, row := range rows {
		cells := []string{row.name, row.proto}
		if len(loads) > 1 {
			cells = append(cells, row.load)
		}
		markdownLine(&b, append(cells, row.cells(len(results))...))
	}
	fmt.Fprintf(&b, "\n%s\n", markdownNote(results, rows))
	for _, line := range markdownDoubts(results) {
		fmt.Fprintf(&b, "\n%s\n", markdownText(line))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// markdownRow is a target at a load, with what each result has of it.
type markdownRow struct {
	name, proto, load string
	of                map[int]*row // by the result's place
}

func markdownRows(results []*Result) []*markdownRow {
	var all []*markdownRow
	places := map[[3]string]*markdownRow{}
	for i, r := range results {
		for _, one := range r.rows() {
			key := [3]string{one.target.Name, one.target.Proto, one.step.Label()}
			if places[key] == nil {
				places[key] = &markdownRow{key[0], key[1], key[2], map[int]*row{}}
				all = append(all, places[key])
			}
			places[key].of[i] = one
		}
	}
	return all
}

func (m *markdownRow) cells(results int) []string {
	var cells []string
	memory := int64(0)
	for i := range results {
		row := m.of[i]
		if row == nil {
			cells = append(cells, noFigure, noFigure, noFigure, noFigure)
			continue
		}
		rate := strings.TrimSpace(row.text("transfers/s") + " " + row.spread("transfers/s"))
		cells = append(cells, rate, row.text("p50"), row.text("p99"),
			row.text("server-cpu/transfer"))
		if used := row.merged.turn.Server; used != nil {
			memory = max(memory, used.PSS)
		}
	}
	if memory == 0 {
		return append(cells, noFigure)
	}
	return append(cells, showBytes(float64(memory)))
}

// job is what the result's clients did, in a word: the kind if there was one alone.
func (r *Result) job() string {
	kinds := map[Kind]bool{}
	r.each(func(_ *Target, _ *Step, turn *Turn) {
		for kind := range turn.Kinds {
			if kind.Transfer() || turn.storm() {
				kinds[kind] = true
			}
		}
	})
	for kind := range kinds {
		if len(kinds) == 1 && kind != KindList {
			return string(kind)
		}
	}
	if kinds[KindList] && len(kinds) == 1 {
		return "listing"
	}
	return "transfer"
}

// markdownNote says how often and where it was measured, and who else used the machine.
func markdownNote(results []*Result, rows []*markdownRow) string {
	turns, least, most := map[string]bool{}, math.Inf(1), 0.0
	for _, m := range rows {
		for _, row := range m.of {
			n := len(row.step.Turns)
			turns[fmt.Sprintf("%s of %s", plural(int64(n), "turn"),
				showSeconds(roundTenth(row.merged.turn.Seconds/float64(n))))] = true
			if others, known := othersFigure().of(row.merged); known {
				least, most = min(least, others), max(most, others)
			}
		}
	}
	text := strings.Join(sortedKeys(turns), ", ") + " each"
	for i, r := range results {
		if i == 0 && len(r.Targets) > 1 {
			text += ", which alternate"
		}
		if i > 0 && r.Machine == results[0].Machine {
			continue
		}
		text += fmt.Sprintf("; %s, %s", r.Began.UTC().Format(time.DateOnly), r.Machine.brief())
	}
	if most > 0 {
		text += fmt.Sprintf(", of which other programs kept %.1f to %.1f busy", least, most)
	}
	return text + "."
}

// markdownDoubts are the sentences that say not to trust figures, each with its scenario.
func markdownDoubts(results []*Result) []string {
	var lines []string
	for _, r := range results {
		for _, line := range r.explainLimits(r.rows()) {
			if line.loud {
				lines = append(lines, "Of "+r.job()+"s, "+line.text)
			}
		}
	}
	return lines
}

func roundTenth(seconds float64) float64 { return math.Round(seconds*10) / 10 }

func markdownLine(b *strings.Builder, cells []string) {
	for _, cell := range cells {
		fmt.Fprintf(b, "| %s ", markdownText(cell))
	}
	b.WriteString("|\n")
}

// markdownText keeps text within its cell.
func markdownText(text string) string {
	return strings.NewReplacer("|", "\\|", "<", "&lt;", "`", "\\`").Replace(plain(text))
}
