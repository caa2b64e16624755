package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ferry/bench"
)

const reportLong = `Report makes one HTML page of one or several result files: the figures, latency
by percentile, throughput and the server's processor time over time, the curve
over loads and the targets compared. The page is self-contained.`

func reportCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "report FILE...",
		Short: "Make one self-contained HTML page with plots of result files",
		Long:  reportLong,
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			named, err := loadNamed(args)
			if err != nil {
				return err
			}
			var text bytes.Buffer
			err = bench.WritePage(&text, named...)
			if err == nil {
				err = os.WriteFile(output, text.Bytes(), 0o666)
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

// loadNamed reads results and names them after their files, by path if the files' names are equal.
func loadNamed(paths []string) ([]bench.NamedResult, error) {
	var results []bench.NamedResult
	seen, short := map[string]bool{}, map[string]bool{}
	for _, path := range paths {
		r, err := bench.LoadResult(path)
		if err != nil {
			return nil, err
		}
		if seen[path] {
			return nil, fmt.Errorf("%s is named twice", path)
		}
		name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		seen[path], short[name] = true, true
		results = append(results, bench.NamedResult{Name: name, Result: r})
	}
	if len(short) < len(results) {
		for i := range results {
			results[i].Name = paths[i]
		}
	}
	return results, nil
}
