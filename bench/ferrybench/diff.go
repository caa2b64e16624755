package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"ferry/bench"
)

const diffLong = `Diff compares two result files, or with --targets two targets of one: for each
figure of each load it says better, worse or no difference shown, with the
probability that chance alone makes so great a difference. It needs several
turns of each and says so when there are too few.

The status is 0 when nothing is worse, 1 when something is, and 2 when it was
used wrongly: files that cannot be read or have nothing in common, or too few
turns to show any difference.

Figures that --figure can name:
`

// diff is what the command's flags set.
type diff struct {
	bench.CompareOptions
	changeMin float64 // in percent
	targets   []string
}

func diffCommand() *cobra.Command {
	var d diff
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Compare two result files: better, worse, or no difference shown",
		Long:  diffLong + bench.FigureHelp(),
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := d.compare(args)
			if err != nil {
				return err
			}
			if err = c.WriteTable(cmd.OutOrStdout()); err != nil {
				return &runError{err}
			}
			if err = c.Err(); err != nil {
				return err
			}
			if n := c.Count(bench.Worse); n > 0 {
				return &runError{fmt.Errorf("worse in %d of %d figures", n, len(c.Changes))}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&d.targets, "targets", nil,
		"`OLD,NEW`: two targets of one FILE, whose turns alternated")
	f.StringSliceVar(&d.Figures, "figure", nil,
		"a `NAME` to compare, instead of those that a change of the server moves; repeatable")
	f.Float64Var(&d.Alpha, "alpha", 0.05,
		"how probable it may be that chance alone shows any difference, over all figures")
	f.Float64Var(&d.changeMin, "min-change", 1,
		"percent that a median must change by to count; machines drift by less")
	return cmd
}

// compare reads the files and compares what is asked for.
func (d *diff) compare(args []string) (*bench.Comparison, error) {
	switch {
	case d.Alpha <= 0 || d.Alpha >= 1:
		return nil, fmt.Errorf("--alpha %g: it lies between 0 and 1", d.Alpha)
	case d.changeMin < 0:
		return nil, fmt.Errorf("--min-change %g: it is 0 or more", d.changeMin)
	case len(d.targets) != 0 && (len(d.targets) != 2 || len(args) != 1):
		return nil, errors.New("--targets names two targets, OLD,NEW, of one FILE")
	case len(d.targets) == 0 && len(args) != 2:
		return nil, errors.New("two files are compared, or with --targets two targets of one")
	}
	d.ChangeMin = d.changeMin / 100
	older, err := bench.LoadResult(args[0])
	if err != nil {
		return nil, err
	}
	newer := older
	if len(args) == 2 {
		if newer, err = bench.LoadResult(args[1]); err != nil {
			return nil, err
		}
	} else {
		whole := older
		if older, err = whole.Only(d.targets[0]); err != nil {
			return nil, err
		}
		if newer, err = whole.Only(d.targets[1]); err != nil {
			return nil, err
		}
	}
	return bench.Compare(older, newer, d.CompareOptions)
}
