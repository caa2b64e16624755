package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ferry/bench"
)

const examples = `  ferrybench                    a ferryd of its own, 100 clients, 10 s
  ferrybench localhost:2121     one that runs; what is put there stays
  ferrybench --scenario get --clients 1,10,100,1000,9000
  ferrybench --scenario get --rate 5000 --expect 'p99<20ms' --expect errors=0
  ferrybench --turns 10 --compare-with vsftpd=ftp://127.0.0.1:21 -o run.json`

// long is what help says first.
func long() string {
	var b strings.Builder
	b.WriteString(`Ferrybench gets, puts and lists files with many clients at once, compares what
comes back by hash, and prints transfers a second, latencies, errors by kind,
and what server and harness used. It exits with 1 when there were errors.

With HOST:PORT it loads the server that runs there, under names that it says
beforehand; the files stay. Alone it starts ferryd in a scratch folder: the one
of --server, else one beside ferrybench or in PATH, else one that it builds,
inside of the module. Servers to compare with take turns with the first one.

Without --rate the loop is closed: each client begins its next transfer when the
last has ended, so a server that pauses is asked less. With it the loop is open:
transfers are begun by the clock, and their latency counts from when they were
to begin.

Scenarios, which flags change in part:
`)
	for _, s := range bench.Scenarios() {
		fmt.Fprintf(&b, "  %-9s %s\n", s.Name, s.About)
	}
	b.WriteString("\nProtocols:\n")
	for _, p := range bench.Protocols {
		fmt.Fprintf(&b, "  %-9s %s\n", p.Name, p.About)
	}
	return strings.TrimRight(b.String(), "\n")
}

// load is a run as the command line says it.
type load struct {
	plan     bench.Plan
	scenario string
	changes  bench.Scenario // by flags
	size     string
	compare  []string
	pid      int
	output   output
}

func (l *load) addFlags(f *pflag.FlagSet) {
	f.SortFlags = false
	l.addLoadFlags(f)
	p, s := &l.plan, &l.changes
	const asScenario = "the scenario's"
	f.IntVar(&s.Gets, "get", 0, "weight of gets (default: "+asScenario+")")
	f.IntVar(&s.Puts, "put", 0, "weight of puts (default: "+asScenario+")")
	f.IntVar(&s.Lists, "ls", 0, "weight of listings (default: "+asScenario+")")
	f.StringVar(&l.size, "size", "", "`SIZES` of files, taken in turn, or "+
		"lognormal:MEDIAN,SIGMA[,MAX], as on disks (default: "+asScenario+")")
	f.IntVar(&s.Files, "files", 0,
		"files that all clients get (default: "+asScenario+")")
	f.IntVar(&s.Names, "names", 0,
		"names that each client puts to in turn; 1: it replaces its file (default: "+asScenario+")")
	f.BoolVar(&s.Churn, "churn", false, "a session for each transfer")
	f.BoolVar(&s.Storm, "storm", false, "sessions alone, without transfers")
	f.IntVar(&s.Idle, "idle", 0, "sessions beside the load that do nothing")
	f.IntVar(&s.SlowReaders, "slow-readers", 0, "clients beside the load that get at --slow-rate")
	f.IntVar(&s.SlowSenders, "slow-senders", 0, "clients beside the load that put at --slow-rate")
	f.Int64Var(&s.SlowRate, "slow-rate", 1024, "bytes a second of each slow client")
	f.IntVar(&p.Sources, "sources", 0,
		"client addresses, 127.0.0.1 and following (default: one for every 50 clients)")
	f.IntVar(&p.Processes, "processes", 0,
		"processes that drive clients (default: as descriptors and processors ask for)")
	f.DurationVar(&p.Timeout, "timeout", 30*time.Second,
		"how long a client waits for an answer or the next byte; a server at work is faster")
	f.Int64Var(&p.ErrorsMax, "max-errors", 1000,
		"errors after which a turn ends, since more tell nothing new; 0: no limit")
	f.StringVar(&p.Own.Program, "server", "",
		"`PATH` of the ferryd to start (default: beside ferrybench, in PATH, or built)")
	f.StringVar(&p.Own.Proto, "proto", bench.ProtoBase,
		"`NAME` of the ferryd's protocol: base or status")
	f.StringArrayVar(&p.Own.Arguments, "server-arg", nil,
		"a further argument for the ferryd that is started; repeatable")
	f.IntVar(&l.pid, "server-pid", 0,
		"`PID` of the first server, which runs here: what it uses is measured")
	f.StringVar(&p.Own.Scratch, "scratch", "",
		"`DIR` where a started server's folder is made (default: the system's temporary folder)")
	f.StringVarP(&l.output.save, "output", "o", "", "`FILE` that keeps the result")
	l.output.addFlags(f)
}

func (l *load) addLoadFlags(f *pflag.FlagSet) {
	p := &l.plan
	f.StringVar(&l.scenario, "scenario", "mixed", "`NAME` of what clients do; see above")
	f.IntSliceVar(&p.Clients, "clients", []int{100},
		"`N,...` sessions at once, a step for each; more than a server's 64 data ports")
	f.Float64SliceVar(&p.Rates, "rate", nil,
		"`N,...` transfers begun a second by the clock, a step for each")
	// A list's default would stand in brackets, which nobody types.
	f.Lookup("clients").DefValue, f.Lookup("rate").DefValue = "100", ""
	f.DurationVar(&p.Duration, "duration", 10*time.Second,
		"how long a turn's transfers are begun; long enough for steady figures")
	f.DurationVar(&p.WarmUp, "warm-up", time.Second, "time before each turn that is in no figure")
	f.DurationVar(&p.Ramp, "ramp", 0, "time over which sessions are opened")
	f.IntVar(&p.Turns, "turns", 1, "measurements of each step; ten show what chance does")
	f.Int64Var(&p.Transfers, "transfers", 0,
		"transfers of a turn, instead of a duration or besides it; 0: no limit")
	f.StringArrayVar(&l.compare, "compare-with", nil,
		"`NAME=PROTO://HOST:PORT` of a server that takes turns; ?pid=N behind it; repeatable")
}

// run measures and shows.
func (l *load) run(cmd *cobra.Command, args []string) error {
	if err := l.read(cmd.Flags(), args); err != nil {
		return err
	}
	if err := l.output.check(); err != nil {
		return err
	}
	// What a program is to read stands on stdout alone.
	notes := cmd.OutOrStdout()
	if l.output.format != "text" {
		notes = cmd.ErrOrStderr()
	}
	line := liveLine(cmd.ErrOrStderr())
	if line != nil {
		l.plan.Live = line.show
		notes = line.over(notes)
	}
	result, err := l.plan.Run(cmd.Context(), notes)
	line.clear()
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
	p.Command = append([]string{"ferrybench"}, shown(os.Args[1:])...)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p.WorkerCommand = []string{self, workerWord}
	if f.Changed("transfers") && !f.Changed("duration") && len(p.Rates) == 0 {
		p.Duration = 0
	}
	if p.Scenario, err = bench.ScenarioOf(l.scenario); err != nil {
		return fmt.Errorf("--scenario: %w", err)
	}
	if err = l.change(f, &p.Scenario); err != nil {
		return err
	}
	if err = together(f, len(args) == 1); err != nil {
		return err
	}
	p.Own.Start = len(args) == 0
	if len(args) == 1 {
		site, err := bench.ParseSite(args[0])
		if err != nil {
			return err
		}
		if f.Changed("server-pid") {
			site.PID = l.pid
		}
		p.Sites = append(p.Sites, site)
	}
	for _, text := range l.compare {
		site, err := bench.ParseSite(text)
		if err != nil {
			return fmt.Errorf("--compare-with: %w", err)
		}
		p.Sites = append(p.Sites, site)
	}
	return errors.Join(p.Validate(), measurable(p.Sites), runnable(p.Own.Program))
}

// change puts into the scenario what flags say otherwise.
func (l *load) change(f *pflag.FlagSet, s *bench.Scenario) error {
	// A weight that is given makes the others 0 that are not: --get 1 gets alone.
	if f.Changed("get") || f.Changed("put") || f.Changed("ls") {
		s.Gets, s.Puts, s.Lists, s.Storm = 0, 0, 0, false
	}
	c := &l.changes
	for name, set := range map[string]func(){
		"get":          func() { s.Gets = c.Gets },
		"put":          func() { s.Puts = c.Puts },
		"ls":           func() { s.Lists = c.Lists },
		"files":        func() { s.Files = c.Files },
		"names":        func() { s.Names = c.Names },
		"churn":        func() { s.Churn = c.Churn },
		"storm":        func() { s.Storm = c.Storm },
		"idle":         func() { s.Idle = c.Idle },
		"slow-readers": func() { s.SlowReaders = c.SlowReaders },
		"slow-senders": func() { s.SlowSenders = c.SlowSenders },
		"slow-rate":    func() { s.SlowRate = c.SlowRate },
	} {
		if f.Changed(name) {
			set()
		}
	}
	if !f.Changed("size") {
		return nil
	}
	var err error
	if s.Sizes, err = bench.ParseSizes(l.size); err != nil {
		return fmt.Errorf("--size: %w", err)
	}
	return nil
}
