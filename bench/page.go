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
	*Result
	Title    string
	Style    template.CSS
	Faults   table
	Notes    []note
	Tables   []table
	Sections []section
}

// section is a part of the page with plots or tables.
type section struct {
	ID, Title, Text string
	Plots           []*picture
	Tables          []table
}

// WritePage writes one HTML page on the result: tables, latency by percentile, the course over
// time, the curve over loads and the targets compared. It is self-contained: no script, no other
// file, no network.
func (r *Result) WritePage(w io.Writer) error {
	rows := r.rows()
	targets := distinct(rows, func(r *row) string { return r.name })
	var b strings.Builder
	if err := pageTemplate.Execute(&b, page{
		Result: r, Title: strings.Join(targets, ", ") + " under load",
		Style: template.CSS(pageStyle), Faults: faults(rows), Notes: r.notes(rows),
		Tables: tablesOf(rows), Sections: r.sections(rows),
	}); err != nil {
		return err
	}
	// Escaping leaves control characters, which a page cannot hold.
	_, err := io.WriteString(w, strings.ReplaceAll(plain(strings.ReplaceAll(b.String(),
		"\n", "\ue000")), "\ue000", "\n"))
	return err
}

// sections are the parts of the page that have a plot or a table.
func (r *Result) sections(rows []*row) []section {
	all := []section{
		percentileSection(rows),
		{
			ID: "time", Title: "Over time", Plots: []*picture{
				r.coursePlot("Throughput over time", "transfers/s"),
				r.coursePlot("Server CPU over time", "server-cpu"),
				r.coursePlot("Server memory over time", "server-pss"),
			},
			Text: "The course of the run, without warm-up and pauses.",
		},
		loadSection(rows), r.targetSection(),
	}
	for i := range all {
		all[i].Plots = slices.DeleteFunc(all[i].Plots, func(p *picture) bool { return p == nil })
	}
	return slices.DeleteFunc(all, func(s section) bool {
		return len(s.Plots)+len(s.Tables) == 0
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
	title := func(r *row) string { return "Latency, " + r.load() }
	if targets := distinct(rows, name); len(targets) == 1 {
		name, title = (*row).load, func(r *row) string { return "Latency of " + r.name }
	}
	for _, text := range distinct(rows, title) {
		same := only(rows, func(r *row) bool { return title(r) == text })
		for part := range slices.Chunk(same, styleCount) {
			s.Plots = append(s.Plots, percentilePlot(text, part, name))
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

// targetSection compares each target with the first one, as far as the turns show a difference.
func (r *Result) targetSection() section {
	s := section{
		ID: "targets", Title: "Targets compared",
		Text: fmt.Sprintf("Which differences are more than chance (p at most %g, corrected for "+
			"the number of figures).", alphaDefault),
	}
	for i := 1; i < len(r.Targets); i++ {
		first, other := *r, *r
		first.Targets, other.Targets = r.Targets[:1], r.Targets[i:i+1]
		if c, err := Compare(&first, &other, CompareOptions{}); err == nil {
			s.Tables = append(s.Tables, c.tables()...)
		}
	}
	return s
}
