package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"ferry/bench"
)

const diffLong = `Diff compares two result files, or with --targets two targets of one: for each
figure of each load it says better, worse or no difference shown, with the
probability that chance alone makes such a difference. It needs several turns
of each, and says so if there are too few.

The status is 0 when nothing is worse, 1 when something is, and 2 for wrong use:
files that cannot be read or have nothing in common, or too few turns.

Figures that --figure can name:
`

func diffCommand() *cobra.Command {
	var o bench.CompareOptions
	var changeMin float64 // in percent
	var targets []string
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Compare two result files: better, worse, or no difference shown",
		Long:  diffLong + bench.FigureHelp(),
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case o.Alpha <= 0 || o.Alpha >= 1:
				return fmt.Errorf("--alpha %g: it must be between 0 and 1", o.Alpha)
			case changeMin < 0:
				return fmt.Errorf("--min-change %g: it must be 0 or more", changeMin)
			}
			o.ChangeMin = changeMin / 100
			older, newer, err := loadBoth(args, targets)
			if err != nil {
				return err
			}
			c, err := bench.Compare(older, newer, o)
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
	f.StringSliceVar(&targets, "targets", nil,
		"`OLD,NEW`: two targets of one FILE, whose turns alternated")
	f.StringSliceVar(&o.Figures, "figure", nil,
		"a `NAME` to compare, instead of those that a change of the server moves; repeatable")
	f.Float64Var(&o.Alpha, "alpha", 0.05,
		"accepted probability of showing a difference by chance, over all figures")
	f.Float64Var(&changeMin, "min-change", 1,
		"percent that a median must change by to count; machines drift by less")
	return cmd
}

// loadBoth reads two files, or two targets of one.
func loadBoth(args, targets []string) (older, newer *bench.Result, err error) {
	switch {
	case len(targets) != 0 && (len(targets) != 2 || len(args) != 1):
		return nil, nil, errors.New("--targets names two targets, OLD,NEW, of one FILE")
	case len(targets) == 0 && len(args) != 2:
		return nil, nil, errors.New("two files are compared, or with --targets two targets of one")
	}
	if older, err = bench.LoadResult(args[0]); err != nil {
		return nil, nil, err
	}
	if len(args) == 2 {
		newer, err = bench.LoadResult(args[1])
		return older, newer, err
	}
	a, err := older.Only(targets[0])
	b, err2 := older.Only(targets[1])
	return a, b, errors.Join(err, err2)
}
