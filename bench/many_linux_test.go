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

// TestManyActiveClientsLoseNothing has thousands of clients get and put at once, as many as the
// descriptors of one process serve, and more in processes of their own.
func TestManyActiveClientsLoseNothing(t *testing.T) {
	number := func(variable string, otherwise int) int {
		n, err := strconv.Atoi(os.Getenv(variable))
		if err != nil {
			return otherwise
		}
		return n
	}
	clients, seconds := number("FERRY_CLIENTS", manyClients), number("FERRY_SECONDS", 1)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(asWorker, "yes")
	for _, scenario := range []string{"get", "mixed"} {
		t.Run(scenario, func(t *testing.T) {
			s, err := ScenarioOf(scenario)
			if err != nil {
				t.Fatal(err)
			}
			p := Plan{
				Own:      OwnServer{Start: true, Program: buildServer(t), Scratch: t.TempDir()},
				Scenario: s, Clients: []int{clients},
				Duration:      time.Duration(seconds) * time.Second,
				WorkerCommand: []string{self},
			}
			if clients == manyClients {
				p.Processes = 2
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
			turn := r.Targets[0].Steps[0].Merged()
			wantNoErrors(t, turn)
			if n := turn.Transfers(); n < int64(clients) {
				t.Errorf("%d transfers of %d clients", n, clients)
			}
		})
	}
}

func TestProcessesAreAsManyAsDescriptorsAskFor(t *testing.T) {
	p := Plan{Clients: []int{10, 9000}}
	least := max(runtime.NumCPU()/4, 1)
	for descriptors, want := range map[int]int{20_000: 1, 10_200: 2, 1200: 18, 100: 18_000} {
		if got := p.processes(descriptors); got != max(want, least) {
			t.Errorf("%d processes of %d descriptors, not %d", got, descriptors, want)
		}
	}
	p.Scenario.Idle = 30_000
	if got := p.processes(20_000); got != max(3, least) {
		t.Errorf("%d processes for 48,000 descriptors", got)
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
	s := Scenario{Name: "get", Gets: 3, Puts: 1, Sizes: listed(4096, 100_000)}.withDefaults()
	sh := share{
		Site: Site{Name: "ferryd", Proto: ProtoBase, Address: h.Address}, Scenario: s,
		Prefix: "allocates-", Clients: 8, Stride: 1, Sources: 2, Timeout: timeoutDefault,
	}
	one := newService()
	ctx := context.Background()
	var r Report
	if err := one.Do(Order{Seed: &sh}, &r); err != nil || r.Turn.ErrorCount() > 0 {
		t.Fatal(err, r)
	}
	m := one.mixFor(&sh)
	l, err := newLoop(sh, m)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close(ctx)
	l.connect(ctx)
	w := newWorks(m, &sh)
	allocated := func(jobs int64) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := l.do(ctx, w, span{Budget: jobs}, &progress{})
		runtime.ReadMemStats(&after)
		if len(r.failures) > 0 {
			t.Fatalf("%+v", r.failures)
		}
		return after.Mallocs - before.Mallocs
	}
	allocated(400) // names, buffers and hashers are made once
	short, long := allocated(200), allocated(2200)
	if each := (float64(long) - float64(short)) / 2000; each > 0.05 {
		t.Errorf("%g allocations a transfer", each)
	}
}
