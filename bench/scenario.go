package bench

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
)

// Scenario is what clients do, whatever their number or rate.
type Scenario struct {
	Name string
	// Gets, Puts and Lists are weights: the shares of transfers that get a file, put one or list
	// the folder. A get fetches what its client put before, or else one of Files.
	Gets, Puts, Lists int
	Sizes             Sizes
	Files             int  // for all clients to get; 0: one for each size, or filesDefault
	Names             int  // that each client puts to in turn; 0 means one
	Churn             bool // each transfer in a session of its own, connect included
	Storm             bool // only open and end sessions: weights and Sizes do not count
	Idle              int  // further sessions that do nothing
	// SlowReaders and SlowSenders get and put a file of SlowSize bytes at SlowRate bytes a second,
	// in addition to the load. They are in no figure except errors.
	SlowReaders, SlowSenders int
	SlowRate, SlowSize       int64
}

const (
	filesDefault    = 100
	slowRateDefault = 1 << 10
	// slowSizeDefault exceeds the kernel's buffers: a smaller file has left the server before its
	// client reads a byte.
	slowSizeDefault = 16 << 20
)

// scenarios are the named ones, in the order of help.
var scenarios = []struct {
	about string
	Scenario
}{
	{"4 gets to each put; 1 KiB, 4 KiB, 64 KiB and 1 MiB in turn", Scenario{
		Name: "mixed", Gets: 4, Puts: 1, Sizes: listed(1<<10, 4<<10, 64<<10, 1<<20),
	}},
	{"gets of 4 KiB: the cost of a transfer", Scenario{
		Name: "get", Gets: 1, Sizes: listed(4 << 10),
	}},
	{"puts of 4 KiB", Scenario{Name: "put", Puts: 1, Sizes: listed(4 << 10)}},
	{"listings of a folder of 100 files", Scenario{
		Name: "ls", Lists: 1, Sizes: listed(1 << 10), Files: 100,
	}},
	{"puts and gets of 1 to 16 KiB under 100 names for each client", Scenario{
		Name: "small", Gets: 1, Puts: 1, Names: 100, Files: 1000,
		Sizes: Sizes{Median: 4 << 10, Sigma: 1, Max: 16 << 10},
	}},
	{"gets of one file of 1 GiB: the cost of a gigabyte", Scenario{
		Name: "huge", Gets: 1, Sizes: listed(1 << 30),
	}},
	{"4 gets to each put, of sizes as on a disk: log-normal around 64 KiB", Scenario{
		Name: "disk", Gets: 4, Puts: 1, Sizes: Sizes{Median: 64 << 10, Sigma: 2, Max: 64 << 20},
	}},
	{"gets of 4 KiB, each in a session of its own", Scenario{
		Name: "churn", Gets: 1, Sizes: listed(4 << 10), Churn: true,
	}},
	{"sessions that open and end without a transfer", Scenario{
		Name: "storm", Storm: true, Sizes: listed(1 << 10),
	}},
	{"gets of 4 KiB while 1,000 further sessions are idle", Scenario{
		Name: "idle", Gets: 1, Sizes: listed(4 << 10), Idle: 1000,
	}},
	{"gets of 4 KiB while 50 clients read and 50 send 1 KiB a second", Scenario{
		Name: "slow", Gets: 1, Sizes: listed(4 << 10), SlowReaders: 50, SlowSenders: 50,
	}},
}

func listed(sizes ...int64) Sizes { return Sizes{List: sizes} }

// Scenarios are the scenarios that have a name, in the order of help.
func Scenarios() []Named {
	var all []Named
	for _, s := range scenarios {
		all = append(all, Named{s.Name, s.about})
	}
	return all
}

// ScenarioOf returns the scenario of a name.
func ScenarioOf(name string) (Scenario, error) {
	for _, s := range scenarios {
		if s.Name == name {
			return s.Scenario, nil
		}
	}
	return Scenario{}, fmt.Errorf("no scenario %q; there are %s", name, nameList(Scenarios()))
}

// Validate returns every fault at once.
func (s *Scenario) Validate() error {
	faults := []error{s.Sizes.validate()}
	if min(s.Gets, s.Puts, s.Lists, s.Files, s.Names, s.Idle, s.SlowReaders, s.SlowSenders) < 0 ||
		min(s.SlowRate, s.SlowSize) < 0 {
		faults = append(faults, errors.New("a negative weight or number in the scenario"))
	}
	if !s.Storm && s.Gets+s.Puts+s.Lists == 0 {
		faults = append(faults, errors.New("neither gets nor puts nor listings"))
	}
	if s.Storm && s.Churn {
		faults = append(faults, errors.New("a storm makes no transfers, so it cannot churn"))
	}
	return errors.Join(faults...)
}

// withDefaults is s with zero values replaced by what they mean.
func (s Scenario) withDefaults() Scenario {
	s.SlowRate = cmp.Or(s.SlowRate, slowRateDefault)
	s.SlowSize = cmp.Or(s.SlowSize, slowSizeDefault)
	s.Files = cmp.Or(s.Files, len(s.Sizes.List), filesDefault)
	s.Names = max(s.Names, 1)
	return s
}

// Settings are what decides whether two runs can be compared, in the words of the flags.
func (s Scenario) Settings() map[string]string {
	s = s.withDefaults()
	settings := map[string]string{
		"size":  s.Sizes.String(),
		"files": strconv.Itoa(s.Files),
		"names": strconv.Itoa(s.Names),
		"mix":   fmt.Sprintf("%d get : %d put : %d ls", s.Gets, s.Puts, s.Lists),
	}
	if s.Storm {
		settings["mix"] = "connects alone"
	}
	if s.SlowReaders+s.SlowSenders > 0 {
		settings["slow"] = fmt.Sprintf("%d readers, %d senders at %d bytes/s", s.SlowReaders,
			s.SlowSenders, s.SlowRate)
	}
	if s.Churn {
		settings["churn"] = "true"
	}
	return settings
}
