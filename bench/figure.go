package bench

import (
	"fmt"
	"math"
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
	// total means that a load's figure is a sum or a maximum over its turns. All other figures of
	// a load are the median over its turns.
	total bool
	// of is the figure of a turn, in seconds, bytes or plain; NaN if it was not measured.
	of func(t *Turn) float64
}

var unknown = math.NaN()

// lasting says that a process keeps the figure from turn to turn, so that turns are not
// independent measurements of it.
func (f figure) lasting() bool {
	return strings.HasSuffix(f.name, "-pss") || strings.HasSuffix(f.name, "-descriptors") ||
		strings.HasSuffix(f.name, "-threads")
}

// jobFigures are the figures of one kind, or of all jobs if kind is empty.
func jobFigures(kind Kind) []figure {
	prefix, whose := "", "all transfers"
	if kind != "" {
		prefix, whose = string(kind)+".", string(kind)
	}
	fig := func(name string, u unit, b better, total bool, about string,
		value func(*Turn, *Tally) float64,
	) figure {
		return figure{prefix + name, u, b, about + whose, total, ofTally(kind, value)}
	}
	count := func(_ *Turn, y *Tally) float64 { return float64(y.Count) }
	bytes := func(t *Turn, y *Tally) float64 {
		if kind == KindConnect || t.storm() {
			return unknown // connects move no content
		}
		return float64(y.Bytes)
	}
	rate := func(of func(*Turn, *Tally) float64) func(*Turn, *Tally) float64 {
		return func(t *Turn, y *Tally) float64 { return of(t, y) / t.Seconds }
	}
	mean := func(_ *Turn, y *Tally) float64 { return y.latency(y.Latency.Mean()) }
	longest := func(_ *Turn, y *Tally) float64 { return y.latency(float64(y.Latency.Max())) }
	return []figure{
		fig("transfers", unitCount, betterNeither, true, "number of ", count),
		fig("transfers/s", unitRate, betterMore, false, "number a second of ", rate(count)),
		fig("bytes", unitBytes, betterNeither, true, "content of ", bytes),
		fig("bytes/s", unitSpeed, betterMore, false, "content a second of ", rate(bytes)),
		fig("mean", unitSeconds, betterLess, false, "average latency of ", mean),
		percentileFigure(kind, 50), percentileFigure(kind, 90),
		percentileFigure(kind, 99), percentileFigure(kind, 99.9),
		fig("max", unitSeconds, betterLess, true, "longest latency of ", longest),
	}
}

// ofTally takes a figure from a kind's tally, or from that of all jobs.
func ofTally(kind Kind, value func(*Turn, *Tally) float64) func(*Turn) float64 {
	return func(t *Turn) float64 {
		if y := t.tally(kind); y != nil && t.Seconds > 0 {
			return value(t, y)
		}
		return unknown
	}
}

// latency is a histogram's microseconds in seconds, unknown if it holds no times.
func (y *Tally) latency(micros float64) float64 {
	if y.Count == 0 {
		return unknown
	}
	return micros / 1e6
}

// percentileFigure is the latency that p percent do not exceed.
func percentileFigure(kind Kind, p float64) figure {
	name, whose := "p"+strconv.FormatFloat(p, 'f', -1, 64), "transfers"
	about := fmt.Sprintf("latency that %s%% of ", name[1:])
	if kind != "" {
		name, whose = string(kind)+"."+name, string(kind)
	}
	return figure{
		name, unitSeconds, betterLess, about + whose + " do not exceed", false,
		ofTally(kind, func(_ *Turn, y *Tally) float64 {
			return y.latency(float64(y.Latency.Percentile(p)))
		}),
	}
}

// cpuFigures are the processor time of the server or of the harness.
func cpuFigures(prefix, whose string, b better, of func(*Turn) *Usage) []figure {
	fig := func(name string, u unit, b better, about string, divide func(*Turn) float64) figure {
		return figure{prefix + name, u, b, whose + about, false, func(t *Turn) float64 {
			u, by := of(t), divide(t)
			if u == nil || by == 0 {
				return unknown
			}
			return t.whole(u.CPU / by)
		}}
	}
	return []figure{
		fig("-cpu", unitCPUs, betterNeither, " processors kept busy", (*Turn).wall),
		fig("-cpu/transfer", unitSeconds, b, " processor time for a transfer",
			func(t *Turn) float64 { return float64(t.jobs().Count) }),
		fig("-cpu/GB", unitSeconds, b, " processor time for 10^9 bytes",
			func(t *Turn) float64 { return float64(t.jobs().Bytes) / 1e9 }),
	}
}

// peakFigure is the most of something that the server had.
func peakFigure(name string, u unit, about string, of func(*Usage) int64) figure {
	return figure{name, u, betterLess, about, false, func(t *Turn) float64 {
		if t.Server == nil || of(t.Server) == 0 {
			return unknown
		}
		return t.whole(float64(of(t.Server)))
	}}
}

// runFigures are the figures that belong to neither a kind nor a usage.
var runFigures = []figure{
	{"errors", unitCount, betterLess, "errors of every kind", true, func(t *Turn) float64 {
		return t.whole(float64(t.ErrorCount()))
	}},
	{"error-rate", unitShare, betterLess, "errors among all results", true, func(t *Turn) float64 {
		bad := float64(t.ErrorCount())
		return t.whole(bad / (bad + float64(t.jobs().Count))) // NaN for 0 of 0
	}},
	{"missed", unitCount, betterLess, "planned starts not made", true, func(t *Turn) float64 {
		return t.whole(float64(t.Missed))
	}},
	{"others-cpu", unitCPUs, betterNeither, "processors of other programs", false, othersCPU},
	lagFigure("lag.p50", "median of how late the harness itself started jobs", 50),
	lagFigure("lag.p99", "how late it started the latest in a hundred", 99),
	lagFigure("lag.max", "how late it started one at most", 100),
}

// othersCPU is the processors that neither server nor harness kept busy.
func othersCPU(t *Turn) float64 {
	if t.AllCPU == 0 || t.Own == nil || t.Server == nil {
		return unknown
	}
	return t.whole(max(0, t.AllCPU-t.Own.CPU-t.Server.CPU) / t.wall())
}

// whole is the value if the turn was measured.
func (t *Turn) whole(value float64) float64 {
	if t.Seconds > 0 {
		return value
	}
	return unknown
}

func lagFigure(name, about string, percent float64) figure {
	return figure{name, unitSeconds, betterNeither, about, percent == 100, func(t *Turn) float64 {
		if t.Lag == nil || t.Lag.Count() == 0 {
			return unknown
		}
		return float64(t.Lag.Percentile(percent)) / 1e6
	}}
}

// commonFigures are all figures except those of one kind, in the order of help.
var commonFigures = slices.Concat(jobFigures(""), runFigures,
	cpuFigures("server", "the server's", betterLess, func(t *Turn) *Usage { return t.Server }),
	[]figure{
		peakFigure("server-pss", unitBytes, "the server's peak memory, shared pages divided",
			func(u *Usage) int64 { return u.PSS }),
		peakFigure("server-descriptors", unitCount, "the server's open descriptors, at most",
			func(u *Usage) int64 { return u.Descriptors }),
		peakFigure("server-threads", unitCount, "the server's threads, at most",
			func(u *Usage) int64 { return u.Threads }),
	},
	cpuFigures("own", "the harness's own", betterNeither, func(t *Turn) *Usage { return t.Own }))

// allFigures are all figures with a fixed name.
var allFigures = func() map[string]figure {
	all := map[string]figure{}
	for _, f := range commonFigures {
		all[f.name] = f
	}
	for _, kind := range kinds {
		for _, f := range jobFigures(kind) {
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
	p, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || strings.Trim(digits, "0123456789.") != "" {
		return figure{}, fmt.Errorf("no figure is called %q; there are\n%s", name, FigureHelp())
	}
	if p <= 0 || p >= 100 {
		return figure{}, fmt.Errorf("%s: a percentile is between 0 and 100, as in p99.9", name)
	}
	return percentileFigure(kind, p), nil
}

// mustFigure is figureNamed for names in this package.
func mustFigure(name string) figure {
	f, err := figureNamed(name)
	if err != nil {
		panic(err)
	}
	return f
}

// FigureHelp lists the figures for help, a line each.
func FigureHelp() string {
	var b strings.Builder
	for _, f := range commonFigures {
		fmt.Fprintf(&b, "  %-20s %s\n", f.name, f.about)
	}
	return b.String() + "and any percentile, as p95; those up to max with get. put. ls. connect. " +
		"before.\nA storm has no transfers: there its connects count as such."
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

// interval is how far a median may be off, in percent; empty if unknown.
func interval(s benchmath.Summary) string {
	off := max(s.Hi/s.Center-1, 1-s.Lo/s.Center)
	if s.Center == 0 || off > 1e6 {
		return ""
	}
	return fmt.Sprintf("%.0f%%", 100*off)
}
