package bench

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// manyClients are those of a test run; FERRY_CLIENTS=9000 makes it the number that is promised, and
// FERRY_SECONDS makes it long.
const manyClients = 500

// TestManyActiveClientsLoseNothing has thousands of clients get and put at once.
func TestManyActiveClientsLoseNothing(t *testing.T) {
	number := func(variable string, otherwise int) int {
		n, err := strconv.Atoi(os.Getenv(variable))
		if err != nil {
			return otherwise
		}
		return n
	}
	clients, seconds := number("FERRY_CLIENTS", manyClients), number("FERRY_SECONDS", 1)
	for _, scenario := range []string{"get", "mixed"} {
		t.Run(scenario, func(t *testing.T) {
			s, err := ScenarioOf(scenario)
			if err != nil {
				t.Fatal(err)
			}
			p := Plan{
				Own:      OwnServer{Start: true, Program: buildServer(t)},
				Scenario: s, Clients: []int{clients}, Loops: 2,
				Duration: time.Duration(seconds) * time.Second,
			}
			var out strings.Builder
			r, err := p.Run(t.Context(), &out)
			if err != nil {
				t.Fatalf("%v\n%s", err, &out)
			}
			if err = r.WriteTable(&out); err != nil {
				t.Error(err)
			}
			t.Logf("%s", &out)
			turn := r.Targets[0].Steps[0].merged()
			wantNoErrors(t, turn)
			if n := turn.jobs().Count; n < int64(clients) {
				t.Errorf("%d transfers of %d clients", n, clients)
			}
		})
	}
}

func TestTooManyClientsForTheDescriptorsAreRefused(t *testing.T) {
	p := small("127.0.0.1:1")
	p.Clients = []int{1, descriptorsMax()/2 + 1}
	if err := p.Validate(); err == nil || !strings.Contains(err.Error(), "ulimit -n") {
		t.Errorf("%d clients: %v", p.Clients[1], err)
	}
}

// TestTransferAllocatesNothing compares what a long run allocates with what a short one does: what
// is left is what transfers cost, apart from a growing server of the same process, which is
// therefore in another.
func TestTransferAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes from pools at random")
	}
	h := hold(t)
	s := Scenario{Name: "get", Gets: 3, Puts: 1, Sizes: []int64{4096, 100_000}}.withDefaults()
	sh := share{
		Site: Site{Name: "ferryd", Proto: ProtoBase, Address: h.Address}, Scenario: s,
		Clients: 8, Stride: 1, Sources: 2, Timeout: timeoutDefault,
	}
	ctx := context.Background()
	l, err := newLoop(sh)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close(ctx)
	l.connect(ctx)
	m := newMix(s, &sh.Site, "allocates-")
	allocated := func(jobs jobSource, s span) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := l.do(ctx, jobs, s)
		runtime.ReadMemStats(&after)
		if len(r.failures) > 0 {
			t.Fatalf("%+v", r.failures)
		}
		return after.Mallocs - before.Mallocs
	}
	allocated(m.puts(), span{})
	w := newWorks(m, &sh)
	allocated(w, span{left: limit(400)}) // names, buffers and hashers are made once
	short, long := allocated(w, span{left: limit(200)}), allocated(w, span{left: limit(2200)})
	if each := (float64(long) - float64(short)) / 2000; each > 0.05 {
		t.Errorf("%g allocations a transfer", each)
	}
}
