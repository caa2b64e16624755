package bench

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Scenario is what clients do to a server, whatever their number or rate.
type Scenario struct {
	// Name is what it is called.
	Name string
	// Gets, Puts and Lists are weights: of their sum so many transfers get a file, put one, and
	// list the folder. A get takes back what its client put before it, or else one of Files.
	Gets, Puts, Lists int
	// Sizes are the sizes of files.
	Sizes Sizes
	// Files is how many files lie there to be got by all clients. 0 means one for each size, or
	// filesDefault of a distribution.
	Files int
	// Names is how many names each client puts to in turn. 0 means one, so that each put but
	// the first replaces a file.
	Names int
	// Churn makes each transfer in a session of its own: a transfer's latency counts from the
	// begin of its connect.
	Churn bool
	// Storm makes sessions and ends them, and nothing else: weights and Sizes do not count.
	Storm bool
	// Idle is how many sessions stand beside the load and do nothing.
	Idle int
	// SlowReaders and SlowSenders get and put a file of SlowSize bytes beside the load, each
	// SlowRate bytes a second. They are in no figure but errors.
	SlowReaders, SlowSenders int
	SlowRate, SlowSize       int64
}

const (
	filesDefault    = 100
	slowRateDefault = 1 << 10
	// slowSizeDefault is more than the kernel's buffers take in between: a file that fits them has
	// left the server before its client has read a word.
	slowSizeDefault = 16 << 20
)

// scenarios are those that have a name, in the order in which help shows them.
var scenarios = []struct {
	about string
	Scenario
}{
	{"4 gets to each put; 1 KiB, 4 KiB, 64 KiB and 1 MiB in turn", Scenario{
		Name: "mixed", Gets: 4, Puts: 1, Sizes: listed(1<<10, 4<<10, 64<<10, 1<<20),
	}},
	{"gets of 4 KiB: what a transfer costs", Scenario{
		Name: "get", Gets: 1, Sizes: listed(4 << 10),
	}},
	{"puts of 4 KiB", Scenario{Name: "put", Puts: 1, Sizes: listed(4 << 10)}},
	{"listings of a folder of 100 files", Scenario{
		Name: "ls", Lists: 1, Sizes: listed(1 << 10), Files: 100,
	}},
	{"puts and gets of 1 to 16 KiB under 100 names a client", Scenario{
		Name: "small", Gets: 1, Puts: 1, Names: 100, Files: 1000,
		Sizes: Sizes{Median: 4 << 10, Sigma: 1, Max: 16 << 10},
	}},
	{"gets of one file of 1 GiB: what a gigabyte costs", Scenario{
		Name: "huge", Gets: 1, Sizes: listed(1 << 30),
	}},
	{"4 gets to each put, of sizes as on a disk: log-normal about 64 KiB", Scenario{
		Name: "disk", Gets: 4, Puts: 1, Sizes: Sizes{Median: 64 << 10, Sigma: 2, Max: 64 << 20},
	}},
	{"gets of 4 KiB, each in a session of its own", Scenario{
		Name: "churn", Gets: 1, Sizes: listed(4 << 10), Churn: true,
	}},
	{"sessions that are opened and ended, without a transfer", Scenario{
		Name: "storm", Storm: true, Sizes: listed(1 << 10),
	}},
	{"gets of 4 KiB beside 1,000 sessions that do nothing", Scenario{
		Name: "idle", Gets: 1, Sizes: listed(4 << 10), Idle: 1000,
	}},
	{"gets of 4 KiB beside 50 readers and 50 senders of 1 KiB a second", Scenario{
		Name: "slow", Gets: 1, Sizes: listed(4 << 10), SlowReaders: 50, SlowSenders: 50,
	}},
}

func listed(sizes ...int64) Sizes { return Sizes{List: sizes} }

// ScenarioOf gives the scenario of a name.
func ScenarioOf(name string) (Scenario, error) {
	for _, s := range scenarios {
		if s.Name == name {
			return s.Scenario, nil
		}
	}
	names := make([]string, len(scenarios))
	for i, s := range scenarios {
		names[i] = s.Name
	}
	return Scenario{}, fmt.Errorf("no scenario %q; there are %s", name, strings.Join(names, ", "))
}

// ScenarioNames gives each scenario's name and what it does, in the order in which they are shown.
func ScenarioNames() (names, abouts []string) {
	for _, s := range scenarios {
		names, abouts = append(names, s.Name), append(abouts, s.about)
	}
	return names, abouts
}

// Validate returns every fault at once.
func (s *Scenario) Validate() error {
	var faults []error
	fault := func(wrong bool, text string) {
		if wrong {
			faults = append(faults, errors.New(text))
		}
	}
	if err := s.Sizes.validate(); err != nil {
		faults = append(faults, err)
	}
	fault(s.Gets < 0 || s.Puts < 0 || s.Lists < 0, "a negative weight")
	fault(!s.Storm && s.Gets+s.Puts+s.Lists == 0, "neither gets nor puts nor listings")
	fault(s.Storm && s.Churn, "a storm has no transfers to be made in sessions of their own")
	fault(s.Files < 0, "a negative number of files")
	fault(s.Names < 0, "a negative number of names")
	fault(s.Idle < 0, "a negative number of idle sessions")
	fault(s.SlowReaders < 0 || s.SlowSenders < 0, "a negative number of slow clients")
	fault(s.SlowRate < 0, "a negative rate of slow clients")
	fault(s.SlowSize < 0, "a negative size for slow clients")
	return errors.Join(faults...)
}

// filled is s with its zero values replaced by what they mean.
func (s Scenario) filled() Scenario {
	if s.SlowRate == 0 {
		s.SlowRate = slowRateDefault
	}
	if s.SlowSize == 0 {
		s.SlowSize = slowSizeDefault
	}
	s.Files, s.Names = s.files(), s.names()
	return s
}

func (s *Scenario) files() int {
	switch {
	case s.Files > 0:
		return s.Files
	case len(s.Sizes.List) > 0:
		return len(s.Sizes.List)
	default:
		return filesDefault
	}
}

func (s *Scenario) names() int { return max(s.Names, 1) }

// Settings are what decides whether two runs can be compared, in the flags' words.
func (s *Scenario) Settings() map[string]string {
	settings := map[string]string{
		"size":  s.Sizes.String(),
		"files": strconv.Itoa(s.files()),
		"names": strconv.Itoa(s.names()),
		"mix":   s.Mix(),
	}
	for name, n := range map[string]int{
		"slow-readers": s.SlowReaders, "slow-senders": s.SlowSenders,
	} {
		if n > 0 {
			settings[name] = strconv.Itoa(n)
			settings["slow-rate"] = strconv.FormatInt(s.SlowRate, 10)
			settings["slow-size"] = sizeText(s.SlowSize)
		}
	}
	if s.Churn {
		settings["churn"] = "true"
	}
	return settings
}

// Mix is the weights in a few words.
func (s *Scenario) Mix() string {
	if s.Storm {
		return "connects alone"
	}
	return fmt.Sprintf("%d get : %d put : %d ls", s.Gets, s.Puts, s.Lists)
}
