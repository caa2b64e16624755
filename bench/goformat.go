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
var goFigures = []struct{ figure, unit string }{
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
// transfers, for benchstat. A storm's connects take the place of transfers.
func (r *Result) WriteGoFormat(w io.Writer) error {
	out := benchfmt.NewWriter(w)
	rows := rowsOf([]NamedResult{{Result: r}})
	storm := isStorm(rows)
	for _, g := range goFigures {
		value := map[better]string{betterLess: "lower", betterMore: "higher"}[mustFigure(
			g.figure).better]
		if value == "" {
			continue
		}
		unit := inWords(g.unit, storm)
		if err := out.Write(&benchfmt.UnitMetadata{
			UnitMetadataKey: benchfmt.UnitMetadataKey{Unit: unit, Key: "better"},
			OrigUnit:        unit, Value: value,
		}); err != nil {
			return err
		}
	}
	config := r.goConfig()
	for _, row := range rows {
		for _, turn := range row.step.Turns {
			n := turn.jobs().Count
			if n == 0 {
				continue // the format has no iteration of 0
			}
			line := &benchfmt.Result{
				Name: row.goName(r.Machine.Processors), Iters: int(n), Config: config,
			}
			for _, g := range goFigures {
				if value, known := mustFigure(g.figure).of(turn); known {
					short, _ := strconv.ParseFloat(strconv.FormatFloat(value, 'g', 6, 64), 64)
					line.Values = append(line.Values, benchfmt.Value{
						Value: short, Unit: inWords(g.unit, turn.storm()),
					})
				}
			}
			if err := out.Write(line); err != nil {
				return err
			}
		}
	}
	return nil
}

// goName is as Transfers/target=ferryd/proto=base/clients=100-2. The number at the end is always
// there, since the format takes one for the number of processors.
func (r *row) goName(processors int) benchfmt.Name {
	name := fmt.Sprintf("%s/target=%s/proto=%s/clients=%d", inWords("Transfers", r.merged.storm()),
		goWord(r.name), goWord(r.target.Proto), r.step.Clients)
	if r.step.Rate > 0 {
		name += "/rate=" + strconv.FormatFloat(r.step.Rate, 'g', -1, 64)
	}
	if r.step.Idle > 0 {
		name += "/idle=" + strconv.Itoa(r.step.Idle)
	}
	return benchfmt.Name(fmt.Sprintf("%s-%d", name, processors))
}

// goConfig is what holds for all lines.
func (r *Result) goConfig() []benchfmt.Config {
	goos, goarch, _ := strings.Cut(r.Machine.System, "/")
	var config []benchfmt.Config
	add := func(key, value string) {
		if value = strings.TrimSpace(plain(value)); value != "" {
			config = append(config, benchfmt.Config{Key: key, Value: []byte(value), File: true})
		}
	}
	add("goos", goos)
	add("goarch", goarch)
	add("pkg", "ferry/bench")
	add("cpu", r.Machine.Processor)
	add("scenario", r.Scenario)
	for _, name := range slices.Sorted(maps.Keys(r.Settings)) {
		add("scenario-"+strings.ToLower(goWord(name)), r.Settings[name])
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
