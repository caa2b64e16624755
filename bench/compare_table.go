package bench

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"golang.org/x/perf/benchmath"
)

// WriteTable writes the comparison for people: warnings on top, a line for each figure, and what
// the words mean.
func (c *Comparison) WriteTable(w io.Writer) error {
	var b strings.Builder
	for _, warning := range c.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", plain(warning))
	}
	if len(c.Warnings) > 0 {
		fmt.Fprintln(&b)
	}
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	where := ""
	for i := range c.Changes {
		change := &c.Changes[i]
		if change.Where != where {
			// A line of another number of cells ends the columns above it.
			if err := table.Flush(); err != nil {
				return err
			}
			if where != "" {
				fmt.Fprintln(&b)
			}
			where = change.Where
			fmt.Fprintf(&b, "%s\n", plain(where))
			fmt.Fprint(table, "\told\t±\tnew\t±\tchange\t\t\n")
		}
		change.write(table)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	c.explain(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (c *Change) write(w io.Writer) {
	show := c.figure.unit.show
	fmt.Fprintf(w, "  %-20s\t%s\t%s\t%s\t%s\t%s\t  %s\n", c.Figure, show(c.Old.Center),
		interval(c.Old), show(c.New.Center), interval(c.New), c.shareText(), c.verdictText())
}

// verdictText is the verdict, with its probability where one was worked out.
func (c *Change) verdictText() string {
	text := c.Verdict.String()
	switch {
	case c.Verdict == TooFew, c.Verdict == Untested:
		return text
	case c.figure.better == betterNeither:
		text = "neither good nor bad"
	}
	return text + ", " + showP(c.P)
}

// shareText is the change in percent.
func (c *Change) shareText() string {
	switch share, has := c.Share(); {
	case !has:
		return "from 0"
	case share == 0:
		return "0%"
	default:
		return fmt.Sprintf("%+.1f%%", 100*share)
	}
}

// interval is how far a median may be off.
func interval(s benchmath.Summary) string {
	if s.Center == 0 || math.IsInf(s.Lo, 0) || math.IsInf(s.Hi, 0) {
		return ""
	}
	return fmt.Sprintf("%.0f%%", 100*max(s.Hi/s.Center-1, 1-s.Lo/s.Center))
}

func showP(p float64) string {
	switch {
	case p < 0.001:
		return "p<0.001"
	case p >= 0.995:
		return "p=1"
	default:
		return fmt.Sprintf("p=%.2g", p)
	}
}

func (c *Comparison) explain(b *strings.Builder) {
	fmt.Fprintf(b, "\n%d better, %d worse, %d no difference shown", c.Count(Better),
		c.Count(Worse), c.Count(NoDifference))
	if n := c.Count(TooFew); n > 0 {
		fmt.Fprintf(b, ", %d too few turns", n)
	}
	if n := c.Count(Untested); n > 0 {
		fmt.Fprintf(b, ", %d not tested", n)
	}
	first := c.Changes[0]
	fmt.Fprintf(b, " (%d and %d turns).\n", first.OldTurns, first.NewTurns)
	if c.Count(TooFew) > 0 {
		writeWrapped(b, fmt.Sprintf("However large a difference is, so few turns cannot show it: "+
			"take %d or more of each.", c.TurnsMin()))
	}
	if c.Count(Untested) > 0 {
		writeWrapped(b, "Memory, descriptors and threads are a process's, which hands them on "+
			"from turn to turn: turns of one process cannot show that another one differs.")
	}
	if c.distinct == 0 {
		return
	}
	writeWrapped(b, fmt.Sprintf("old and new are medians over turns. p is how probable so great a "+
		"difference is between turns of one and the same server (Mann-Whitney U test, corrected "+
		"for %s after Holm); above %.2g no difference counts as shown, which does not say that "+
		"there is none.", plural(int64(c.distinct), "figure"), c.alpha))
	if c.sameRun {
		return
	}
	writeWrapped(b, "Runs of different times also differ by what else the machine did. Targets of "+
		"one run, whose turns alternate, do not: see --targets.")
}
