package bench

import (
	"cmp"
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
	Clients  []int     // the loads, as numbers of sessions, one after the other
	// Rates make the loop open, with that many starts a second: a load for each of them and each of
	// Clients. Empty means a closed loop, in which each client is as fast as it can be.
	Rates     []float64
	Turns     int           // measurements of each load; 0 means one
	Duration  time.Duration // how long jobs start in a turn; 0 means until Transfers
	WarmUp    time.Duration // before each turn
	Transfers int64         // the most jobs of a turn; 0 means no limit
	// Sources is how many addresses from 127.0.0.1 on clients use. 0 means one for every
	// sourceClients on a loopback server, and the system's choice elsewhere.
	Sources   int
	Timeout   time.Duration // for an answer or the next byte; 0 means 30 s
	ErrorsMax int64         // more end a turn; 0 means no limit
	Prefix    string        // of the names of stored files; empty means a random one
	Loops     int           // event loops that drive clients; 0 means one for four processors
	Command   []string      // the command line, for the result
}

// OwnServer is a ferryd that a run starts and stops.
type OwnServer struct {
	Start     bool     // there is one; it is the first server of the run
	Proto     string   // base or status; empty means base
	Program   string   // empty means the ferryd that FindServer finds
	Arguments []string // added to its command line
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
	fault(slices.ContainsFunc(p.Rates, func(r float64) bool { return !(r > 0 && r <= 1e6) }),
		"a rate must be above 0 and at most 1,000,000")
	fault(repeats(p.Clients) || repeats(p.Rates), "the same load twice")
	fault(min(p.Duration, p.WarmUp, p.Timeout) < 0, "a negative duration")
	fault(min(int64(min(p.Turns, p.Sources, p.Loops)), p.Transfers, p.ErrorsMax) < 0,
		"a negative number")
	need := 2*slices.Max(append(p.Clients, 0)) + p.Scenario.Idle + spareDescriptors
	fault(need > descriptorsMax(), fmt.Sprintf("the clients need %d descriptors, but this process "+
		"may open only %d (ulimit -n)", need, descriptorsMax()))
	fault(p.Duration == 0 && p.Transfers == 0, "neither a duration nor a number of transfers")
	fault(p.Duration == 0 && len(p.Rates) > 0, "a rate needs a duration")
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
	p.Timeout = cmp.Or(p.Timeout, timeoutDefault)
	p.Prefix = cmp.Or(p.Prefix, fmt.Sprintf("bench-%08x-", rand.Uint32()))
	p.Own.Proto = cmp.Or(p.Own.Proto, ProtoBase)
	p.Turns = max(p.Turns, 1)
	p.Loops = cmp.Or(p.Loops, max(runtime.NumCPU()/4, 1))
	return p
}

// sources is how many addresses the clients of a load come from.
func (p *Plan) sources(s *Site, clients int) int {
	if !s.loopback() {
		return 0
	}
	return cmp.Or(p.Sources, (clients+sourceClients-1)/sourceClients)
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
			steps = append(steps, Step{Clients: clients, Rate: rate})
		}
	}
	return steps
}

// share is a loop's part of a turn.
type share struct {
	Site     Site
	Scenario Scenario
	Seed     uint64 // of every random choice in the turn
	// Clients is how many make transfers. Client i of the share is number First+i*Stride of all.
	Clients, First, Stride int
	Rate                   float64       // of all shares together, 0 in a closed loop
	Sources                int           // addresses of clients, 0 for the system's choice
	Timeout                time.Duration // for an answer or the next byte
}

// shareOf is the part of a turn that a loop has.
func (p *Plan) shareOf(s *Site, step *Step, loop int, seed uint64) share {
	part := func(n int) int { return (n + p.Loops - 1 - loop) / p.Loops }
	b := p.Scenario
	b.Idle = part(b.Idle)
	return share{
		Site: *s, Scenario: b, Seed: seed, Clients: part(step.Clients), First: loop,
		Stride: p.Loops, Rate: step.Rate, Sources: p.sources(s, step.Clients), Timeout: p.Timeout,
	}
}
