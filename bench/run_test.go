package bench

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"ferry/codec"
)

// small is a plan that takes a moment.
func small(address string) Plan {
	return Plan{
		Sites: []Site{{Name: "fake", Proto: ProtoBase, Address: address}},
		Scenario: Scenario{
			Name: "small", Gets: 3, Puts: 1, Sizes: []int64{1, 100, 70_000},
		},
		Clients:   []int{8},
		Transfers: 200,
		Timeout:   5 * time.Second,
	}
}

// seeds is how many files a small plan puts before its turn.
const seeds = 3

// mustRun runs a plan of one server and one step, and gives what its turns showed.
func mustRun(t *testing.T, p Plan) *Turn {
	t.Helper()
	r, err := p.Run(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return r.Targets[0].Steps[0].merged()
}

// merged is what the turns of a load counted together.
func (s *Step) merged() *Turn {
	all := NewTurn()
	for _, t := range s.Turns {
		all.Seconds += t.Seconds
		all.Own, all.Server = t.Own, t.Server
		all.addCounts(t)
	}
	return all
}

func wantNoErrors(t *testing.T, turn *Turn) {
	t.Helper()
	if n := turn.ErrorCount(); n > 0 {
		t.Errorf("%d errors: %+v", n, turn.Errors)
	}
}

func TestFiguresMatchTheServer(t *testing.T) {
	f := startFake(t, nil)
	p := small(f.address())
	turn := mustRun(t, p)
	wantNoErrors(t, turn)
	if got := turn.jobs().Count; got != 200 {
		t.Errorf("%d transfers, not the 200 asked for", got)
	}
	put, get := turn.Tally(KindPut), turn.Tally(KindGet)
	puts, gets := f.saw()
	if put.Count+seeds != puts || get.Count > gets || get.Count+8 < gets {
		t.Errorf("%d puts and %d gets, where the server saw %d and %d", put.Count, get.Count,
			puts, gets)
	}
	for kind, tally := range turn.Kinds {
		if n := tally.Latency.TotalCount(); n != tally.Count {
			t.Errorf("%s: the histogram holds %d of %d transfers", kind, n, tally.Count)
		}
	}
	if turn.Seconds <= 0 || get.Latency.Max() > 1e6*60 {
		t.Errorf("the slowest get took %d µs, the run %v s", get.Latency.Max(), turn.Seconds)
	}
}

func TestBytesCountFileContent(t *testing.T) {
	f := startFake(t, nil)
	p := small(f.address())
	p.Scenario.Gets, p.Scenario.Sizes = 0, []int64{70_000}
	turn := mustRun(t, p)
	wantNoErrors(t, turn)
	if got := turn.Tally(KindPut).Bytes; got != 200*70_000 {
		t.Errorf("%d bytes in 200 puts of 70,000", got)
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
			f := startFake(t, func(verb codec.Verb, nth int64) fault {
				if verb == c.verb && nth == seeds+1 {
					return c.fault
				}
				return faultNone
			})
			p := small(f.address())
			p.Clients, p.Transfers = []int{2}, 40
			p.Scenario.Gets = 1
			turn := mustRun(t, p)
			if len(turn.Errors) != 1 || turn.Errors[0].Kind != c.kind ||
				turn.ErrorCount() != 1 {
				t.Fatalf("errors %+v, not one of kind %q", turn.Errors, c.kind)
			}
			if turn.Errors[0].First == "" {
				t.Error("an error without a trace")
			}
			if got := turn.jobs().Count; got != 39 {
				t.Errorf("%d transfers went well, not 39: the run must go on", got)
			}
		})
	}
}

func TestCorruptPutIsDetected(t *testing.T) {
	// The gets that come after the figures are the only ones: what the server keeps is wrong.
	f := startFake(t, func(verb codec.Verb, _ int64) fault {
		if verb == codec.VerbGet {
			return faultContent
		}
		return faultNone
	})
	p := small(f.address())
	p.Scenario.Gets = 0
	turn := mustRun(t, p)
	if len(turn.Errors) != 1 || turn.Errors[0].Kind != "mismatch" || turn.ErrorCount() != 8 {
		t.Errorf("errors %+v, not a mismatch for each of 8 clients", turn.Errors)
	}
}

func TestContentDiffersBetweenRuns(t *testing.T) {
	f := startFake(t, nil)
	p := small(f.address())
	p.Clients, p.Scenario.Gets, p.Transfers, p.Prefix = []int{1}, 0, 2, "same-"
	p.Scenario.Sizes = []int64{100}
	mustRun(t, p)
	old := map[string][]byte{}
	for name, file := range f.kept() {
		old[name] = file
	}
	mustRun(t, p)
	for name, file := range f.kept() {
		if string(file) == string(old[name]) {
			t.Errorf("%s holds the same in two runs: a put that did nothing would not show", name)
		}
	}
}

func TestManyErrorsEndTheRun(t *testing.T) {
	f := startFake(t, func(verb codec.Verb, _ int64) fault {
		if verb == codec.VerbGet {
			return faultControl
		}
		return faultNone
	})
	p := small(f.address())
	p.Transfers, p.Duration, p.ErrorsMax = 0, time.Hour, 3
	p.Scenario.Puts = 0
	n := mustRun(t, p).ErrorCount()
	if n <= p.ErrorsMax || n > p.ErrorsMax+int64(p.Clients[0]) {
		t.Errorf("%d errors, where the run was to end after %d", n, p.ErrorsMax)
	}
}

func TestConnectionRefused(t *testing.T) {
	f := startFake(t, nil)
	f.close()
	p := small(f.address())
	if _, err := p.Run(t.Context(), io.Discard); err == nil ||
		!strings.Contains(err.Error(), "connect") {
		t.Errorf("error %v of a server that is not there", err)
	}
	p.Scenario.Gets, p.ErrorsMax = 0, 2
	turn := mustRun(t, p)
	if len(turn.Errors) != 1 || turn.Errors[0].Kind != "connect" {
		t.Errorf("errors %+v", turn.Errors)
	}
}

func TestEmptyFilesAreNoErrors(t *testing.T) {
	f := startFake(t, nil)
	p := small(f.address())
	p.Scenario.Sizes = []int64{0}
	turn := mustRun(t, p)
	wantNoErrors(t, turn)
	if turn.Tally(KindGet).Count == 0 {
		t.Error("no gets")
	}
}

func TestDurationEndsTheRun(t *testing.T) {
	f := startFake(t, nil)
	p := small(f.address())
	p.Transfers, p.Duration = 0, 50*time.Millisecond
	turn := mustRun(t, p)
	wantNoErrors(t, turn)
	if turn.Seconds < p.Duration.Seconds() || turn.jobs().Count == 0 {
		t.Errorf("%d transfers in %v s", turn.jobs().Count, turn.Seconds)
	}
}

func TestCancelledRunReportsNoErrors(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := startFake(t, func(_ codec.Verb, nth int64) fault {
		if nth == 20 {
			cancel()
		}
		return faultNone
	})
	p := small(f.address())
	p.Transfers, p.Duration = 0, time.Hour
	r, err := p.Run(ctx, io.Discard)
	if err == nil || r == nil || r.Errors() > 0 {
		t.Errorf("%v, result %+v", err, r)
	}
}

// TestCancelEndsConnecting cancels while clients wait for a server that never greets them.
func TestCancelEndsConnecting(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var server sync.WaitGroup
	server.Go(func() {
		conn, err := silent.Accept()
		if err != nil {
			return
		}
		cancel()
		_, _ = io.Copy(io.Discard, conn)
		conn.Close()
	})
	p := small(silent.Addr().String())
	p.Sites[0].Proto, p.Scenario.Gets, p.Clients, p.Timeout = ProtoFTP, 0, []int{1}, time.Hour
	if _, err = p.Run(ctx, io.Discard); err == nil || err.Error() != "interrupted" {
		t.Errorf("error %v", err)
	}
	silent.Close()
	server.Wait()
}

func TestClientsSpreadOverSources(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8 by itself")
	}
	f := startFake(t, nil)
	p := small(f.address())
	p.Sources = 3
	mustRun(t, p)
	f.close() // no goroutine writes them any more
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
	for client, want := range map[int]string{
		0: "127.0.0.1", 254: "127.0.0.255", 255: "127.0.1.0", 65535: "127.1.0.0",
		100_000: "127.0.0.1",
	} {
		if got := sourceAddress(client, 100_000).String(); got != want {
			t.Errorf("client %d comes from %s, not %s", client, got, want)
		}
	}
	if sourceAddress(7, 0).IsValid() {
		t.Error("no number of sources leaves the choice to the system")
	}
}

func TestValidateReportsEveryFault(t *testing.T) {
	p := Plan{
		Sites: []Site{
			{Name: "a", Proto: "base", Address: "192.0.2.1:1"},
			{Name: "a", Proto: "gopher", Address: "127.0.0.1:1"},
		},
		Scenario: Scenario{
			Gets: -1, Sizes: []int64{-1}, Idle: -1, Files: -1, Names: -1,
		},
		Clients: []int{0}, Rates: []float64{-1}, Turns: -1, Duration: -1, Transfers: -1,
		Sources: 2, Timeout: -1, ErrorsMax: -1, Loops: -1, Own: OwnServer{Proto: "ftp"},
	}
	_, err := p.Run(t.Context(), io.Discard)
	if err == nil {
		t.Fatal("it ran")
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != 10 {
		t.Errorf("%d faults named, not 10:\n%v", lines, err)
	}
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		t.Error("the faults are not apart")
	}
}
