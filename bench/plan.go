package bench

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"time"
)

// Plan is a run: servers, what is done to them, by how many clients or at which rate, and for how
// long.
type Plan struct {
	// Start starts a ferryd for the run, as the first server.
	Start bool
	// Sites are the servers that run already. Turns alternate between all servers.
	Sites []Site
	// Scenario is what clients do.
	Scenario Scenario
	// Clients are the steps: so many sessions at once, one step after the other. Each is 1 or more.
	Clients []int
	// Rates make the loop open: so many starts a second, a step for each of them and of Clients.
	// Empty means a closed loop, in which each client is as fast as it can.
	Rates []float64
	// Turns is how often each step is measured. The turns of several servers alternate. 0 means
	// once.
	Turns int
	// Duration is how long a turn's jobs begin; those that run then are finished. 0 means no end
	// but Transfers.
	Duration time.Duration
	// WarmUp goes before each turn and is in no figure. Ramp is the time over which sessions are
	// opened before it.
	WarmUp, Ramp time.Duration
	// Transfers is how many jobs a turn has at most. 0 means no end but Duration.
	Transfers int64
	// Sources spreads the clients over that many addresses, 127.0.0.1 and what follows it. 0
	// means one for each sourceClients of a server on a loopback address, and the system's choice
	// elsewhere.
	Sources int
	// Timeout bounds the wait for an answer or the next byte. 0 means 30 s.
	Timeout time.Duration
	// ErrorsMax ends a turn once there are more errors: the rest would tell nothing new. 0 means
	// no bound.
	ErrorsMax int64
	// Prefix begins the name of every file put. Empty means one drawn at random.
	Prefix string
	// Driver is how clients are driven: see Drivers. Empty means the first of them.
	Driver string
	// Processes is how many processes drive the clients. 0 means as many as their descriptors ask
	// for, and one for every four processors.
	Processes int
	// WorkerCommand starts a process that calls ServeWorker. It is needed for more than one.
	WorkerCommand []string
	// Proto is the protocol for the ferryd that is started. Empty means base.
	Proto string
	// Program is the ferryd to start. Empty means the one that FindServer
	// finds. Arguments are given to it, behind those it needs.
	Program   string
	Arguments []string
	// Scratch is the folder in which a folder for a started server is made, and removed at the
	// end. Empty means the system's for temporary files.
	Scratch string
	// Live, unless nil, is told now and then how the run goes.
	Live func(Live)
	// Command is the command line, for the result.
	Command []string
}

const (
	timeoutDefault = 30 * time.Second
	// sourceClients is how many clients come from one address unless it is said otherwise: fewer
	// than a server has data ports, so that nobody waits for a lease.
	sourceClients = 50
	// spareDescriptors are those of a process that serve no client.
	spareDescriptors = 200
	// verifyMost is how many clients' last puts are looked at after the last turn, if no get has.
	verifyMost = 1000
)

// Validate returns every fault at once.
func (p *Plan) Validate() error {
	faults := []error{p.Scenario.Validate()}
	fault := func(wrong bool, text string) {
		if wrong {
			faults = append(faults, errors.New(text))
		}
	}
	fault(len(p.Clients) == 0, "no number of clients")
	fault(slices.ContainsFunc(p.Clients, func(n int) bool { return n < 1 }),
		"fewer than one client")
	fault(slices.ContainsFunc(p.Rates, func(r float64) bool { return !amount(r) || r == 0 }),
		"a rate that is no number above 0")
	fault(twice(p.Clients) || twice(p.Rates), "the same step twice")
	fault(p.Turns < 0, "a negative number of turns")
	fault(p.Duration < 0 || p.WarmUp < 0 || p.Ramp < 0, "a negative duration")
	fault(p.Transfers < 0, "a negative number of transfers")
	fault(p.Duration == 0 && p.Transfers == 0, "neither a duration nor a number of transfers")
	fault(p.Duration == 0 && len(p.Rates) > 0, "a rate needs a duration")
	fault(p.Sources < 0 || p.Sources > sourcesMax, "sources outside 127.0.0.0/8")
	fault(p.Timeout < 0, "a negative time-out")
	fault(p.ErrorsMax < 0, "a negative number of errors")
	fault(p.Processes < 0, "a negative number of processes")
	fault(p.Driver != "" && !slices.Contains(Drivers(), p.Driver), "no driver "+p.Driver)
	fault(!p.Start && len(p.Sites) == 0, "no server")
	_, ours := clientExchanges[p.Proto]
	fault(p.Proto != "" && !ours, "a ferryd that is started speaks base and status")
	names := map[string]bool{ownName: p.Start}
	for _, s := range p.Sites {
		faults = append(faults, s.validate())
		fault(names[s.Name], fmt.Sprintf("two servers named %q", s.Name))
		names[s.Name] = true
		fault(p.Sources > 1 && !s.loopback(),
			"more than one source needs a server on 127.0.0.0/8, by number")
	}
	return errors.Join(faults...)
}

func twice[T comparable](list []T) bool {
	for i, one := range list {
		if slices.Contains(list[:i], one) {
			return true
		}
	}
	return false
}

// filled is p with its zero values replaced by what they mean.
func (p Plan) filled() Plan {
	p.Scenario = p.Scenario.filled()
	if p.Timeout == 0 {
		p.Timeout = timeoutDefault
	}
	if p.Prefix == "" {
		p.Prefix = NewPrefix()
	}
	if p.Proto == "" {
		p.Proto = ProtoBase
	}
	if p.Driver == "" {
		p.Driver = Drivers()[0]
	}
	p.Turns = max(p.Turns, 1)
	if p.Processes == 0 {
		p.Processes = p.processes(descriptorsMax())
	}
	return p
}

// NewPrefix draws a beginning of names that no other run uses.
func NewPrefix() string { return fmt.Sprintf("bench-%08x-", rand.Uint32()) }

// processes is how many are needed when each may open so many descriptors.
func (p *Plan) processes(descriptors int) int {
	b := &p.Scenario
	need := 2*slices.Max(p.Clients) + b.Idle + 2*(b.SlowReaders+b.SlowSenders)
	each := max(descriptors-spareDescriptors, 1)
	return max((need+each-1)/each, runtime.NumCPU()/4, 1)
}

// sources is how many addresses a step's clients come from.
func (p *Plan) sources(s *Site, clients int) int {
	switch {
	case p.Sources > 0 && s.loopback():
		return p.Sources
	case s.loopback() && runtime.GOOS == "linux":
		return (clients + sourceClients - 1) / sourceClients
	default:
		return 0
	}
}

// steps are the loads, in order.
func (p *Plan) steps() []Step {
	rates := p.Rates
	if len(rates) == 0 {
		rates = []float64{0}
	}
	var steps []Step
	for _, clients := range p.Clients {
		for _, rate := range rates {
			steps = append(steps, Step{Clients: clients, Rate: rate, Idle: p.Scenario.Idle})
		}
	}
	return steps
}

// shareOf is what a worker of so many has of a step's turn.
func (p *Plan) shareOf(s *Site, step *Step, worker int, seed uint64) share {
	all := p.Processes
	part := func(n int) int { return (n + all - 1 - worker) / all }
	b := p.Scenario
	b.Idle, b.SlowReaders = part(b.Idle), part(b.SlowReaders)
	b.SlowSenders = part(b.SlowSenders)
	return share{
		Site: *s, Scenario: b, Prefix: s.prefix(p.Prefix), Seed: seed,
		Clients: part(step.Clients), First: worker, Stride: all,
		Rate: step.Rate, Sources: p.sources(s, step.Clients),
		Timeout: p.Timeout, Ramp: p.Ramp,
	}
}

// scratchFolder makes the folder of a server that is started.
func (p *Plan) scratchFolder() (string, error) { return os.MkdirTemp(p.Scratch, "ferrybench-") }
