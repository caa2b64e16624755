package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ferry/bench"
)

// formats are the ways to print a result.
var formats = map[string]func(*bench.Result, io.Writer) error{
	"text":     (*bench.Result).WriteTable,
	"go":       (*bench.Result).WriteGoFormat,
	"markdown": (*bench.Result).WriteMarkdown,
	"json":     func(r *bench.Result, w io.Writer) error { return bench.WriteResult(w, r) },
}

// output is what happens to a result: how it is printed, where it is kept, and what is expected.
type output struct {
	format   string
	expect   []string
	save     string // empty: it is not kept
	expected []bench.Expectation
}

func (o *output) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.format, "format", "text",
		"`FORMAT` of the result: text, markdown, go (for benchstat, a line a turn) or json")
	f.StringArrayVar(&o.expect, "expect", nil,
		"a `BOUND` such as 'p99<20ms' or 'errors=0'; status 1 if it is not met; repeatable")
}

// check reads the flags, before a long run.
func (o *output) check() error {
	if formats[o.format] == nil {
		return fmt.Errorf("--format %s: there are text, markdown, go and json", o.format)
	}
	o.expected = nil
	for _, text := range o.expect {
		e, err := bench.ParseExpectation(text)
		if err != nil {
			return fmt.Errorf("--expect: %w", err)
		}
		o.expected = append(o.expected, e)
	}
	if o.save != "" {
		if err := bench.CanSave(o.save); err != nil {
			return fmt.Errorf("--output: %w", err)
		}
	}
	return nil
}

// write keeps and prints the result. The error lists the expectations that are not met.
func (o *output) write(r *bench.Result, out io.Writer) error {
	var err error
	if o.save != "" {
		err = bench.SaveResult(o.save, r)
	}
	if err == nil {
		err = formats[o.format](r, out)
	}
	for _, u := range r.Check(o.expected) {
		err = errors.Join(err, errors.New(u.String()))
	}
	if err != nil {
		return &runError{err}
	}
	if len(o.expected) > 0 && o.format == "text" {
		fmt.Fprintf(out, "\nAs expected: %s.\n", strings.Join(o.expect, ", "))
	}
	return nil
}

const showLong = `Show prints a result file as the run itself did, as a table or in another format.
With --expect it checks the figures again.

Figures that an expectation can name:
`

func showCommand() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "Print a result file: as a table, for benchstat, or checked against bounds",
		Long:  showLong + bench.FigureHelp(),
		Args:  cobra.ExactArgs(1),
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
