package bench

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// busyShare is the share of the processors from which they count as fully busy.
	busyShare = 0.85
	// busyLoop is the share of the time with work from which the harness is the limit.
	busyLoop = 0.95
	// A p99 lag of the harness disturbs if it exceeds lateMin and lateShare of the median latency.
	lateShare = 0.2
	lateMin   = time.Millisecond
)

// note is a remark on a result. A loud one says that figures cannot be trusted.
type note struct {
	Text string
	Loud bool
}

// definition says how the figures of several turns are combined.
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
	about := fmt.Sprintf("Scenario %s, %s of %s on average, without warm-up. ", plain(r.Scenario),
		plural(int64(turns), "turn"), showSeconds(seconds/float64(turns)))
	has := func(is func(*row) bool) bool { return slices.ContainsFunc(rows, is) }
	latency := "Latency is the time from the command to the end of its transfer; a client starts " +
		"the next one then, so a pause of the server is hidden from percentiles (a rate shows it)."
	switch {
	case rows[0].merged.storm():
		latency = "Connects count as transfers. Latency is the time from the connect to the end " +
			"of its session."
	case has(func(r *row) bool { return r.step.Rate > 0 }):
		latency = "With a rate, latency is the time from the planned start to the end of the " +
			"transfer, so a pause of the server counts for every transfer that had to wait."
	}
	all := []note{{Text: about + definition}, {Text: latency}}
	if has(func(r *row) bool { return len(r.step.Turns) >= intervalTurnsMin }) {
		all = append(all, note{Text: "± is the interval of the rate's median at 95% confidence."})
	}
	for _, row := range rows {
		where := ""
		if len(rows) > 1 || row.name != plain(row.target.Name) {
			where = row.where() + ": "
		}
		if n := row.merged.Missed; n > 0 {
			all = append(all, note{Text: fmt.Sprintf("%s%s of about %s planned never came: no "+
				"client was idle. Latencies would be higher with them; take more clients or a "+
				"lower rate.", where, plural(n, "start"),
				showDigits(row.step.Rate*row.merged.Seconds))})
		}
		if n := r.Machine.limit(row.merged); n.Text != "" {
			all = append(all, note{where + n.Text, n.Loud})
		}
	}
	return all
}

// limit says when the harness or the machine was the limit, not the server.
func (m Machine) limit(t *Turn) note {
	if t.Own == nil || t.Seconds == 0 || m.Processors == 0 {
		return note{}
	}
	own, server, others := t.Own.CPU/t.wall(), 0.0, ""
	if t.Server != nil {
		server = t.Server.CPU / t.wall()
		others = fmt.Sprintf(", the server %.2f", server)
	}
	busy, full := max(own+server, t.AllCPU/t.wall()), busyShare*float64(m.Processors)
	if rest := busy - own - server; rest >= 0.005 {
		others += fmt.Sprintf(", other programs %.2f", rest)
	}
	use := fmt.Sprintf("%.2f of %s were busy, the harness used %.2f%s.", busy,
		plural(int64(m.Processors), "processor"), own, others)
	lag, p50 := unknown, t.jobs().Latency.Percentile(50)
	if t.Lag != nil {
		lag = float64(t.Lag.Percentile(99))
	}
	switch {
	case own >= full || t.Busy >= busyLoop:
		return note{fmt.Sprintf("THE HARNESS WAS THE LIMIT: its processes had work for %.0f%% of "+
			"the time. %s The server may do more.", 100*t.Busy, use), true}
	case busy >= full && server > busy/2:
		return note{"The machine was the limit: " + use, false}
	case busy >= full:
		return note{strings.ToUpper("The machine was the limit: ") + use +
			" The server may do more on a machine of its own.", true}
	case lag >= float64(lateMin.Microseconds()) && lag >= lateShare*float64(p50):
		return note{fmt.Sprintf("THE HARNESS WAS LATE: 1%% of the starts came %s or more after "+
			"their time though a client was idle. Part of the latency is its own.",
			showSeconds(lag/1e6)), true}
	}
	return note{}
}
