package bench

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"golang.org/x/perf/benchmath"
)

// Verdict is what a comparison says of a figure.
type Verdict uint8

// The verdicts.
const (
	// NoDifference says that none was shown: there is none, or it is small beside how far the
	// turns of one run differ.
	NoDifference Verdict = iota
	// Better and Worse say that a difference was shown.
	Better
	Worse
	// TooFew says that with so few turns no difference could have been shown, however large.
	TooFew
	// Untested says that turns cannot tell: they hand the figure on to each other.
	Untested
)

// String is the verdict in words.
func (v Verdict) String() string {
	return [...]string{"no difference shown", "better", "worse", "too few turns", "not tested"}[v]
}

// CompareOptions say how results are compared.
type CompareOptions struct {
	// Figures are compared, by their names. Empty: those that a change of the server moves.
	Figures []string
	// Alpha is how probable it may be that any difference is shown where there is none, over
	// all figures together. 0 means 0.05.
	Alpha float64
	// ChangeMin is the least change of a median, as a share of the old one, that counts as a
	// difference: with many turns the smallest drift of a machine can be shown. 0 means any.
	ChangeMin float64
}

// comparedFigures are compared unless others are named. Throughput in bytes follows from that in
// transfers, and the longest latency of a turn is chance.
var comparedFigures = []string{
	"transfers/s", "p50", "p90", "p99", "p99.9", "connect.transfers/s", "connect.p99",
	"errors", "unconfirmed", "missed",
	"server-cpu/transfer", "server-pss", "server-descriptors", "server-threads",
}

// alphaDefault is the usual one of benchmarks.
const alphaDefault = 0.05

// Change is one figure of one step in two results.
type Change struct {
	// Where is the target and step.
	Where string
	// Figure is the figure's name.
	Figure string
	// Old and New are the medians over turns and their intervals at 95 % confidence, infinite
	// where there are too few turns for one.
	Old, New benchmath.Summary
	// OldTurns and NewTurns are how many turns have the figure.
	OldTurns, NewTurns int
	// P is the probability that turns of one and the same distribution differ so much, by the
	// Mann-Whitney U test, corrected for the number of figures after Holm. 1 where all turns of
	// both are equal.
	P float64
	// Verdict is what follows.
	Verdict Verdict

	figure figure
}

// Share is the change of the median as a share of the old one, and whether there is one: from 0 to
// something there is not.
func (c *Change) Share() (float64, bool) {
	if c.Old.Center == c.New.Center {
		return 0, true
	}
	if c.Old.Center == 0 {
		return 0, false
	}
	return c.New.Center/c.Old.Center - 1, true
}

// Comparison is what two results show of each other.
type Comparison struct {
	// Changes are the figures that both results have, in the order of steps and names.
	Changes []Change
	// Warnings say what makes the comparison doubtful, or what was left out of it.
	Warnings []string

	alpha    float64
	sameRun  bool
	distinct int // changes that are tested: whose turns are not all equal
}

// Compare compares the turns of two results, step by step. Targets are matched by name, or, where
// each result has one target, whatever their names. The error says that a figure is unknown, or
// that the results have nothing in common.
func Compare(older, newer *Result, o CompareOptions) (*Comparison, error) {
	if o.Alpha == 0 {
		o.Alpha = alphaDefault
	}
	if len(o.Figures) == 0 {
		o.Figures = comparedFigures
	}
	figures := make([]figure, 0, len(o.Figures))
	for _, name := range o.Figures {
		f, err := figureNamed(name)
		if err != nil {
			return nil, err
		}
		figures = append(figures, f)
	}
	c := &Comparison{
		alpha: o.Alpha, Warnings: doubts(older, newer), sameRun: older.Began.Equal(newer.Began),
	}
	pairs := matchTargets(older, newer)
	for _, pair := range pairs {
		c.compareSteps(pair.older, pair.newer, figures)
	}
	c.Warnings = append(c.Warnings, onlyIn("OLD", older, pairs, func(p pair) *Target {
		return p.older
	})...)
	c.Warnings = append(c.Warnings, onlyIn("NEW", newer, pairs, func(p pair) *Target {
		return p.newer
	})...)
	if len(c.Changes) == 0 {
		return nil, errors.New("nothing to compare: no figure of the same target and load " +
			"is in both" + strings.Join(append([]string{""}, c.Warnings...), "; "))
	}
	c.correct()
	for i := range c.Changes {
		c.judge(&c.Changes[i], o)
	}
	return c, nil
}

// compareSteps compares what two targets have at the same loads.
func (c *Comparison) compareSteps(older, newer *Target, figures []figure) {
	where := older.Name
	if newer.Name != older.Name {
		where += " → " + newer.Name
	}
	if older.Proto != newer.Proto {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s: the protocols differ: %s and %s", where,
			older.Proto, newer.Proto))
	}
	labels := map[string]*Step{}
	for _, step := range newer.Steps {
		labels[step.Label()] = step
	}
	for _, step := range older.Steps {
		other, ok := labels[step.Label()]
		if !ok {
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s: %s is in OLD only", where,
				step.Label()))
			continue
		}
		delete(labels, step.Label())
		c.compareTurns(where+", "+step.Label(), step, other, figures)
	}
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s: %s is in NEW only", where, label))
	}
}

func (c *Comparison) compareTurns(where string, older, newer *Step, figures []figure) {
	olds, news := views(older), views(newer)
	if older.Merged().storm() && newer.Merged().storm() {
		figures = stormFigures(figures)
	}
	thresholds := benchmath.DefaultThresholds
	thresholds.CompareAlpha = c.alpha
	for _, f := range figures {
		a, b := valuesOf(f, olds), valuesOf(f, news)
		if len(a) == 0 && len(b) == 0 {
			continue
		}
		if len(a) == 0 || len(b) == 0 {
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s: %s was measured in one of the "+
				"two only", where, f.name))
			continue
		}
		s, t := benchmath.NewSample(a, &thresholds), benchmath.NewSample(b, &thresholds)
		change := Change{
			Where: where, Figure: f.name, figure: f, OldTurns: len(a), NewTurns: len(b), P: 1,
			Old: benchmath.AssumeNothing.Summary(s, spreadConfidence),
			New: benchmath.AssumeNothing.Summary(t, spreadConfidence),
		}
		if f.lasting() {
			c.Changes = append(c.Changes, change)
			continue
		}
		if slices.Min(a) != slices.Max(a) || slices.Min(b) != slices.Max(b) || a[0] != b[0] {
			c.distinct++
			change.P = benchmath.AssumeNothing.Compare(s, t).P
		}
		c.Changes = append(c.Changes, change)
	}
}

func views(s *Step) []*view {
	all := make([]*view, 0, len(s.Turns))
	for _, turn := range s.Turns {
		all = append(all, newView(turn))
	}
	return all
}

func valuesOf(f figure, turns []*view) []float64 {
	var values []float64
	for _, v := range turns {
		if value, known := f.of(v); known {
			values = append(values, value)
		}
	}
	return values
}

// correct applies Holm's correction: with twenty figures one in twenty would show a difference by
// chance. Figures whose turns are all equal cannot do that, and do not count.
func (c *Comparison) correct() {
	var tested []*Change
	for i := range c.Changes {
		if c.Changes[i].P < 1 {
			tested = append(tested, &c.Changes[i])
		}
	}
	slices.SortStableFunc(tested, func(a, b *Change) int { return cmp.Compare(a.P, b.P) })
	least := 0.0
	for i, change := range tested {
		least = max(least, min(1, change.P*float64(c.distinct-i)))
		change.P = least
	}
}

func (c *Comparison) judge(change *Change, o CompareOptions) {
	share, has := change.Share()
	switch {
	case change.figure.lasting():
		change.Verdict = Untested
	case change.figure.better == betterNeither:
		change.Verdict = NoDifference
	case separable(change.OldTurns, change.NewTurns)*float64(max(c.distinct, 1)) > o.Alpha:
		change.Verdict = TooFew
	case change.P > o.Alpha, has && math.Abs(share) <= o.ChangeMin,
		change.Old.Center == change.New.Center:
		change.Verdict = NoDifference
	case (change.New.Center > change.Old.Center) == (change.figure.better == betterMore):
		change.Verdict = Better
	default:
		change.Verdict = Worse
	}
}

// separable is the P of the U test, before correction, where every turn of one side lies beyond
// every turn of the other: no difference can show itself more clearly. That is 2 of the ways to
// choose n of n+m.
func separable(n, m int) float64 {
	ways, _ := math.Lgamma(float64(n + m + 1))
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(m + 1))
	return min(1, 2*math.Exp(a+b-ways))
}

// TurnsMin is the number of turns on each side from which on a difference of these figures can be
// shown. Where all turns are equal, as one file's with itself, all figures may come to differ.
func (c *Comparison) TurnsMin() int {
	n, figures := 2, c.distinct
	if figures == 0 {
		figures = len(c.Changes) - c.Count(Untested)
	}
	for separable(n, n)*float64(max(figures, 1)) > c.alpha {
		n++
	}
	return n
}

// Count is how many figures have the verdict.
func (c *Comparison) Count(v Verdict) int {
	n := 0
	for i := range c.Changes {
		if c.Changes[i].Verdict == v {
			n++
		}
	}
	return n
}

// Err says that too few turns were taken for any figure to show anything, and is nil otherwise.
func (c *Comparison) Err() error {
	if few := c.Count(TooFew); few == 0 || few+c.Count(Untested) < len(c.Changes) {
		return nil
	}
	first := c.Changes[0]
	return fmt.Errorf("too few turns to show anything: %d and %d, where %d of each are needed",
		first.OldTurns, first.NewTurns, c.TurnsMin())
}
