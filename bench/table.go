package bench

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// Columns of the tables, by the figures' names.
var (
	speedColumns = []column{
		{"transfers/s", "transfers/s"},
		{"", "±"},
		{"bytes/s", "bytes/s"},
		{"p50", "p50"},
		{"p90", "p90"},
		{"p99", "p99"},
		{"p99.9", "p99.9"},
		{"max", "max"},
		{"errors", "errors"},
	}
	kindColumns = []column{
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
	costColumns = []column{
		{"server-cpu/transfer", "CPU/transfer"},
		{"server-cpu/GB", "CPU/GB"},
		{"server-cpu", "CPUs"},
		{"server-pss", "PSS"},
		{"server-descriptors", "descriptors"},
		{"server-threads", "threads"},
		{"own-cpu/transfer", "own CPU/transfer"},
		{"own-cpu", "own CPUs"},
		{"others-cpu", "others' CPUs"},
	}
	planColumns = []column{
		{"missed", "missed starts"},
		{"lag.p50", "own lag p50"},
		{"lag.p99", "own lag p99"},
		{"lag.max", "own lag max"},
	}
)

// tableParts are the tables of a result, each with the rows that make it worth its room.
var tableParts = []struct {
	title   string
	columns []column
	wanted  func(*row) bool
}{
	{"Speed", speedColumns, func(*row) bool { return true }},
	{"The plan", planColumns, func(row *row) bool { return row.step.Rate > 0 }},
	{"Cost", costColumns, func(row *row) bool {
		return row.merged.turn.Server != nil || row.merged.turn.Own != nil
	}},
}

// headings are the words over these columns.
func headings(columns []column, shown []int, storm bool) []string {
	var words []string
	for _, i := range shown {
		word := columns[i].heading
		if storm {
			word = stormWords(word)
		}
		words = append(words, word)
	}
	return words
}

// column is a figure under a heading. One without a figure is the spread of the column before it.
type column struct{ figure, heading string }

// noFigure stands in a table where a figure was not measured.
const noFigure = "-"

// WriteTable writes the result for people: errors on top, then speed and latencies for each step of
// each target, the same by kind, what it cost, and what the figures mean.
func (r *Result) WriteTable(w io.Writer) error {
	var b strings.Builder
	r.writeErrors(&b)
	rows := r.rows()
	if len(rows) == 0 {
		fmt.Fprintln(&b, "Nothing was measured.")
	}
	for _, part := range tableParts {
		if !anyRow(rows, part.wanted) {
			continue
		}
		if err := writeRows(&b, part.title, part.columns, rows); err != nil {
			return err
		}
	}
	if err := writeKinds(&b, rows); err != nil {
		return err
	}
	for _, line := range r.explain(rows) {
		writeWrapped(&b, line.text)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Result) writeErrors(b *strings.Builder) {
	n := r.Errors()
	if n == 0 {
		fmt.Fprintln(b, "errors: none")
		return
	}
	fmt.Fprintf(b, "errors: %s\n", unitCount.show(float64(n)))
	for _, target := range r.Targets {
		for _, step := range target.Steps {
			for _, f := range step.Merged().Errors {
				fmt.Fprintf(b, "  %s, %s: %s × %s, the first: %s\n", plain(target.Name),
					step.Label(), unitCount.show(float64(f.Count)), plain(f.Kind), plain(f.First))
			}
		}
	}
}

// shownColumns are those of which a row has something.
func shownColumns(columns []column, rows []*row) []int {
	var shown []int
	for i := range columns {
		if anyRow(rows, func(row *row) bool {
			text := row.cell(columns, i)
			return text != noFigure && text != ""
		}) {
			shown = append(shown, i)
		}
	}
	return shown
}

// writeRows writes one table, a line for each row.
func writeRows(b *strings.Builder, title string, columns []column, rows []*row) error {
	shown := shownColumns(columns, rows)
	fmt.Fprintf(b, "\n%s\n", title)
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	names := namesOf(rows)
	fmt.Fprint(table, "\t\t")
	for _, word := range headings(columns, shown, isStorm(rows)) {
		fmt.Fprintf(table, "%s\t", word)
	}
	for _, row := range rows {
		fmt.Fprintf(table, "\n%s\t%s\t", names.pad(row), row.step.Label())
		for _, i := range shown {
			fmt.Fprintf(table, "%s\t", row.cell(columns, i))
		}
	}
	fmt.Fprintln(table)
	return table.Flush()
}

// writeKinds writes the figures by kind, where a step has more than one.
func writeKinds(b *strings.Builder, rows []*row) error {
	if !anyRow(rows, (*row).hasKinds) {
		return nil
	}
	fmt.Fprintln(b, "\nBy kind")
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	names := namesOf(rows)
	fmt.Fprint(table, "\t\t\t")
	for _, c := range kindColumns {
		fmt.Fprintf(table, "%s\t", c.heading)
	}
	for _, row := range rows {
		for _, kind := range Kinds() {
			if row.merged.turn.Kinds[kind] == nil {
				continue
			}
			fmt.Fprintf(table, "\n%s\t%s\t%-7s\t", names.pad(row), row.step.Label(), kind)
			for _, c := range kindColumns {
				fmt.Fprintf(table, "%s\t", row.text(string(kind)+"."+c.figure))
			}
		}
	}
	fmt.Fprintln(table)
	return table.Flush()
}

// nameWidth is that of the longest name of a table's targets: they stand at the left of their
// column, and figures at the right of theirs.
type nameWidth int

func namesOf(rows []*row) nameWidth {
	width := 0
	for _, row := range rows {
		width = max(width, utf8.RuneCountInString(plain(row.target.Name)))
	}
	return nameWidth(width)
}

func (w nameWidth) pad(row *row) string {
	return fmt.Sprintf("  %-*s", int(w), plain(row.target.Name))
}

// plain makes text from a file or a server fit for a line of a terminal: control characters, which
// might move the cursor or make a column, become question marks.
func plain(text string) string {
	return strings.Map(plainRune, text)
}

func plainRune(r rune) rune {
	if r < ' ' || r >= 0x7f && r < 0xa0 {
		return '?'
	}
	return r
}
