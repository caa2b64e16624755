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

// goFigures are those of the Go benchmark format, each with its unit there. The format's own units
// are of base sizes; a name before a unit tells figures of one unit from each other.
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

// WriteGoFormat writes the result in the format of Go's benchmarks, a line for each turn, so that
// benchstat and its kin read it. A figure that a turn does not have is left out of its line, and a
// turn without a transfer out of all, since the format has no iteration of 0. A storm's connects
// stand in the place of transfers, under their name.
func (r *Result) WriteGoFormat(w io.Writer) error {
	out, storm := benchfmt.NewWriter(w), isStorm(r.rows())
	for _, g := range goFigures {
		f, err := figureNamed(g.figure)
		if err != nil {
			return err
		}
		if f.better == betterNeither {
			continue
		}
		better := "lower"
		if f.better == betterMore {
			better = "higher"
		}
		unit := g.unit
		if storm {
			unit = stormWords(unit)
		}
		if err := out.Write(&benchfmt.UnitMetadata{
			UnitMetadataKey: benchfmt.UnitMetadataKey{Unit: unit, Key: "better"},
			OrigUnit:        unit, Value: better,
		}); err != nil {
			return err
		}
	}
	config := r.goConfig()
	for _, target := range r.Targets {
		for _, step := range target.Steps {
			for _, turn := range step.Turns {
				line := r.goLine(target, step, turn)
				if line == nil {
					continue
				}
				line.Config = config
				if err := out.Write(line); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// goLine is a turn's line, or nil.
func (r *Result) goLine(target *Target, step *Step, turn *Turn) *benchfmt.Result {
	v := newView(turn)
	if v.all.Count == 0 {
		return nil
	}
	line := &benchfmt.Result{Name: r.goName(target, step), Iters: int(v.all.Count)}
	for _, g := range goFigures {
		f, err := figureNamed(g.figure)
		if err != nil {
			panic(err) // the names stand in this package
		}
		unit := g.unit
		if turn.storm() {
			unit = stormWords(unit)
		}
		if value, known := f.of(v); known {
			line.Values = append(line.Values, benchfmt.Value{
				Value: sixDigits(value), Unit: unit,
			})
		}
	}
	if turn.storm() {
		line.Name = benchfmt.Name(strings.Replace(string(line.Name), "Transfers", "Connects", 1))
	}
	return line
}

// sixDigits rounds a figure: more digits were not measured, and make lines unreadable.
func sixDigits(value float64) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(value, 'g', 6, 64), 64)
	if err != nil {
		return value
	}
	return rounded
}

// goName is as Transfers/target=ferryd/proto=base/clients=100-2.
func (r *Result) goName(target *Target, step *Step) benchfmt.Name {
	parts := []string{
		"Transfers", "target=" + goWord(target.Name), "proto=" + goWord(target.Proto),
		"clients=" + strconv.Itoa(step.Clients),
	}
	if step.Rate > 0 {
		parts = append(parts, "rate="+strconv.FormatFloat(step.Rate, 'g', -1, 64))
	}
	if step.Idle > 0 {
		parts = append(parts, "idle="+strconv.Itoa(step.Idle))
	}
	// The format takes a number behind the last dash for the processors' number, so one is
	// always there: a target may be called x-2.
	return benchfmt.Name(fmt.Sprintf("%s-%d", strings.Join(parts, "/"), r.Machine.Processors))
}

// goConfig is what holds for all lines.
func (r *Result) goConfig() []benchfmt.Config {
	goos, goarch, _ := strings.Cut(r.Machine.System, "/")
	var config []benchfmt.Config
	add := func(key, value string) {
		if value = goLineText(value); value != "" {
			config = append(config, benchfmt.Config{Key: key, Value: []byte(value), File: true})
		}
	}
	add("goos", goos)
	add("goarch", goarch)
	add("pkg", "ferry/bench")
	add("cpu", r.Machine.Processor)
	add("scenario", r.Scenario)
	for _, name := range slices.Sorted(maps.Keys(r.Settings)) {
		add("scenario-"+goKey(name), r.Settings[name])
	}
	return config
}

// goWord makes text fit for a part of a benchmark's name: no space, and none of the signs that
// divide a name.
func goWord(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || r == '/' || r == '=' {
			return '_'
		}
		return r
	}, text)
}

// goKey makes text fit for a key: lower case, without space or colon.
func goKey(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || r == ':' {
			return '_'
		}
		return unicode.ToLower(r)
	}, text)
}

// goLineText makes text fit for a configuration's value: one line.
func goLineText(text string) string { return strings.TrimSpace(plain(text)) }
