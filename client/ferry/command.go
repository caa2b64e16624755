package main

import (
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ferry/client"
	"ferry/client/shell"
	"ferry/codec"
)

const (
	long = `Download files from a ferry server and upload files to it.

Without arguments ferry starts unconnected. With a server (HOST PORT, HOST:PORT, PORT on this
machine, a bookmark or ferry://HOST:PORT/FOLDER/) it reads commands from the terminal or a pipe, and
with a command it runs that one. ferry://HOST:PORT/FILE downloads a file.

USER@HOST logs in, and ferrys:// or --tls encrypts. At a terminal ferry asks for the password, and
whether to trust a server that it does not know.

ferry help lists all commands, ferry help get the options of get, and ferry man is the manual. Flags
can also be set as FERRY_TIMEOUT=30s in the environment or timeout = 30s in the settings file.

Status: 0 all done, 1 a command failed, 2 wrong use, 3 could not connect or log in,
4 connection lost, 130 interrupted.`

	example = `  ferry localhost 2121 get report.txt
  ferry --tls ann@localhost 2121 get -r music
  ferry -e 'cd music; mget *.ogg' localhost 2121
  echo ls | ferry localhost 2121`
)

// flags are those that are no fields of the shell.
type flags struct {
	silence, connect, confirm, kept time.Duration

	securityFlags
	// ports of files and messages are 0 unless given: then they lie beside control's.
	ports      codec.ClassicPorts
	config     string
	noProgress bool
	classic    bool
}

func (p *program) command() *cobra.Command {
	// A double click starts it unconnected, as the bare command does.
	cobra.MousetrapHelpText = ""
	p.flags.ports.Control = client.ClassicPort
	cmd := &cobra.Command{
		Use:           "ferry [FLAGS] [HOST PORT [COMMAND [ARG...]]]",
		Long:          long,
		Example:       example,
		Args:          cobra.ArbitraryArgs,
		SilenceErrors: true,
		SilenceUsage:  true,

		DisableFlagsInUseLine: true,
		ValidArgsFunction:     p.candidates,
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
	if build, ok := debug.ReadBuildInfo(); ok {
		cmd.Version = build.Main.Version + " " + build.GoVersion
	}
	cmd.SetVersionTemplate("ferry {{.Version}}\n")
	cmd.CompletionOptions.HiddenDefaultCmd = true
	cmd.SetHelpCommand(p.helpCommand())
	cmd.AddCommand(manualCommand(cmd))
	p.addFlags(cmd.Flags())
	_ = cmd.MarkFlagDirname("dir")
	_ = cmd.RegisterFlagCompletionFunc("exchange", cobra.FixedCompletions(
		[]string{"auto", "base", "status"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
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
	to.IntVar(&s.Retries, "retries", 0, "retry `N` times after a failure, up to 30 s apart")
	to.DurationVar(&p.flags.silence, "timeout", 2*time.Minute,
		"give up on a server silent for `TIME`; 0: never")
	to.DurationVar(&p.flags.connect, "connect-timeout", 10*time.Second,
		"give up on connecting after `TIME`; 0: never")
	to.DurationVar(&p.flags.confirm, "confirm-timeout", 5*time.Second,
		"wait `TIME` for a base server to confirm an upload")
	to.DurationVar(&p.flags.kept, "kept-lifetime", 30*24*time.Hour,
		"remove partial downloads after `TIME`; 0: never")
	to.TextVar(&s.Options.Exchange, "exchange", client.Auto,
		"speak `WHICH`: auto, status, or base, which all know")
	to.BoolVar(&p.flags.classic, "classic", false,
		"speak the classic exchange, which has only get and quit")
	to.Var(&p.flags.ports, "classic-ports",
		"its ports (default 20021,20020,20023, or the neighbours of PORT)")
	to.Lookup("classic-ports").DefValue = ""
	p.flags.add(to, s)
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
		return nil, err
	}
	return append(args[:at:at], cmd.Flags().Args()...), nil
}

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

// candidates completes the program's command line.
func (p *program) candidates(
	cmd *cobra.Command, args []string, word string,
) ([]string, cobra.ShellCompDirective) {
	if err := p.applySettings(cmd.Flags()); err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	p.shell.Ask = nil
	names := p.shell.Candidates(cmd.Context(), args, word)
	directive := cobra.ShellCompDirectiveNoFileComp
	if len(names) == 1 && strings.HasSuffix(names[0], "/") {
		directive |= cobra.ShellCompDirectiveNoSpace
	}
	return names, directive
}
