package bench

import (
	_ "embed" // the page's template and style
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"
)

// NamedResult is a result under the name by which a page tells it from others: its file's, say.
type NamedResult struct {
	Name string
	*Result
}

var (
	//go:embed page.html
	pageText string
	//go:embed page.css
	pageStyle string

	pageTemplate = template.Must(template.New("page").Parse(pageText))
)

// WritePage writes one HTML page on the results: what was found, latencies by percentile, the
// course over time, the curve over loads and the targets beside each other, each plot with a table
// of its figures. It needs nothing beside itself: no script, no file, no network. Targets of
// several results appear under the results' names.
func WritePage(w io.Writer, results ...NamedResult) error {
	p := page{Style: template.CSS(pageStyle)} // it is this package's own
	rows := pageRows(results)
	p.Title = pageTitle(results)
	for _, r := range results {
		p.Runs = append(p.Runs, pageRun{
			Name: r.Name, Scenario: r.Scenario, Command: strings.Join(r.Command, " "),
			Machine: r.Machine.String(), Began: r.Began.Format(time.RFC3339),
			Took: showSeconds(r.Seconds), Settings: settingsText(r.Settings),
		})
		p.Errors += r.Errors()
	}
	p.Faults = pageFaults(rows)
	p.Notes = pageNotes(results, rows)
	if len(rows) > 0 {
		p.Tables = pageTables(rows)
		p.Sections = sections(results, rows)
	}
	var b strings.Builder
	if err := pageTemplate.Execute(&b, p); err != nil {
		return err
	}
	// Escaping leaves control characters, which a page must not hold, as they are.
	_, err := io.WriteString(w, strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return plainRune(r)
	}, b.String()))
	return err
}

// page is what the template shows.
type page struct {
	Title    string
	Style    template.CSS
	Runs     []pageRun
	Errors   int64
	Faults   []pageFault
	Notes    []pageNote
	Tables   []pageTable
	Sections []section
}

type pageRun struct {
	Name, Scenario, Command, Machine, Began, Took, Settings string
}

// pageNote is a sentence; a loud one says not to trust the figures.
type pageNote struct {
	Text string
	Loud bool
}

type pageFault struct{ Where, Count, Kind, First string }

// pageTable is a table whose first column names its rows.
type pageTable struct {
	Title string
	Head  []string
	Rows  [][]string
	// Words is how many columns, from the first on, hold words and no figures.
	Words int
}

// section is a part of the page with its plots.
type section struct {
	ID, Title, Text string
	Plots           []plot
	// Table holds the figures of all of them, folded away under a word since it is long.
	Table  *pageTable
	Folded string
}

// plot is a drawn chart with its key.
type plot struct {
	Title string
	Wide  bool
	SVG   template.HTML
	Key   []pageKey
	Table *pageTable
}

type pageKey struct {
	Mark template.HTML
	Name string
}

// drawn makes a chart a plot.
func drawn(c *chart) plot {
	p := plot{
		Title: c.title, Wide: c.width == chartWide,
		SVG: template.HTML(c.svg()), // what it holds of others is escaped
	}
	for _, l := range c.lines {
		p.Key = append(p.Key, pageKey{
			Mark: template.HTML(legendMark(l.style)), // it holds nothing of others
			Name: l.name,
		})
	}
	return p
}

// pageRow is a step of a target of one of the results.
type pageRow struct {
	*row
	name  string // the target's, unique on the page
	style int
	run   int
}

// pageRows are the steps with turns. A target has one style all over the page.
func pageRows(results []NamedResult) []*pageRow {
	var rows []*pageRow
	styles := map[string]int{}
	for i, r := range results {
		for _, row := range r.rows() {
			name := row.target.Name
			if len(results) > 1 {
				name = r.Name + ": " + name
			}
			if _, seen := styles[name]; !seen {
				styles[name] = len(styles)
			}
			rows = append(rows, &pageRow{row, name, styles[name], i})
		}
	}
	return rows
}

func pageTitle(results []NamedResult) string {
	names, seen := []string{}, map[string]bool{}
	for _, r := range results {
		for _, t := range r.Targets {
			if !seen[t.Name] {
				seen[t.Name] = true
				names = append(names, t.Name)
			}
		}
	}
	const most = 4
	if len(names) > most {
		names = append(names[:most], "others")
	}
	return strings.Join(names, ", ") + " under load"
}

func settingsText(settings map[string]string) string {
	parts := make([]string, 0, len(settings))
	for _, name := range sortedKeys(settings) {
		parts = append(parts, name+" "+settings[name])
	}
	return strings.Join(parts, ", ")
}

func pageFaults(rows []*pageRow) []pageFault {
	var faults []pageFault
	for _, row := range rows {
		for _, f := range row.merged.turn.Errors {
			faults = append(faults, pageFault{
				row.name + ", " + row.step.Label(), unitCount.show(float64(f.Count)),
				f.Kind, f.First,
			})
		}
	}
	return faults
}

// pageNotes are the sentences of the results' tables.
func pageNotes(results []NamedResult, rows []*pageRow) []pageNote {
	var notes []pageNote
	for i, r := range results {
		var own []*row
		for _, row := range rows {
			if row.run == i {
				own = append(own, row.row)
			}
		}
		for _, line := range r.explain(own) {
			if len(results) > 1 && !line.general {
				line.text = r.Name + ": " + line.text
			}
			if note := (pageNote{line.text, line.loud}); !slices.Contains(notes, note) {
				notes = append(notes, note)
			}
		}
	}
	return notes
}

// plainRows are the rows without what the page adds to them.
func plainRows(rows []*pageRow) []*row {
	plain := make([]*row, 0, len(rows))
	for _, row := range rows {
		plain = append(plain, row.row)
	}
	return plain
}

// pageTables are the tables of WriteTable.
func pageTables(rows []*pageRow) []pageTable {
	var tables []pageTable
	plain := plainRows(rows)
	for _, part := range tableParts {
		t := pageTable{Title: part.title, Head: []string{"target", "load"}, Words: 2}
		if !anyRow(plain, part.wanted) {
			continue
		}
		shown := shownColumns(part.columns, plain)
		t.Head = append(t.Head, headings(part.columns, shown, isStorm(plain))...)
		for _, row := range rows {
			cells := []string{row.name, row.step.Label()}
			for _, i := range shown {
				cells = append(cells, row.cell(part.columns, i))
			}
			t.Rows = append(t.Rows, cells)
		}
		tables = append(tables, t)
	}
	return append(tables, kindTable(rows)...)
}

func kindTable(rows []*pageRow) []pageTable {
	t := pageTable{Title: "By kind", Head: []string{"target", "load", "kind"}, Words: 3}
	for _, c := range kindColumns {
		t.Head = append(t.Head, c.heading)
	}
	several := false
	for _, row := range rows {
		several = several || row.hasKinds()
		for _, kind := range Kinds() {
			if row.merged.turn.Kinds[kind] == nil {
				continue
			}
			cells := []string{row.name, row.step.Label(), string(kind)}
			for _, c := range kindColumns {
				cells = append(cells, row.text(string(kind)+"."+c.figure))
			}
			t.Rows = append(t.Rows, cells)
		}
	}
	if !several {
		return nil
	}
	return []pageTable{t}
}

// plotID names the nth plot of a section, unique on the page.
func plotID(section string, nth int) string { return fmt.Sprintf("%s-%d", section, nth+1) }
