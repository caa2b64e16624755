package bench

import (
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"ferry/codec"
)

// delays is a server's delay, and what the delays in fact were.
type delays struct {
	mu  sync.Mutex
	sum time.Duration
	n   int
}

func (w *delays) wait(d time.Duration) {
	begin := time.Now()
	<-time.After(d)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sum += time.Since(begin)
	w.n++
}

// TestFiguresAgreeWithAHandCalculation has ten clients get a hundred times from a server that takes
// 60 ms for nine gets of ten and 300 ms for the tenth. By hand: the average is 84 ms, the rate of
// ten clients 10/84 ms = 119 a second, a hundred gets take 840 ms, p50 is 60 ms and p99 300 ms. A
// fifth more is allowed for: other work on the machine makes times longer, and nothing makes them
// shorter. Where that is not enough all is slowed down, so that the same work weighs less.
func TestFiguresAgreeWithAHandCalculation(t *testing.T) {
	const (
		clients, gets = 10, 100
		slowest       = 16
	)
	var faults []string
	for slower := time.Duration(1); slower <= slowest; slower *= 2 {
		short, long := slower*60*time.Millisecond, slower*300*time.Millisecond
		average := (9*short + long) / 10
		f, w := startFake(t, nil), &delays{}
		f.delays(func(nth int64) {
			if nth%10 == 0 {
				w.wait(long)
			} else {
				w.wait(short)
			}
		})
		p := small(f.address())
		p.Clients, p.Transfers = []int{clients}, gets
		p.Scenario.Puts, p.Scenario.Sizes = 0, []int64{1000}
		turn := mustRun(t, p)
		wantNoErrors(t, turn)
		get := turn.Tally(KindGet)
		if get.Count != gets || get.Bytes != gets*1000 {
			t.Fatalf("%d gets of %d bytes", get.Count, get.Bytes)
		}
		faults = nil
		near := func(what string, got, byHand float64) {
			if got < byHand*0.999 {
				t.Errorf("%s of %g is below %g, which cannot be", what, got, byHand)
			}
			if got > byHand*1.2 {
				faults = append(faults, fmt.Sprintf("%s: %g, by hand %g", what, got, byHand))
			}
		}
		actual := w.sum.Seconds() / float64(w.n)
		near("average, of the delays as they were", get.Latency.Mean()/1e6, actual)
		near("average", get.Latency.Mean()/1e6, average.Seconds())
		near("p50", float64(get.Latency.Percentile(50)), float64(short.Microseconds()))
		near("p99", float64(get.Latency.Percentile(99)), float64(long.Microseconds()))
		near("seconds", turn.Seconds, gets/clients*average.Seconds())
		near("seconds a transfer", turn.Seconds/float64(get.Count),
			average.Seconds()/clients)
		if len(faults) == 0 {
			return
		}
	}
	t.Errorf("%d times slower:\n%s", slowest, strings.Join(faults, "\n"))
}

// TestPauseShowsInAnOpenLoop has a server stand still once. In a closed loop the four clients wait,
// and no other client is delayed; by the clock hundreds should have started meanwhile. Where
// other work on the machine makes as great delays, the pause is made longer.
func TestPauseShowsInAnOpenLoop(t *testing.T) {
	const longest = 16
	for longer := 1; ; longer *= 2 {
		pauseLength := time.Duration(longer) * 200 * time.Millisecond
		half := (pauseLength / 2).Microseconds()
		closed, open, planned := pausedOnce(t, 800*longer, pauseLength)
		wantNoErrors(t, closed)
		wantNoErrors(t, open)
		if got := closed.Tally(KindGet).Latency.Percentile(99); got >= half {
			if longer < longest {
				continue
			}
			t.Errorf("closed: p99 is %d µs: the pause does not hide", got)
		}
		latency := open.Tally(KindGet).Latency
		if got := latency.Percentile(99); got < half {
			t.Errorf("open: p99 is %d µs, where a pause delayed a quarter of all", got)
		}
		if got := latency.TotalCount() + open.Missed; got != planned {
			t.Errorf("%d begun or missed, of %d in the plan", got, planned)
		}
		return
	}
}

// pausedOnce runs the same gets in a closed and in an open loop, each against a server that stands
// still once, for so long, when a quarter of them has come.
func pausedOnce(
	t *testing.T, gets int, length time.Duration,
) (closed, open *Turn, planned int64) {
	t.Helper()
	paused := func() *fake {
		f := startFake(t, nil)
		var still sync.RWMutex
		f.delays(func(nth int64) {
			if nth == int64(gets)/4 {
				still.Lock()
				defer still.Unlock()
				<-time.After(length)
				return
			}
			still.RLock()
			defer still.RUnlock()
		})
		return f
	}
	p := small(paused().address())
	p.Clients, p.Transfers = []int{4}, int64(gets)
	p.Scenario.Puts, p.Scenario.Sizes = 0, []int64{100}
	closed = mustRun(t, p)

	const perSecond = 1000
	p.Sites[0].Address = paused().address()
	p.Rates, p.Transfers = []float64{perSecond}, 0
	p.Duration = time.Duration(gets) * time.Second / perSecond
	return closed, mustRun(t, p), int64(gets)
}

// TestMissedStartsAreReported has one client ask a server that is too slow for the plan.
func TestMissedStartsAreReported(t *testing.T) {
	f := startFake(t, nil)
	f.delays(func(int64) { <-time.After(50 * time.Millisecond) })
	p := small(f.address())
	p.Clients, p.Rates, p.Transfers = []int{1}, []float64{200}, 0
	p.Duration, p.Scenario.Puts = 250*time.Millisecond, 0
	turn := mustRun(t, p)
	n := turn.Tally(KindGet).Count
	if n+turn.Missed != 50 || n > 6 {
		t.Errorf("%d begun and %d missed, of 50 in the plan", n, turn.Missed)
	}
	if turn.Lag.TotalCount() != n {
		t.Errorf("a lag for %d of %d starts", turn.Lag.TotalCount(), n)
	}
	if turn.Seconds != 0.25 {
		t.Errorf("%v seconds", turn.Seconds)
	}
}

// TestLoopsShareATurn divides clients and rate among loops, whose figures come together.
func TestLoopsShareATurn(t *testing.T) {
	f := startFake(t, nil)
	p := small(f.address())
	p.Loops, p.Clients, p.Transfers = 3, []int{7, 2}, 201
	r, err := p.Run(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range r.Targets[0].Steps {
		turn := step.merged()
		wantNoErrors(t, turn)
		if n := turn.jobs().Count; n != 201 || turn.Own == nil {
			t.Errorf("%d clients: %d transfers, own usage %v", step.Clients, n, turn.Own)
		}
	}
	p.Rates, p.Transfers, p.Duration = []float64{300}, 0, 200*time.Millisecond
	p.Clients = []int{30}
	turn := mustRun(t, p)
	wantNoErrors(t, turn)
	if n := turn.jobs().Count + turn.Missed; n != 60 {
		t.Errorf("%d started or missed, not 60", n)
	}
}

// TestTurnsOfServersAlternate holds the order, and that every server gets the same work.
func TestTurnsOfServersAlternate(t *testing.T) {
	a, b := startFake(t, nil), startFake(t, nil)
	p := small(a.address())
	p.Sites = append(p.Sites, Site{Name: "other", Proto: ProtoBase, Address: b.address()})
	p.Clients, p.Turns, p.Transfers = []int{2, 5}, 3, 50
	r, err := p.Run(t.Context(), io.Discard)
	if err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	var first, second []*Turn
	for n := range 2 {
		first = append(first, r.Targets[0].Steps[n].Turns...)
		second = append(second, r.Targets[1].Steps[n].Turns...)
	}
	if len(first) != 6 || len(second) != 6 {
		t.Fatalf("%d and %d turns, not 6 each", len(first), len(second))
	}
	for i := range first {
		if i > 0 && (first[i].Began.Before(second[i-1].Began) ||
			second[i].Began.Before(first[i-1].Began)) {
			t.Errorf("turn %d of one began before turn %d of the other", i, i-1)
		}
		for _, kind := range []Kind{KindGet, KindPut} {
			x, y := first[i].Tally(kind), second[i].Tally(kind)
			// Clients draw their own jobs, but how many each makes is a matter of speed.
			if math.Abs(float64(x.Count-y.Count)) > 20 {
				t.Errorf("turn %d: %d and %d of kind %s", i, x.Count, y.Count, kind)
			}
		}
	}
}

func TestIdleSessionsAreInNoFigure(t *testing.T) {
	f := startFake(t, nil)
	p := small(f.address())
	p.Scenario.Puts, p.Scenario.Sizes, p.Scenario.Idle = 0, []int64{10}, 9
	turn := mustRun(t, p)
	wantNoErrors(t, turn)
	get := turn.Tally(KindGet)
	if get.Count != 200 || get.Bytes != 2000 || turn.Kinds[KindConnect] != nil {
		t.Errorf("%d gets of %d bytes, and kinds %v", get.Count, get.Bytes, turn.Kinds)
	}
}

func TestLostIdleSessionIsAnError(t *testing.T) {
	f := startFake(t, nil)
	var once sync.Once
	f.delays(func(nth int64) {
		if nth < 100 {
			return
		}
		once.Do(func() {
			// The oldest connections are the idle ones: the load's come first, then those.
			f.mu.Lock()
			defer f.mu.Unlock()
			for c := range f.open {
				if conn, ok := c.(interface{ SetLinger(int) error }); ok {
					_ = conn.SetLinger(0)
				}
				c.Close()
			}
		})
	})
	p := small(f.address())
	p.Scenario.Idle, p.Scenario.Puts = 5, 0
	turn := mustRun(t, p)
	if turn.ErrorCount() < 5 {
		t.Errorf("errors %+v, and five idle sessions were lost", turn.Errors)
	}
}

func TestStormCountsConnects(t *testing.T) {
	f := startFake(t, nil)
	p := small(f.address())
	p.Scenario.Storm, p.Scenario.Gets, p.Scenario.Puts = true, 0, 0
	turn := mustRun(t, p)
	wantNoErrors(t, turn)
	puts, gets := f.saw()
	if n := turn.Tally(KindConnect).Count; n != 200 || puts+gets > 0 {
		t.Errorf("%d connects, and %d transfers", n, puts+gets)
	}
}

func TestChurnUsesOneSessionPerTransfer(t *testing.T) {
	f := startFake(t, nil)
	p := small(f.address())
	p.Scenario.Churn = true
	turn := mustRun(t, p)
	wantNoErrors(t, turn)
	if n := turn.Tally(KindConnect).Count; n != 200 || turn.jobs().Count != 200 {
		t.Errorf("%d connects and %d transfers", n, turn.jobs().Count)
	}
}

// TestOpenChurnMeasuresConnectsFromPlannedStart has one client connect, get and leave, slower than
// the plan: what waits for it waits to connect as well.
func TestOpenChurnMeasuresConnectsFromPlannedStart(t *testing.T) {
	f := startFake(t, nil)
	f.delays(func(int64) { <-time.After(50 * time.Millisecond) })
	p := small(f.address())
	p.Clients, p.Rates, p.Transfers = []int{1}, []float64{100}, 0
	p.Duration, p.Scenario.Puts, p.Scenario.Churn = 250*time.Millisecond, 0, true
	turn := mustRun(t, p)
	wantNoErrors(t, turn)
	// The fifth get or so was to begin 40 ms after the first and waits for four of 50 ms.
	connect, get := turn.Tally(KindConnect).Latency.Max(), turn.Tally(KindGet).Latency.Max()
	if n := turn.Tally(KindConnect).Count; n < 3 || connect < 60_000 || connect > get {
		t.Errorf("%d connects, of %d µs at most, before gets of %d µs", n, connect, get)
	}
}

func TestWarmUpIsInNoFigure(t *testing.T) {
	f := startFake(t, func(verb codec.Verb, nth int64) fault {
		if verb == codec.VerbGet && nth == 5 {
			return faultCut // its errors count all the same
		}
		return faultNone
	})
	p := small(f.address())
	p.WarmUp, p.Transfers = 50*time.Millisecond, 10
	p.Scenario.Puts = 0
	turn := mustRun(t, p)
	if _, gets := f.saw(); turn.jobs().Count != 10 || gets <= 11 {
		t.Errorf("%d transfers of 10, where the server saw %d", turn.jobs().Count, gets)
	}
	if turn.ErrorCount() != 1 {
		t.Errorf("errors %+v: the warm-up's is missing", turn.Errors)
	}
}
