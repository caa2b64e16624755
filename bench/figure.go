package bench

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchmath"
)

// better says which way a figure improves.
type better uint8

const (
	betterNeither better = iota // it describes the run
	betterLess
	betterMore
)

// figure is a number of a turn, under the name that tables, expectations and comparisons use.
type figure struct {
	name   string
	unit   unit
	better better
	about  string
	// total means that the figure of a load is that of all its turns together: a sum or a maximum.
	// Every other figure of a load is the median over its turns.
	total bool
	// of is the figure of a turn, in seconds, bytes or plain, if the turn has it.
	of func(t *Turn) (float64, bool)
}

// lasting says that a process passes the figure on from turn to turn, so that turns are not
// independent measurements of it.
func (f figure) lasting() bool {
	return slices.ContainsFunc([]string{"-pss", "-descriptors", "-threads"},
		func(end string) bool { return strings.HasSuffix(f.name, end) })
}

// turnFigure is how a figure is taken from a turn.
type turnFigure = func(*Turn) (float64, bool)

// kindFigures are those of one kind, with its name and a dot before theirs, or of all jobs.
func kindFigures(kind Kind) []figure {
	prefix, whose := kind.words()
	fig := func(name string, u unit, b better, total bool, about string, of turnFigure) figure {
		return figure{prefix + name, u, b, about + whose, total, of}
	}
	counted := func(value func(*Turn, *Tally) float64) turnFigure {
		return func(t *Turn) (float64, bool) {
			if y := t.tally(kind); y != nil && t.Seconds > 0 {
				return value(t, y), true
			}
			return 0, false
		}
	}
	moved := func(value func(*Turn, *Tally) float64) turnFigure {
		return func(t *Turn) (float64, bool) {
			if kind == KindConnect || kind == "" && t.storm() {
				return 0, false // connects move nothing
			}
			return counted(value)(t)
		}
	}
	number := func(_ *Turn, y *Tally) float64 { return float64(y.Count) }
	rate := func(t *Turn, y *Tally) float64 { return float64(y.Count) / t.Seconds }
	bytes := func(_ *Turn, y *Tally) float64 { return float64(y.Bytes) }
	speed := func(t *Turn, y *Tally) float64 { return float64(y.Bytes) / t.Seconds }
	longest := func(h *Histogram) float64 { return float64(h.Max()) }
	return []figure{
		fig("transfers", unitCount, betterNeither, true, "number of ", counted(number)),
		fig("transfers/s", unitRate, betterMore, false, "number a second of ", counted(rate)),
		fig("bytes", unitBytes, betterNeither, true, "content of ", moved(bytes)),
		fig("bytes/s", unitSpeed, betterMore, false, "content a second of ", moved(speed)),
		fig("mean", unitSeconds, betterLess, false, "average latency of ",
			latency(kind, (*Histogram).Mean)),
		percentileFigure(kind, 50), percentileFigure(kind, 90),
		percentileFigure(kind, 99), percentileFigure(kind, 99.9),
		fig("max", unitSeconds, betterLess, true, "longest latency of ", latency(kind, longest)),
	}
}

// words are what names of the kind's figures begin with, and whose they are.
func (k Kind) words() (prefix, whose string) {
	if k == "" {
		return "", "all transfers"
	}
	return string(k) + ".", string(k)
}

// tally is that of a kind, or of all jobs; nil if there is none.
func (t *Turn) tally(k Kind) *Tally {
	if k == "" {
		return t.jobs()
	}
	return t.Kinds[k]
}

func latency(kind Kind, of func(*Histogram) float64) turnFigure {
	return func(t *Turn) (float64, bool) {
		if y := t.tally(kind); y != nil && y.Count > 0 {
			return of(y.Latency) / 1e6, true
		}
		return 0, false
	}
}

// percentileFigure is the latency that p percent do not exceed.
func percentileFigure(kind Kind, p float64) figure {
	prefix, whose := kind.words()
	digits := strconv.FormatFloat(p, 'f', -1, 64)
	about := "the latency that " + digits + "% of " + whose + " do not exceed"
	of := latency(kind, func(h *Histogram) float64 { return float64(h.Percentile(p)) })
	return figure{prefix + "p" + digits, unitSeconds, betterLess, about, false, of}
}

// usageFigures are those of the server's or the harness's usage, with that prefix.
func usageFigures(prefix, whose string, b better, of func(*Turn) *Usage) []figure {
	fig := func(name string, u unit, b better, about string,
		value func(*Turn, *Usage) (float64, bool),
	) figure {
		return figure{prefix + name, u, b, whose + about, false, func(t *Turn) (float64, bool) {
			if u := of(t); u != nil && t.Seconds > 0 {
				return value(t, u)
			}
			return 0, false
		}}
	}
	per := func(amount func(*Tally) int64, scale float64) func(*Turn, *Usage) (float64, bool) {
		return func(t *Turn, u *Usage) (float64, bool) {
			n := amount(t.jobs())
			return u.CPU / float64(max(n, 1)) * scale, n > 0
		}
	}
	most := func(count func(*Usage) int64) func(*Turn, *Usage) (float64, bool) {
		return func(_ *Turn, u *Usage) (float64, bool) { return float64(count(u)), count(u) > 0 }
	}
	busy := func(t *Turn, u *Usage) (float64, bool) { return u.CPU / t.wall(), true }
	return []figure{
		fig("-cpu", unitCPUs, betterNeither, " processors kept busy", busy),
		fig("-cpu/transfer", unitSeconds, b, " processor time for a transfer",
			per(func(y *Tally) int64 { return y.Count }, 1)),
		fig("-cpu/GB", unitSeconds, b, " processor time for 10^9 bytes",
			per(func(y *Tally) int64 { return y.Bytes }, 1e9)),
		fig("-pss", unitBytes, b, " peak memory, shared pages divided",
			most(func(u *Usage) int64 { return u.PSS })),
		fig("-descriptors", unitCount, b, " open descriptors, at most",
			most(func(u *Usage) int64 { return u.Descriptors })),
		fig("-threads", unitCount, b, " threads, at most",
			most(func(u *Usage) int64 { return u.Threads })),
	}
}

func othersCPU(t *Turn) (float64, bool) {
	if t.AllCPU == 0 || t.Own == nil || t.Server == nil || t.Seconds == 0 {
		return 0, false
	}
	return max(0, t.AllCPU-t.Own.CPU-t.Server.CPU) / t.wall(), true
}

func errorRate(t *Turn) (float64, bool) {
	bad, good := float64(t.ErrorCount()), float64(t.jobs().Count)
	return bad / max(bad+good, 1), bad+good > 0
}

func lagFigure(name string, total bool, of func(*Histogram) int64) figure {
	about := name + " of how late the harness itself started jobs"
	lag := func(t *Turn) (float64, bool) {
		if t.Lag == nil || t.Lag.Count() == 0 {
			return 0, false
		}
		return float64(of(t.Lag)) / 1e6, true
	}
	return figure{"lag." + name, unitSeconds, betterNeither, about, total, lag}
}

// commonFigures are all figures except those of one kind, in the order of help.
func commonFigures() []figure {
	errors := func(t *Turn) (float64, bool) { return float64(t.ErrorCount()), t.Seconds > 0 }
	missed := func(t *Turn) (float64, bool) { return float64(t.Missed), t.Seconds > 0 }
	server := func(t *Turn) *Usage { return t.Server }
	own := func(t *Turn) *Usage { return t.Own }
	p50 := func(h *Histogram) int64 { return h.Percentile(50) }
	p99 := func(h *Histogram) int64 { return h.Percentile(99) }
	all := append(kindFigures(""),
		figure{"errors", unitCount, betterLess, "errors of every kind", true, errors},
		figure{"error-rate", unitShare, betterLess, "errors among all that ended", true, errorRate},
		figure{"missed", unitCount, betterLess, "planned starts that never came", true, missed})
	all = append(all, usageFigures("server", "the server's", betterLess, server)...)
	all = append(all, usageFigures("own", "the harness's own", betterNeither, own)...)
	others := "other programs' processors kept busy"
	return append(all, figure{"others-cpu", unitCPUs, betterNeither, others, false, othersCPU},
		lagFigure("p50", false, p50), lagFigure("p99", false, p99),
		lagFigure("max", true, (*Histogram).Max))
}

// allFigures are all figures with a fixed name, by it.
var allFigures = func() map[string]figure {
	all := map[string]figure{}
	for _, f := range commonFigures() {
		all[f.name] = f
	}
	for _, kind := range kinds {
		for _, f := range kindFigures(kind) {
			all[f.name] = f
		}
	}
	return all
}()

// figureNamed returns the figure of a name: one of allFigures, or a percentile such as put.p99.99.
func figureNamed(name string) (figure, error) {
	if f, ok := allFigures[name]; ok {
		return f, nil
	}
	kind, rest := Kind(""), name
	if before, after, ok := strings.Cut(name, "."); ok && slices.Contains(kinds, Kind(before)) {
		kind, rest = Kind(before), after
	}
	digits, ok := strings.CutPrefix(rest, "p")
	whole, part, point := strings.Cut(digits, ".")
	isNumber := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	if !ok || !isNumber(whole) || point && !isNumber(part) {
		var names []string
		for _, f := range commonFigures() {
			names = append(names, f.name)
		}
		return figure{}, fmt.Errorf("no figure is called %q; there are %s; and %s", name,
			strings.Join(names, ", "), furtherFigures)
	}
	p, err := strconv.ParseFloat(digits, 64)
	if err != nil || p <= 0 || p >= 100 {
		return figure{}, fmt.Errorf("%s: a percentile is between 0 and 100, as in p99.9", name)
	}
	return percentileFigure(kind, p), nil
}

const furtherFigures = "any percentile, as p95; those up to max with get. put. ls. connect. before"

// FigureHelp lists the figures for help, a line each.
func FigureHelp() string {
	var b strings.Builder
	for _, f := range commonFigures() {
		fmt.Fprintf(&b, "  %-20s %s\n", f.name, f.about)
	}
	return b.String() + "and " + furtherFigures + ".\nA storm has no transfers: there its " +
		"connects count as such."
}

// row is a load of a target, with its figures.
type row struct {
	name   string // the target's, unique among all rows
	target *Target
	step   *Step
	merged *Turn
	run    int // the number of its result
	style  int // of its target in plots
}

// load is the row's load in a few words.
func (r *row) load() string { return r.step.Label() }

// perTurn is the figure of each turn that has it.
func (r *row) perTurn(f figure) []float64 {
	var values []float64
	for _, t := range r.step.Turns {
		if value, known := f.of(t); known {
			values = append(values, value)
		}
	}
	return values
}

// value is the figure of the row: of all turns together for a total, and otherwise the median over
// turns, which all must have it.
func (r *row) value(f figure) (float64, bool) {
	if f.total {
		return f.of(r.merged)
	}
	values := r.perTurn(f)
	if len(values) == 0 || len(values) < len(r.step.Turns) {
		return 0, false
	}
	return median(values).Center, true
}

const (
	// confidence is that of intervals.
	confidence = 0.95
	// intervalTurnsMin is the smallest number of turns whose median has a finite interval.
	intervalTurnsMin = 6
)

// median is the median of values with its interval, which is infinite for few values.
func median(values []float64) benchmath.Summary {
	return benchmath.AssumeNothing.Summary(sample(values), confidence)
}

// sample copies values, since benchmath sorts them.
func sample(values []float64) *benchmath.Sample {
	return benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds)
}

// show is a named figure of the row as text.
func (r *row) show(name string) string {
	f := mustFigure(name)
	value, known := r.value(f)
	if !known {
		return noFigure
	}
	return f.unit.show(value)
}

// spread is the interval of a median figure, as ±N%; empty if there are too few turns.
func (r *row) spread(name string) string {
	values := r.perTurn(mustFigure(name))
	if len(values) < intervalTurnsMin {
		return ""
	}
	return "±" + interval(median(values))
}

// interval is how far a median may be off, in percent; empty if unknown.
func interval(s benchmath.Summary) string {
	off := max(s.Hi/s.Center-1, 1-s.Lo/s.Center)
	if s.Center == 0 || off > 1e6 {
		return ""
	}
	return fmt.Sprintf("%.0f%%", 100*off)
}

// mustFigure is figureNamed for names in this package.
func mustFigure(name string) figure {
	f, err := figureNamed(name)
	if err != nil {
		panic(err)
	}
	return f
}

// NamedResult is a result with the name that distinguishes it from others, such as its file's.
type NamedResult struct {
	Name string
	*Result
}

// rowsOf are the loads that have turns. With several results their names are part of the targets'.
func rowsOf(results []NamedResult) []*row {
	var rows []*row
	styles := map[string]int{}
	for i, r := range results {
		for _, target := range r.Targets {
			name := target.Name
			if len(results) > 1 {
				name = r.Name + ": " + name
			}
			if _, seen := styles[name]; !seen {
				styles[name] = len(styles)
			}
			for _, step := range target.Steps {
				if len(step.Turns) > 0 {
					rows = append(rows, &row{name, target, step, step.Merged(), i, styles[name]})
				}
			}
		}
	}
	return rows
}
