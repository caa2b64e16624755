package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/perf/benchfmt"
)

// goFigures are the figures in the Go benchmark format, each with its unit there.
var goFigures = [][2]string{
	{"transfers/s", "transfers/s"},
	{"bytes/s", "B/s"},
	{"mean", "mean-sec"},
	{"p50", "p50-sec"},
	{"p90", "p90-sec"},
	{"p99", "p99-sec"},
	{"p99.9", "p99.9-sec"},
	{"max", "max-sec"},
	{"errors", "errors"},
	{"missed", "missed-starts"},
	{"lag.p99", "lag-p99-sec"},
	{"server-cpu/transfer", "server-cpu-sec/transfer"},
	{"server-cpu/GB", "server-cpu-sec/GB"},
	{"server-pss", "server-pss-B"},
	{"server-descriptors", "server-descriptors"},
	{"server-threads", "server-threads"},
	{"own-cpu/transfer", "own-cpu-sec/transfer"},
}

// WriteGoFormat writes the result in the format of Go's benchmarks, a line for each turn that has
// transfers, for benchstat.
func (r *Result) WriteGoFormat(w io.Writer) error {
	out, rows := benchfmt.NewWriter(w), rowsOf([]NamedResult{{Result: r}})
	for _, g := range goFigures {
		unit := g[1]
		meta := benchfmt.UnitMetadata{
			UnitMetadataKey: benchfmt.UnitMetadataKey{Unit: unit, Key: "better"},
			OrigUnit:        unit, Value: "lower",
		}
		switch mustFigure(g[0]).better {
		case betterNeither:
			continue
		case betterMore:
			meta.Value = "higher"
		default:
		}
		if err := out.Write(&meta); err != nil {
			return err
		}
	}
	config := r.goConfig()
	for _, row := range rows {
		for _, turn := range row.step.Turns {
			line := benchfmt.Result{Config: config, Iters: int(turn.jobs().Count)}
			if line.Iters == 0 {
				continue // the format has no iteration of 0
			}
			line.Name = row.goName(r.Machine.Processors)
			for _, g := range goFigures {
				if value, known := mustFigure(g[0]).of(turn); known {
					value, _ = strconv.ParseFloat(fmt.Sprintf("%.6g", value), 64)
					line.Values = append(line.Values,
						benchfmt.Value{Value: value, Unit: g[1]})
				}
			}
			if err := out.Write(&line); err != nil {
				return err
			}
		}
	}
	return nil
}

// goName is as Transfers/target=ferryd/proto=base/clients=100-2. The number at the end is always
// there, since the format takes one for the number of processors.
func (r *row) goName(processors int) benchfmt.Name {
	name := fmt.Sprintf("Transfers/target=%s/proto=%s/clients=%d", goWord(r.name),
		goWord(r.target.Proto), r.step.Clients)
	if r.step.Rate > 0 {
		name += fmt.Sprintf("/rate=%g", r.step.Rate)
	}
	if r.step.Idle > 0 {
		name += fmt.Sprintf("/idle=%d", r.step.Idle)
	}
	return benchfmt.Name(fmt.Sprintf("%s-%d", name, processors))
}

// goConfig is what holds for all lines.
func (r *Result) goConfig() (config []benchfmt.Config) {
	goos, goarch, _ := strings.Cut(r.Machine.System, "/")
	pairs := [][2]string{
		{"goos", goos},
		{"goarch", goarch},
		{"pkg", "ferry/bench"},
		{"cpu", r.Machine.Processor},
		{"scenario", r.Scenario},
	}
	for _, name := range slices.Sorted(maps.Keys(r.Settings)) {
		pairs = append(pairs, [2]string{
			"scenario-" + strings.ToLower(goWord(name)),
			r.Settings[name],
		})
	}
	for _, p := range pairs {
		if value := strings.TrimSpace(plain(p[1])); value != "" {
			config = append(config, benchfmt.Config{Key: p[0], Value: []byte(value), File: true})
		}
	}
	return config
}

// goWord replaces what a part of a benchmark's name or a key cannot hold.
func goWord(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune("/=:", r) {
			return '_'
		}
		return r
	}, text)
}
