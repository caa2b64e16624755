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
	"runtime"
	"runtime/debug"
	"syscall"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ferry/bench"
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
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          l.run,
	}
	cmd.SetVersionTemplate("ferrybench {{.Version}}\n")
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagError(err) })
	cmd.CompletionOptions.HiddenDefaultCmd = true
	addTopics(cmd, l.topics())
	cmd.AddCommand(showCommand(), reportCommand(), diffCommand(), workerCommand())
	return cmd
}

// flagError reports an invalid value as "--flag value: reason". The built-in types of flags, whose
// names are in lower case, have only the words of a parser as a reason.
func flagError(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	f, reason := invalid.GetFlag(), invalid.Unwrap()
	if t := f.Value.Type(); unicode.IsLower(rune(t[0])) {
		reason = fmt.Errorf("not a valid %s", t)
	}
	return fmt.Errorf("--%s %s: %w", f.Name, invalid.GetValue(), reason)
}

// version names the build for --version: the module's version or revision, and the Go release.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return runtime.Version()
	}
	return info.Main.Version + " " + info.GoVersion
}

// workerName is the hidden command of worker processes.
const workerName = "worker"

func workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    workerName,
		Short:  "Be a worker process: orders on stdin, answers on stdout",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(*cobra.Command, []string) error {
			// Ctrl-C reaches every process of a terminal; the main one decides.
			signal.Ignore(os.Interrupt)
			return bench.ServeWorker(os.Stdin, os.Stdout)
		},
	}
}
