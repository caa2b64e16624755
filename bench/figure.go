package bench

import (
	"slices"
	"strconv"
	"strings"
)

// unit is what a figure counts, and decides how it is shown and read.
type unit uint8

const (
	unitCount   unit = iota // a number of things
	unitRate                // things a second
	unitBytes               // bytes
	unitSpeed               // bytes a second
	unitSeconds             // seconds
	unitShare               // a share of 1, shown in percent
	unitCPUs                // processors kept busy: seconds of processor time a second
)

// better is which way a figure gets better.
type better uint8

const (
	betterNeither better = iota // it describes the run and is no merit
	betterLess
	betterMore
)

// figure is a number that a turn gives, under the name by which tables, expectations, comparisons
// and the Go format know it.
type figure struct {
	name   string
	unit   unit
	better better
	about  string
	// of gives the number, in seconds, bytes or plain. It says false where the turn does not
	// have it: nothing of that kind occurred, or it was not measured.
	of func(v *view) (float64, bool)
}

// lasting says that a turn has it from the one before: it is a process's state, and so many turns
// are not so many measurements.
func (f figure) lasting() bool {
	return slices.ContainsFunc([]string{"-pss", "-descriptors", "-threads"},
		func(end string) bool { return strings.HasSuffix(f.name, end) })
}

// view is a turn as figures look at it.
type view struct {
	turn *Turn
	all  *Tally // of all transfers, or of a storm's connects
}

func newView(t *Turn) *view { return &view{t, t.jobs()} }

// tally is that of a kind, or nil; of all jobs where no kind is named.
func (v *view) tally(k Kind) *Tally {
	if k == "" {
		return v.all
	}
	return v.turn.Kinds[k]
}

// figures of one kind, or of all transfers, begin with the kind's name and a dot, or with nothing.
func kindFigures(kind Kind) []figure {
	prefix, of := "", "of all transfers"
	if kind != "" {
		prefix, of = string(kind)+".", "of "+string(kind)
	}
	all := []figure{
		{prefix + "transfers", unitCount, betterNeither, "number " + of, tallied(kind,
			func(_ *Turn, t *Tally) float64 { return float64(t.Count) })},
		{prefix + "transfers/s", unitRate, betterMore, "number a second " + of, tallied(kind,
			func(turn *Turn, t *Tally) float64 { return float64(t.Count) / turn.Seconds })},
		{prefix + "bytes", unitBytes, betterNeither, "content " + of, moved(kind,
			func(_ *Turn, t *Tally) float64 { return float64(t.Bytes) })},
		{prefix + "bytes/s", unitSpeed, betterMore, "content a second " + of, moved(kind,
			func(turn *Turn, t *Tally) float64 { return float64(t.Bytes) / turn.Seconds })},
		{prefix + "mean", unitSeconds, betterLess, "average latency " + of, timed(kind,
			func(h *Histogram) float64 { return h.Mean() })},
	}
	for _, p := range []float64{50, 90, 99, 99.9} {
		all = append(all, percentileFigure(kind, p))
	}
	return append(all, figure{
		prefix + "max", unitSeconds, betterLess, "longest latency " + of, timed(kind,
			func(h *Histogram) float64 { return float64(h.Max()) }),
	})
}

// percentileFigure is the latency that so many in a hundred do not exceed.
func percentileFigure(kind Kind, p float64) figure {
	prefix, of := "", "all transfers"
	if kind != "" {
		prefix, of = string(kind)+".", string(kind)
	}
	digits := strconv.FormatFloat(p, 'f', -1, 64)
	return figure{
		prefix + "p" + digits, unitSeconds, betterLess,
		"the latency that " + digits + " in a hundred of " + of + " do not exceed",
		timed(kind, func(h *Histogram) float64 { return float64(h.Percentile(p)) }),
	}
}

func tallied(kind Kind, of func(*Turn, *Tally) float64) func(*view) (float64, bool) {
	return func(v *view) (float64, bool) {
		t := v.tally(kind)
		if t == nil || v.turn.Seconds == 0 {
			return 0, false
		}
		return of(v.turn, t), true
	}
}

// moved is tallied for bytes, of which connects have none.
func moved(kind Kind, of func(*Turn, *Tally) float64) func(*view) (float64, bool) {
	bytes := tallied(kind, of)
	return func(v *view) (float64, bool) {
		if kind == KindConnect || kind == "" && v.turn.storm() {
			return 0, false
		}
		return bytes(v)
	}
}

// timed takes a figure in microseconds from a histogram that holds something.
func timed(kind Kind, of func(*Histogram) float64) func(*view) (float64, bool) {
	return func(v *view) (float64, bool) {
		t := v.tally(kind)
		if t == nil || t.Count == 0 {
			return 0, false
		}
		return of(t.Latency) / 1e6, true
	}
}

// faultFigures are those of what went wrong.
func faultFigures() []figure {
	count := func(of func(*Turn) int64) func(*view) (float64, bool) {
		return func(v *view) (float64, bool) {
			return float64(of(v.turn)), v.turn.Seconds > 0
		}
	}
	return []figure{
		{"errors", unitCount, betterLess, "errors of every kind", count((*Turn).ErrorCount)},
		{
			"error-rate", unitShare, betterLess, "errors among all that ended",
			func(v *view) (float64, bool) {
				bad, good := float64(v.turn.ErrorCount()), float64(v.all.Count)
				return bad / max(bad+good, 1), bad+good > 0
			},
		},
		{
			"unconfirmed", unitCount, betterLess, "puts that the server did not confirm",
			count(func(t *Turn) int64 { return t.Unconfirmed }),
		},
		{
			"missed", unitCount, betterLess, "starts of the plan that never came",
			count(func(t *Turn) int64 { return t.Missed }),
		},
	}
}

// usageFigures are those of the server's or the harness's own usage, with that prefix.
func usageFigures(whose string, better better, of func(*Turn) *Usage) []figure {
	its := "the harness's own"
	if whose == "server" {
		its = "the server's"
	}
	used := func(value func(*view, *Usage) (float64, bool)) func(*view) (float64, bool) {
		return func(v *view) (float64, bool) {
			u := of(v.turn)
			if u == nil || v.turn.Seconds == 0 {
				return 0, false
			}
			return value(v, u)
		}
	}
	most := func(count func(*Usage) int64) func(*view) (float64, bool) {
		return used(func(_ *view, u *Usage) (float64, bool) {
			return float64(count(u)), count(u) > 0
		})
	}
	return []figure{
		{
			whose + "-cpu", unitCPUs, betterNeither, its + " processors kept busy",
			used(func(v *view, u *Usage) (float64, bool) { return u.CPU / v.turn.wall(), true }),
		},
		{
			whose + "-cpu/transfer", unitSeconds, better, its + " processor time for each transfer",
			used(func(v *view, u *Usage) (float64, bool) {
				return u.CPU / float64(max(v.all.Count, 1)), v.all.Count > 0
			}),
		},
		{
			whose + "-cpu/GB", unitSeconds, better, its + " processor time for 1,000,000,000 bytes",
			used(func(v *view, u *Usage) (float64, bool) {
				return u.CPU / float64(max(v.all.Bytes, 1)) * 1e9, v.all.Bytes > 0
			}),
		},
		{
			whose + "-pss", unitBytes, better, its + " memory at most, shared pages divided",
			most(func(u *Usage) int64 { return u.PSS }),
		},
		{
			whose + "-descriptors", unitCount, better, its + " open descriptors at most",
			most(func(u *Usage) int64 { return u.Descriptors }),
		},
		{
			whose + "-threads", unitCount, better, its + " threads at most",
			most(func(u *Usage) int64 { return u.Threads }),
		},
	}
}

// othersFigure is what programs used that are neither server nor harness.
func othersFigure() figure {
	return figure{
		"others-cpu", unitCPUs, betterNeither,
		"other programs' processors kept busy", func(v *view) (float64, bool) {
			t := v.turn
			if t.AllCPU == 0 || t.Own == nil || t.Server == nil || t.Seconds == 0 {
				return 0, false
			}
			return max(0, t.AllCPU-t.Own.CPU-t.Server.CPU) / t.wall(), true
		},
	}
}

// lagFigures are those of the harness's own lateness.
func lagFigures() []figure {
	of := func(value func(*Histogram) int64) func(*view) (float64, bool) {
		return func(v *view) (float64, bool) {
			if v.turn.Lag == nil || v.turn.Lag.Count() == 0 {
				return 0, false
			}
			return float64(value(v.turn.Lag)) / 1e6, true
		}
	}
	at := func(p float64) func(*Histogram) int64 {
		return func(h *Histogram) int64 { return h.Percentile(p) }
	}
	const about = "how late the harness itself began, "
	return []figure{
		{"lag.p50", unitSeconds, betterNeither, about + "at the median", of(at(50))},
		{"lag.p99", unitSeconds, betterNeither, about + "99 in a hundred", of(at(99))},
		{"lag.max", unitSeconds, betterNeither, about + "at most", of((*Histogram).Max)},
	}
}

// allFigures are all figures that have a fixed name, in the order in which they are shown: those of
// all transfers, of each kind, of faults, of usage.
func allFigures() []figure {
	all := kindFigures("")
	for _, kind := range Kinds() {
		all = append(all, kindFigures(kind)...)
	}
	all = append(all, faultFigures()...)
	all = append(all, usageFigures("server", betterLess, func(t *Turn) *Usage {
		return t.Server
	})...)
	all = append(all, usageFigures("own", betterNeither, func(t *Turn) *Usage { return t.Own })...)
	all = append(all, othersFigure())
	return append(all, lagFigures()...)
}
