package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ferry/bench"
)

// load is a run as the command line describes it.
type load struct {
	plan     bench.Plan
	scenario string
	size     string
	compare  []string
	output   output
}

// addLoad declares how much is done, and for how long.
func (l *load) addLoad(f *pflag.FlagSet) {
	p := &l.plan
	f.IntSliceVar(&p.Clients, "clients", []int{100},
		"`N,...` concurrent sessions; a load for each number")
	f.Float64SliceVar(&p.Rates, "rate", nil,
		"start `N,...` transfers per second by the clock; a load for each number")
	f.Lookup("clients").DefValue, f.Lookup("rate").DefValue = "100", "" // not in brackets
	f.DurationVar(&p.Duration, "duration", 10*time.Second, "length of a turn")
	f.DurationVar(&p.WarmUp, "warm-up", time.Second, "time before each turn that is not measured")
	f.IntVar(&p.Turns, "turns", 1, "turns of each load; ten show how much is chance")
	f.Int64Var(&p.Transfers, "transfers", 0,
		"transfers of a turn, instead of a duration or in addition to it; 0: no limit")
	f.DurationVar(&p.Timeout, "timeout", 30*time.Second,
		"how long a client waits for a reply or the next byte")
	f.Int64Var(&p.ErrorsMax, "max-errors", 1000, "errors that end a turn; 0: no limit")
	f.IntVar(&p.Sources, "sources", 0,
		"client addresses, from 127.0.0.1 up (default: one for every 50 clients)")
	f.IntVar(&p.Loops, "loops", 0,
		"event loops that drive clients (default: one for four processors)")
}

// addScenario declares what clients do.
func (l *load) addScenario(f *pflag.FlagSet) {
	s := &l.plan.Scenario
	f.StringVar(&l.scenario, "scenario", "mixed", "`NAME` of what clients do")
	const own = " (default: the scenario's)"
	f.IntVar(&s.Gets, "get", 0, "weight of downloads, 0 if only others are given"+own)
	f.IntVar(&s.Puts, "put", 0, "weight of uploads"+own)
	f.IntVar(&s.Lists, "ls", 0, "weight of listings"+own)
	f.StringVar(&l.size, "size", "",
		"`SIZES` of files in turn, such as 4KiB,1MiB"+own)
	f.IntVar(&s.Files, "files", 0, "files that all clients download"+own)
	f.IntVar(&s.Names, "names", 0, "names that each client uploads to in turn"+own)
	f.BoolVar(&s.Churn, "churn", false, "open a session for each transfer")
	f.IntVar(&s.Idle, "idle", 0, "more sessions, which stay idle")
}

// addServers declares which servers are loaded.
func (l *load) addServers(f *pflag.FlagSet) {
	p := &l.plan
	f.StringArrayVar(&l.compare, "compare-with", nil,
		"`NAME=ADDRESS` of a server that takes turns with the first; repeatable")
	f.StringVar(&p.Own.Program, "server", "",
		"ferryd at `PATH` (default: next to ferrybench, in PATH, or built)")
	f.StringVar(&p.Own.Proto, "proto", bench.ProtoBase,
		"protocol `NAME` for that ferryd: base or status")
	f.StringArrayVar(&p.Own.Arguments, "server-arg", nil, "an `ARGUMENT` for it; repeatable")
}

// addResults declares what happens to the result.
func (l *load) addResults(f *pflag.FlagSet) {
	f.StringVarP(&l.output.save, "output", "o", "", "keep the result in this `FILE`")
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
