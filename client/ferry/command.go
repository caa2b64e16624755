package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ferry/client"
	"ferry/client/shell"
)

const (
	long = `Download files from a ferry server and upload files to it.

Without arguments ferry starts unconnected. With a server (HOST PORT, HOST:PORT, PORT on this
machine, a bookmark or ferry://HOST:PORT/FOLDER/) it reads commands from the terminal or a pipe, and
with a command it runs that one. ferry://HOST:PORT/FILE downloads a file.

  get REMOTE [LOCAL]    put LOCAL [REMOTE]    ls [PATH]    cd [FOLDER]
  get -r FOLDER         put -r FOLDER         mirror       quit

ferry help lists all commands, ferry help get the options of get. ferry completion bash prints a
script that completes command lines, ferry man the manual page. Flags can also be set in the
environment, --timeout as FERRY_TIMEOUT, or in the settings file, as timeout = 30s.

Status: 0 all done, 1 a command failed, 2 wrong use, 3 could not connect, 4 connection lost,
130 interrupted.`

	example = `  ferry localhost 2121
  ferry localhost 2121 get report.txt
  ferry -e 'cd music; mget *.ogg' localhost 2121
  echo ls | ferry localhost 2121`
)

// flags are those that are no fields of the shell.
type flags struct {
	silence, connect, confirm, kept time.Duration

	ports      classicPorts
	config     string
	noProgress bool
	classic    bool
}

func (p *program) command() *cobra.Command {
	// A double click starts it unconnected, as the bare command does.
	cobra.MousetrapHelpText = ""
	p.flags.ports = classicPorts{control: client.ClassicPort}
	cmd := &cobra.Command{
		Use:           "ferry [FLAGS] [HOST PORT [COMMAND [ARG...]]]",
		Long:          long,
		Example:       example,
		Version:       version(),
		Args:          cobra.ArbitraryArgs,
		SilenceErrors: true,
		SilenceUsage:  true,

		DisableFlagsInUseLine: true,
		ValidArgsFunction:     p.candidates,
		CompletionOptions:     cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE: func(cmd *cobra.Command, args []string) error {
			args, err := lateFlags(cmd, args)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("help") {
				return cmd.Help()
			}
			if err := p.applySettings(cmd.Flags()); err != nil {
				return err
			}
			return p.start(cmd.Context(), args)
		},
	}
	cmd.SetVersionTemplate("ferry {{.Version}}\n")
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagError(err) })
	cmd.SetHelpCommand(p.helpCommand())
	cmd.AddCommand(completionCommand(), manualCommand(cmd))
	p.addFlags(cmd.Flags())
	_ = cmd.MarkFlagDirname("dir")
	_ = cmd.RegisterFlagCompletionFunc("exchange", cobra.FixedCompletions(
		[]string{"auto", "base", "status"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// version names the build for --version: the module's version or revision, and the Go release.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return runtime.Version()
	}
	return info.Main.Version + " " + info.GoVersion
}

func (p *program) addFlags(to *pflag.FlagSet) {
	s := &p.shell
	// What follows the server is a command, whose words may begin with a dash.
	to.SetInterspersed(false)
	to.SortFlags = false
	to.StringVar(&s.Dir, "dir", ".", "local `FOLDER` to download to and upload from")
	to.StringArrayVarP(&s.Commands, "execute", "e", nil,
		"run `COMMANDS`, separated by semicolons, and exit")
	to.StringArrayVarP(&s.Scripts, "file", "f", nil,
		"run the lines of `FILE`, - for stdin, and exit")
	to.BoolVar(&s.Trace, "trace", false, "print each command on stderr before it runs")
	to.BoolVarP(&s.Quiet, "quiet", "q", false, "print only errors and what was asked for")
	to.BoolVar(&s.JSON, "json", false, "report each transfer as JSON, one object per line")
	to.BoolVar(&p.flags.noProgress, "no-progress", false, "show no progress bars")
	to.IntVar(&s.Parallel, "parallel", 1, "transfer `N` files of a batch at once")
	to.IntVar(&s.Segments, "segments", 1, "download a large file in `N` pieces at once")
	to.IntVar(&s.Retries, "retries", 0, "retry `N` times after a failure, up to 30 s apart")
	to.DurationVar(&p.flags.silence, "timeout", 2*time.Minute,
		"give up on a server that is silent for `TIME`; 0: never")
	to.DurationVar(&p.flags.connect, "connect-timeout", 10*time.Second,
		"give up on connecting after `TIME`; 0: never")
	to.DurationVar(&p.flags.confirm, "confirm-timeout", 5*time.Second,
		"wait `TIME` for a base server to confirm an upload")
	to.DurationVar(&p.flags.kept, "kept-lifetime", 30*24*time.Hour,
		"remove partial downloads after `TIME`; 0: never")
	to.Var((*exchangeFlag)(&s.Options.Exchange), "exchange",
		"speak auto, status or base; every server knows base")
	to.BoolVar(&p.flags.classic, "classic", false,
		"speak the classic exchange, which has only get and quit")
	to.Var(&p.flags.ports, "classic-ports",
		"its ports (default 20021,20020,20023, or the neighbours of PORT)")
	to.StringVar(&p.flags.config, "config", configFile(),
		"`FILE` of settings (default ferry/config in the user's config folder)")
	to.Lookup("config").DefValue = ""
}

// lateFlags parses flags between the server and the command.
func lateFlags(cmd *cobra.Command, args []string) ([]string, error) {
	at := 1
	if len(args) > 1 && shell.IsPort(args[1]) {
		at = 2
	}
	if len(args) <= at || !strings.HasPrefix(args[at], "-") {
		return args, nil
	}
	if err := cmd.Flags().Parse(args[at:]); err != nil {
		return nil, flagError(err)
	}
	return append(args[:at:at], cmd.Flags().Args()...), nil
}

// helpCommand shows the shell's own help.
func (p *program) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "help [COMMAND]",
		Short:  "Show the commands, or more about one",
		Hidden: true,
		Run: func(_ *cobra.Command, args []string) {
			p.status = p.shell.Help(args)
		},
	}
}

func completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "completion bash|zsh|fish|powershell",
		Short:     "Print a script that completes command lines of ferry",
		Hidden:    true,
		Example:   "  source <(ferry completion bash)\n  ferry completion fish | source",
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch root := cmd.Root(); args[0] {
			case "bash":
				return root.GenBashCompletionV2(os.Stdout, true)
			case "zsh":
				return root.GenZshCompletion(os.Stdout)
			case "fish":
				return root.GenFishCompletion(os.Stdout, true)
			default:
				return root.GenPowerShellCompletionWithDesc(os.Stdout)
			}
		},
	}
}

// candidates completes the program's command line.
func (p *program) candidates(
	cmd *cobra.Command, args []string, word string,
) ([]string, cobra.ShellCompDirective) {
	if err := p.applySettings(cmd.Flags()); err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	p.shell.Options.DialTimeout, p.shell.Options.ReplyTimeout = completeWait, completeWait
	names := p.shell.Candidates(cmd.Context(), args, word)
	directive := cobra.ShellCompDirectiveNoFileComp
	if len(names) == 1 && strings.HasSuffix(names[0], "/") {
		directive |= cobra.ShellCompDirectiveNoSpace
	}
	return names, directive
}

// completeWait bounds how long Tab waits for a server.
const completeWait = 2 * time.Second
