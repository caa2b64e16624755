package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"ferry/bench"
)

func showCommand() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "Print a result file: as a table, for benchstat, or checked against bounds",
		Long: `Show prints a result file as the run itself did, as a table or in another format.
With --expect it checks the figures again.

Figures that an expectation can name:
` + bench.FigureHelp(),
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			r, err := bench.LoadResult(args[0])
			if err != nil {
				return err
			}
			return o.write(r, cmd.OutOrStdout())
		},
	}
	o.addFlags(cmd.Flags())
	return cmd
}

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
		Args:  cobra.ArbitraryArgs, // loadBoth counts them
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.Alpha <= 0 || o.Alpha >= 1 || changeMin < 0 {
				return fmt.Errorf("--alpha %g is not between 0 and 1, or --min-change %g is "+
					"negative", o.Alpha, changeMin)
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
			if n := c.Count(bench.Worse); n > 0 {
				return &runError{fmt.Errorf("worse in %d of %d figures", n, len(c.Changes))}
			}
			return c.Err()
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
	if n := len(targets); n != 0 && n != 2 || n+2*len(args) != 4 {
		return nil, nil, errors.New("compare two files, or with --targets two targets, OLD,NEW, " +
			"of one FILE")
	}
	older, err = bench.LoadResult(args[0])
	newer, newerErr := bench.LoadResult(args[len(args)-1])
	if err = errors.Join(err, newerErr); err != nil || len(targets) == 0 {
		return older, newer, err
	}
	older, err = older.Only(targets[0])
	newer, newerErr = newer.Only(targets[1])
	return older, newer, errors.Join(err, newerErr)
}

// oneFile checks the arguments of a command about one result file.
func oneFile(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("give one result file: ferrybench %s", cmd.Use)
	}
	return nil
}

func reportCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "report FILE",
		Short: "Make one self-contained HTML page with plots of a result file",
		Long: `Report makes one HTML page of a result file: the figures, latency by percentile,
throughput and the server's processor time over time, the curve over loads and
the targets compared. The page is self-contained.`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := bench.LoadResult(args[0])
			if err != nil {
				return err
			}
			var page bytes.Buffer
			if err = r.WritePage(&page); err == nil {
				err = os.WriteFile(output, page.Bytes(), 0o666)
			}
			if err != nil {
				return &runError{err}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "wrote %s\n", output)
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "report.html",
		"the `FILE` for the page; an existing one is replaced")
	return cmd
}
