package bench

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
)

// WriteGoFormat writes the result in the format of Go's benchmarks, a line for each turn that has
// transfers, for benchstat. Figures that are neither good nor bad are left out.
func (r *Result) WriteGoFormat(w io.Writer) error {
	var b strings.Builder
	goos, goarch, _ := strings.Cut(r.Machine.System, "/")
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\npkg: ferry/bench\ncpu: %s\nscenario: %s\n", goos, goarch,
		plain(r.Machine.Processor), plain(r.Scenario))
	for _, name := range slices.Sorted(maps.Keys(r.Settings)) {
		fmt.Fprintf(&b, "scenario-%s: %s\n", strings.ToLower(goWord(name)),
			strings.TrimSpace(plain(r.Settings[name])))
	}
	figures := slices.DeleteFunc(slices.Clone(allFigures), func(f figure) bool {
		return f.better == neither
	})
	for _, f := range figures {
		fmt.Fprintf(&b, "Unit %s better=%s\n", f.goUnit(),
			map[better]string{lower: "lower", higher: "higher"}[f.better])
	}
	for _, row := range r.rows() {
		for i, turn := range row.step.Turns {
			n := row.jobs[i].Count
			if n == 0 {
				continue // the format has no iteration of 0
			}
			fmt.Fprintf(&b, "Benchmark%s-%d %d", row.goName(), r.Machine.Processors, n)
			for _, f := range figures {
				if value := f.value(turn, row.jobs[i]); !math.IsNaN(value) {
					fmt.Fprintf(&b, " %.6g %s", value, f.goUnit())
				}
			}
			b.WriteByte('\n')
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// goUnit is the figure's name with its unit, such as p99-sec or server-cpu-sec/transfer.
func (f figure) goUnit() string {
	name, per, slash := strings.Cut(f.name, "/")
	switch f.unit {
	case unitSpeed:
		return "B/s"
	case unitSeconds:
		name += "-sec"
	case unitBytes:
		name += "-B"
	default:
	}
	if slash {
		name += "/" + per
	}
	return name
}

// goName is such as Transfers/target=ferryd/proto=base/clients=100.
func (r *row) goName() string {
	name := fmt.Sprintf("Transfers/target=%s/proto=%s/clients=%d", goWord(r.target.Name),
		goWord(r.target.Proto), r.step.Clients)
	if r.step.Rate > 0 {
		name += fmt.Sprintf("/rate=%g", r.step.Rate)
	}
	return name
}

// goWord replaces what a part of a benchmark's name or a key cannot hold.
func goWord(text string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || strings.ContainsRune("/=:\u0085\u00a0", r) {
			return '_'
		}
		return r
	}, plain(text))
}
