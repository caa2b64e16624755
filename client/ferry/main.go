// Command ferry fetches files from a ferry server and stores files there, from a prompt, a pipe or
// one command line.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"ferry/client"
)

func main() { os.Exit(run(os.Args[1:])) }

const (
	statusWrongUse = 2

	long = `Ferry moves files to and from a server, without encryption and without a login.

Alone it starts unconnected; with HOST PORT (or HOST:PORT, or PORT on this
machine) it connects and asks for commands; with a command it runs that one.
On a pipe it reads commands, a line each.

  get NAME [LOCAL]    put LOCAL [REMOTE]    ls [PATH]
  open HOST PORT      close    quit         help [COMMAND]

With --classic it speaks the classic exchange (RETR, CONN, GOODBYE SERVER),
which has get and quit but no ls and no put; HOST alone is port 20021 there.

Status: 0 done, 1 something failed, 2 wrong use, 130 interrupted.`

	example = `  ferry localhost 2121
  ferry localhost 2121 get report.txt
  ferry --dir incoming localhost 2121 get a/report.txt
  echo ls | ferry localhost 2121
  ferry --classic localhost get report.txt`
)

// run parses the flags, runs the shell and returns the program's status.
func run(args []string) int {
	shell := client.Shell{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	shell.Prompt = isTerminal(os.Stdin)
	shell.Terminal = isTerminal(os.Stdout)
	shell.Interruptible = func(ctx context.Context) (context.Context, context.CancelFunc) {
		return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	}
	status := 0
	cmd := command(&shell, &status)
	cmd.SetArgs(args)
	if err := cmd.Execute(); err != nil {
		fmt.Fprintf(os.Stderr, "ferry: %v; ferry --help lists the flags\n", err)
		return statusWrongUse
	}
	return status
}

func command(shell *client.Shell, status *int) *cobra.Command {
	// A double click starts it unconnected, as the bare command does.
	cobra.MousetrapHelpText = ""
	var silence, connect, confirm time.Duration
	ports := classicPorts{control: client.ClassicPort}
	cmd := &cobra.Command{
		Use:           "ferry [FLAGS] [HOST PORT [COMMAND [ARG...]]]",
		Long:          long,
		Example:       example,
		Version:       version(),
		Args:          cobra.ArbitraryArgs,
		SilenceErrors: true,
		SilenceUsage:  true,

		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			args, err := lateFlags(cmd, args)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("help") {
				return cmd.Help()
			}
			if err := checkFolder(shell.Dir); err != nil {
				return err
			}
			if err := ports.apply(shell); err != nil {
				return err
			}
			shell.Options.ReplyTimeout = bound(silence)
			shell.Options.StallTimeout = bound(silence)
			shell.Options.DialTimeout = bound(connect)
			shell.Options.ConfirmWait = bound(confirm)
			if !shell.Options.Classic {
				// Its commands and its words are those of base.
				shell.Options.Exchange = client.Base
			}
			*status = shell.Run(cmd.Context(), args)
			return nil
		},
	}
	cmd.SetVersionTemplate("{{.Version}}\n")
	cmd.SetContext(context.Background())
	flags := cmd.Flags()
	// What follows the server is a command, whose words may begin with a dash.
	flags.SetInterspersed(false)
	flags.SortFlags = false
	flags.StringVar(&shell.Dir, "dir", ".",
		"local `FOLDER` that files are got into and put from")
	flags.DurationVar(&silence, "timeout", 2*time.Minute,
		"give up on a server that is silent for `TIME`, 0 never;\n"+
			"a busy one may let a command wait its turn")
	flags.DurationVar(&connect, "connect-timeout", 10*time.Second,
		"give up on connecting after `TIME`, 0 never;\n"+
			"time for two lost packets on each try")
	flags.DurationVar(&confirm, "confirm-timeout", 5*time.Second,
		"wait `TIME` for a server to confirm a put, 0 not at all;\n"+
			"some servers never do")
	flags.BoolVar(&shell.Options.Classic, "classic", false,
		"speak the classic exchange, which has get and quit alone")
	flags.Var(&ports, "classic-ports",
		"the classic server's ports for control, files and messages;\n"+
			"otherwise 20021,20020,20023, or those beside the PORT that is given")
	return cmd
}

// lateFlags takes flags that stand between the server and the command.
func lateFlags(cmd *cobra.Command, args []string) ([]string, error) {
	at := 1
	if len(args) > 1 && client.IsPort(args[1]) {
		at = 2
	}
	if len(args) <= at || !strings.HasPrefix(args[at], "-") {
		return args, nil
	}
	if err := cmd.Flags().Parse(args[at:]); err != nil {
		return nil, err
	}
	return append(args[:at:at], cmd.Flags().Args()...), nil
}

// bound turns a flag's 0, which means none, into an option's, which is negative.
func bound(d time.Duration) time.Duration {
	if d <= 0 {
		return -1
	}
	return d
}

func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		return fmt.Errorf("--dir %s: not a folder", dir)
	}
	if err != nil {
		return fmt.Errorf("--dir: %w", err)
	}
	return nil
}

func isTerminal(f *os.File) bool {
	return isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd())
}

// version is what the build knows of itself.
func version() string {
	text := "ferry (unknown build)"
	if info, ok := debug.ReadBuildInfo(); ok {
		text = "ferry " + info.Main.Version
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				text += " " + setting.Value[:min(12, len(setting.Value))]
			}
		}
	}
	return text + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
}
