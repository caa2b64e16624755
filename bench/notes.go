package bench

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// busyShare is the share of the processors from which on they count as fully busy.
	busyShare = 0.85
	// busyLoop is the share of the time with work from which on the harness is behind it.
	busyLoop = 0.95
	// othersShare is the share of the processors that other programs must use to be mentioned, if
	// all programs together use crowdedShare.
	othersShare  = 0.25
	crowdedShare = 0.7
	// lateShare is the share of the median latency from which on the harness's own p99 lag
	// disturbs it; lateMin is how precisely a system wakes a process.
	lateShare = 0.2
	lateMin   = time.Millisecond
	// tailCount is how many transfers must exceed a percentile for it to mean much.
	tailCount = 10
)

// note is a remark on a result. A loud one says that figures cannot be trusted.
type note struct {
	Text string
	Loud bool
}

// definition names how the figures of several turns are combined.
const definition = "Each figure is the median over the turns; counts are sums, and max is the " +
	"longest of all turns."

// notes say what the figures mean and when not to trust them.
func (r *Result) notes(rows []*row) []note {
	if len(rows) == 0 {
		return nil
	}
	turns, seconds := 0, 0.0
	for _, row := range rows {
		turns += len(row.step.Turns)
		seconds += row.merged.Seconds
	}
	about := fmt.Sprintf("Scenario %s, %s of %s on average, without warm-up", plain(r.Scenario),
		plural(int64(turns), "turn"), showSeconds(seconds/float64(turns)))
	if len(r.Targets) > 1 {
		about += "; the targets' turns alternate"
	}
	all := []note{{Text: about + ". " + definition}, {Text: latencyNote(rows)}}
	if text := tailNote(rows); text != "" {
		all = append(all, note{Text: text})
	}
	has := func(is func(*row) bool) bool { return slices.ContainsFunc(rows, is) }
	if has(func(r *row) bool { return len(r.step.Turns) >= intervalTurnsMin }) {
		all = append(all, note{Text: "± is the interval of the rate's median at 95% confidence."})
	}
	if has(func(r *row) bool { return r.merged.Server != nil }) {
		all = append(all, note{Text: "CPUs are processors kept busy; PSS is memory, shared pages " +
			"divided among those who share them. The server's, unless marked as own or others'."})
	}
	for _, row := range rows {
		if n := row.merged.Missed; n > 0 {
			all = append(all, note{Text: fmt.Sprintf("%s%s of about %s planned never came: no "+
				"client was idle. Latencies would be higher with them; take more clients or a "+
				"lower rate.", row.where(rows), plural(n, "start"),
				showDigits(row.step.Rate*row.merged.Seconds))})
		}
	}
	return append(all, r.limitNotes(rows)...)
}

// where names the row before a remark, if there are several, or several results.
func (r *row) where(rows []*row) string {
	if len(rows) == 1 && r.name == r.target.Name {
		return ""
	}
	return fmt.Sprintf("%s, %s: ", plain(r.name), r.load())
}

func latencyNote(rows []*row) string {
	switch {
	case rows[0].merged.storm():
		return "Connects count as transfers. Latency is the time from the connect to the end of " +
			"its session."
	case slices.ContainsFunc(rows, func(r *row) bool { return r.step.Rate > 0 }):
		return "With a rate, latency is the time from the planned start to the end of the " +
			"transfer, so a pause of the server counts for every transfer that had to wait; " +
			"otherwise it is the time from the command."
	default:
		return "Latency is the time from the command to the end of its transfer; a client starts " +
			"the next one then, so a pause of the server delays few of them and is hidden from " +
			"percentiles (a rate shows it)."
	}
}

// tailNote names the percentiles that are rough estimates where the turns have fewest jobs.
func tailNote(rows []*row) string {
	perTurn := func(r *row) int64 { return r.merged.jobs().Count / int64(len(r.step.Turns)) }
	fewest := slices.MinFunc(rows, func(a, b *row) int {
		return cmp.Compare(perTurn(a), perTurn(b))
	})
	n, name := perTurn(fewest), "p99.9"
	switch {
	case n == 0 || n >= 1000*tailCount:
		return ""
	case n < 100*tailCount:
		name = "p99"
	}
	return fmt.Sprintf("%sA turn has about %s, of which fewer than %d exceed the %s: it is a "+
		"rough estimate.", fewest.where(rows),
		plural(n, "transfer"), tailCount, name)
}

// limitNotes says each limit once, at the first row that met it.
func (r *Result) limitNotes(rows []*row) []note {
	var all []note
	met := map[string]int{} // the place of a limit's note, by its first words
	more := map[string]int64{}
	for _, row := range rows {
		for _, n := range r.Machine.limits(row.merged) {
			words, _, _ := strings.Cut(n.Text, ":")
			if _, seen := met[words]; seen {
				more[words]++
				continue
			}
			met[words] = len(all)
			n.Text = row.where(rows) + n.Text
			all = append(all, n)
		}
	}
	for words, n := range more {
		all[met[words]].Text += fmt.Sprintf(" The same holds for %s of the table.",
			plural(n, "other line"))
	}
	return all
}

// limits says when the harness or the machine was the limit, not the server.
func (m Machine) limits(t *Turn) []note {
	if t.Own == nil || t.Seconds == 0 || m.Processors == 0 {
		return nil
	}
	var all []note
	add := func(loud bool, format string, args ...any) {
		all = append(all, note{fmt.Sprintf(format, args...), loud})
	}
	processors, total := float64(m.Processors), plural(int64(m.Processors), "processor")
	others, known := othersCPU(t)
	busy := t.AllCPU / t.wall()
	disturbed := known && others >= othersShare*processors && busy >= crowdedShare*processors
	own, server := t.Own.CPU/t.wall(), 0.0
	if t.Server != nil {
		server = t.Server.CPU / t.wall()
	}
	enough := busyShare * processors
	full := own+server >= enough || !disturbed && busy >= enough
	switch {
	case own >= enough:
		add(true, "THE HARNESS WAS THE LIMIT: it kept %.2f of %s busy itself. The server may do "+
			"more.", own, total)
	case t.Busy >= busyLoop:
		add(true, "THE HARNESS WAS THE LIMIT: its processes had work for %.0f%% of the time, so "+
			"answers waited for them. The server may do more.", 100*t.Busy)
	case full && t.Server == nil:
		add(true, "THE MACHINE WAS THE LIMIT: all programs kept %.2f of %s busy, the harness %.2f "+
			"of them. The server's share is not known (--server-pid shows it).", busy, total, own)
	case full && own >= server:
		add(true, "THE MACHINE WAS THE LIMIT, and the harness used more of it than the server: "+
			"%.2f of %s, the server %.2f. The server may do more on a machine of its own.", own,
			total, server)
	case full:
		add(false, "The machine was the limit: the server kept %.2f of %s busy, the harness %.2f.",
			server, total, own)
	}
	if disturbed {
		add(true, "THE MACHINE WAS BUSY WITH OTHER THINGS: other programs kept %.2f of %s busy. "+
			"The figures would be better without them.", others, total)
	}
	if t.Lag != nil && t.Lag.Count() > 0 {
		lag, median := t.Lag.Percentile(99), t.jobs().Latency.Percentile(50)
		if lag >= lateMin.Microseconds() && float64(lag) >= lateShare*float64(median) {
			add(true, "THE HARNESS WAS LATE: 1%% of the starts came %s or more after their time "+
				"though a client was idle (median latency: %s). Part of the latency is its own.",
				showSeconds(float64(lag)/1e6), showSeconds(float64(median)/1e6))
		}
	}
	return all
}
