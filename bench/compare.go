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
type Verdict string

// The verdicts.
const (
	// NoDifference: none was shown, which does not mean that there is none.
	NoDifference Verdict = "no difference shown"
	Better       Verdict = "better"
	Worse        Verdict = "worse"
	// TooFew: with so few turns no difference could be shown, however large.
	TooFew Verdict = "too few turns"
	// Untested: a process keeps the figure from turn to turn.
	Untested Verdict = "not tested"
)

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
	// P is the probability that turns of the same distribution differ so much, by the Mann-Whitney
	// U test, corrected for the number of figures after Holm.
	P       float64
	Verdict Verdict

	figure figure
	turns  int // of the side that has fewer
	tested bool
}

// share is the relative change of the median; infinite for a change from 0.
func (c *Change) share() float64 {
	if c.Old.Center == c.New.Center {
		return 0
	}
	return c.New.Center/c.Old.Center - 1
}

// Comparison is what two results show of each other.
type Comparison struct {
	// Changes are the figures that both results have.
	Changes []Change
	// Warnings say what makes the comparison doubtful, or what it leaves out.
	Warnings []string

	alpha  float64
	tested int // changes whose turns are not all equal
}

// Compare compares two results load by load. Targets are matched by name, or, if each result has
// one target, regardless of their names.
func Compare(older, newer *Result, o CompareOptions) (*Comparison, error) {
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
	c := &Comparison{alpha: cmp.Or(o.Alpha, alphaDefault)}
	c.warnOfRuns(older, newer)
	single := len(older.Targets) == 1 && len(newer.Targets) == 1
	key := func(r *row) string {
		if single {
			return r.load()
		}
		return r.where()
	}
	byKey := map[string]*row{}
	for _, r := range rowsOf(NamedResult{Result: newer}) {
		byKey[key(r)] = r
	}
	for _, a := range rowsOf(NamedResult{Result: older}) {
		b := byKey[key(a)]
		if b == nil {
			c.warn("%s is in OLD only", a.where())
			continue
		}
		delete(byKey, key(a))
		where := a.where()
		if a.name != b.name {
			where = a.name + " → " + b.where()
		}
		c.compareTurns(where, a, b, figures)
	}
	for _, name := range slices.Sorted(maps.Keys(byKey)) {
		c.warn("%s is in NEW only", byKey[name].where())
	}
	if len(c.Changes) == 0 {
		return nil, errors.New("nothing to compare: no figure of the same target and load is in " +
			"both" + strings.Join(append([]string{""}, c.Warnings...), "; "))
	}
	c.finish(o.ChangeMin)
	return c, nil
}

// finish corrects the probabilities and judges every change.
func (c *Comparison) finish(changeMin float64) {
	c.correct()
	for i := range c.Changes {
		c.judge(&c.Changes[i], changeMin)
	}
}

func (c *Comparison) warn(format string, args ...any) {
	c.Warnings = append(c.Warnings, fmt.Sprintf(format, args...))
}

// warnOfRuns warns of what differs between the runs.
func (c *Comparison) warnOfRuns(older, newer *Result) {
	describe := func(r *Result) map[string]string {
		all := map[string]string{"machine": r.Machine.String(), "scenario": r.Scenario}
		maps.Copy(all, r.Settings)
		return all
	}
	a, b := describe(older), describe(newer)
	names := maps.Clone(a)
	maps.Copy(names, b)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if a[name] != b[name] {
			c.warn("%s differs: %q and %q", name, a[name], b[name])
		}
	}
	if a, b := older.Errors(), newer.Errors(); a+b > 0 {
		c.warn("OLD has %s, NEW has %s", plural(a, "error"), plural(b, "error"))
	}
}

func (c *Comparison) compareTurns(where string, older, newer *row, figures []figure) {
	for _, f := range figures {
		if older.merged.storm() && strings.HasPrefix(f.name, string(KindConnect)) {
			continue // a storm's connects are its transfers too
		}
		a, b := older.perTurn(f), newer.perTurn(f)
		if len(a) == 0 || len(b) == 0 {
			if len(a)+len(b) > 0 {
				c.warn("%s: %s was measured in one of the two only", where, f.name)
			}
			continue
		}
		change := Change{
			Where: where, Figure: f.name, figure: f, turns: min(len(a), len(b)), P: 1,
			Old: median(a), New: median(b),
		}
		all := slices.Concat(a, b)
		if !f.lasting() && slices.Min(all) != slices.Max(all) {
			c.tested++
			change.tested = true
			change.P = benchmath.AssumeNothing.Compare(sample(a), sample(b)).P
		}
		c.Changes = append(c.Changes, change)
	}
}

// correct applies Holm's correction: of twenty figures one would show a difference by chance.
func (c *Comparison) correct() {
	var tested []*Change
	for i := range c.Changes {
		if c.Changes[i].tested {
			tested = append(tested, &c.Changes[i])
		}
	}
	slices.SortStableFunc(tested, func(a, b *Change) int { return cmp.Compare(a.P, b.P) })
	least := 0.0
	for i, change := range tested {
		least = max(least, min(1, change.P*float64(len(tested)-i)))
		change.P = least
	}
}

func (c *Comparison) judge(change *Change, changeMin float64) {
	switch {
	case change.figure.lasting():
		change.Verdict = Untested
	case change.turns < c.TurnsMin():
		change.Verdict = TooFew
	case change.P > c.alpha, math.Abs(change.share()) <= changeMin,
		change.figure.better == betterNeither:
		change.Verdict = NoDifference
	case (change.New.Center > change.Old.Center) == (change.figure.better == betterMore):
		change.Verdict = Better
	default:
		change.Verdict = Worse
	}
}

// TurnsMin is the smallest number of turns on each side that can show a difference: the smallest P
// of the U test with n and n turns is 2 of the ways to choose n of 2n.
func (c *Comparison) TurnsMin() int {
	n := 1
	for least := 1.0; least*float64(max(c.tested, 1)) > c.alpha; n++ {
		least *= float64(n+1) / float64(2*(2*n+1))
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
	return fmt.Errorf("too few turns to show anything: %d, where %d of each are needed",
		c.Changes[0].turns, c.TurnsMin())
}

// cells are the change in the columns of a table: old, its interval, new, its interval, change,
// verdict.
func (c *Change) cells() []string {
	share, verdict := fmt.Sprintf("%+.1f%%", 100*c.share()), string(c.Verdict)
	if math.IsInf(c.share(), 0) {
		share = "from 0"
	}
	if c.Verdict != TooFew && c.Verdict != Untested {
		p := fmt.Sprintf("p=%.2g", c.P)
		if c.P < 0.001 {
			p = "p<0.001"
		}
		verdict += ", " + p
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
		fmt.Fprintln(&b, where)
		t.writeText(&b, "    ")
	}
	fmt.Fprintf(&b, "\n%d better, %d worse", c.Count(Better), c.Count(Worse))
	for _, v := range []Verdict{NoDifference, TooFew, Untested} {
		if n := c.Count(v); n > 0 {
			fmt.Fprintf(&b, ", %d %s", n, v)
		}
	}
	fmt.Fprintf(&b, " (%s of each).\n", plural(int64(c.Changes[0].turns), "turn"))
	if c.Count(TooFew) > 0 {
		writeWrapped(&b, fmt.Sprintf("So few turns cannot show a difference, however large: take "+
			"%d or more of each.", c.TurnsMin()))
	}
	if c.tested > 0 {
		writeWrapped(&b, fmt.Sprintf("old and new are medians over turns. p is the probability of "+
			"such a difference between turns of the same server (Mann-Whitney U test, corrected "+
			"for %s after Holm). Above %.2g no difference counts as shown, which does not mean "+
			"that there is none. Memory, descriptors and threads are not tested, since a process "+
			"keeps them from turn to turn.", plural(int64(c.tested), "figure"), c.alpha))
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
