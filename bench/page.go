package bench

import (
	_ "embed" // the page's template and style
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/plot/plotter"
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
	Title    string
	Style    template.CSS
	Runs     []pageRun
	Errors   int64
	Faults   table
	Notes    []note
	Tables   []table
	Sections []section
}

type pageRun struct{ Name, Scenario, Command, Machine, Began, Took string }

// section is a part of the page with plots.
type section struct {
	ID, Title, Text string
	Plots           []*picture
	// Table holds the figures of all of them, behind the word Folded.
	Table  *table
	Folded string
}

func (s *section) add(p *picture) {
	if p != nil {
		s.Plots = append(s.Plots, p)
	}
}

// WritePage writes one HTML page on the results: their tables, latency by percentile, the course
// over time, the curve over loads and the targets compared. It is self-contained: no script, no
// other file, no network.
func WritePage(w io.Writer, results ...NamedResult) error {
	p := page{Style: template.CSS(pageStyle)}
	rows := rowsOf(results)
	var names []string
	for i, r := range results {
		scenario := r.Scenario
		for _, name := range slices.Sorted(maps.Keys(r.Settings)) {
			scenario += ", " + name + " " + r.Settings[name]
		}
		p.Runs = append(p.Runs, pageRun{
			r.Name, scenario, strings.Join(r.Command, " "), r.Machine.String(),
			r.Began.Format(time.RFC3339), showSeconds(r.Seconds),
		})
		p.Errors += r.Errors()
		own := slices.DeleteFunc(slices.Clone(rows), func(row *row) bool { return row.run != i })
		for _, n := range r.notes(own) {
			if !slices.Contains(p.Notes, n) {
				p.Notes = append(p.Notes, n)
			}
		}
		for _, t := range r.Targets {
			if !slices.Contains(names, t.Name) {
				names = append(names, t.Name)
			}
		}
	}
	if len(names) > 4 {
		names = append(names[:4], "others")
	}
	p.Title = strings.Join(names, ", ") + " under load"
	p.Faults = table{Head: []string{"where", "number", "kind", "the first"}, Words: 1, Tail: 2}
	for _, r := range rows {
		for _, f := range r.merged.Errors {
			p.Faults.Rows = append(p.Faults.Rows, []string{
				r.name + ", " + r.load(), showDigits(float64(f.Count)), f.Kind, f.First,
			})
		}
	}
	if len(rows) > 0 {
		p.Tables = tablesOf(rows)
		p.Sections = sections(results, rows)
	}
	var b strings.Builder
	if err := pageTemplate.Execute(&b, p); err != nil {
		return err
	}
	// Escaping leaves control characters, which a page cannot hold.
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = plain(lines[i])
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n"))
	return err
}

// sections are the parts of the page that have a plot.
func sections(results []NamedResult, rows []*row) []section {
	all := []section{percentileSection(rows)}
	for i := range results {
		own := slices.DeleteFunc(slices.Clone(rows), func(r *row) bool { return r.run != i })
		all = append(all, timeSection(i, results, own))
	}
	all = append(all, loadSection(rows))
	for i, load := range distinct(rows, (*row).load) {
		own := slices.DeleteFunc(slices.Clone(rows), func(r *row) bool { return r.load() != load })
		all = append(all, targetSection(i, load, results, own))
	}
	return slices.DeleteFunc(all, func(s section) bool { return len(s.Plots) == 0 })
}

// distinct are the different values of the rows, in order.
func distinct(rows []*row, of func(*row) string) []string {
	var all []string
	for _, r := range rows {
		if s := of(r); !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// percentileSection compares targets at the same load, or one target's loads, or the kinds of one
// load.
func percentileSection(rows []*row) section {
	s := section{
		ID: "percentiles", Title: "Latency by percentile",
		Text: "The share of transfers that took no longer; each point is the median over turns. " +
			"A line that rises at the right says that some transfers take far longer than most.",
	}
	plots := func(title string, curves []curve) {
		for part := range slices.Chunk(curves, styleCount) {
			s.add(percentilePlot(title, part))
		}
	}
	targets := distinct(rows, func(r *row) string { return r.name })
	loads := distinct(rows, (*row).load)
	var curves []curve
	switch {
	case len(targets) > 1:
		for _, load := range loads {
			curves = nil
			for _, r := range rows {
				if r.load() == load {
					curves = append(curves, curve{r.name, r.style, r, ""})
				}
			}
			plots("Latency, "+load, curves)
		}
	case len(loads) > 1:
		for i, r := range rows {
			curves = append(curves, curve{r.load(), i, r, ""})
		}
		plots("Latency of "+targets[0], curves)
	default:
		curves = []curve{{"all transfers", 0, rows[0], ""}}
		for i, kind := range kinds {
			if len(rows[0].merged.Kinds) > 1 && rows[0].merged.Kinds[kind] != nil {
				curves = append(curves, curve{string(kind), i + 1, rows[0], kind})
			}
		}
		plots("Latency of "+targets[0]+", "+loads[0], curves)
	}
	return s
}

// course is a figure over time.
type course struct {
	title, label string
	unit         unit
	// of is the figure of a sample that covers so many seconds.
	of func(s *Sample, seconds float64) (float64, bool)
}

var courses = []course{
	{"Throughput over time", "transfers/s", unitRate, func(s *Sample, seconds float64) (float64,
		bool,
	) {
		return float64(s.Transfers) / seconds, true
	}},
	{"Server CPU over time", "processors busy", unitCPUs, func(s *Sample, seconds float64) (
		float64, bool,
	) {
		if s.Server == nil {
			return 0, false
		}
		return s.Server.CPU / seconds, true
	}},
	{"Server memory over time", "PSS", unitBytes, func(s *Sample, _ float64) (float64, bool) {
		if s.Server == nil || s.Server.PSS == 0 {
			return 0, false
		}
		return float64(s.Server.PSS), true
	}},
}

// timeSection is the course of one run.
func timeSection(run int, results []NamedResult, rows []*row) section {
	r := results[run]
	s := section{
		ID: fmt.Sprintf("time-%d", run+1), Title: "Over time",
		Text:   "The course of the run, without warm-up and pauses; a mark starts each turn.",
		Folded: "Every turn as a table", Table: turnTable(r.Began, rows),
	}
	if len(results) > 1 {
		s.Title += ": " + r.Name
	}
	for _, c := range courses {
		p := newPlot("seconds since the begin of the run", c.label)
		lines := make([]series, 0, len(rows))
		for _, row := range rows {
			i := slices.IndexFunc(lines, func(l series) bool { return l.name == row.name })
			if i < 0 {
				i = len(lines)
				lines = append(lines, series{name: row.name, style: row.style})
			}
			for _, t := range row.step.Turns {
				if piece := c.levels(t, max(0, t.Began.Sub(r.Began).Seconds())); piece != nil {
					lines[i].pieces = append(lines[i].pieces, piece)
					lines[i].marks = append(lines[i].marks, piece[0])
				}
			}
		}
		if pic := linesPicture(c.title, p, lines); pic != nil {
			linear(&p.X, unitCount)
			linear(&p.Y, c.unit)
			pic.SVG = svg(p, plotHeight, c.title+": see the table of turns.")
			s.add(pic)
		}
	}
	return s
}

// levels are a turn's samples, each as a level from its begin to its end. A turn whose samples do
// not have the figure is one level.
func (c *course) levels(t *Turn, from float64) plotter.XYs {
	var points plotter.XYs
	add := func(s *Sample, begin, seconds float64) {
		if v, known := c.of(s, seconds); known {
			points = append(points, plotter.XY{X: from + begin, Y: v},
				plotter.XY{X: from + begin + seconds, Y: v})
		}
	}
	for i := range t.Samples {
		begin := float64(i) * t.SampleSeconds
		seconds := min(t.SampleSeconds, t.Seconds-begin)
		if i > 0 && seconds < t.SampleSeconds/5 {
			break // too short for a rate
		}
		add(&t.Samples[i], begin, seconds)
	}
	if points == nil {
		add(&Sample{Transfers: t.jobs().Count, Server: t.Server}, 0, t.Seconds)
	}
	return points
}

// turnTable has a line for each turn.
func turnTable(began time.Time, rows []*row) *table {
	t := &table{Head: []string{"target", "load", "from", "seconds"}, Words: 2}
	figures := []string{
		"transfers/s", "p50", "p99", "errors", "server-cpu", "server-pss", "own-cpu",
	}
	t.Head = append(t.Head, figures...)
	for _, r := range rows {
		for _, turn := range r.step.Turns {
			one := row{step: &Step{Turns: []*Turn{turn}}, merged: turn}
			cells := []string{
				r.name, r.load(), showDigits(max(0, turn.Began.Sub(began).Seconds())),
				showDigits(turn.Seconds),
			}
			for _, name := range figures {
				cells = append(cells, one.show(name))
			}
			t.Rows = append(t.Rows, cells)
		}
	}
	return t
}

// plottedFigures are those of the curve over loads and of compared targets.
var plottedFigures = []struct{ figure, title string }{
	{"transfers/s", "Transfers a second"},
	{"p50", "Median latency"},
	{"p99", "Latency that 99% do not exceed (p99)"},
	{"connect.transfers/s", "Connects a second"},
	{"connect.p99", "Connect time that 99% do not exceed"},
	{"server-cpu/transfer", "Server CPU for a transfer"},
	{"server-pss", "Server memory (PSS)"},
}

// eachPlotted calls f with the plottedFigures. A storm's connects are its transfers.
func eachPlotted(rows []*row, f func(figure, string)) {
	for _, what := range plottedFigures {
		if !rows[0].merged.storm() || !strings.HasPrefix(what.figure, string(KindConnect)) {
			f(mustFigure(what.figure), what.title)
		}
	}
}

// loadSection shows the effect of more load, if there are several loads.
func loadSection(rows []*row) section {
	s := section{
		ID: "loads", Title: "Over loads",
		Text: "Where throughput stays level while latency climbs, the server, the harness or the " +
			"machine is at its limit. Marks are medians over turns; whiskers show all turns.",
	}
	label, load := "clients", func(s *Step) float64 { return float64(s.Clients) }
	rate := func(s *Step) float64 { return s.Rate }
	loads := func(of func(*Step) float64) int {
		return len(distinct(rows, func(r *row) string { return fmt.Sprint(of(r.step)) }))
	}
	if loads(rate) > loads(load) {
		label, load = "planned transfers/s", rate
	}
	eachPlotted(rows, func(f figure, title string) {
		s.add(loadPlot(title, label, f, rows, load))
	})
	return s
}

// targetSection compares targets at one load, if there are several.
func targetSection(nth int, load string, results []NamedResult, rows []*row) section {
	s := section{
		ID: fmt.Sprintf("targets-%d", nth+1), Title: "Targets compared: " + load,
		Text: "Bars are medians over turns, marks the turns themselves.",
	}
	eachPlotted(rows, func(f figure, title string) { s.add(barPlot(title, f, rows)) })
	t := &table{
		Head:  []string{"figure", "target", rows[0].name, "the target", "change", "difference"},
		Words: 2, Tail: 1,
	}
	for _, r := range rows[1:] {
		only := func(r *row) *Result {
			one := *results[r.run].Result
			target := *r.target
			target.Steps = []*Step{r.step}
			one.Targets = []*Target{&target}
			return &one
		}
		c, err := Compare(only(rows[0]), only(r), CompareOptions{})
		if err != nil || c.Err() != nil {
			continue
		}
		for i := range c.Changes {
			change := &c.Changes[i]
			if change.figure.total || change.Old.Center == 0 && change.New.Center == 0 {
				continue // totals are in the tables
			}
			cells := change.cells()
			t.Rows = append(t.Rows, []string{
				change.Figure, r.name, cells[0], cells[2], cells[4], cells[5],
			})
		}
	}
	if len(t.Rows) > 0 {
		s.Table, s.Folded = t, "Differences, as far as the turns show them"
		s.Text += fmt.Sprintf(" The table below says which differences are more than chance (p at "+
			"most %g, corrected for the number of figures).", alphaDefault)
	}
	return s
}
