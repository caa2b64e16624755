package bench

import (
	"fmt"
	"math"
	"slices"
)

const (
	// busyShare is the share of the processors from which they count as fully busy.
	busyShare = 0.85
	// busyLoop is the share of the time with work from which the harness is the limit.
	busyLoop = 0.95
	// The p99 lag of the harness counts if it exceeds lateMin, in seconds, and lateShare of p50.
	lateShare = 0.2
	lateMin   = 0.001
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
	turns, seconds := r.turns(), 0.0
	for _, turn := range turns {
		seconds += turn.Seconds
	}
	about := fmt.Sprintf("Scenario %s, %s of %s on average, without warm-up. ", plain(r.Scenario),
		plural(int64(len(turns)), "turn"), showSeconds(seconds/float64(len(turns))))
	has := func(is func(*row) bool) bool { return slices.ContainsFunc(rows, is) }
	latency := "Latency is the time from the command to the end of its transfer; a client starts " +
		"the next one then, so a pause of the server is hidden from percentiles (a rate shows it)."
	switch {
	case rows[0].storm():
		latency = "Connects count as transfers. Latency is the time from the connect to the end " +
			"of its session."
	case has(func(r *row) bool { return r.step.Rate > 0 }):
		latency = "With a rate, latency is the time from the planned start to the end of the " +
			"transfer, so a pause of the server counts for every transfer that had to wait."
	}
	all := []note{{Text: about + definition}, {Text: latency}}
	if has(func(r *row) bool { return r.spread("transfers/s") != "" }) {
		all = append(all, note{Text: "± is the interval of the rate's median at 95% confidence."})
	}
	for _, row := range rows {
		where := ""
		if len(rows) > 1 {
			where = row.where() + ": "
		}
		if n := row.value(mustFigure("missed")); n > 0 {
			all = append(all, note{Text: where + plural(int64(n), "planned start") +
				" never came: no client was idle. Latencies would be higher with them; take more " +
				"clients or a lower rate."})
		}
		if n := r.Machine.limit(row); n.Text != "" {
			all = append(all, note{where + n.Text, n.Loud})
		}
	}
	return all
}

// limit says when the harness or the machine was the limit, not the server.
func (m Machine) limit(r *row) note {
	known := func(name string) float64 {
		if v := r.value(mustFigure(name)); !math.IsNaN(v) {
			return v
		}
		return 0
	}
	own, server, others := known("own-cpu"), known("server-cpu"), known("others-cpu")
	busy, full := own+server+others, busyShare*float64(m.Processors)
	use := fmt.Sprintf("%.2f of %s were busy: the harness used %.2f, the server %.2f, other "+
		"programs %.2f.", busy, plural(int64(m.Processors), "processor"), own, server, others)
	ownBusy, lag := known("own-busy"), known("lag.p99")
	switch {
	case m.Processors == 0: // unknown
	case own >= full || ownBusy >= busyLoop:
		return note{fmt.Sprintf("THE HARNESS WAS THE LIMIT: it had work for %.0f%% of the time. "+
			"%s The server may do more.", 100*ownBusy, use), true}
	case busy >= full && server > busy/2:
		return note{"The machine was the limit: " + use, false}
	case busy >= full:
		return note{"THE MACHINE WAS THE LIMIT: " + use +
			" The server may do more on a machine of its own.", true}
	case lag >= lateMin && lag >= lateShare*known("p50"):
		return note{fmt.Sprintf("THE HARNESS WAS LATE: 1%% of the starts came %s or more after "+
			"their time though a client was idle. Part of the latency is its own.",
			showSeconds(lag)), true}
	}
	return note{}
}
