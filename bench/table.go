package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// table is a table of texts, for a terminal, a page or Markdown.
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

// writeMarkdown writes the table in Markdown.
func (t *table) writeMarkdown(b *strings.Builder) {
	rule := make([]string, len(t.Head))
	for i := range rule {
		if rule[i] = "---:"; t.IsWord(i) {
			rule[i] = "---"
		}
	}
	for _, line := range append([][]string{t.Head, rule}, t.Rows...) {
		for _, cell := range line {
			b.WriteString("| " + markdownText(cell) + " ")
		}
		b.WriteString("|\n")
	}
}

// markdownText keeps text within its cell.
func markdownText(text string) string {
	return strings.NewReplacer("|", "\\|", "<", "&lt;", "`", "\\`").Replace(plain(text))
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

// column is a figure under a heading. Without a figure it is the interval of the column before it.
type column struct{ figure, heading string }

// figureTables are the tables of a result.
var figureTables = []struct {
	title   string
	columns []column
	wanted  func(*row) bool
}{
	{"Speed", []column{
		{"transfers/s", "transfers/s"},
		{"", "±"},
		{"bytes/s", "bytes/s"},
		{"p50", "p50"},
		{"p90", "p90"},
		{"p99", "p99"},
		{"p99.9", "p99.9"},
		{"max", "max"},
		{"errors", "errors"},
	}, func(*row) bool { return true }},
	{"The plan", []column{
		{"missed", "missed starts"},
		{"lag.p50", "own lag p50"},
		{"lag.p99", "own lag p99"},
		{"lag.max", "own lag max"},
	}, func(r *row) bool { return r.step.Rate > 0 }},
	{"Cost", []column{
		{"server-cpu/transfer", "CPU/transfer"},
		{"server-cpu/GB", "CPU/GB"},
		{"server-cpu", "CPUs"},
		{"server-pss", "PSS"},
		{"server-descriptors", "descriptors"},
		{"server-threads", "threads"},
		{"own-cpu/transfer", "own CPU/transfer"},
		{"own-cpu", "own CPUs"},
		{"others-cpu", "others' CPUs"},
	}, func(r *row) bool { return r.merged.Server != nil || r.merged.Own != nil }},
}

// kindColumns are the columns of the table by kind.
var kindColumns = []column{
	{"transfers", "number"},
	{"transfers/s", "number/s"},
	{"bytes", "bytes"},
	{"mean", "mean"},
	{"p50", "p50"},
	{"p90", "p90"},
	{"p99", "p99"},
	{"p99.9", "p99.9"},
	{"max", "max"},
}

// tablesOf are the tables of these rows. Columns without any figure are left out.
func tablesOf(rows []*row) []table {
	var tables []table
	for _, part := range figureTables {
		if slices.ContainsFunc(rows, part.wanted) {
			tables = append(tables, tableOf(part.title, part.columns, rows, ""))
		}
	}
	several := func(r *row) bool { return len(r.merged.Kinds) > 1 }
	if !slices.ContainsFunc(rows, several) {
		return tables
	}
	t := table{Title: "By kind", Head: []string{"target", "load", "kind"}, Words: 3}
	for _, r := range rows {
		for _, kind := range kinds {
			if r.merged.Kinds[kind] == nil {
				continue
			}
			own := tableOf("", kindColumns, []*row{r}, string(kind)+".")
			t.Rows = append(t.Rows, append([]string{own.Rows[0][0], own.Rows[0][1], string(kind)},
				own.Rows[0][2:]...))
		}
	}
	for _, c := range kindColumns {
		t.Head = append(t.Head, c.heading)
	}
	return append(tables, t)
}

// tableOf has a line for each row. With a prefix every column stays.
func tableOf(title string, columns []column, rows []*row, prefix string) table {
	t := table{Title: title, Head: []string{"target", "load"}, Words: 2}
	for _, r := range rows {
		t.Rows = append(t.Rows, []string{plain(r.name), r.load()})
	}
	for i, c := range columns {
		cells := make([]string, len(rows))
		empty := true
		for n, r := range rows {
			if c.figure == "" {
				cells[n] = r.spread(columns[i-1].figure)
			} else {
				cells[n] = r.show(prefix + c.figure)
			}
			empty = empty && (cells[n] == "" || cells[n] == noFigure)
		}
		if empty && prefix == "" {
			continue
		}
		t.Head = append(t.Head, c.heading)
		for n := range rows {
			t.Rows[n] = append(t.Rows[n], cells[n])
		}
	}
	return t
}

// WriteTable writes the result for people: errors first, then the tables, then what the figures
// mean.
func (r *Result) WriteTable(w io.Writer) error {
	var b strings.Builder
	rows := rowsOf([]NamedResult{{Result: r}})
	if n := r.Errors(); n == 0 {
		b.WriteString("errors: none\n")
	} else {
		fmt.Fprintf(&b, "errors: %s\n", showDigits(float64(n)))
	}
	for _, row := range rows {
		for _, f := range row.merged.Errors {
			fmt.Fprintf(&b, "  %s, %s: %s × %s, the first: %s\n", plain(row.name), row.load(),
				showDigits(float64(f.Count)), plain(f.Kind), plain(f.First))
		}
	}
	if len(rows) == 0 {
		b.WriteString("Nothing was measured.\n")
	}
	for _, t := range tablesOf(rows) {
		fmt.Fprintf(&b, "\n%s\n", t.Title)
		for i := range t.Words {
			t.Head[i] = "" // they speak for themselves
		}
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
	column := width
	b.WriteByte('\n')
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch column += 1 + n; {
		case i == 0:
			column = n
		case column > width:
			b.WriteByte('\n')
			column = n
		default:
			b.WriteByte(' ')
		}
		b.WriteString(word)
	}
	b.WriteByte('\n')
}

// WriteMarkdown writes the tables of the result in Markdown, for documentation, with the notes.
func (r *Result) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	if n := r.Errors(); n > 0 {
		fmt.Fprintf(&b, "**%s.**\n\n", plural(n, "error"))
	}
	rows := rowsOf([]NamedResult{{Result: r}})
	for _, t := range tablesOf(rows) {
		fmt.Fprintf(&b, "%s, %s:\n\n", t.Title, markdownText(r.Scenario))
		t.writeMarkdown(&b)
		b.WriteByte('\n')
	}
	for _, n := range r.notes(rows) {
		b.WriteString(markdownText(n.Text) + "\n\n")
	}
	fmt.Fprintf(&b, "%s; %s.\n", r.Began.UTC().Format(time.DateOnly), r.Machine.brief())
	_, err := io.WriteString(w, b.String())
	return err
}
