package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"ferry/bench"
)

// formats are the ways to print a result.
var formats = map[string]func(*bench.Result, io.Writer) error{
	"text": (*bench.Result).WriteTable,
	"go":   (*bench.Result).WriteGoFormat,
	"json": func(r *bench.Result, w io.Writer) error { return bench.WriteResult(w, r) },
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
		"print text, json or go, a `FORMAT` for benchstat")
	f.StringArrayVar(&o.expect, "expect", nil,
		"check a `BOUND` such as 'p99<20ms'; status 1 if it is not met; repeatable")
}

// check reads the flags, before a long run.
func (o *output) check() error {
	if formats[o.format] == nil {
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
	// A run is long: find out now whether its result can be kept.
	file, err := os.OpenFile(o.save, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	return file.Close()
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
	if err = errors.Join(err, r.Check(o.expected)); err != nil {
		return &runError{err}
	}
	if len(o.expected) > 0 && o.format == "text" {
		fmt.Fprintf(out, "\nAs expected: %s.\n", strings.Join(o.expect, ", "))
	}
	return nil
}
