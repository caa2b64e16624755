// Ferrybench loads a ferry server with many clients at once and says how it held up. Without an
// address it starts a ferryd of its own in a scratch folder.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"ferry/bench"
)

// Exit statuses: a run with errors is told from a command that was wrong.
const (
	statusErrors = 1
	statusUsage  = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run does everything but exit.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd := command()
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
	var failed *runError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &failed):
		fmt.Fprintf(stderr, "ferrybench: %v\n", err)
		return statusErrors
	default:
		fmt.Fprintf(stderr, "ferrybench: %v\nSee ferrybench --help.\n", err)
		return statusUsage
	}
}

// runError is an error of the run, not of the command line.
type runError struct{ error }

// Unwrap gives the run's error.
func (e *runError) Unwrap() error { return e.error }

const long = `Ferrybench puts and gets files with many clients at once, compares what
comes back by hash, and prints transfers a second, latencies, errors by kind and
processor time. It exits with 1 when there were errors.

With HOST:PORT it loads the server that runs there, under names that it says
beforehand; the files stay. Alone it starts ferryd in a scratch folder: the one
of --server, else one beside ferrybench or in PATH, else one that it builds,
inside of the module.`

func command() *cobra.Command {
	var plan bench.Plan
	var sizes []string
	cmd := &cobra.Command{
		Use:           "ferrybench [HOST:PORT]",
		Short:         "Load a ferry server with many clients and say how it held up",
		Long:          long,
		Args:          cobra.MaximumNArgs(1),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				plan.Address = args[0]
			}
			if cmd.Flags().Changed("transfers") && !cmd.Flags().Changed("duration") {
				plan.Duration = 0
			}
			var err error
			if plan.Sizes, err = parseSizes(sizes); err != nil {
				return err
			}
			if err = plan.Validate(); err != nil {
				return err
			}
			if err = plan.Execute(cmd.Context(), cmd.OutOrStdout()); err != nil {
				return &runError{err}
			}
			return nil
		},
	}
	addFlags(cmd, &plan, &sizes)
	cmd.AddCommand(resultCommands()...)
	return cmd
}

func addFlags(cmd *cobra.Command, plan *bench.Plan, sizes *[]string) {
	f := cmd.Flags()
	f.SortFlags = false
	f.IntVar(&plan.Clients, "clients", 100,
		"sessions at once; more than a server's 64 data ports, so that some must wait")
	f.DurationVar(&plan.Duration, "duration", 10*time.Second,
		"how long transfers are begun; long enough for steady figures")
	f.Int64Var(&plan.Transfers, "transfers", 0,
		"transfers in all, instead of a duration or besides it; 0: no limit")
	f.StringSliceVar(sizes, "size", []string{"1KiB", "4KiB", "64KiB", "1MiB"},
		"file sizes, taken in turn; the default mixes what one write sends with what takes many")
	f.IntVar(&plan.Gets, "gets", 4,
		"gets after each put; what is served is read more often than written")
	f.IntVar(&plan.Sources, "sources", 1,
		"client addresses, 127.0.0.1 and following; 1: a lab behind one router")
	f.DurationVar(&plan.Timeout, "timeout", 30*time.Second,
		"how long a client waits for an answer or the next byte; a server at work is faster")
	f.Int64Var(&plan.ErrorsMax, "max-errors", 1000,
		"errors after which the run ends, since more tell nothing new; 0: no limit")
	f.StringVar(&plan.Program, "server", "",
		"ferryd to start (default: beside ferrybench, in PATH, or built)")
	f.StringArrayVar(&plan.Arguments, "server-arg", nil,
		"a further argument for the ferryd that is started; repeatable")
	f.IntVar(&plan.ServerPID, "server-pid", 0,
		"process of a server that runs here, for its processor time; 0: not known")
	f.StringVar(&plan.Scratch, "scratch", "",
		"where a started server's folder is made (default: the system's temporary folder)")
}

// parseSizes reads sizes such as 4096, 64KiB or 1MB.
func parseSizes(texts []string) ([]int64, error) {
	sizes := make([]int64, 0, len(texts))
	for _, text := range texts {
		n, err := humanize.ParseBytes(text)
		if err != nil || n > math.MaxInt64 {
			return nil, fmt.Errorf("--size %s: not a number of B, KiB, MiB, GiB, kB or MB", text)
		}
		sizes = append(sizes, int64(n))
	}
	return sizes, nil
}
