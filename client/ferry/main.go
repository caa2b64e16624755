// Command ferry fetches files from a ferry server and stores files there, from a prompt, a pipe, a
// script or one command line.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/mattn/go-colorable"
	"github.com/mattn/go-isatty"
	"golang.org/x/term"

	"ferry/client"
	"ferry/client/shell"
)

func main() { os.Exit(run(os.Args[1:])) }

// run parses the flags, runs the shell and returns the program's status.
func run(args []string) int {
	// A server that has gone is an error to tell, and a supervisor's signal ends in order.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	p := newProgram()
	cmd := p.command()
	cmd.SetArgs(args)
	if err := cmd.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "ferry: %v; ferry --help lists the flags\n", err)
		return shell.StatusWrongUse
	}
	return p.status
}

// program is a run of ferry.
type program struct {
	shell  shell.Shell
	flags  flags
	status int
}

func newProgram() *program {
	p := new(program)
	s := &p.shell
	s.In, s.Out, s.Err = os.Stdin, os.Stdout, os.Stderr
	s.Prompt = isTerminal(os.Stdin)
	s.Terminal = isTerminal(os.Stdout)
	s.Colour = s.Prompt && s.Terminal && os.Getenv("NO_COLOR") == "" && !dumb()
	if s.Prompt {
		// Ctrl-C ends a command and never the program, even between two commands.
		signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	}
	if s.Prompt && isTerminal(os.Stderr) {
		s.Ask = (&asker{in: os.Stdin, out: os.Stderr}).ask
	}
	s.Interruptible = func(ctx context.Context) (context.Context, context.CancelFunc) {
		return signal.NotifyContext(ctx, os.Interrupt)
	}
	return p
}

func dumb() bool { return os.Getenv("TERM") == "dumb" }

// start runs the shell with the arguments after the flags.
func (p *program) start(ctx context.Context, args []string) error {
	s := &p.shell
	if err := checkFolder(s.Dir); err != nil {
		return err
	}
	if s.Prompt && !p.flags.noProgress && !s.Quiet && !s.JSON && isTerminal(os.Stderr) && !dumb() {
		s.Columns = columns
	}
	if s.Terminal {
		colorable.EnableColorsStdout(nil) // consoles of Windows must be asked
	}
	if s.Prompt && s.Terminal && !dumb() && len(s.Commands)+len(s.Scripts) == 0 {
		if editor, err := shell.NewEditor(historyFile()); err == nil {
			s.Editor = editor
			defer func() { _ = editor.Close() }()
		}
	}
	p.status = s.Run(ctx, args)
	return nil
}

// columns is the width of the terminal that shows progress.
func columns() int {
	if width, _, err := term.GetSize(int(os.Stderr.Fd())); err == nil && width > 0 {
		return width
	}
	return 80
}

func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		return fmt.Errorf("--dir %s: not a folder", dir)
	}
	if err != nil {
		return fmt.Errorf("--dir %s: %w", dir, pathCause(err))
	}
	return nil
}

func pathCause(err error) error {
	var cause *fs.PathError
	if errors.As(err, &cause) {
		return cause.Err
	}
	return err
}

func isTerminal(f *os.File) bool {
	return isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd())
}

// configFile is the file of settings and bookmarks in the user's config folder, "" for none.
func configFile() string { return besideConfig("config") }

// besideConfig is a file in the program's folder there.
func besideConfig(name string) string {
	folder, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(folder, "ferry", name)
}

// historyFile is the file of typed lines, "" for none.
func historyFile() string {
	if folder := client.StateFolder(); folder != "" {
		return filepath.Join(folder, "history")
	}
	return ""
}
