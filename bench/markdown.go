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
	lines := map[[3]string][]string{}
	memory := map[[3]string]float64{}
	var order [][3]string
	loads := map[string]bool{}
	about := newAbout(results)
	var doubts []string
	for i, r := range results {
		if n := r.Errors(); n > 0 {
			fmt.Fprintf(&b, "**%s, scenario %s.**\n\n", plural(n, "error"),
				markdownText(r.Scenario))
		}
		rows := rowsOf([]NamedResult{{Result: r.Result}})
		job := jobName(rows)
		t.Head = append(t.Head, job+"s/s", "p50", "p99", "CPU/"+job)
		for _, row := range rows {
			key := [3]string{row.name, row.target.Proto, row.load()}
			loads[key[2]] = true
			if lines[key] == nil {
				order = append(order, key)
			}
			for len(lines[key]) < 4*i { // results before this one without the target
				lines[key] = append(lines[key], noFigure)
			}
			rate := strings.TrimSpace(row.show("transfers/s") + " " + row.spread("transfers/s"))
			lines[key] = append(lines[key], rate, row.show("p50"), row.show("p99"),
				row.show("server-cpu/transfer"))
			if pss, known := row.value(mustFigure("server-pss")); known {
				memory[key] = max(memory[key], pss)
			}
			about.add(row)
		}
		for _, n := range r.limitNotes(rows) {
			if n.Loud {
				doubts = append(doubts, "Of "+job+"s, "+n.Text)
			}
		}
	}
	t.Head = append(t.Head, "memory")
	for _, key := range order {
		for len(lines[key]) < 4*len(results) {
			lines[key] = append(lines[key], noFigure)
		}
		pss := noFigure
		if memory[key] > 0 {
			pss = showBytes(memory[key])
		}
		t.Rows = append(t.Rows, append(append(key[:], lines[key]...), pss))
	}
	if len(loads) < 2 { // the same in every line
		t.Words--
		t.Head = slices.Delete(t.Head, 2, 3)
		for i := range t.Rows {
			t.Rows[i] = slices.Delete(t.Rows[i], 2, 3)
		}
	}
	t.writeMarkdown(&b)
	fmt.Fprintf(&b, "\n%s\n", about)
	for _, text := range doubts {
		fmt.Fprintf(&b, "\n%s\n", markdownText(text))
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
		if len(found) == 1 && kind != KindList {
			return string(kind)
		}
	}
	if found[KindList] && len(found) == 1 {
		return "listing"
	}
	return "transfer"
}

// about says how often and where results were measured.
type about struct {
	results     []NamedResult
	turns       map[string]bool
	least, most float64 // processors that other programs kept busy
}

func newAbout(results []NamedResult) *about {
	return &about{results: results, turns: map[string]bool{}, least: math.Inf(1)}
}

func (a *about) add(r *row) {
	n := len(r.step.Turns)
	each := math.Round(r.merged.Seconds/float64(n)*10) / 10
	a.turns[plural(int64(n), "turn")+" of "+showSeconds(each)] = true
	if others, known := othersCPU(r.merged); known {
		a.least, a.most = min(a.least, others), max(a.most, others)
	}
}

func (a *about) String() string {
	text := strings.Join(slices.Sorted(maps.Keys(a.turns)), ", ") + " each"
	for i, r := range a.results {
		if i == 0 && len(r.Targets) > 1 {
			text += ", which alternate"
		}
		if i == 0 || r.Machine != a.results[0].Machine {
			text += fmt.Sprintf("; %s, %s", r.Began.UTC().Format(time.DateOnly), r.Machine.brief())
		}
	}
	if a.most > 0 {
		text += fmt.Sprintf(", of which other programs kept %.1f to %.1f busy", a.least, a.most)
	}
	return text + "."
}
