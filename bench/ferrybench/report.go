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
over loads and the targets compared. The page is self-contained. With --format
markdown it prints one table instead, a line for each target and load, with
columns for each file.`

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
			named, err := loadNamed(args)
			if err != nil {
				return err
			}
			var text bytes.Buffer
			toFile := true
			if format == "html" {
				err = bench.WritePage(&text, named...)
			} else {
				err = bench.WriteMarkdown(&text, named...)
				toFile = cmd.Flags().Changed("output")
			}
			switch {
			case err != nil:
			case !toFile:
				_, err = cmd.OutOrStdout().Write(text.Bytes())
			default:
				if err = os.WriteFile(output, text.Bytes(), 0o666); err == nil && format == "html" {
					fmt.Fprintf(cmd.OutOrStdout(), "wrote %s\n", output)
				}
			}
			if err != nil {
				return &runError{err}
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "report.html",
		"the `FILE` for the page; an existing one is replaced")
	cmd.Flags().StringVar(&format, "format", "html",
		"`FORMAT`: html, or markdown for one table, on stdout unless -o is given")
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
