package bench

import (
	_ "embed" // the page's template and style
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
)

var (
	//go:embed page.html
	pageText string
	//go:embed page.css
	pageStyle string

	pageTemplate = template.Must(template.New("page").Parse(pageText))
)

// page is what the template shows.
type page struct {
	Title      string
	Style      template.CSS
	Runs       []NamedResult
	ErrorCount int64
	Faults     table
	Notes      []note
	Tables     []table
	Sections   []section
}

// section is a part of the page with plots, or a table.
type section struct {
	ID, Title, Text string
	Plots           []*picture
	Table           *table
}

// WritePage writes one HTML page on the results: their tables, latency by percentile, the course
// over time, the curve over loads and the targets compared. It is self-contained: no script, no
// other file, no network.
func WritePage(w io.Writer, results ...NamedResult) error {
	rows := rowsOf(results...)
	targets := distinct(rows, func(r *row) string { return plain(r.target.Name) })
	if len(targets) > 4 {
		targets = append(targets[:4], "others")
	}
	p := page{
		Title: strings.Join(targets, ", ") + " under load",
		Style: template.CSS(pageStyle), Runs: results,
		Faults: faults(rows), Tables: tablesOf(rows), Sections: sections(results, rows),
	}
	for i, r := range results {
		p.ErrorCount += r.Errors()
		for _, n := range r.notes(only(rows, func(row *row) bool { return row.run == i })) {
			if !slices.Contains(p.Notes, n) {
				p.Notes = append(p.Notes, n)
			}
		}
	}
	var b strings.Builder
	if err := pageTemplate.Execute(&b, p); err != nil {
		return err
	}
	// Escaping leaves control characters, which a page cannot hold.
	_, err := io.WriteString(w, strings.ReplaceAll(plain(strings.ReplaceAll(b.String(),
		"\n", "\ue000")), "\ue000", "\n"))
	return err
}

// sections are the parts of the page that have a plot or a table.
func sections(results []NamedResult, rows []*row) []section {
	all := []section{percentileSection(rows)}
	for i, r := range results {
		own := only(rows, func(r *row) bool { return r.run == i })
		s := section{
			ID: fmt.Sprintf("time-%d", i+1), Title: "Over time", Plots: []*picture{
				coursePlot("Throughput over time", "transfers/s", r.Result, own),
				coursePlot("Server CPU over time", "server-cpu", r.Result, own),
				coursePlot("Server memory over time", "server-pss", r.Result, own),
			},
			Text: "The course of the run, without warm-up and pauses.",
		}
		if len(results) > 1 {
			s.Title += ": " + r.Name
		}
		all = append(all, s)
	}
	all = append(all, loadSection(rows))
	for i, load := range distinct(rows, (*row).load) {
		all = append(all, targetSection(i, load, only(rows, func(r *row) bool {
			return r.load() == load
		})))
	}
	for i := range all {
		all[i].Plots = slices.DeleteFunc(all[i].Plots, func(p *picture) bool { return p == nil })
	}
	return slices.DeleteFunc(all, func(s section) bool {
		return len(s.Plots) == 0 && s.Table == nil
	})
}

// percentileSection compares targets at the same load, or one target's loads.
func percentileSection(rows []*row) section {
	s := section{
		ID: "percentiles", Title: "Latency by percentile",
		Text: "The share of transfers that took no longer; each point is the median over turns. " +
			"A line that rises at the right says that some transfers take far longer than most.",
	}
	name := func(r *row) string { return r.name }
	targets, parts := distinct(rows, name), map[string][]*row{}
	titles := []string{}
	for _, r := range rows {
		title := "Latency, " + r.load()
		if len(targets) == 1 {
			title, name = "Latency of "+targets[0], (*row).load
		}
		if parts[title] == nil {
			titles = append(titles, title)
		}
		parts[title] = append(parts[title], r)
	}
	for _, title := range titles {
		for part := range slices.Chunk(parts[title], styleCount) {
			s.Plots = append(s.Plots, percentilePlot(title, part, name))
		}
	}
	return s
}

// loadSection shows the effect of more load, if there are several loads.
func loadSection(rows []*row) section {
	s := section{
		ID: "loads", Title: "Over loads",
		Text: "Where throughput stays level while latency climbs, the server, the harness or the " +
			"machine is at its limit.",
	}
	rates := distinct(rows, func(r *row) string { return fmt.Sprint(r.step.Rate) })
	clients := distinct(rows, func(r *row) string { return fmt.Sprint(r.step.Clients) })
	for _, plotted := range [][2]string{
		{"transfers/s", "Transfers a second"},
		{"p50", "Median latency"},
		{"p99", "Latency that 99% do not exceed (p99)"},
		{"server-cpu/transfer", "Server CPU for a transfer"},
		{"server-pss", "Server memory (PSS)"},
	} {
		s.Plots = append(s.Plots, loadPlot(plotted[1], mustFigure(plotted[0]), rows,
			len(rates) > len(clients)))
	}
	return s
}

// targetSection compares targets at one load with the first of them, as far as the turns show it.
func targetSection(nth int, load string, rows []*row) section {
	t := &table{
		Head:  []string{"figure", "target", rows[0].name, "the target", "change", "difference"},
		Words: 2, Tail: 1,
	}
	var figures []figure
	for _, name := range comparedFigures {
		if f := mustFigure(name); !f.total { // totals are in the tables
			figures = append(figures, f)
		}
	}
	for _, r := range rows[1:] {
		c := Comparison{alpha: alphaDefault}
		c.compareTurns("", rows[0], r, figures)
		c.finish(0)
		for i := range c.Changes {
			cells := c.Changes[i].cells()
			t.Rows = append(t.Rows, []string{
				c.Changes[i].Figure, r.name, cells[0], cells[2], cells[4], cells[5],
			})
		}
	}
	s := section{
		ID: fmt.Sprintf("targets-%d", nth+1), Title: "Targets compared: " + load,
		Text: fmt.Sprintf("Which differences are more than chance (p at most %g, corrected for "+
			"the number of figures).", alphaDefault),
	}
	if len(t.Rows) > 0 {
		s.Table = t
	}
	return s
}
