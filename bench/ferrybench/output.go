package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ferry/bench"
)

// formats are the ways in which a result is printed.
var formats = []struct {
	name  string
	write func(*bench.Result, io.Writer) error
}{
	{"text", (*bench.Result).WriteTable},
	{"go", (*bench.Result).WriteGoFormat},
	{"json", func(r *bench.Result, w io.Writer) error { return bench.WriteResult(w, r) }},
}

// output is what becomes of a result: how it is printed, where it is kept, and what is expected of
// it. Every command that has a result takes its flags.
type output struct {
	format string
	expect []string
	save   string // the file that is to keep the result; empty for none

	expected []bench.Expectation
}

func (o *output) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.format, "format", "text",
		"`FORMAT` of the result: text, go (for benchstat, a line a turn) or json")
	f.StringArrayVar(&o.expect, "expect", nil,
		"a `BOUND` such as 'p99<20ms' or 'errors=0'; status 1 if it is not met; repeatable")
}

// check reads the flags, before a run that takes long.
func (o *output) check() error {
	if o.writer() == nil {
		return fmt.Errorf("--format %s: there are text, go and json", o.format)
	}
	o.expected = nil
	for _, text := range o.expect {
		e, err := bench.ParseExpectation(text)
		if err != nil {
			return fmt.Errorf("--expect: %w", err)
		}
		o.expected = append(o.expected, e)
	}
	if o.save == "" {
		return nil
	}
	if err := bench.CanSave(o.save); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	return nil
}

func (o *output) writer() func(*bench.Result, io.Writer) error {
	for _, f := range formats {
		if f.name == o.format {
			return f.write
		}
	}
	return nil
}

// write keeps the result, and prints it to out, which holds nothing else unless the format is text.
// What was expected and is not met is in the error, a line each.
func (o *output) write(r *bench.Result, out io.Writer) error {
	if o.save != "" {
		if err := bench.SaveResult(o.save, r); err != nil {
			return &runError{err}
		}
	}
	if err := o.writer()(r, out); err != nil {
		return &runError{err}
	}
	unmet := r.Check(o.expected)
	if len(unmet) > 0 {
		lines := make([]string, 0, len(unmet))
		for _, u := range unmet {
			lines = append(lines, u.String())
		}
		return &runError{fmt.Errorf("%s", strings.Join(lines, "\n"))}
	}
	if len(o.expected) > 0 && o.format == "text" {
		fmt.Fprintf(out, "\nAs expected: %s.\n", strings.Join(o.expect, ", "))
	}
	return nil
}

const showLong = `Show prints what a result file holds, as the run itself did: the table, or
another format. With --expect it checks the figures anew.

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

// resultCommands are those that work on result files.
func resultCommands() []*cobra.Command {
	return []*cobra.Command{showCommand(), reportCommand(), diffCommand()}
}
