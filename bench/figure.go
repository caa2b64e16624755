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
	neither better = iota // it describes the run
	lower
	higher
)

// combine says how a load's figure comes from those of its turns.
type combine uint8

const (
	byMedian combine = iota
	bySum
	byMax
)

// measure takes a figure from a measured turn and its jobs, in seconds, bytes or plain numbers. It
// is NaN if the figure is unknown.
type measure func(t *Turn, jobs *Tally) float64

// figure is a number of a turn, under the name that tables, expectations and comparisons use.
type figure struct {
	name    string
	unit    unit
	better  better
	combine combine
	about   string
	of      measure
}

var unknown = math.NaN()

// value is the figure of a turn and its jobs, NaN if it was not measured.
func (f figure) value(t *Turn, jobs *Tally) float64 {
	if t.Seconds > 0 {
		return f.of(t, jobs)
	}
	return unknown
}

// lasting says that a process keeps the figure from turn to turn, so that turns are not
// independent measurements of it.
func (f figure) lasting() bool {
	return slices.Contains([]string{"server-pss", "server-descriptors", "server-threads"}, f.name)
}

// jobFigures exist for all jobs, and with a prefix for those of one kind.
var jobFigures = []figure{
	{"transfers", unitCount, neither, bySum, "number of transfers", count},
	{"transfers/s", unitCount, higher, byMedian, "transfers a second", perSecond(count)},
	{"bytes", unitBytes, neither, bySum, "content of all transfers", content},
	{"bytes/s", unitSpeed, higher, byMedian, "content a second", perSecond(content)},
	{"mean", unitSeconds, lower, byMedian, "average latency", latency((*Histogram).Mean)},
	percentile(50), percentile(90), percentile(99), percentile(99.9),
	{"max", unitSeconds, lower, byMax, "longest latency", latency(longest)},
}

// runFigures exist once.
var runFigures = []figure{
	{"errors", unitCount, lower, bySum, "errors of every kind", errorCount},
	{"error-rate", unitShare, lower, byMax, "errors among all results of a turn", errorRate},
	{"missed", unitCount, lower, bySum, "planned starts not made", missed},
	{"others-cpu", unitCPUs, neither, byMedian, "processors of other programs", othersCPU},
	{"lag.p50", unitSeconds, neither, byMedian, "delay of the harness's starts, median", lag(50)},
	{"lag.p99", unitSeconds, neither, byMedian, "the same, 99th percentile", lag(99)},
	{"lag.max", unitSeconds, neither, byMax, "the same, maximum", lag(100)},
	{"server-cpu", unitCPUs, neither, byMedian, "processors that the server uses", serverCPU(wall)},
	{"server-cpu/transfer", unitSeconds, lower, byMedian, "CPU per transfer", serverCPU(count)},
	{"server-cpu/GB", unitSeconds, lower, byMedian, "CPU per 10^9 bytes", serverCPU(gigabytes)},
	{"server-pss", unitBytes, lower, byMedian, "its peak memory, shared pages divided", pss},
	{"server-descriptors", unitCount, lower, byMedian, "its descriptors, at most", descriptors},
	{"server-threads", unitCount, lower, byMedian, "its threads, at most", threads},
	{"own-cpu", unitCPUs, neither, byMedian, "processors that the harness uses", ownCPU(wall)},
	{"own-cpu/transfer", unitSeconds, neither, byMedian, "CPU per transfer", ownCPU(count)},
	{"own-busy", unitShare, neither, byMedian, "share of time in which it had work", ownBusy},
}

var allFigures = slices.Concat(jobFigures, runFigures)

func count(_ *Turn, jobs *Tally) float64     { return float64(jobs.Count) }
func gigabytes(_ *Turn, jobs *Tally) float64 { return float64(jobs.Bytes) / 1e9 }
func wall(t *Turn, _ *Tally) float64         { return t.Wall }
func errorCount(t *Turn, _ *Tally) float64   { return float64(t.ErrorCount()) }

// missed is unknown in a closed loop, which plans no starts.
func missed(t *Turn, _ *Tally) float64 {
	if t.Lag == nil {
		return unknown
	}
	return float64(t.Missed)
}

// content is unknown if there was none: connects have no content.
func content(_ *Turn, jobs *Tally) float64 { return known(jobs.Bytes) }

func perSecond(of measure) measure {
	return func(t *Turn, jobs *Tally) float64 { return of(t, jobs) / t.Seconds }
}

// latency takes a time in microseconds from a histogram, unless that is empty.
func latency(of func(*Histogram) float64) measure {
	return func(_ *Turn, jobs *Tally) float64 {
		if jobs.Count == 0 {
			return unknown
		}
		return of(jobs.Latency) / 1e6
	}
}

func longest(h *Histogram) float64 { return float64(h.Max()) }

// percentile is the latency that p percent do not exceed.
func percentile(p float64) figure {
	digits := strconv.FormatFloat(p, 'f', -1, 64)
	return figure{
		"p" + digits, unitSeconds, lower, byMedian,
		"latency that " + digits + "% of transfers do not exceed",
		latency(func(h *Histogram) float64 { return float64(h.Percentile(p)) }),
	}
}

func errorRate(t *Turn, jobs *Tally) float64 {
	bad := float64(t.ErrorCount())
	return bad / (bad + float64(jobs.Count)) // NaN for 0 of 0
}

// othersCPU is the processors that neither server nor harness kept busy.
func othersCPU(t *Turn, _ *Tally) float64 {
	if t.AllCPU == 0 || t.Wall == 0 || t.Own == nil || t.Server == nil {
		return unknown
	}
	return max(0, t.AllCPU-t.Own.CPU-t.Server.CPU) / t.Wall
}

func lag(percent float64) measure {
	return func(t *Turn, _ *Tally) float64 {
		if t.Lag == nil || t.Lag.TotalCount() == 0 {
			return unknown
		}
		return float64(t.Lag.Percentile(percent)) / 1e6
	}
}

func serverCPU(by measure) measure {
	return func(t *Turn, jobs *Tally) float64 { return t.Server.cpu(by(t, jobs)) }
}

func ownCPU(by measure) measure {
	return func(t *Turn, jobs *Tally) float64 { return t.Own.cpu(by(t, jobs)) }
}

// cpu is processor time divided by something.
func (u *Usage) cpu(by float64) float64 {
	if u == nil || by == 0 {
		return unknown
	}
	return u.CPU / by
}

func ownBusy(t *Turn, _ *Tally) float64 {
	if t.Busy == 0 {
		return unknown
	}
	return t.Busy
}

func pss(t *Turn, _ *Tally) float64         { return known(t.peaks().PSS) }
func descriptors(t *Turn, _ *Tally) float64 { return known(t.peaks().Descriptors) }
func threads(t *Turn, _ *Tally) float64     { return known(t.peaks().Threads) }

// peaks is the usage of the server, empty if it is unknown.
func (t *Turn) peaks() Usage {
	if t.Server == nil {
		return Usage{}
	}
	return *t.Server
}

func known(n int64) float64 {
	if n == 0 {
		return unknown
	}
	return float64(n)
}

// figureNamed returns the figure of a name: one of allFigures, one of a kind, or a percentile such
// as put.p99.99.
func figureNamed(name string) (figure, error) {
	base, among := name, allFigures
	kind, rest, _ := strings.Cut(name, ".")
	ofKind := slices.Contains(kinds, Kind(kind))
	if ofKind {
		base, among = rest, jobFigures
	}
	digits, isPercentile := strings.CutPrefix(base, "p")
	p, err := strconv.ParseFloat(digits, 64)
	var f figure
	switch i := slices.IndexFunc(among, func(f figure) bool { return f.name == base }); {
	case i >= 0:
		f = among[i]
	case !isPercentile || err != nil || strings.Trim(digits, "0123456789.") != "":
		return f, fmt.Errorf("no figure is called %q; there are\n%s", name, FigureHelp())
	case p <= 0 || p >= 100:
		return f, fmt.Errorf("%s: a percentile is between 0 and 100, as in p99.9", name)
	default:
		f = percentile(p)
	}
	if of := f.of; ofKind {
		f.of = func(t *Turn, _ *Tally) float64 {
			if jobs := t.Kinds[Kind(kind)]; jobs != nil {
				return of(t, jobs)
			}
			return unknown
		}
	}
	f.name = name
	return f, nil
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
	for _, f := range allFigures {
		fmt.Fprintf(&b, "  %-20s %s\n", f.name, f.about)
	}
	return b.String() + "Any other percentile works too, such as p95. The figures up to max take " +
		"a prefix:\nget. put. ls. or connect. The connects of a storm count as its transfers."
}

// confidence is that of intervals.
const confidence = 0.95

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
	return strings.Trim(s.PctRangeString(), "?∞")
}
