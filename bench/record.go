package bench

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"ferry/client"
)

// sampleEvery is the time that a sample covers.
const sampleEvery = time.Second

// record is what a loop sees in a span. The loop's goroutine owns it.
type record struct {
	turn     *Turn
	failures failures
	// busy is the sum over clients of the time from the begin to each one's last transfer.
	busy    time.Duration
	clients int
	// took is the span with its last transfers, waited how much of that the loop was idle.
	took, waited time.Duration
}

func newRecord(s *Scenario, open bool) *record {
	r := &record{turn: NewTurn(), failures: failures{}}
	// A kind without success is there too: a churn whose transfers all failed is no storm.
	for kind, occurs := range map[Kind]bool{
		KindGet: s.Gets > 0, KindPut: s.Puts > 0, KindList: s.Lists > 0,
		KindConnect: s.Storm || s.Churn,
	} {
		if occurs {
			r.turn.Tally(kind)
		}
	}
	if open {
		r.turn.Lag = NewHistogram()
	}
	return r
}

// ended counts a success.
func (r *record) ended(kind Kind, now, took time.Duration, bytes int64) {
	k := r.turn.Tally(kind)
	k.Count++
	k.Bytes += bytes
	k.Latency.Record(took)
	if kind != KindConnect || r.turn.storm() {
		nth := int(max(now, 0) / sampleEvery)
		for len(r.turn.Samples) <= nth {
			r.turn.Samples = append(r.turn.Samples, Sample{})
		}
		r.turn.Samples[nth].Transfers++
	}
}

// Failure is how often a kind of error occurred, and the first one's text.
type Failure struct {
	Kind  string
	Count int64
	First string
}

// failureKinds names the kinds of errors; the first that matches counts.
var failureKinds = []struct {
	err  error
	kind string
}{
	{errMismatch, "mismatch"},
	{client.ErrConnect, "connect"},
	{client.ErrProtocol, "protocol"},
	{client.ErrNothingSent, "nothing sent"},
	{client.ErrRefused, "refused"},
	{client.ErrNoData, "no data connection"},
	{client.ErrStalled, "stalled"},
	{client.ErrBroken, "broken off"},
	{client.ErrLost, "connection lost"},
	{client.ErrNoFolder, "no such folder"},
	{errReply, "error reply"},
}

// failures are errors by kind.
type failures map[string]Failure

func (f failures) add(err error) {
	kind := "other"
	for _, k := range failureKinds {
		if errors.Is(err, k.err) {
			kind = k.kind
			break
		}
	}
	f.merge([]Failure{{kind, 1, err.Error()}})
}

// merge adds counts. The first text of a kind stays.
func (f failures) merge(others []Failure) {
	for _, other := range others {
		if sum, ok := f[other.Kind]; ok {
			other.Count, other.First = other.Count+sum.Count, sum.First
		}
		f[other.Kind] = other
	}
}

// sorted lists them, the most frequent first; nil if there are none.
func (f failures) sorted() []Failure {
	return slices.SortedFunc(maps.Values(f), func(a, b Failure) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Kind, b.Kind))
	})
}
