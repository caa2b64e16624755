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
	// U test, multiplied by the number of figures tested (Bonferroni's correction).
	P       float64
	Verdict Verdict

	figure figure
	turns  int // of the side that has fewer
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
	rest := newer.rows()
	for _, a := range older.rows() {
		i := slices.IndexFunc(rest, func(b *row) bool {
			return b.load() == a.load() && (single || b.name == a.name)
		})
		if i < 0 {
			c.warn("%s is in OLD only", a.where())
			continue
		}
		where := a.where()
		if b := rest[i]; b.name != a.name {
			where = a.name + " → " + b.where()
		}
		c.compareRows(where, a, rest[i], figures)
		rest = slices.Delete(rest, i, i+1)
	}
	for _, b := range rest {
		c.warn("%s is in NEW only", b.where())
	}
	if len(c.Changes) == 0 {
		return nil, errors.New("nothing to compare: no figure of the same target and load is in " +
			"both" + strings.Join(append([]string{""}, c.Warnings...), "; "))
	}
	c.judge(o.ChangeMin)
	return c, nil
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

// compareRows adds the changes of two rows. They are judged once all are there.
func (c *Comparison) compareRows(where string, older, newer *row, figures []figure) {
	for _, f := range figures {
		if older.storm() && strings.HasPrefix(f.name, string(KindConnect)) {
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
			change.P = benchmath.AssumeNothing.Compare(sample(a), sample(b)).P
		}
		c.Changes = append(c.Changes, change)
	}
}

// judge corrects the probabilities, since of twenty figures one would differ by chance, and gives
// every change its verdict.
func (c *Comparison) judge(changeMin float64) {
	for i := range c.Changes {
		change := &c.Changes[i]
		change.P = min(1, change.P*float64(max(c.tested, 1)))
		switch {
		case change.figure.lasting():
			change.Verdict = Untested
		case change.turns < c.TurnsMin():
			change.Verdict = TooFew
		case change.P > c.alpha, math.Abs(change.share()) <= changeMin,
			change.figure.better == neither:
			change.Verdict = NoDifference
		case (change.New.Center > change.Old.Center) == (change.figure.better == higher):
			change.Verdict = Better
		default:
			change.Verdict = Worse
		}
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

// tables are the changes, a table for each target and load.
func (c *Comparison) tables() (tables []table) {
	for i := range c.Changes {
		change := &c.Changes[i]
		if n := len(tables); n == 0 || tables[n-1].Title != change.Where {
			tables = append(tables, table{
				Title: change.Where, Words: 1, Tail: 1,
				Head: []string{"", "old", "±", "new", "±", "change", ""},
			})
		}
		t := &tables[len(tables)-1]
		t.Rows = append(t.Rows, change.line())
	}
	return tables
}

// line is the change in a table.
func (c *Change) line() []string {
	share, verdict := fmt.Sprintf("%+.1f%%", 100*c.share()), string(c.Verdict)
	if math.IsInf(c.share(), 0) {
		share = "from 0"
	}
	switch {
	case c.Verdict == TooFew, c.Verdict == Untested:
	case c.P < 0.001:
		verdict += ", p<0.001"
	default:
		verdict += fmt.Sprintf(", p=%.2g", c.P)
	}
	show := c.figure.unit.show
	return []string{
		c.Figure, show(c.Old.Center), interval(c.Old), show(c.New.Center), interval(c.New), share,
		verdict,
	}
}

// WriteTable writes the comparison for people.
func (c *Comparison) WriteTable(w io.Writer) error {
	var b strings.Builder
	for _, warning := range c.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", plain(warning))
	}
	for _, t := range c.tables() {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintln(&b, t.Title)
		t.writeText(&b, "    ")
	}
	fmt.Fprintf(&b, "\n%d better, %d worse", c.Count(Better), c.Count(Worse))
	for _, v := range []Verdict{NoDifference, TooFew, Untested} {
		if n := c.Count(v); n > 0 {
			fmt.Fprintf(&b, ", %d %s", n, v)
		}
	}
	fmt.Fprintf(&b, " (%s of each).\n", plural(int64(c.Changes[0].turns), "turn"))
	if c.tested > 0 {
		writeWrapped(&b, fmt.Sprintf("old and new are medians over turns. p is the probability of "+
			"such a difference between turns of the same server (Mann-Whitney U test, multiplied "+
			"by the %s tested). Above %.2g no difference counts as shown, which does not mean "+
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
