package bench

import (
	"cmp"
	"errors"
	"fmt"
	"io"
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
	// NoDifference: none was shown, which does not mean that there is none.
	NoDifference Verdict = iota
	Better
	Worse
	// TooFew: with so few turns no difference could be shown, however large.
	TooFew
	// Untested: a process passes the figure on from turn to turn.
	Untested
)

// String is the verdict in words.
func (v Verdict) String() string {
	return [...]string{"no difference shown", "better", "worse", "too few turns", "not tested"}[v]
}

// CompareOptions say how results are compared.
type CompareOptions struct {
	// Figures are the names of those to compare. Empty: those that a change of the server moves.
	Figures []string
	// Alpha is the accepted probability of showing a difference where there is none, over all
	// figures. 0 means 0.05.
	Alpha float64
	// ChangeMin is the smallest change of a median, as a share, that counts. 0 means any.
	ChangeMin float64
}

// comparedFigures are compared unless others are named.
var comparedFigures = []string{
	"transfers/s", "p50", "p90", "p99", "p99.9", "connect.transfers/s", "connect.p99",
	"errors", "missed",
	"server-cpu/transfer", "server-pss", "server-descriptors", "server-threads",
}

const alphaDefault = 0.05

// Change is one figure of one load in two results.
type Change struct {
	// Where is the target and load, Figure the figure's name.
	Where, Figure string
	// Old and New are the medians over turns with their intervals at 95 % confidence.
	Old, New benchmath.Summary
	// OldTurns and NewTurns are how many turns have the figure.
	OldTurns, NewTurns int
	// P is the probability that turns of the same distribution differ so much, by the Mann-Whitney
	// U test, corrected for the number of figures after Holm.
	P       float64
	Verdict Verdict

	figure figure
}

// Share is the relative change of the median; false for a change from 0.
func (c *Change) Share() (float64, bool) {
	if c.Old.Center == c.New.Center {
		return 0, true
	}
	return c.New.Center/c.Old.Center - 1, c.Old.Center != 0
}

// Comparison is what two results show of each other.
type Comparison struct {
	// Changes are the figures that both results have.
	Changes []Change
	// Warnings say what makes the comparison doubtful, or what it leaves out.
	Warnings []string

	alpha   float64
	sameRun bool
	tested  int // changes whose turns are not all equal
}

func (c *Comparison) warn(format string, args ...any) {
	c.Warnings = append(c.Warnings, fmt.Sprintf(format, args...))
}

// Compare compares two results load by load. Targets are matched by name, or, if each result has
// one target, regardless of their names.
func Compare(older, newer *Result, o CompareOptions) (*Comparison, error) {
	o.Alpha = cmp.Or(o.Alpha, alphaDefault)
	if len(o.Figures) == 0 {
		o.Figures = comparedFigures
	}
	var figures []figure
	for _, name := range o.Figures {
		f, err := figureNamed(name)
		if err != nil {
			return nil, err
		}
		figures = append(figures, f)
	}
	c := &Comparison{alpha: o.Alpha, sameRun: older.Began.Equal(newer.Began)}
	c.warnOfRuns(older, newer)
	single := len(older.Targets) == 1 && len(newer.Targets) == 1
	left := slices.Clone(newer.Targets)
	for _, a := range older.Targets {
		i := slices.IndexFunc(left, func(b *Target) bool { return single || a.Name == b.Name })
		if i < 0 {
			c.warn("target %q is in OLD only", a.Name)
			continue
		}
		c.compareSteps(a, left[i], figures)
		left = slices.Delete(left, i, i+1)
	}
	for _, b := range left {
		c.warn("target %q is in NEW only", b.Name)
	}
	if len(c.Changes) == 0 {
		return nil, errors.New("nothing to compare: no figure of the same target and load is in " +
			"both" + strings.Join(append([]string{""}, c.Warnings...), "; "))
	}
	c.correct()
	for i := range c.Changes {
		c.judge(&c.Changes[i], o)
	}
	return c, nil
}

// warnOfRuns warns of what differs between the runs.
func (c *Comparison) warnOfRuns(older, newer *Result) {
	differ := func(what, a, b string) {
		if a != b {
			c.warn("%s: %q and %q", what, a, b)
		}
	}
	differ("the machines differ", older.Machine.String(), newer.Machine.String())
	differ("the scenarios differ", older.Scenario, newer.Scenario)
	names := maps.Clone(newer.Settings)
	if names == nil {
		names = map[string]string{}
	}
	maps.Copy(names, older.Settings)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		differ("setting "+name+" differs", older.Settings[name], newer.Settings[name])
	}
	if n := older.Errors(); n > 0 {
		c.warn("OLD has %s", plural(n, "error"))
	}
	if n := newer.Errors(); n > 0 {
		c.warn("NEW has %s", plural(n, "error"))
	}
}

// compareSteps compares two targets at the same loads.
func (c *Comparison) compareSteps(older, newer *Target, figures []figure) {
	where := older.Name
	if newer.Name != older.Name {
		where += " → " + newer.Name
	}
	if older.Proto != newer.Proto {
		c.warn("%s: the protocols differ: %s and %s", where, older.Proto, newer.Proto)
	}
	left := slices.Clone(newer.Steps)
	for _, a := range older.Steps {
		i := slices.IndexFunc(left, func(b *Step) bool { return a.Label() == b.Label() })
		if i < 0 {
			c.warn("%s: %s is in OLD only", where, a.Label())
			continue
		}
		c.compareTurns(where+", "+a.Label(), &row{step: a}, &row{step: left[i]}, figures)
		left = slices.Delete(left, i, i+1)
	}
	for _, b := range left {
		c.warn("%s: %s is in NEW only", where, b.Label())
	}
}

func (c *Comparison) compareTurns(where string, older, newer *row, figures []figure) {
	storm := older.step.Merged().storm() // whose connects are its transfers too
	for _, f := range figures {
		if storm && strings.HasPrefix(f.name, string(KindConnect)) {
			continue
		}
		a, b := older.perTurn(f), newer.perTurn(f)
		if len(a) == 0 && len(b) == 0 {
			continue
		}
		if len(a) == 0 || len(b) == 0 {
			c.warn("%s: %s was measured in one of the two only", where, f.name)
			continue
		}
		change := Change{
			Where: where, Figure: f.name, figure: f, OldTurns: len(a), NewTurns: len(b), P: 1,
			Old: median(a), New: median(b),
		}
		all := slices.Concat(a, b)
		if !f.lasting() && slices.Min(all) != slices.Max(all) {
			c.tested++
			change.P = benchmath.AssumeNothing.Compare(sample(a), sample(b)).P
		}
		c.Changes = append(c.Changes, change)
	}
}

// correct applies Holm's correction: of twenty figures one would show a difference by chance.
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
		least = max(least, min(1, change.P*float64(c.tested-i)))
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
	case clearest(change.OldTurns, change.NewTurns)*float64(max(c.tested, 1)) > o.Alpha:
		change.Verdict = TooFew
	case change.P > o.Alpha, has && math.Abs(share) <= o.ChangeMin:
		change.Verdict = NoDifference
	case (change.New.Center > change.Old.Center) == (change.figure.better == betterMore):
		change.Verdict = Better
	default:
		change.Verdict = Worse
	}
}

// clearest is the smallest P of the U test with n and m turns, before correction: 2 of the ways to
// choose n of n+m.
func clearest(n, m int) float64 {
	ways, _ := math.Lgamma(float64(n + m + 1))
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(m + 1))
	return min(1, 2*math.Exp(a+b-ways))
}

// TurnsMin is the smallest number of turns on each side that can show a difference.
func (c *Comparison) TurnsMin() int {
	n, figures := 2, c.tested
	if figures == 0 {
		figures = len(c.Changes) - c.Count(Untested)
	}
	for clearest(n, n)*float64(max(figures, 1)) > c.alpha {
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

// Err says that there were too few turns to show anything.
func (c *Comparison) Err() error {
	if few := c.Count(TooFew); few == 0 || few+c.Count(Untested) < len(c.Changes) {
		return nil
	}
	first := c.Changes[0]
	return fmt.Errorf("too few turns to show anything: %d and %d, where %d of each are needed",
		first.OldTurns, first.NewTurns, c.TurnsMin())
}

// cells are the change in the columns of a table: old, its interval, new, its interval, change,
// verdict.
func (c *Change) cells() []string {
	share, verdict := "from 0", c.Verdict.String()
	switch s, has := c.Share(); {
	case has && s == 0:
		share = "0%"
	case has:
		share = fmt.Sprintf("%+.1f%%", 100*s)
	}
	if c.figure.better == betterNeither && c.Verdict == NoDifference {
		verdict = "neither good nor bad"
	}
	switch {
	case c.Verdict == TooFew, c.Verdict == Untested:
	case c.P < 0.001:
		verdict += ", p<0.001"
	case c.P >= 0.995:
		verdict += ", p=1"
	default:
		verdict += fmt.Sprintf(", p=%.2g", c.P)
	}
	show := c.figure.unit.show
	return []string{
		show(c.Old.Center), interval(c.Old), show(c.New.Center), interval(c.New), share, verdict,
	}
}

// WriteTable writes the comparison for people.
func (c *Comparison) WriteTable(w io.Writer) error {
	var b strings.Builder
	for _, warning := range c.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", plain(warning))
	}
	for i := 0; i < len(c.Changes); {
		t := table{Head: []string{"", "old", "±", "new", "±", "change", ""}, Words: 1, Tail: 1}
		where := c.Changes[i].Where
		for ; i < len(c.Changes) && c.Changes[i].Where == where; i++ {
			t.Rows = append(t.Rows, append([]string{c.Changes[i].Figure}, c.Changes[i].cells()...))
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintln(&b, plain(where))
		t.writeText(&b, "    ")
	}
	fmt.Fprintf(&b, "\n%d better, %d worse, %d no difference shown", c.Count(Better),
		c.Count(Worse), c.Count(NoDifference))
	if n := c.Count(TooFew); n > 0 {
		fmt.Fprintf(&b, ", %d too few turns", n)
	}
	if n := c.Count(Untested); n > 0 {
		fmt.Fprintf(&b, ", %d not tested", n)
	}
	first := c.Changes[0]
	fmt.Fprintf(&b, " (%d and %d turns).\n", first.OldTurns, first.NewTurns)
	if c.Count(TooFew) > 0 {
		writeWrapped(&b, fmt.Sprintf("So few turns cannot show a difference, however large: take "+
			"%d or more of each.", c.TurnsMin()))
	}
	if c.Count(Untested) > 0 {
		writeWrapped(&b, "A process passes memory, descriptors and threads on from turn to turn, "+
			"so turns of one process cannot show that another one differs.")
	}
	if c.tested > 0 {
		writeWrapped(&b, fmt.Sprintf("old and new are medians over turns. p is the probability of "+
			"such a difference between turns of the same server (Mann-Whitney U test, corrected "+
			"for %s after Holm). Above %.2g no difference counts as shown, which does not mean "+
			"that there is none.", plural(int64(c.tested), "figure"), c.alpha))
		if !c.sameRun {
			writeWrapped(&b, "Runs at different times also differ by what else the machine did. "+
				"Targets of one run, whose turns alternate, do not: see --targets.")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Only is a result with one of r's targets, for comparisons within a run.
func (r *Result) Only(target string) (*Result, error) {
	names := make([]string, 0, len(r.Targets))
	for _, t := range r.Targets {
		if names = append(names, t.Name); t.Name == target {
			only := *r
			only.Targets = []*Target{t}
			return &only, nil
		}
	}
	return nil, fmt.Errorf("no target is called %q; there are %s", target,
		strings.Join(names, ", "))
}
