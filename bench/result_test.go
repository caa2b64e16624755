package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// synthetic makes results of chosen figures. Its zero value is a closed loop of ten turns at a
// hundred clients, 1,000 gets of 4 KiB a second, of 5 ms each on average.
type synthetic struct {
	names   []string
	clients []int
	turns   int
	seconds float64
	rate    float64 // transfers a second, of a turn that is neither faster nor slower than others
	noise   float64 // how far turns differ, as a share
	slower  float64 // how much longer each transfer takes, and less often it comes, as a factor
	seed    uint64
}

func (s synthetic) result() *Result {
	if s.names == nil {
		s.names = []string{"ferryd"}
	}
	if s.clients == nil {
		s.clients = []int{100}
	}
	if s.turns == 0 {
		s.turns = 10
	}
	if s.rate == 0 {
		s.rate = 1000
	}
	if s.seconds == 0 {
		s.seconds = 2
	}
	if s.slower == 0 {
		s.slower = 1
	}
	random := rand.New(rand.NewPCG(1, s.seed))
	r := &Result{
		Command: []string{"ferrybench", "--clients", "100"}, Machine: ThisMachine(),
		Began:   time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC),
		Seconds: 2.5 * float64(s.turns), Scenario: "mixed",
		Settings: map[string]string{"size": "4KiB", "weights": "get=4,put=1"},
	}
	for i, name := range s.names {
		target := &Target{
			Name: name, Proto: "base", Address: fmt.Sprintf("127.0.0.1:%d", 2121+i),
		}
		for _, clients := range s.clients {
			step := &Step{Clients: clients}
			for turn := range s.turns {
				made := s.turn(random, clients)
				made.Began = r.Began.Add(time.Duration(turn) * 2500 * time.Millisecond)
				step.Turns = append(step.Turns, made)
			}
			target.Steps = append(target.Steps, step)
		}
		r.Targets = append(r.Targets, target)
	}
	return r
}

// turn has latencies around clients × 50 µs, in a long tail, and a server that takes 30 µs a
// transfer.
func (s synthetic) turn(random *rand.Rand, clients int) *Turn {
	const bytes = 4 << 10
	factor := s.slower * (1 + s.noise*random.NormFloat64())
	t := NewTurn()
	t.Seconds, t.Wall = s.seconds, s.seconds
	for range int(s.seconds) {
		n := int64(s.rate / factor * (1 + s.noise*random.NormFloat64()))
		t.Samples = append(t.Samples, Sample{Transfers: n, Server: &Usage{
			CPU: 30e-6 * float64(n), PSS: 20 << 20, Descriptors: int64(clients) + 70, Threads: 9,
		}})
	}
	for i := range int(s.rate / factor * s.seconds) {
		kind := KindGet
		if i%5 == 0 {
			kind = KindPut
		}
		mean := 50 * float64(clients) * factor
		took := time.Duration(mean*(0.6+0.4*random.ExpFloat64())) * time.Microsecond
		tally := t.Tally(kind)
		tally.Count++
		tally.Bytes += bytes
		tally.Latency.Record(took)
	}
	n := float64(t.jobs().Count)
	t.Own = &Usage{CPU: 20e-6 * n, PSS: 30 << 20, Descriptors: int64(clients) + 20, Threads: 8}
	t.Server = &Usage{
		CPU: 30e-6 * n, PSS: 20 << 20, Descriptors: int64(clients) + 70, Threads: 9,
	}
	return t
}

func TestResultFileHoldsTheResult(t *testing.T) {
	r := synthetic{names: []string{"ferryd", "nginx"}, clients: []int{1, 100}, turns: 3}.result()
	open := r.Targets[0].Steps[1]
	open.Rate = 500.5
	turn := open.Turns[0]
	turn.Errors = []Failure{{"broken off", 3, "x: transfer broken off"}, {"other", 1, "odd"}}
	turn.Missed, turn.Lag = 7, NewHistogram()
	turn.Lag.Record(3 * time.Millisecond)
	open.Turns[1].Server = nil

	name := filepath.Join(t.TempDir(), "run.json")
	if err := SaveResult(name, r); err != nil {
		t.Fatal(err)
	}
	got, err := LoadResult(name)
	if err != nil {
		t.Fatal(err)
	}
	// Two histograms that hold the same may differ in what they have room for, so the figures
	// are compared, and all else whole.
	for _, turn := range append(r.turns(), got.turns()...) {
		exhaust(turn)
	}
	if !reflect.DeepEqual(r, got) {
		t.Errorf("%+v\nwas read as\n%+v", r, got)
	}
	left, err := os.ReadDir(filepath.Dir(name))
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v: more than the file", left, err)
	}
}

// exhaust replaces each histogram by one that is made anew of its text.
func exhaust(turn *Turn) {
	for _, h := range histograms(turn) {
		text, err := h.MarshalJSON()
		if err == nil {
			err = h.UnmarshalJSON(text)
		}
		if err != nil {
			panic(err)
		}
	}
}

func histograms(turn *Turn) []*Histogram {
	var all []*Histogram
	for _, tally := range turn.Kinds {
		all = append(all, tally.Latency)
	}
	if turn.Lag != nil {
		all = append(all, turn.Lag)
	}
	return all
}

func TestLoopsOfOneTurnAddUp(t *testing.T) {
	step := synthetic{turns: 2, noise: 0.1}.result().Targets[0].Steps[0]
	one, two := step.Turns[0], step.Turns[1]
	two.Samples = append(two.Samples, Sample{Transfers: 5})
	one.Errors = []Failure{{"other", 1, "the first"}}
	two.Errors = []Failure{{"stalled", 4, "x"}, {"other", 2, "a later one"}}

	sum := NewTurn()
	sum.Merge(one)
	sum.Merge(two)
	if n := one.jobs().Count + two.jobs().Count; sum.jobs().Count != n ||
		sum.jobs().Latency.TotalCount() != n {
		t.Errorf("%d transfers, not %d", sum.jobs().Count, n)
	}
	if n := one.Samples[1].Transfers + two.Samples[1].Transfers; len(sum.Samples) != 3 ||
		sum.Samples[1].Transfers != n {
		t.Errorf("%d samples, %+v", len(sum.Samples), sum.Samples[1])
	}
	want := []Failure{{"stalled", 4, "x"}, {"other", 3, "the first"}}
	if !reflect.DeepEqual(sum.Errors, want) {
		t.Errorf("errors %v, not %v", sum.Errors, want)
	}
}

func TestOtherFilesAreNoResults(t *testing.T) {
	name := filepath.Join(t.TempDir(), "run.json")
	if err := SaveResult(name, synthetic{turns: 1, rate: 20}.result()); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, replaced, want string }{
		{string(good), "", "not a result file"},
		{string(good), "[1, 2]", "not a result file"},
		{`"version": 1`, `"version": 2`, "of version 2; this program reads version 1"},
		{`"seconds": 2,`, `"seconds": 0,`, "a part is missing"},
		{`"seconds": 2,`, `"seconds": "2",`, "damaged"},
		{`"latency": "H`, `"latency": "I`, "damaged"},
		{`"latency"`, `"x"`, "a part is missing"},
	} {
		bad := strings.Replace(string(good), c.old, c.replaced, 1)
		if err = os.WriteFile(name, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := LoadResult(name); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.20q for %.20q: %v, %v, not %q", c.replaced, c.old, r, err, c.want)
		}
	}
}
