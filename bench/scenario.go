package bench

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"ferry/codec"
)

// Scenario is what clients do, regardless of their number or rate.
type Scenario struct {
	Name, About string
	// Gets, Puts and Lists are weights: the shares of transfers that get a file, put one or list
	// the folder. A get fetches what its client put before, or else one of Files.
	Gets, Puts, Lists int
	Sizes             []int64 // of files, in bytes, taken in turn
	Files             int     // for all clients to get; 0: one for each size
	Names             int     // that each client puts to in turn; 0 means one
	Churn             bool    // each transfer in a session of its own, connect included
	Storm             bool    // only open and end sessions: weights and Sizes do not count
	Idle              int     // further sessions that do nothing
}

// Scenarios are the named ones, in the order of help.
var Scenarios = []Scenario{
	{
		Name: "mixed", About: "4 gets to each put; 1 KiB, 4 KiB, 64 KiB and 1 MiB in turn",
		Gets: 4, Puts: 1, Sizes: []int64{1 << 10, 4 << 10, 64 << 10, 1 << 20},
	},
	{
		Name: "get", About: "gets of 4 KiB: the cost of a transfer",
		Gets: 1, Sizes: []int64{4 << 10},
	},
	{Name: "put", About: "puts of 4 KiB", Puts: 1, Sizes: []int64{4 << 10}},
	{
		Name: "ls", About: "listings of a folder of 100 files",
		Lists: 1, Sizes: []int64{1 << 10}, Files: 100,
	},
	{
		Name: "small", About: "puts and gets of 1 to 16 KiB under 100 names for each client",
		Gets: 1, Puts: 1, Names: 100, Files: 1000,
		Sizes: []int64{1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10},
	},
	{
		Name: "huge", About: "gets of one file of 1 GiB: the cost of a gigabyte",
		Gets: 1, Sizes: []int64{1 << 30},
	},
	{
		Name: "disk", About: "4 gets to each put; ten sizes from 2 KiB to 2 MiB, as on most disks",
		Gets: 4, Puts: 1, Files: 100, Sizes: []int64{
			2 << 10, 8 << 10, 16 << 10, 32 << 10, 48 << 10,
			80 << 10, 128 << 10, 256 << 10, 512 << 10, 2 << 20,
		},
	},
	{
		Name: "churn", About: "gets of 4 KiB, each in a session of its own",
		Gets: 1, Sizes: []int64{4 << 10}, Churn: true,
	},
	{
		Name: "storm", About: "sessions that open and end without a transfer",
		Storm: true, Sizes: []int64{1 << 10},
	},
	{
		Name: "idle", About: "gets of 4 KiB while 1,000 further sessions are idle",
		Gets: 1, Sizes: []int64{4 << 10}, Idle: 1000,
	},
}

// ScenarioOf returns the scenario of a name.
func ScenarioOf(name string) (Scenario, error) {
	for _, s := range Scenarios {
		if s.Name == name {
			return s, nil
		}
	}
	return Scenario{}, fmt.Errorf("no scenario is called %q; ferrybench help scenario lists them",
		name)
}

// Validate returns every fault at once.
func (s *Scenario) Validate() error {
	var faults []error
	if len(s.Sizes) == 0 || slices.Min(s.Sizes) < 0 || slices.Max(s.Sizes) > codec.FieldMax {
		faults = append(faults, fmt.Errorf("file sizes %v: want 0 to %d bytes", s.Sizes,
			int64(codec.FieldMax)))
	}
	if min(s.Gets, s.Puts, s.Lists, s.Files, s.Names, s.Idle) < 0 {
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
	s.Files = cmp.Or(s.Files, len(s.Sizes))
	s.Names = max(s.Names, 1)
	return s
}

// Settings are what decides whether two runs can be compared, in the words of the flags.
func (s Scenario) Settings() map[string]string {
	s = s.withDefaults()
	settings := map[string]string{
		"size":  sizesText(s.Sizes),
		"files": strconv.Itoa(s.Files),
		"names": strconv.Itoa(s.Names),
		"mix":   fmt.Sprintf("%d get : %d put : %d ls", s.Gets, s.Puts, s.Lists),
	}
	if s.Storm {
		settings["mix"] = "connects alone"
	}
	if s.Churn {
		settings["churn"] = "true"
	}
	if s.Idle > 0 {
		settings["idle"] = strconv.Itoa(s.Idle)
	}
	return settings
}

// ParseSizes reads 4096, 64KiB or 1MB, several separated by commas.
func ParseSizes(text string) (sizes []int64, err error) {
	for part := range strings.SplitSeq(text, ",") {
		n, err := humanize.ParseBytes(part)
		if err != nil || n > codec.FieldMax {
			return nil, fmt.Errorf("%q is not a number of B, KiB, MiB, GiB, kB or MB, or above %d",
				part, int64(codec.FieldMax))
		}
		sizes = append(sizes, int64(n))
	}
	return sizes, nil
}

// sizesText is the text that ParseSizes reads, with the largest units that divide the sizes.
func sizesText(sizes []int64) string {
	var texts []string
	for _, n := range sizes {
		unit := 0
		for ; unit < 3 && n > 0 && n%1024 == 0; unit++ {
			n /= 1024
		}
		texts = append(texts, strconv.FormatInt(n, 10)+[]string{"", "KiB", "MiB", "GiB"}[unit])
	}
	return strings.Join(texts, ",")
}
