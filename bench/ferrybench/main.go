// Ferrybench loads a file server with many clients and reports how it performs. Without an address
// it starts a ferryd in a scratch folder.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit statuses: of a run with errors, and of wrong use.
const (
	statusErrors = 1
	statusUsage  = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run does everything but exit.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd := command(new(load))
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

func command(l *load) *cobra.Command {
	cmd := &cobra.Command{
		Use:           "ferrybench [[PROTO://]HOST:PORT]",
		Args:          cobra.MaximumNArgs(1),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          l.run,
	}
	if build, ok := debug.ReadBuildInfo(); ok {
		cmd.Version = build.Main.Version + " " + build.GoVersion
	}
	cmd.SetVersionTemplate("ferrybench {{.Version}}\n")
	cmd.CompletionOptions.HiddenDefaultCmd = true
	addTopics(cmd, l.topics())
	cmd.AddCommand(showCommand(), reportCommand(), diffCommand())
	return cmd
}
