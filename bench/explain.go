package bench

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// busyShare is the share of the processors from which on they count as all busy: the last
	// few percent are never had.
	busyShare = 0.85
	// busyLoop is the share of the time in which a harness that has work is always behind it.
	busyLoop = 0.95
	// othersShare is the share of the processors from which on other programs are worth a word, if
	// all programs together take crowdedShare: what the kernel does for nobody in particular, its
	// share of network traffic among it, looks like another program too.
	othersShare  = 0.25
	crowdedShare = 0.7
	// lateShare is the share of the median latency from which on the harness's own lag at its
	// 99th percentile disturbs what it measures, and lateMin what is never worth a word: the
	// granularity at which a system wakes who sleeps.
	lateShare = 0.2
	lateMin   = time.Millisecond
	// tailCount is how many transfers must lie beyond a percentile for it to mean much.
	tailCount = 10
)

// sentence is a remark on a result. A general one says what words mean, whatever the result, and a
// loud one that figures are not to be trusted.
type sentence struct {
	text          string
	general, loud bool
}

// explain says in sentences what the tables' figures mean and when not to believe them.
func (r *Result) explain(rows []*row) []sentence {
	if len(rows) == 0 {
		return nil
	}
	lines := []sentence{{text: r.explainRun(rows)}, {text: explainLatency(rows), general: true}}
	if line := explainTail(rows); line != "" {
		lines = append(lines, sentence{text: line})
	}
	if line := explainTurns(rows); line != "" {
		lines = append(lines, sentence{text: line, general: true})
	}
	if line := explainCost(rows); line != "" {
		lines = append(lines, sentence{text: line, general: true})
	}
	for _, row := range rows {
		for _, line := range explainFaults(row) {
			lines = append(lines, sentence{text: row.where(rows) + line})
		}
	}
	return append(lines, r.explainLimits(rows)...)
}

// explainLimits says each limit once, at the first step that met it: a run of many steps meets the
// same one at most of them.
func (r *Result) explainLimits(rows []*row) []sentence {
	var lines []sentence
	met := map[string][]int{} // by a limit's first words: its line, then the later steps
	for i, row := range rows {
		for _, line := range r.Machine.limits(row.merged.turn) {
			words, _, _ := strings.Cut(line.text, ":")
			if met[words] = append(met[words], i); len(met[words]) > 1 {
				continue
			}
			met[words][0] = len(lines)
			line.text = row.where(rows) + line.text
			lines = append(lines, line)
		}
	}
	for _, steps := range met {
		if n := len(steps) - 1; n > 0 {
			lines[steps[0]].text += fmt.Sprintf(" So it was in %s of the table too.",
				plural(int64(n), "other line"))
		}
	}
	return lines
}

// where names the row in a sentence, if there is more than one.
func (row *row) where(rows []*row) string {
	if len(rows) == 1 {
		return ""
	}
	return fmt.Sprintf("%s, %s: ", plain(row.target.Name), row.step.Label())
}

func (r *Result) explainRun(rows []*row) string {
	turns, seconds := 0, 0.0
	for _, row := range rows {
		turns += len(row.step.Turns)
		seconds += row.merged.turn.Seconds
	}
	text := fmt.Sprintf("Scenario %s, %s of %s on average, warm-up left out", plain(r.Scenario),
		plural(int64(turns), "turn"), showSeconds(seconds/float64(turns)))
	if len(r.Targets) > 1 {
		text += "; the targets' turns alternate, so that a drift of the machine meets all of them"
	}
	return text + "."
}

func explainLatency(rows []*row) string {
	text := explainClock(rows)
	if isStorm(rows) {
		return strings.NewReplacer("a command's begin", "a connect's begin",
			"transfer's end", "session's end").Replace(text)
	}
	return text
}

// explainClock says from when to when a latency is.
func explainClock(rows []*row) string {
	open := anyRow(rows, func(row *row) bool { return row.step.Rate > 0 })
	closed := anyRow(rows, func(row *row) bool { return row.step.Rate == 0 })
	switch {
	case open && closed:
		return "Latency is from a command's begin, where a rate is given from the begin that the " +
			"plan intended, to its transfer's end."
	case open:
		return "Latency is from the begin that the plan intended to the transfer's end, so that " +
			"a server's pause counts for all that had to wait."
	default:
		return "Latency is from a command's begin to its transfer's end; each client begins its " +
			"next when that has come, so a pause of the server delays few of them and hides from " +
			"percentiles (a rate shows it)."
	}
}

// explainTail says what a percentile is, by the first one that is more than a guess, and which
// percentiles are guesses where the fewest jobs were measured.
func explainTail(rows []*row) string {
	var said []string
	for _, row := range rows {
		if all := row.merged.all; all.Count >= 100*tailCount {
			said = append(said, fmt.Sprintf("A p99 of %s: one in a hundred took longer.",
				showSeconds(float64(all.Latency.Percentile(99))/1e6)))
			break
		}
	}
	fewest := slices.MinFunc(rows, func(a, b *row) int {
		return cmp.Compare(a.merged.all.Count, b.merged.all.Count)
	})
	guessed := ""
	switch n := fewest.merged.all.Count; {
	case n == 0:
	case n < 100*tailCount:
		guessed = "p99"
	case n < 1000*tailCount:
		guessed = "p99.9"
	}
	if guessed != "" {
		said = append(said, fmt.Sprintf("%sOf %s, fewer than %d lie beyond the %s: it is a guess.",
			fewest.where(rows), unitCount.show(float64(fewest.merged.all.Count)), tailCount,
			guessed))
	}
	return strings.Join(said, " ")
}

func explainTurns(rows []*row) string {
	if anyRow(rows, func(row *row) bool { return len(row.step.Turns) >= spreadTurnsMin }) {
		return "± is how far the rate may be off: the median over the turns lies within it, at " +
			"95 % confidence."
	}
	return ""
}

func explainCost(rows []*row) string {
	if !anyRow(rows, func(row *row) bool { return row.merged.turn.Server != nil }) {
		return ""
	}
	return "CPUs are processors kept busy, on average; PSS is memory, shared pages divided among " +
		"those who share them. What is not the harness's own or others' is the server's."
}

func explainFaults(row *row) []string {
	var lines []string
	t := row.merged.turn
	if n := t.Unconfirmed; n > 0 {
		lines = append(lines, fmt.Sprintf("%s sent and not confirmed by the server.",
			was(n, "put")))
	}
	if n := t.Missed; n > 0 {
		planned := row.step.Rate * t.Seconds
		lines = append(lines, fmt.Sprintf("%s of about %s planned never came: no client was free. "+
			"The latencies would be higher with them; take more clients or a lower rate.",
			plural(n, "start"), unitCount.show(planned)))
	}
	return lines
}

func was(n int64, one string) string {
	if n == 1 {
		return plural(n, one) + " was"
	}
	return plural(n, one) + " were"
}

// limits says when the harness or the machine, not the server, was the limit.
func (m Machine) limits(t *Turn) []sentence {
	var lines []sentence
	if line := m.busy(t); line.text != "" {
		lines = append(lines, line)
	}
	if line := m.disturbed(t); line.text != "" {
		lines = append(lines, line)
	}
	if t.Lag == nil || t.Lag.Count() == 0 {
		return lines
	}
	lag, median := t.Lag.Percentile(99), t.jobs().Latency.Percentile(50)
	if lag >= lateMin.Microseconds() && float64(lag) >= lateShare*float64(median) {
		text := fmt.Sprintf("THE HARNESS WAS LATE: one start in a hundred came %s or more after "+
			"its time though a client was free (median latency: %s). Part of the latency is its "+
			"own.",
			showSeconds(float64(lag)/1e6), showSeconds(float64(median)/1e6))
		lines = append(lines, sentence{text: text, loud: true})
	}
	return lines
}

// busy says who kept the processors busy, if they were.
func (m Machine) busy(t *Turn) sentence {
	if t.Own == nil || t.Seconds == 0 || m.Processors == 0 {
		return sentence{}
	}
	own, server, known := t.Own.CPU/t.wall(), 0.0, t.Server != nil
	if known {
		server = t.Server.CPU / t.wall()
	}
	enough, all := busyShare*float64(m.Processors), plural(int64(m.Processors), "processor")
	full := own+server >= enough
	if m.disturbed(t).text == "" { // else that says it
		full = full || t.AllCPU/t.wall() >= enough
	}
	switch {
	case own >= enough:
		return sentence{loud: true, text: fmt.Sprintf("THE HARNESS WAS THE LIMIT: it kept %.2f of "+
			"%s busy itself. The server may do more.", own, all)}
	case t.Busy >= busyLoop:
		return sentence{loud: true, text: fmt.Sprintf("THE HARNESS WAS THE LIMIT: its processes "+
			"had work for %.0f%% of the time, so that answers waited for them. The server may do "+
			"more.", 100*t.Busy)}
	case full && !known:
		return sentence{loud: true, text: fmt.Sprintf("THE MACHINE WAS THE LIMIT: all programs "+
			"kept %.2f of %s busy, the harness %.2f of them. How much of the rest the server "+
			"took is not known (--server-pid shows it).", t.AllCPU/t.wall(), all, own)}
	case full && own >= server:
		return sentence{loud: true, text: fmt.Sprintf("THE MACHINE WAS THE LIMIT, and the harness "+
			"took more than the server: it kept %.2f of %s busy, the server %.2f. The server may "+
			"do more with a machine of its own.", own, all, server)}
	case full:
		return sentence{text: fmt.Sprintf("The machine was the limit: the server kept %.2f of %s "+
			"busy, the harness %.2f.", server, all, own)}
	default:
		return sentence{}
	}
}

// disturbed says when other programs took what server and harness would have had.
func (m Machine) disturbed(t *Turn) sentence {
	others, known := othersFigure().of(newView(t))
	all := float64(m.Processors)
	if !known || others < othersShare*all || t.AllCPU/t.wall() < crowdedShare*all {
		return sentence{}
	}
	return sentence{loud: true, text: fmt.Sprintf("THE MACHINE WAS BUSY WITH OTHER THINGS: other "+
		"programs kept %.2f of %s busy. The figures would be better without them.", others,
		plural(int64(m.Processors), "processor"))}
}

// writeWrapped writes a sentence in lines of a terminal's width, with a blank line before it.
func writeWrapped(b *strings.Builder, text string) {
	const width = 88
	b.WriteByte('\n')
	column := 0
	for word := range strings.FieldsSeq(text) {
		n := len([]rune(word))
		if column > 0 && column+1+n > width {
			b.WriteByte('\n')
			column = 0
		}
		if column > 0 {
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	b.WriteByte('\n')
}
