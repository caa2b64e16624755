package bench

import (
	"slices"
	"time"
)

// Kind is what a client waits for and is measured in: a transfer or a connect.
type Kind string

// The kinds, in the order in which they are shown.
const (
	KindGet     Kind = "get"
	KindPut     Kind = "put"
	KindList    Kind = "ls"
	KindConnect Kind = "connect"
)

// Kinds are all kinds, in the order in which they are shown.
func Kinds() []Kind { return []Kind{KindGet, KindPut, KindList, KindConnect} }

// Transfer says whether it moves a file or a listing. A connect opens a session and moves nothing:
// it counts in no sum of transfers.
func (k Kind) Transfer() bool { return k != KindConnect }

// Tally counts what went well of one kind.
type Tally struct {
	// Count is how many.
	Count int64 `json:"count"`
	// Bytes are the files' bytes, fields and other framing not counted.
	Bytes int64 `json:"bytes,omitempty"`
	// Latency holds one time for each, in microseconds: in a closed loop from the command's begin,
	// in an open one from the intended start, to the end.
	Latency *Histogram `json:"latency"`
}

// Turn is one measurement without a break, warm-up left out.
type Turn struct {
	// Began is when its measured part began.
	Began time.Time `json:"began"`
	// Seconds is how long its measured part was: more than 0.
	Seconds float64 `json:"seconds"`
	// Wall is the time from its begin to the end of the last transfer, which may come long after
	// the others: usage is of so many seconds. 0 means Seconds.
	Wall float64 `json:"wall_seconds,omitempty"`
	// Kinds are the tallies of the kinds that the scenario has. In a storm connects alone occur.
	Kinds map[Kind]*Tally `json:"kinds"`
	// Errors are what went wrong, by kind of error, the most frequent first.
	Errors []Failure `json:"errors,omitempty"`
	// Unconfirmed are puts that the server did not confirm, among those counted in Kinds.
	Unconfirmed int64 `json:"unconfirmed,omitempty"`
	// Missed are starts of an open loop that the plan had in the turn and that never came,
	// because no client was free until its end.
	Missed int64 `json:"missed,omitempty"`
	// Lag is how late the harness itself was, in microseconds: from the moment at which a start
	// was due and a client free for it, to the start. A wait for a busy client is not in it, but in
	// the latency. Nil where it was not measured.
	Lag *Histogram `json:"lag,omitempty"`
	// Busy is the share of the turn in which the harness had work, on average of its processes; 1
	// means that it was at its limit. 0: not known.
	Busy float64 `json:"busy,omitempty"`
	// Own is what the harness used, all of its processes together. Nil: not known.
	Own *Usage `json:"own,omitempty"`
	// Server is what the server's process used. Nil: not known.
	Server *Usage `json:"server,omitempty"`
	// AllCPU is the processor time in seconds that all programs of the machine used, these among
	// them. 0: not known.
	AllCPU float64 `json:"all_cpu_seconds,omitempty"`
	// SampleSeconds is the time that each of Samples covers.
	SampleSeconds float64 `json:"sample_seconds,omitempty"`
	// Samples are the turn's course, without gaps from its begin.
	Samples []Sample `json:"samples,omitempty"`
}

// Usage is what a process, or several, took of the machine.
type Usage struct {
	// CPU is processor time in seconds, user and system.
	CPU float64 `json:"cpu_seconds"`
	// PSS is memory in bytes, shared pages divided among those who share them; the highest sample
	// of a turn. 0: not known.
	PSS int64 `json:"pss_bytes,omitempty"`
	// Descriptors and Threads are the most that a sample saw. 0: not known.
	Descriptors int64 `json:"descriptors,omitempty"`
	Threads     int64 `json:"threads,omitempty"`
}

// Sample is a short piece of a turn.
type Sample struct {
	// Transfers ended in it, Bytes of them, and Errors.
	Transfers int64 `json:"transfers"`
	Bytes     int64 `json:"bytes,omitempty"`
	Errors    int64 `json:"errors,omitempty"`
	// Server is what it used in that piece. Nil: not known.
	Server *Usage `json:"server,omitempty"`
}

// NewTurn is an empty turn to be filled.
func NewTurn() *Turn { return &Turn{Kinds: map[Kind]*Tally{}} }

// Tally is that of a kind, made where there is none yet.
func (t *Turn) Tally(k Kind) *Tally {
	if t.Kinds == nil {
		t.Kinds = map[Kind]*Tally{}
	}
	tally := t.Kinds[k]
	if tally == nil {
		tally = &Tally{Latency: NewHistogram()}
		t.Kinds[k] = tally
	}
	return tally
}

// Transfers is the number of transfers that went well.
func (t *Turn) Transfers() int64 {
	var n int64
	for kind, tally := range t.Kinds {
		if kind.Transfer() {
			n += tally.Count
		}
	}
	return n
}

// transfers is the tally of all kinds that are transfers.
func (t *Turn) transfers() *Tally {
	sum := &Tally{Latency: NewHistogram()}
	for kind, tally := range t.Kinds {
		if kind.Transfer() {
			sum.add(tally)
		}
	}
	return sum
}

// storm says that clients made sessions and nothing else.
func (t *Turn) storm() bool { return len(t.Kinds) == 1 && t.Kinds[KindConnect] != nil }

// jobs is the tally of what clients had to do: transfers, or a storm's connects.
func (t *Turn) jobs() *Tally {
	if t.storm() {
		return t.Kinds[KindConnect]
	}
	return t.transfers()
}

// ErrorCount is the number of errors of every kind.
func (t *Turn) ErrorCount() int64 {
	var n int64
	for _, f := range t.Errors {
		n += f.Count
	}
	return n
}

// wall is how long its usage was measured.
func (t *Turn) wall() float64 {
	if t.Wall > 0 {
		return t.Wall
	}
	return t.Seconds
}

// Merge adds what another process measured in the same turn: both loaded the server at once, so
// that counts add up and time does not. A server's usage, which one process alone measures, is
// taken from the one that has it. Samples of both must cover the same seconds.
func (t *Turn) Merge(other *Turn) {
	if t.Began.IsZero() || !other.Began.IsZero() && other.Began.Before(t.Began) {
		t.Began = other.Began
	}
	t.Seconds, t.Wall = max(t.Seconds, other.Seconds), max(t.Wall, other.Wall)
	t.addCounts(other)
	t.Own = t.Own.beside(other.Own)
	if t.Server == nil {
		t.Server = other.Server
	}
	t.AllCPU = max(t.AllCPU, other.AllCPU)
	if t.SampleSeconds == 0 {
		t.SampleSeconds = other.SampleSeconds
	}
	for i, s := range other.Samples {
		if i == len(t.Samples) {
			t.Samples = append(t.Samples, Sample{})
		}
		to := &t.Samples[i]
		to.Transfers += s.Transfers
		to.Bytes += s.Bytes
		to.Errors += s.Errors
		if to.Server == nil {
			to.Server = s.Server
		}
	}
}

// append adds a turn that came after t: time adds up as well. Usage that one of them does not know
// is not known of both, since its share in the sum of transfers would be. Samples of several turns
// are no course, and are left out.
func (t *Turn) append(next *Turn) {
	if t.Seconds == 0 {
		t.Began, t.Own, t.Server = next.Began, next.Own.clone(), next.Server.clone()
		t.AllCPU = next.AllCPU
	} else {
		if t.AllCPU = t.AllCPU + next.AllCPU; next.AllCPU == 0 {
			t.AllCPU = 0
		}
		t.Own, t.Server = t.Own.before(next.Own), t.Server.before(next.Server)
	}
	if all := t.Seconds + next.Seconds; all > 0 {
		t.Busy = (t.Busy*t.Seconds + next.Busy*next.Seconds) / all
	}
	t.Wall = t.wall() + next.wall()
	t.Seconds += next.Seconds
	t.addCounts(next)
}

func (t *Turn) addCounts(other *Turn) {
	for kind, tally := range other.Kinds {
		t.Tally(kind).add(tally)
	}
	all := failures{}
	for _, f := range slices.Concat(t.Errors, other.Errors) {
		all.merge(failures{f.Kind: f})
	}
	t.Errors = all.sorted()
	t.Unconfirmed += other.Unconfirmed
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

func (u *Usage) clone() *Usage {
	if u == nil {
		return nil
	}
	c := *u
	return &c
}

// beside is the usage of two that ran at once, each with memory and descriptors of its own.
func (u *Usage) beside(other *Usage) *Usage {
	switch {
	case u == nil:
		return other.clone()
	case other == nil:
		return u
	}
	return &Usage{
		CPU: u.CPU + other.CPU, PSS: u.PSS + other.PSS,
		Descriptors: u.Descriptors + other.Descriptors, Threads: u.Threads + other.Threads,
	}
}

// before is the usage of one process in two turns, one after the other.
func (u *Usage) before(other *Usage) *Usage {
	if u == nil || other == nil {
		return nil
	}
	return &Usage{
		CPU: u.CPU + other.CPU, PSS: max(u.PSS, other.PSS),
		Descriptors: max(u.Descriptors, other.Descriptors),
		Threads:     max(u.Threads, other.Threads),
	}
}
