package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// table is a table of texts, for a terminal or a page.
type table struct {
	Title string
	Head  []string
	Rows  [][]string
	// Words is how many columns at the left hold words; Tail, how many at the right.
	Words, Tail int
}

// IsWord says whether a column holds words, which are aligned at the left.
func (t table) IsWord(column int) bool {
	return column < t.Words || column >= len(t.Head)-t.Tail
}

// writeText writes the table for a terminal, with an indent.
func (t *table) writeText(b *strings.Builder, indent string) {
	width := make([]int, len(t.Head))
	lines := append([][]string{t.Head}, t.Rows...)
	for _, line := range lines {
		for i, cell := range line {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for _, line := range lines {
		text := indent
		for i, cell := range line {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if t.IsWord(i) {
				text += cell + pad + "  "
			} else {
				text += pad + cell + "  "
			}
		}
		b.WriteString(strings.TrimRight(text, " ") + "\n")
	}
}

// plain makes text of a file or a server safe for a terminal and a page: control characters become
// question marks.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, text)
}

// spreadColumn is the interval of the figure before it.
const spreadColumn = "±"

// figureTables are the figures of each table, for all jobs or by kind. Columns omit "server-".
var figureTables = []struct {
	title   string
	kinds   []Kind
	figures []string
}{
	{"Speed", []Kind{""}, []string{
		"transfers/s", spreadColumn, "bytes/s", "p50", "p90", "p99", "p99.9", "max", "errors",
	}},
	{"Planned starts", []Kind{""}, []string{"missed", "lag.p50", "lag.p99", "lag.max"}},
	{"Cost of the server, and CPUs that others kept busy", []Kind{""}, []string{
		"server-cpu/transfer", "server-cpu/GB", "server-cpu", "server-pss", "server-descriptors",
		"server-threads", "own-cpu/transfer", "own-cpu", "others-cpu",
	}},
	{"By kind", kinds, []string{
		"transfers", "transfers/s", "bytes", "mean", "p50", "p90", "p99", "p99.9", "max",
	}},
}

// tablesOf are the tables of these rows.
func tablesOf(rows []*row) (tables []table) {
	for _, part := range figureTables {
		t := table{Title: part.title, Head: []string{"target", "load", "kind"}, Words: 3}
		for _, r := range rows {
			had := r.step.Turns[0].Kinds // those of the scenario, as in every turn
			for _, kind := range part.kinds {
				if kind == "" || len(had) > 1 && had[kind] != nil {
					t.addRow(r, kind, part.figures)
				}
			}
		}
		t.Head = append(t.Head, part.figures...)
		if t.tidy(); len(t.Rows) > 0 {
			tables = append(tables, t)
		}
	}
	return tables
}

func (t *table) addRow(r *row, kind Kind, figures []string) {
	line, prefix := []string{r.name, r.load(), string(kind)}, ""
	if kind != "" {
		prefix = string(kind) + "."
	}
	for i, name := range figures {
		if name == spreadColumn {
			line = append(line, r.spread(prefix+figures[i-1]))
		} else {
			line = append(line, r.show(prefix+name))
		}
	}
	t.Rows = append(t.Rows, line)
}

// tidy removes columns that show nothing, and all rows if only words are left.
func (t *table) tidy() {
	for i := len(t.Head) - 1; i > 0; i-- {
		t.Head[i] = strings.TrimPrefix(t.Head[i], "server-")
		if slices.ContainsFunc(t.Rows, func(line []string) bool {
			return line[i] != "" && line[i] != noFigure
		}) {
			continue
		}
		t.Head = slices.Delete(t.Head, i, i+1)
		for n := range t.Rows {
			t.Rows[n] = slices.Delete(t.Rows[n], i, i+1)
		}
		if i < t.Words {
			t.Words--
		}
	}
	if len(t.Head) == t.Words {
		t.Rows = nil
	}
}

// faults are the errors of the rows by kind, with the first of each.
func faults(rows []*row) table {
	t := table{Head: []string{"where", "number", "kind", "the first"}, Words: 1, Tail: 2}
	for _, r := range rows {
		all := failures{}
		for _, turn := range r.step.Turns {
			all.merge(turn.Errors)
		}
		for _, f := range all.sorted() {
			t.Rows = append(t.Rows, []string{
				r.where(), showDigits(float64(f.Count)), plain(f.Kind), plain(f.First),
			})
		}
	}
	return t
}

// WriteTable writes the result for people: errors first, then the tables, then what the figures
// mean.
func (r *Result) WriteTable(w io.Writer) error {
	var b strings.Builder
	rows := r.rows()
	if n := r.Errors(); n == 0 {
		b.WriteString("errors: none\n")
	} else {
		fmt.Fprintf(&b, "errors: %s\n", showDigits(float64(n)))
	}
	for _, line := range faults(rows).Rows {
		fmt.Fprintf(&b, "  %s: %s × %s, the first: %s\n", line[0], line[1], line[2], line[3])
	}
	if len(rows) == 0 {
		b.WriteString("Nothing was measured.\n")
	}
	for _, t := range tablesOf(rows) {
		fmt.Fprintf(&b, "\n%s\n", t.Title)
		clear(t.Head[:t.Words]) // the words speak for themselves
		t.writeText(&b, "  ")
	}
	for _, n := range r.notes(rows) {
		writeWrapped(&b, n.Text)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeWrapped writes a paragraph in lines of a terminal's width, after a blank line.
func writeWrapped(b *strings.Builder, text string) {
	const width = 88
	column, space := 0, "\n"
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		if column += 1 + n; column > width {
			column, space = n, "\n"
		}
		b.WriteString(space + word)
		space = " "
	}
	b.WriteByte('\n')
}
