package bench

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"
)

// Plan is a run: the servers, the scenario, the loads and how long each is measured.
type Plan struct {
	Own      OwnServer // a ferryd that is started for the run
	Sites    []Site    // running servers; turns alternate between all servers
	Scenario Scenario  // what clients do
	Clients  []int     // the loads: so many sessions at once, one load after the other
	// Rates make the loop open: so many starts a second, for each of them and each of Clients.
	// Empty means a closed loop, in which each client is as fast as it can be.
	Rates        []float64
	Turns        int           // measurements of each load; 0 means one
	Duration     time.Duration // how long jobs start in a turn; 0 means until Transfers
	WarmUp, Ramp time.Duration // before each turn; time over which sessions are opened
	Transfers    int64         // the most jobs of a turn; 0 means no limit
	// Sources is how many addresses from 127.0.0.1 on clients use. 0 means one for every
	// sourceClients on a loopback server, and the system's choice elsewhere.
	Sources   int
	Timeout   time.Duration // for an answer or the next byte; 0 means 30 s
	ErrorsMax int64         // more end a turn; 0 means no limit
	Prefix    string        // of the names of stored files; empty means a random one
	// Processes is how many processes drive clients. 0 means as many as their descriptors require,
	// and one for every four processors. More than one need WorkerCommand, which calls ServeWorker.
	Processes     int
	WorkerCommand []string
	Live          func(Live) // called with the state of the run now and then, unless nil
	Command       []string   // the command line, for the result
}

// OwnServer is a ferryd that a run starts and stops.
type OwnServer struct {
	Start     bool     // there is one; it is the first server of the run
	Proto     string   // base or status; empty means base
	Program   string   // empty means the ferryd that FindServer finds
	Arguments []string // added to its command line
	Scratch   string   // where its temporary folder is made; empty means the system's default
}

// ownName is the name of a server that is started.
const ownName = "ferryd"

const (
	timeoutDefault = 30 * time.Second
	// sourceClients is how many clients share an address: fewer than a server has data ports.
	sourceClients = 50
	// spareDescriptors are descriptors of a process that serve no client.
	spareDescriptors = 200
	// verifyMax is how many clients' last puts are fetched after the last turn.
	verifyMax = 1000
)

// Validate returns every fault at once.
func (p *Plan) Validate() error {
	faults := []error{p.Scenario.Validate()}
	fault := func(wrong bool, text string) {
		if wrong {
			faults = append(faults, errors.New(text))
		}
	}
	fault(len(p.Clients) == 0 || slices.Min(p.Clients) < 1, "fewer than one client")
	fault(slices.ContainsFunc(p.Rates, func(r float64) bool { return !(r > 0 && r < 1e9) }),
		"a rate must be above 0")
	fault(repeats(p.Clients) || repeats(p.Rates), "the same load twice")
	fault(min(p.Duration, p.WarmUp, p.Ramp, p.Timeout) < 0, "a negative duration")
	fault(min(int64(min(p.Turns, p.Sources, p.Processes)), p.Transfers, p.ErrorsMax) < 0,
		"a negative number")
	fault(p.Duration == 0 && p.Transfers == 0, "neither a duration nor a number of transfers")
	fault(p.Duration == 0 && len(p.Rates) > 0, "a rate needs a duration")
	fault(p.Sources > sourcesMax, "more sources than 127.0.0.0/8 has addresses")
	fault(!p.Own.Start && len(p.Sites) == 0, "no server")
	fault(!slices.Contains([]string{"", ProtoBase, ProtoStatus}, p.Own.Proto),
		"a ferryd that is started speaks base or status")
	names := map[string]bool{ownName: p.Own.Start}
	for _, s := range p.Sites {
		faults = append(faults, s.validate())
		fault(names[s.Name], fmt.Sprintf("two servers named %q", s.Name))
		names[s.Name] = true
		fault(p.Sources > 1 && !s.loopback(),
			"more than one source needs a server at a numeric address in 127.0.0.0/8")
	}
	return errors.Join(faults...)
}

func repeats[T comparable](list []T) bool {
	for i, one := range list {
		if slices.Contains(list[:i], one) {
			return true
		}
	}
	return false
}

// withDefaults is p with zero values replaced by what they mean.
func (p Plan) withDefaults() Plan {
	p.Scenario = p.Scenario.withDefaults()
	if p.Timeout == 0 {
		p.Timeout = timeoutDefault
	}
	if p.Prefix == "" {
		p.Prefix = fmt.Sprintf("bench-%08x-", rand.Uint32())
	}
	if p.Own.Proto == "" {
		p.Own.Proto = ProtoBase
	}
	p.Turns = max(p.Turns, 1)
	if p.Processes == 0 {
		p.Processes = p.processes(descriptorsMax())
	}
	return p
}

// processes is how many are needed when each may open so many descriptors.
func (p *Plan) processes(descriptors int) int {
	b := &p.Scenario
	need := 2*slices.Max(p.Clients) + b.Idle + 2*(b.SlowReaders+b.SlowSenders)
	each := max(descriptors-spareDescriptors, 1)
	return max((need+each-1)/each, runtime.NumCPU()/4, 1)
}

// sources is how many addresses the clients of a load come from.
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

// shareOf is the part of a turn that a worker has.
func (p *Plan) shareOf(s *Site, step *Step, worker int, seed uint64) share {
	all := p.Processes
	part := func(n int) int { return (n + all - 1 - worker) / all }
	b := p.Scenario
	b.Idle, b.SlowReaders, b.SlowSenders = part(b.Idle), part(b.SlowReaders), part(b.SlowSenders)
	return share{
		Site: *s, Scenario: b, Prefix: s.prefix(p.Prefix), Seed: seed,
		Clients: part(step.Clients), First: worker, Stride: all,
		Rate: step.Rate, Sources: p.sources(s, step.Clients),
		Timeout: p.Timeout, Ramp: p.Ramp,
	}
}
