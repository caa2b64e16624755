package bench

import "time"

// Kind is what is measured: a kind of transfer, or a connect.
type Kind string

// The kinds.
const (
	KindGet     Kind = "get"
	KindPut     Kind = "put"
	KindList    Kind = "ls"
	KindConnect Kind = "connect"
)

// kinds are all kinds, in the order in which they are shown.
var kinds = []Kind{KindGet, KindPut, KindList, KindConnect}

// Tally counts the successes of one kind.
type Tally struct {
	Count int64 `json:"count"`
	Bytes int64 `json:"bytes,omitempty"` // of files, without any framing
	// Latency holds a time for each: in a closed loop from the command, in an open one from the
	// planned start, to the end.
	Latency *Histogram `json:"latency"`
}

// Turn is one measurement, without its warm-up.
type Turn struct {
	Began   time.Time `json:"began"`
	Seconds float64   `json:"seconds"` // the measured duration; it is positive
	// Wall is the time from the begin to the end of the last transfer, to which usage belongs.
	Wall   float64         `json:"wall_seconds"`
	Kinds  map[Kind]*Tally `json:"kinds"`            // a storm has connects alone
	Errors []Failure       `json:"errors,omitempty"` // by kind, the most frequent first
	// Missed are planned starts of an open loop for which no client was idle until the end.
	Missed int64 `json:"missed,omitempty"`
	// Lag is how late the harness started jobs that were due and had an idle client, if measured.
	Lag *Histogram `json:"lag,omitempty"`
	// Busy is the share of the turn in which the harness's loops had work. 0: unknown.
	Busy float64 `json:"busy,omitempty"`
	// Own is the usage of the harness, Server that of the server; nil if unknown. AllCPU
	// is the processor time of all programs of the machine in seconds, 0 if unknown.
	Own    *Usage  `json:"own,omitempty"`
	Server *Usage  `json:"server,omitempty"`
	AllCPU float64 `json:"all_cpu_seconds,omitempty"`
	// Samples are the course of the turn, one for each second.
	Samples []Sample `json:"samples,omitempty"`
}

// Usage is what one or several processes used.
type Usage struct {
	CPU float64 `json:"cpu_seconds"` // user and system
	// PSS is memory in bytes, with shared pages divided among the processes that share them. It,
	// Descriptors and Threads are the highest sample, 0 if unknown.
	PSS         int64 `json:"pss_bytes,omitempty"`
	Descriptors int64 `json:"descriptors,omitempty"`
	Threads     int64 `json:"threads,omitempty"`
}

// Sample is a second of a turn.
type Sample struct {
	Transfers int64  `json:"transfers"`
	Server    *Usage `json:"server,omitempty"` // nil if unknown
}

// NewTurn makes an empty turn.
func NewTurn() *Turn { return &Turn{Kinds: map[Kind]*Tally{}} }

// Tally is the tally of a kind, made if there is none.
func (t *Turn) Tally(k Kind) *Tally {
	tally := t.Kinds[k]
	if tally == nil {
		tally = &Tally{Latency: NewHistogram()}
		t.Kinds[k] = tally
	}
	return tally
}

// storm says that clients only opened and ended sessions.
func (t *Turn) storm() bool { return len(t.Kinds) == 1 && t.Kinds[KindConnect] != nil }

// jobs is the tally of what clients had to do: transfers, or a storm's connects.
func (t *Turn) jobs() *Tally {
	sum := &Tally{Latency: NewHistogram()}
	for kind, tally := range t.Kinds {
		switch {
		case len(t.Kinds) == 1:
			return tally
		case kind != KindConnect:
			sum.add(tally)
		}
	}
	return sum
}

// ErrorCount is the number of errors of all kinds.
func (t *Turn) ErrorCount() int64 {
	var n int64
	for _, f := range t.Errors {
		n += f.Count
	}
	return n
}

// Merge adds what another loop counted in the same turn.
func (t *Turn) Merge(other *Turn) {
	t.addCounts(other)
	for i, s := range other.Samples {
		if i == len(t.Samples) {
			t.Samples = append(t.Samples, Sample{})
		}
		t.Samples[i].Transfers += s.Transfers
	}
}

// addCounts adds another turn's counts.
func (t *Turn) addCounts(other *Turn) {
	for kind, tally := range other.Kinds {
		t.Tally(kind).add(tally)
	}
	all := failures{}
	all.merge(t.Errors)
	all.merge(other.Errors)
	t.Errors = all.sorted()
	t.Missed += other.Missed
	if other.Lag != nil {
		if t.Lag == nil {
			t.Lag = NewHistogram()
		}
		t.Lag.Merge(other.Lag)
	}
}

func (t *Tally) add(other *Tally) {
	t.Count += other.Count
	t.Bytes += other.Bytes
	t.Latency.Merge(other.Latency)
}
