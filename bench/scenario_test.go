package bench

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"ferry/codec"
)

// small is a scenario that takes a moment.
func small(address string) Scenario {
	return Scenario{
		Address:   address,
		Clients:   8,
		Transfers: 200,
		Sizes:     []int64{1, 100, 70_000},
		Gets:      3,
		Timeout:   5 * time.Second,
	}
}

func mustRun(t *testing.T, s Scenario) *Report {
	t.Helper()
	r, err := Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFiguresAreWhatTheServerSaw(t *testing.T) {
	f := startFake(t, nil)
	r := mustRun(t, small(f.address()))
	if err := r.Err(); err != nil {
		t.Errorf("%v: %v", err, r.Failures)
	}
	if got := r.Transfers(); got != 200 {
		t.Errorf("%d transfers, not the 200 asked for", got)
	}
	if r.Put.Transfers != f.puts || r.Get.Transfers != f.gets {
		t.Errorf("%d puts and %d gets, where the server saw %d and %d", r.Put.Transfers,
			r.Get.Transfers, f.puts, f.gets)
	}
	if got := r.Put.Bytes + r.Get.Bytes; got != f.bytes {
		t.Errorf("%d bytes, where the server moved %d", got, f.bytes)
	}
	for _, figures := range []Figures{r.Put, r.Get} {
		if n := figures.Latency.TotalCount(); n != figures.Transfers {
			t.Errorf("the histogram holds %d of %d transfers", n, figures.Transfers)
		}
	}
	if r.Took <= 0 || r.Get.Latency.Max() > r.Took.Microseconds()+1 {
		t.Errorf("the slowest get took %d µs, the run %v", r.Get.Latency.Max(), r.Took)
	}
}

func TestGetsFollowEachPut(t *testing.T) {
	f := startFake(t, nil)
	s := small(f.address())
	s.Clients, s.Transfers, s.Gets = 1, 40, 3
	mustRun(t, s)
	if f.puts != 10 || f.gets != 30 {
		t.Errorf("%d puts and %d gets", f.puts, f.gets)
	}
}

func TestErrorsAreCountedByKind(t *testing.T) {
	for _, c := range []struct {
		verb  codec.Verb
		fault fault
		kind  string
	}{
		{codec.VerbGet, faultContent, "mismatch"},
		{codec.VerbGet, faultNothing, "nothing sent"},
		{codec.VerbGet, faultCut, "broken off"},
		{codec.VerbGet, faultField, "protocol"},
		{codec.VerbGet, faultPort, "no data connection"},
		{codec.VerbGet, faultControl, "connection lost"},
		{codec.VerbPut, faultReset, "refused"},
		{codec.VerbPut, faultControl, "connection lost"},
	} {
		t.Run(c.verb.String()+" "+c.kind, func(t *testing.T) {
			t.Parallel()
			f := startFake(t, func(verb codec.Verb, nth int64) fault {
				if verb == c.verb && nth == 2 {
					return c.fault
				}
				return faultNone
			})
			s := small(f.address())
			s.Clients, s.Transfers = 2, 20
			r := mustRun(t, s)
			if len(r.Failures) != 1 || r.Failures[0].Kind != c.kind || r.Errors() != 1 {
				t.Fatalf("failures %+v, not one of kind %q", r.Failures, c.kind)
			}
			if r.Err() == nil || r.Failures[0].First == "" {
				t.Error("an error without a trace")
			}
			if got := r.Transfers(); got != 19 {
				t.Errorf("%d transfers went well, not 19: the run must go on after an error", got)
			}
		})
	}
}

func TestStaleContentIsFound(t *testing.T) {
	f := startFake(t, nil)
	s := small(f.address())
	s.Clients, s.Sizes, s.Gets, s.Transfers, s.Prefix = 1, []int64{100}, 1, 2, "same-"
	mustRun(t, s)
	old := map[string][]byte{}
	for name, file := range f.files {
		old[name] = file
	}
	mustRun(t, s)
	for name, file := range f.files {
		if string(file) == string(old[name]) {
			t.Errorf("%s holds the same in two runs: a put that did nothing would not show", name)
		}
	}
}

func TestManyErrorsEndTheRun(t *testing.T) {
	f := startFake(t, func(codec.Verb, int64) fault { return faultControl })
	s := small(f.address())
	s.Transfers, s.Duration, s.ErrorsMax = 0, time.Hour, 3
	r := mustRun(t, s)
	if n := r.Errors(); n <= s.ErrorsMax || n > s.ErrorsMax+int64(s.Clients) {
		t.Errorf("%d errors, where the run was to end after %d", n, s.ErrorsMax)
	}
}

func TestNobodyListening(t *testing.T) {
	f := startFake(t, nil)
	f.close()
	s := small(f.address())
	s.ErrorsMax = 2
	r := mustRun(t, s)
	if len(r.Failures) != 1 || r.Failures[0].Kind != "connect" || r.Err() == nil {
		t.Errorf("failures %+v", r.Failures)
	}
}

func TestEmptyFilesAreNoErrors(t *testing.T) {
	f := startFake(t, nil)
	s := small(f.address())
	s.Sizes = []int64{0}
	if r := mustRun(t, s); r.Err() != nil || r.Get.Transfers == 0 {
		t.Errorf("%d gets, failures %+v", r.Get.Transfers, r.Failures)
	}
}

func TestDurationEndsTheRun(t *testing.T) {
	f := startFake(t, nil)
	s := small(f.address())
	s.Transfers, s.Duration = 0, 50*time.Millisecond
	if r := mustRun(t, s); r.Err() != nil || r.Took < s.Duration {
		t.Errorf("%d transfers in %v, failures %+v", r.Transfers(), r.Took, r.Failures)
	}
}

func TestEndedContextIsNoError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := startFake(t, func(_ codec.Verb, nth int64) fault {
		if nth == 20 {
			cancel()
		}
		return faultNone
	})
	s := small(f.address())
	s.Transfers, s.Duration = 0, time.Hour
	r, err := Run(ctx, s)
	if err != nil || r.Errors() > 0 {
		t.Errorf("%v, failures %+v", err, r.Failures)
	}
}

func TestClientsSpreadOverSources(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8 by itself")
	}
	f := startFake(t, nil)
	s := small(f.address())
	s.Sources = 3
	mustRun(t, s)
	for _, want := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"} {
		if !f.sources[want] {
			t.Errorf("no client came from %s", want)
		}
	}
	if len(f.sources) != 3 {
		t.Errorf("clients came from %v", f.sources)
	}
}

func TestSourceAddresses(t *testing.T) {
	s := Scenario{Sources: sourcesMax}
	for client, want := range map[int]string{
		0: "127.0.0.1", 254: "127.0.0.255", 255: "127.0.1.0", sourcesMax - 1: "127.255.255.254",
		sourcesMax: "127.0.0.1",
	} {
		if got := s.source(client).String(); got != want {
			t.Errorf("client %d comes from %s, not %s", client, got, want)
		}
	}
	if (&Scenario{}).source(7).IsValid() {
		t.Error("no number of sources leaves the choice to the system")
	}
}

func TestEveryFaultOfAScenarioIsNamed(t *testing.T) {
	s := Scenario{
		Address: "localhost:1", Duration: -1, Transfers: -1, Sizes: []int64{-1}, Gets: -1,
		Sources: 2, Timeout: -1, ErrorsMax: -1,
	}
	_, err := Run(t.Context(), s)
	if err == nil {
		t.Fatal("it ran")
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != 8 {
		t.Errorf("%d faults named, not 8:\n%v", lines, err)
	}
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		t.Error("the faults are not apart")
	}
}
