package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ferry/bench"
)

const examples = `  ferrybench                    a ferryd of its own, 100 clients, 10 s
  ferrybench localhost:2121     a running server; files that are put stay there
  ferrybench --scenario get --clients 1,10,100,1000,9000
  ferrybench --scenario get --rate 5000 --expect 'p99<20ms' --expect errors=0
  ferrybench --turns 10 --compare-with vsftpd=ftp://127.0.0.1:21 -o run.json`

const loadLong = `Ferrybench gets, puts and lists files with many clients at once, compares
downloads by hash, and prints transfers a second, latencies, errors by kind,
and what server and harness used. It exits with 1 when there were errors.

With HOST:PORT it loads a running server, under names that it prints first; the
files stay. ?pid=N at the end names the process whose usage is measured.
Otherwise it starts ferryd in a scratch folder: the one of --server, else one
next to ferrybench or in PATH, else one that it builds, inside the module.
Servers to compare with take turns with the first one.

Without --rate the loop is closed: each client starts its next transfer when the
last one has ended, so a server that pauses is asked less. With it the loop is
open: transfers start by the clock, and latency counts from the planned start.

Scenarios, which flags change in part:
`

func long() string {
	text := loadLong
	for _, s := range bench.Scenarios {
		text += fmt.Sprintf("  %-9s %s\n", s.Name, s.About)
	}
	text += "\nProtocols:\n"
	for _, p := range bench.Protocols {
		text += fmt.Sprintf("  %-9s %s\n", p.Name, p.About)
	}
	return strings.TrimRight(text, "\n")
}

// load is a run as the command line describes it.
type load struct {
	plan     bench.Plan
	scenario string
	size     string
	compare  []string
	output   output
}

func (l *load) addFlags(f *pflag.FlagSet) {
	f.SortFlags = false
	p, s := &l.plan, &l.plan.Scenario
	f.StringVar(&l.scenario, "scenario", "mixed", "`NAME` of what clients do; see above")
	f.IntSliceVar(&p.Clients, "clients", []int{100},
		"`N,...` sessions at once, a load for each; more than a server's 64 data ports")
	f.Float64SliceVar(&p.Rates, "rate", nil,
		"`N,...` transfers started a second by the clock, a load for each")
	f.Lookup("clients").DefValue, f.Lookup("rate").DefValue = "100", "" // not in brackets
	f.DurationVar(&p.Duration, "duration", 10*time.Second,
		"how long transfers start in a turn; long enough for steady figures")
	f.DurationVar(&p.WarmUp, "warm-up", time.Second, "time before each turn that is in no figure")
	f.IntVar(&p.Turns, "turns", 1, "measurements of each load; ten show the role of chance")
	f.Int64Var(&p.Transfers, "transfers", 0,
		"transfers of a turn, instead of a duration or in addition to it; 0: no limit")
	f.StringArrayVar(&l.compare, "compare-with", nil,
		"`NAME=PROTO://HOST:PORT` of a server that takes turns; ?pid=N at the end; repeatable")
	const own = " (default: the scenario's)"
	f.IntVar(&s.Gets, "get", 0, "weight of gets"+own)
	f.IntVar(&s.Puts, "put", 0, "weight of puts"+own)
	f.IntVar(&s.Lists, "ls", 0, "weight of listings"+own)
	f.StringVar(&l.size, "size", "",
		"`SIZES` of files in turn, such as 4KiB,1MiB"+own)
	f.IntVar(&s.Files, "files", 0, "files that all clients get"+own)
	f.IntVar(&s.Names, "names", 0, "names that each client puts to in turn"+own)
	f.BoolVar(&s.Churn, "churn", false, "a session for each transfer")
	f.IntVar(&s.Idle, "idle", 0, "further sessions that do nothing")
	f.IntVar(&p.Sources, "sources", 0,
		"client addresses from 127.0.0.1 on (default: one for every 50 clients)")
	f.IntVar(&p.Loops, "loops", 0,
		"event loops that drive clients, each on a processor (default: one for four processors)")
	f.DurationVar(&p.Timeout, "timeout", 30*time.Second,
		"how long a client waits for an answer or the next byte")
	f.Int64Var(&p.ErrorsMax, "max-errors", 1000, "errors that end a turn; 0: no limit")
	f.StringVar(&p.Own.Program, "server", "",
		"`PATH` of the ferryd to start (default: next to ferrybench, in PATH, or built)")
	f.StringVar(&p.Own.Proto, "proto", bench.ProtoBase,
		"`NAME` of the ferryd's protocol: base or status")
	f.StringArrayVar(&p.Own.Arguments, "server-arg", nil,
		"a further argument for the ferryd that is started; repeatable")
	f.StringVarP(&l.output.save, "output", "o", "", "`FILE` that keeps the result")
	l.output.addFlags(f)
}

// run measures and shows.
func (l *load) run(cmd *cobra.Command, args []string) error {
	if err := l.read(cmd.Flags(), args); err != nil {
		return err
	}
	if err := l.output.check(); err != nil {
		return err
	}
	notes := cmd.OutOrStdout()
	if l.output.format != "text" {
		notes = cmd.ErrOrStderr() // stdout is for a program
	}
	result, err := l.plan.Run(cmd.Context(), notes)
	if result == nil || err != nil && !result.Measured() {
		return &runError{err}
	}
	shown := l.output.write(result, cmd.OutOrStdout())
	if err = errors.Join(err, result.Err(), shown); err != nil {
		return &runError{err}
	}
	return nil
}

// read makes a plan of the flags.
func (l *load) read(f *pflag.FlagSet, args []string) error {
	p := &l.plan
	p.Command = append([]string{"ferrybench"}, withoutPasswords(os.Args[1:])...)
	if f.Changed("transfers") && !f.Changed("duration") && len(p.Rates) == 0 {
		p.Duration = 0
	}
	if err := l.readScenario(f); err != nil {
		return err
	}
	p.Own.Start = len(args) == 0
	for _, name := range []string{"server", "server-arg", "proto"} {
		if !p.Own.Start && f.Changed(name) {
			return fmt.Errorf("--%s belongs to a ferryd that is started, and HOST:PORT names a "+
				"running one", name)
		}
	}
	for _, text := range slices.Concat(args, l.compare) {
		site, err := bench.ParseSite(text)
		if err != nil {
			return err
		}
		if _, err = bench.CPU(site.PID); err != nil && site.PID != 0 {
			return fmt.Errorf("%s: its process cannot be measured (Linux only): %w", site.Name, err)
		}
		p.Sites = append(p.Sites, site)
	}
	if p.Own.Program != "" {
		if _, err := exec.LookPath(p.Own.Program); err != nil {
			return fmt.Errorf("--server: %w", err)
		}
	}
	return p.Validate()
}

// readScenario takes the named scenario and changes what flags say otherwise.
func (l *load) readScenario(f *pflag.FlagSet) (err error) {
	given, s := l.plan.Scenario, &l.plan.Scenario
	if *s, err = bench.ScenarioOf(l.scenario); err != nil {
		return fmt.Errorf("--scenario: %w", err)
	}
	f.Visit(func(flag *pflag.Flag) {
		switch flag.Name {
		case "get", "put", "ls": // weights that are not given become 0: --get 1 only gets
			s.Gets, s.Puts, s.Lists, s.Storm = given.Gets, given.Puts, given.Lists, false
		case "size":
			if s.Sizes, err = bench.ParseSizes(l.size); err != nil {
				err = fmt.Errorf("--size: %w", err)
			}
		case "files":
			s.Files = given.Files
		case "names":
			s.Names = given.Names
		case "churn":
			s.Churn = given.Churn
		case "idle":
			s.Idle = given.Idle
		}
	})
	return err
}

// passwords are those in an address, PROTO://USER:PASSWORD@HOST:PORT.
var passwords = regexp.MustCompile(`(://[^:/@]*:)[^/@]*@`)

// withoutPasswords is a command line as a result keeps it.
func withoutPasswords(args []string) []string {
	all := slices.Clone(args)
	for i, arg := range all {
		all[i] = passwords.ReplaceAllString(arg, "${1}***@")
	}
	return all
}
