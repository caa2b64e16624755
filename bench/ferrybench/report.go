package main

import (
	"bytes"
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
beside itself and can be sent to others. With --format markdown it prints one
table instead, a row for each target and load, with columns of each file.`

func reportCommand() *cobra.Command {
	var output, format string
	cmd := &cobra.Command{
		Use:   "report FILE...",
		Short: "Make one self-contained HTML page with plots of result files, or a table",
		Long:  reportLong,
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "html" && format != "markdown" {
				return fmt.Errorf("--format %s: there are html and markdown", format)
			}
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
			if format == "markdown" {
				return markdown(cmd, output, results)
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
	cmd.Flags().StringVar(&format, "format", "html",
		"`FORMAT`: html, or markdown for one table, on stdout unless -o is given")
	return cmd
}

// markdown prints the table, or writes it to the file that was asked for.
func markdown(cmd *cobra.Command, output string, named []bench.NamedResult) error {
	results := make([]*bench.Result, len(named))
	for i := range named {
		results[i] = named[i].Result
	}
	var text bytes.Buffer
	err := bench.WriteMarkdown(&text, results...)
	if err == nil && cmd.Flags().Changed("output") {
		err = os.WriteFile(output, text.Bytes(), 0o666)
	} else if err == nil {
		_, err = cmd.OutOrStdout().Write(text.Bytes())
	}
	if err != nil {
		return &runError{err}
	}
	return nil
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
