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
	long = `Ferry moves files to and from a server.

Without arguments it starts unconnected. With HOST PORT (or HOST:PORT, or PORT on
this machine, or a bookmark) it connects and asks for commands; with a command it
runs that one; ferry://HOST:PORT/PATH downloads a file. From a pipe it reads one
command a line and stops at the first error; a line that begins with - may fail.

USER@HOST logs in, and ferrys:// or --tls encrypts. At a terminal ferry asks for
the password, and whether to trust a server that it does not know.

  get REMOTE [LOCAL]    put LOCAL [REMOTE]    ls [PATH]    cd [FOLDER]
  get -r FOLDER         put -r FOLDER         mirror       quit
  ferry help            all commands          ferry help get    one of them

With --classic it speaks the classic exchange (RETR, CONN, GOODBYE SERVER),
which has get and quit but no ls and no put; HOST alone is port 20021 there.

Flags can also be set in the environment, --timeout as FERRY_TIMEOUT, and in the
settings file, as timeout = 30s; except --execute and --file, and in the file
--config.

Status: 0 all done, 1 a command failed, 2 wrong use, 3 could not connect
or log in, 4 connection lost, 130 interrupted.`

	example = `  ferry localhost 2121
  ferry localhost 2121 get report.txt
  ferry ferry://localhost:2121/music/boat.ogg
  ferry --tls ann@localhost 2121 get report.txt
  ferry --dir incoming localhost 2121 get -r music
  ferry -e 'cd music; mget *.ogg' localhost 2121
  echo ls | ferry localhost 2121
  ferry --classic localhost get report.txt`
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
	cmd.SetUsageTemplate(strings.NewReplacer(
		"Available Commands:", "Without a server:",
		`

Use "{{.CommandPath}} [command] --help" for more information about a command.`, "",
	).Replace(cmd.UsageTemplate()))
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
	to.StringVar(&s.Dir, "dir", ".",
		"local `FOLDER` to download to and upload from")
	to.StringArrayVarP(&s.Commands, "execute", "e", nil,
		"run `COMMANDS`, separated by semicolons, and exit")
	to.StringArrayVarP(&s.Scripts, "file", "f", nil,
		"run the lines of `FILE`, - for stdin, and exit")
	to.BoolVar(&s.Trace, "trace", false, "print each command before it runs, on stderr")
	to.BoolVarP(&s.Quiet, "quiet", "q", false, "print only errors and what was asked for")
	to.BoolVar(&s.JSON, "json", false, "report each transfer in JSON, one object a line")
	to.BoolVar(&p.flags.noProgress, "no-progress", false,
		"show no progress bars")
	to.IntVar(&s.Parallel, "parallel", 1,
		"transfer `N` files at once in batches, each over its own session")
	to.IntVar(&s.Retries, "retries", 0,
		"retry `N` times after a failure, after about 0.4 s, then 0.8 s, up to 30 s;\n"+
			"half of each wait is random, so that clients do not return all at once")
	to.DurationVar(&p.flags.silence, "timeout", 2*time.Minute,
		"give up on a server that is silent for `TIME`, 0 never;\n"+
			"a busy one may queue commands")
	to.DurationVar(&p.flags.connect, "connect-timeout", 10*time.Second,
		"give up on connecting after `TIME`, 0 never;\n"+
			"time for two lost packets on each try")
	to.DurationVar(&p.flags.confirm, "confirm-timeout", 5*time.Second,
		"wait `TIME` for a server to confirm a put, 0 not at all;\n"+
			"some servers never do")
	to.DurationVar(&p.flags.kept, "kept-lifetime", 30*24*time.Hour,
		"remove partial downloads from a folder after `TIME`, 0 never;\n"+
			"until then get -c resumes them")
	to.TextVar(&s.Options.Exchange, "exchange", client.Auto,
		"speak the exchange `WHICH`: status, base, or auto, which finds out;\n"+
			"every server understands base, which has get, put and ls")
	to.BoolVar(&p.flags.classic, "classic", false,
		"speak the classic exchange, which has only get and quit")
	to.Var(&p.flags.ports, "classic-ports",
		"the classic server's ports for control, files and messages;\n"+
			"otherwise 20021,20020,20023, or the neighbours of PORT")
	p.flags.add(to, s)
	to.Lookup("classic-ports").DefValue = ""
	to.StringVar(&p.flags.config, "config", configFile(),
		"`FILE` of settings and bookmarks")
	to.Lookup("config").DefValue = "ferry/config in the user's config folder"
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
		Use:   "help [COMMAND]",
		Short: "the commands, or more about one",
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
