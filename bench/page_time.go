package bench

import (
	"cmp"
	"fmt"
	"slices"
)

// placedTurn is a turn with its place in the run's course.
type placedTurn struct {
	row  *pageRow
	turn *Turn
	from float64 // seconds since the run's begin
}

// course is a figure over time.
type course struct {
	title, label string
	unit         unit
	// of gives the figure of a sample that covers so many seconds.
	of func(s *Sample, seconds float64) (float64, bool)
}

var courses = []course{
	{
		"Throughput over time", "transfers/s", unitRate,
		func(s *Sample, seconds float64) (float64, bool) {
			return float64(s.Transfers) / seconds, true
		},
	},
	{
		"Server CPU over time", "processors busy", unitCPUs,
		func(s *Sample, seconds float64) (float64, bool) {
			if s.Server == nil {
				return 0, false
			}
			return s.Server.CPU / seconds, true
		},
	},
	{"Server memory over time", "PSS", unitBytes, func(s *Sample, _ float64) (float64, bool) {
		if s.Server == nil || s.Server.PSS == 0 {
			return 0, false
		}
		return float64(s.Server.PSS), true
	}},
}

// timeSections show each run's course.
func timeSections(results []NamedResult, rows []*pageRow) []section {
	var all []section
	for i, r := range results {
		turns := placedTurns(r.Result, rows, i)
		if len(turns) == 0 {
			continue
		}
		s := section{
			ID: fmt.Sprintf("time-%d", i+1), Title: "Over time",
			Text: "The run as it went, warm-up and pauses left out. Where targets alternate, " +
				"each has its own stretches.",
			Table: timeTable(turns), Folded: "Every turn as a table",
		}
		if len(results) > 1 {
			s.Title = "Over time: " + r.Name
		}
		for _, what := range courses {
			if c := what.chart(turns); c != nil {
				c.id = plotID(s.ID, len(s.Plots))
				s.Plots = append(s.Plots, drawn(c))
			}
		}
		all = append(all, s)
	}
	return all
}

func placedTurns(r *Result, rows []*pageRow, run int) []placedTurn {
	var turns []placedTurn
	for _, row := range rows {
		if row.run != run {
			continue
		}
		for _, turn := range row.step.Turns {
			from := turn.Began.Sub(r.Began).Seconds()
			turns = append(turns, placedTurn{row, turn, max(from, 0)})
		}
	}
	slices.SortStableFunc(turns, func(a, b placedTurn) int { return cmp.Compare(a.from, b.from) })
	return turns
}

// chart is nil where no turn has the figure.
func (what *course) chart(turns []placedTurn) *chart {
	c := &chart{title: what.title, width: chartWide, bands: loadBands(turns)}
	most, last, samples := 0.0, 0.0, 0
	for _, t := range turns {
		samples += len(t.turn.Samples)
	}
	joined := 1 + samples/levelsMax
	lines := map[string]*line{}
	for _, t := range turns {
		l := lines[t.row.name]
		if l == nil {
			l = &line{name: t.row.name, style: t.row.style}
			lines[t.row.name] = l
		}
		piece := what.piece(t, joined)
		if len(turns) > marksMax && len(l.pieces) > 0 && len(piece) > 0 {
			piece[0].note = "" // the first one's mark says whose line it is
		}
		for _, p := range piece {
			most, last = max(most, p.y), max(last, p.x)
		}
		if len(piece) > 0 {
			l.pieces = append(l.pieces, piece)
		}
	}
	for _, name := range names(rowsOf(turns), nameOf) {
		if l := lines[name]; len(l.pieces) > 0 {
			c.lines = append(c.lines, *l)
		}
	}
	if len(c.lines) == 0 {
		return nil
	}
	c.x = timeAxis("seconds since the run began", last)
	label := what.label
	if isStorm(plainRows(rowsOf(turns))) {
		label = stormWords(label)
	}
	c.y = linearAxis(label, most, what.unit)
	c.desc = fmt.Sprintf("%s of %s in %s over %s; the highest is %s.", label,
		plural(int64(len(c.lines)), "target"), plural(int64(len(turns)), "turn"),
		showSeconds(last), what.unit.show(most))
	return c
}

func rowsOf(turns []placedTurn) []*pageRow {
	rows := make([]*pageRow, 0, len(turns))
	for _, t := range turns {
		rows = append(rows, t.row)
	}
	return rows
}

const (
	// levelsMax is how many levels a course shows: with more, samples that follow each other are
	// joined, since each level needs two or three pixels.
	levelsMax = 350
	// marksMax is how many turns have a mark.
	marksMax = 40
)

// join makes one sample of so many that follow each other, in a copy.
func join(samples []Sample, n int) []Sample {
	all := make([]Sample, 0, len(samples)/n+1)
	for part := range slices.Chunk(samples, n) {
		sum := part[0]
		for _, s := range part[1:] {
			sum.Transfers += s.Transfers
			sum.Bytes += s.Bytes
			sum.Errors += s.Errors
			sum.Server = sum.Server.before(s.Server)
		}
		all = append(all, sum)
	}
	return all
}

// piece is a turn's stretch of the line: level over each sample, or over so many joined, with a
// mark at its begin. A turn whose samples have nothing of the figure is level as a whole.
func (what *course) piece(t placedTurn, joined int) []point {
	each := t.turn.SampleSeconds * float64(joined)
	points := what.levels(t, join(t.turn.Samples, joined), each)
	if len(points) == 0 {
		whole := Sample{Transfers: t.turn.jobs().Count, Server: t.turn.Server}
		points = what.levels(t, []Sample{whole}, t.turn.Seconds)
	}
	if len(points) > 0 {
		points[0].note = fmt.Sprintf("%s, %s, from %s s on: %s", t.row.name, t.row.step.Label(),
			showDigits(points[0].x), what.unit.show(points[0].y))
	}
	return points
}

func (what *course) levels(t placedTurn, samples []Sample, each float64) []point {
	var points []point
	for i := range samples {
		from := float64(i) * each
		seconds := min(each, t.turn.Seconds-from)
		// The last of several may be cut short by the turn's end: of a moment no rate is meant.
		if i > 0 && seconds < each/5 {
			break
		}
		if value, known := what.of(&samples[i], seconds); known {
			points = append(points, point{x: t.from + from, y: value},
				point{x: t.from + from + seconds, y: value})
		}
	}
	return points
}

// loadBands are the stretches of one load, where there is more than one.
func loadBands(turns []placedTurn) []band {
	var bands []band
	for _, t := range turns {
		label, end := t.row.step.Label(), t.from+t.turn.Seconds
		if n := len(bands); n > 0 && bands[n-1].label == label {
			bands[n-1].to = max(bands[n-1].to, end)
			continue
		}
		bands = append(bands, band{t.from, end, label})
	}
	if len(bands) < 2 {
		return nil
	}
	return bands
}

// timeTable has a row for each turn.
func timeTable(turns []placedTurn) *pageTable {
	figures := []string{
		"transfers/s", "p50", "p99", "errors", "server-cpu", "server-pss", "server-descriptors",
		"server-threads", "own-cpu",
	}
	t := &pageTable{Head: []string{"target", "load", "from", "seconds"}, Words: 2}
	for _, name := range figures {
		if isStorm(plainRows(rowsOf(turns))) {
			name = stormWords(name)
		}
		t.Head = append(t.Head, name)
	}
	for _, turn := range turns {
		r := row{turn.row.target, turn.row.step, newView(turn.turn)}
		cells := []string{
			turn.row.name, turn.row.step.Label(), showDigits(turn.from),
			showDigits(turn.turn.Seconds),
		}
		for _, name := range figures {
			cells = append(cells, r.text(name))
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}
