package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"ferry/reactor"
)

// Exit statuses, as the help says them.
const (
	statusDone   = 0 // a clean end
	statusFailed = 1 // transfers were cut off, or the server could not go on
	statusUsage  = 2 // wrong flags, no such root, a port in use
)

// usageError is a fault of what was asked for.
type usageError struct{ error }

// run is the whole program. It returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	o := reactor.DefaultOptions()
	var l logFlags
	c := &cobra.Command{
		Use:           "ferryd [PORT]",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return usageError{errors.New("give one PORT; the folder is given by --root DIR")}
			case len(args) == 0 && !o.Classic && !o.FTP.Serves():
				return usageError{errors.New("give a PORT, --ftp PORT or --classic")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if !o.Classic && c.Flags().Changed("classic-ports") {
				return usageError{errors.New("--classic-ports goes with --classic: give both")}
			}
			for _, flag := range []string{"ftp-active", "ftp-banner", "ftp-resume", "advertise"} {
				if !o.FTP.Serves() && c.Flags().Changed(flag) {
					return usageError{fmt.Errorf("--%s goes with --ftp: give both", flag)}
				}
			}
			o.Port = reactor.NoPort
			if len(args) == 1 {
				port, err := strconv.ParseUint(args[0], 10, 16)
				if err != nil {
					return usageError{fmt.Errorf("port %q: give a number from 0 to 65535", args[0])}
				}
				o.Port = int(port)
			}
			return serve(o, l, stderr)
		},
	}
	c.SetArgs(args)
	c.SetOut(stdout)
	c.SetErr(stderr)
	if build, ok := debug.ReadBuildInfo(); ok {
		c.Version = build.Main.Version + " " + build.GoVersion
	}
	c.SetVersionTemplate("ferryd {{.Version}}\n")
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return usageError{err}
	})
	c.CompletionOptions.DisableDefaultCmd = true
	addTopics(c, newTopics(&o, &l))
	c.AddCommand(newUserCommand())
	return exitStatus(c.Execute(), stderr)
}

// exitStatus reports err, if there is one, and returns what the program ends with.
func exitStatus(err error, stderr io.Writer) int {
	if err == nil {
		return statusDone
	}
	var usage usageError
	if errors.As(err, &usage) {
		// Several faults come a line each, and people look at the last line only.
		text := strings.ReplaceAll(err.Error(), "\n", "; ")
		_, _ = fmt.Fprintf(stderr, "ferryd: %s (ferryd --help lists the flags)\n", text)
		return statusUsage
	}
	if !errors.Is(err, reactor.ErrTransfersReset) && err != errUnread { // those are in the log
		_, _ = fmt.Fprintf(stderr, "ferryd: %v\n", err)
	}
	return statusFailed
}

// serve runs a server until a signal ends it.
func serve(o reactor.Options, l logFlags, stderr io.Writer) error {
	log, closeLog := l.open(stderr)
	// Who reads the log may go away, and what is uploaded is none of his: lines are lost then.
	signal.Ignore(syscall.SIGPIPE)
	o.Log = log
	err := serveLogging(o, log, l.forPeople(stderr), stderr)
	if closeLog() != nil && err != nil {
		return errUnread
	}
	return err
}

// errUnread is a server's end with an error that nobody will read: the log did not take its lines
// any more, which goes where the error would.
var errUnread = errors.New("the log was not read")

// serveLogging is serve with its log open.
func serveLogging(o reactor.Options, log zerolog.Logger, people bool, stderr io.Writer) error {
	s, err := reactor.New(o)
	var wrong *reactor.OptionsError
	if errors.As(err, &wrong) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 8)
	// They stay caught until the process has ended: one that comes late is not to kill it.
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1)
	// Without users and TLS a terminal that is closed ends the server.
	if o.Users != "" || o.TLS.Mode != reactor.TLSOff {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go obey(s, signals)
	err = s.Run(func() { announce(s.Describe(), log, people, stderr) })
	if err != nil {
		log.Error().Err(err).Msg("server ended")
		return err
	}
	log.Info().Msg("server ended")
	return nil
}

// obey turns signals into orders.
func obey(s *reactor.Server, signals <-chan os.Signal) {
	ending := false
	for sig := range signals {
		switch {
		case sig == syscall.SIGUSR1:
			s.LogStatus()
		case sig == syscall.SIGHUP:
			s.ReloadUsers()
			s.Reload()
		case ending:
			s.Stop()
		default:
			ending = true
			s.Drain()
		}
	}
}
