package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ferry/bench"
)

const reportLong = `Report makes one HTML page of one result file or several: the figures,
latencies by percentile, throughput and the server's processor time over time,
the curve over loads and the targets beside each other. The page needs nothing
beside itself and can be sent to others.`

func reportCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "report FILE...",
		Short: "Make one self-contained HTML page with plots of result files",
		Long:  reportLong,
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			results := make([]bench.NamedResult, 0, len(args))
			for _, name := range args {
				r, err := bench.LoadResult(name)
				if err != nil {
					return err
				}
				short := strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
				results = append(results, bench.NamedResult{Name: short, Result: r})
			}
			if err := distinct(results, args); err != nil {
				return err
			}
			if err := writePage(output, results); err != nil {
				return &runError{err}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "wrote %s\n", output)
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "report.html",
		"the `FILE` for the page; one that is there is replaced")
	return cmd
}

// distinct gives results whose files have one name their paths as names.
func distinct(results []bench.NamedResult, paths []string) error {
	seen := map[string]bool{}
	twice := false
	for _, r := range results {
		twice = twice || seen[r.Name]
		seen[r.Name] = true
	}
	if !twice {
		return nil
	}
	clear(seen)
	for i := range results {
		if seen[paths[i]] {
			return fmt.Errorf("%s is named twice", paths[i])
		}
		seen[paths[i]] = true
		results[i].Name = paths[i]
	}
	return nil
}

func writePage(name string, results []bench.NamedResult) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(bench.WritePage(file, results...), file.Close())
}
