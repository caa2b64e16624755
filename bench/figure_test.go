package bench

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"
)

// countedTurn is one whose figures can be worked out by hand: 100 gets of 1 to 100 ms and 20 puts
// of 10 ms, each of 1 MB, in two seconds.
func countedTurn() *Turn {
	t := NewTurn()
	t.Seconds, t.Wall = 2, 2
	add := func(kind Kind, took time.Duration) {
		tally := t.Tally(kind)
		tally.Count++
		tally.Bytes += 1e6
		tally.Latency.Record(took)
	}
	for i := range 100 {
		add(KindGet, time.Duration(i+1)*time.Millisecond)
	}
	for range 20 {
		add(KindPut, 10*time.Millisecond)
	}
	connect := t.Tally(KindConnect)
	connect.Count = 1
	connect.Latency.Record(time.Second)
	t.Errors = []Failure{{"stalled", 25, "x"}, {"other", 5, "y"}}
	t.Missed = 4
	t.Lag = NewHistogram()
	t.Lag.Record(5 * time.Microsecond)
	t.Own = &Usage{CPU: 0.5, PSS: 1 << 20, Descriptors: 7, Threads: 5}
	t.AllCPU = 2.5
	t.Server = &Usage{CPU: 1.2, PSS: 3 << 20, Descriptors: 11, Threads: 9}
	return t
}

func TestFiguresAgreeWithHandCalculation(t *testing.T) {
	v := countedTurn()
	if n := v.jobs().Count; n != 120 {
		t.Errorf("%d transfers", n)
	}
	for name, want := range map[string]float64{
		"transfers": 120, "transfers/s": 60, "bytes": 120e6, "bytes/s": 60e6,
		"mean": (5050 + 200) / 120e3, "max": 0.1, "p99.9": 0.1,
		"get.transfers": 100, "get.transfers/s": 50, "get.bytes/s": 50e6, "get.mean": 0.0505,
		"get.p50": 0.05, "get.p90": 0.09, "get.p99": 0.099, "get.max": 0.1, "get.p75": 0.075,
		"put.transfers": 20, "put.p50": 0.01, "put.max": 0.01,
		"connect.transfers": 1, "connect.p50": 1, // a connect is no transfer, and moves no max
		"errors": 30, "error-rate": 30. / 150, "missed": 4,
		"server-cpu": 0.6, "server-cpu/transfer": 0.01, "server-cpu/GB": 10,
		"server-pss": 3 << 20, "server-descriptors": 11, "server-threads": 9,
		"own-cpu": 0.25, "own-cpu/transfer": 0.5 / 120,
		"others-cpu": 0.4, "lag.p50": 5e-6, "lag.max": 5e-6,
	} {
		f, err := figureNamed(name)
		if err != nil {
			t.Error(err)
			continue
		}
		// A histogram keeps three digits.
		if got := f.value(v, v.jobs()); !(math.Abs(got-want) <= want/1000) {
			t.Errorf("%s is %v, not %v", name, got, want)
		}
	}
}

// TestUsageIsOfTheTimeItWasMeasuredIn has one transfer come half a minute after the others: usage
// until then is no usage of the turn's two seconds.
func TestUsageIsOfTheTimeItWasMeasuredIn(t *testing.T) {
	turn := countedTurn()
	turn.Wall = 32
	turn.AllCPU = 33
	for name, want := range map[string]float64{
		"server-cpu": 1.2 / 32, "own-cpu": 0.5 / 32, "others-cpu": (33 - 1.2 - 0.5) / 32,
		"transfers/s": 60,
	} {
		f, err := figureNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.value(turn, turn.jobs()); math.Abs(got-want) > want/1000 {
			t.Errorf("%s is %v, not %v", name, got, want)
		}
	}
}

func TestFigureThatWasNotMeasuredIsNotKnown(t *testing.T) {
	turn := countedTurn()
	turn.Own, turn.Server, turn.Lag = nil, nil, nil
	v := turn
	for _, name := range []string{
		"others-cpu", "ls.p50", "ls.transfers", "ls.max", "server-cpu", "server-pss",
		"own-cpu/transfer",
		"lag.p99",
	} {
		f, err := figureNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.value(v, v.jobs()); !math.IsNaN(got) {
			t.Errorf("%s is %v", name, got)
		}
	}
	nothing := NewTurn()
	for _, f := range allFigures {
		if got := f.value(nothing, nothing.jobs()); !math.IsNaN(got) {
			t.Errorf("%s of no turn is %v", f.name, got)
		}
	}
}

func TestEveryFigureHasAName(t *testing.T) {
	for _, f := range allFigures {
		name := f.name
		if f.about == "" {
			t.Errorf("%q has no description", name)
		}
		if got, err := figureNamed(name); err != nil || got.unit != f.unit || got.name != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{
		"", "p", "p0", "p100", "p-1", "p1e1", "pNaN",
		"get.", "gut.p50", "get.errors", "get.get.p50", "P99",
	} {
		if f, err := figureNamed(bad); err == nil {
			t.Errorf("%q is taken for %s", bad, f.name)
		}
	}
}

func TestFiguresAreShownInFewDigits(t *testing.T) {
	for _, c := range []struct {
		unit  unit
		value float64
		want  string
	}{
		{unitSeconds, 0, "0 µs"},
		{unitSeconds, 43e-6, "43 µs"},
		{unitSeconds, 31.24e-6, "31.2 µs"},
		{unitSeconds, 0.00123456, "1.23 ms"},
		{unitSeconds, 0.0999, "99.9 ms"},
		{unitSeconds, 0.09999, "100 ms"},
		{unitSeconds, 0.9999, "1.00 s"},
		{unitSeconds, 59.94, "59.9 s"},
		{unitSeconds, 600, "600 s"},
		{unitBytes, 0, "0 B"},
		{unitBytes, 1023, "1023 B"},
		{unitBytes, 64 << 10, "64.0 KiB"},
		{unitSpeed, 1.5 * (1 << 30), "1.50 GiB/s"},
		{unitShare, 0.00123, "0.123%"},
		{unitShare, 1, "100%"},
		{unitCount, 18234.4, "18,234"},
		{unitCount, 18.24, "18.2"},
		{unitCount, 1234567, "1,234,567"},
		{unitCPUs, 0.987, "0.99"},
	} {
		if got := c.unit.show(c.value); got != c.want {
			t.Errorf("%v in unit %d is %q, not %q", c.value, c.unit, got, c.want)
		}
	}
}

func expectations(t *testing.T, texts ...string) []Expectation {
	t.Helper()
	var all []Expectation
	for _, text := range texts {
		e, err := ParseExpectation(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func TestParseExpectation(t *testing.T) {
	for _, c := range []struct {
		text   string
		target string
		figure string
		op     string
		bound  float64
	}{
		{"p99<20ms", "", "p99", "<", 0.02},
		{"errors=0", "", "errors", "=", 0},
		{" get.p99.9 <= 1.5 s ", "", "get.p99.9", "<=", 1.5},
		{"max<2m", "", "max", "<", 120},
		{"mean>=100us", "", "mean", ">=", 1e-4},
		{"p50!=3µs", "", "p50", "!=", 3e-6},
		{"transfers/s>10000", "", "transfers/s", ">", 10000},
		{"transfers/s>10000/s", "", "transfers/s", ">", 10000},
		{"bytes/s>=1.5GiB/s", "", "bytes/s", ">=", 1.5 * (1 << 30)},
		{"server-pss<64MiB", "", "server-pss", "<", 64 << 20},
		{"server-cpu/GB<0.6s", "", "server-cpu/GB", "<", 0.6},
		{"error-rate==0.1%", "", "error-rate", "==", 0.001},
		{"own-cpu<1.5", "", "own-cpu", "<", 1.5},
		{"our server: p99<20ms", "our server", "p99", "<", 0.02},
		{"[::1]:21:p99<20ms", "[::1]:21", "p99", "<", 0.02},
	} {
		e, err := ParseExpectation(c.text)
		if err != nil {
			t.Error(err)
			continue
		}
		if e.target != c.target || e.figure.name != c.figure || e.op != c.op ||
			math.Abs(e.bound-c.bound) > 1e-12*c.bound {
			t.Errorf("%q is %q %q %q %v", c.text, e.target, e.figure.name, e.op, e.bound)
		}
	}
}

func TestParseExpectationErrors(t *testing.T) {
	for text, want := range map[string]string{
		"": "write FIGURE<VALUE", "p99": "write FIGURE<VALUE", "p99!20ms": "no comparison but",
		"p99<<20ms": "no comparison but", "p99<": "its unit, such as 20ms",
		"p99<ms": "its unit, such as 20ms", "p99<-1ms": "its unit, such as 20ms",
		"p99<20": "its unit, such as 20ms", "p99<20 apples": "its unit, such as 20ms",
		"p99<Infms": "its unit, such as 20ms", "p100<20ms": "between 0 and 100",
		"latency<20ms": "there are\n  transfers ", "errors=none": "want a plain number",
		"errors=NaN": "want a plain number", "error-rate<0.1": "a share in percent",
		"bytes/s>1 apple": "KiB", "server-pss<1e5": "KiB", ":p99<20ms": "no target",
		"transfers/s>10k": "want a plain number", "server-cpu<50%": "want a plain number",
		"ferryd:gut<20ms": "no figure is called \"gut\"",
	} {
		if e, err := ParseExpectation(text); err == nil ||
			!strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), fmt.Sprintf("%q", text)) {
			t.Errorf("%q: %v, %v, not %q", text, e, err, want)
		}
	}
}

func TestExpectationsAreCheckedOnEveryStep(t *testing.T) {
	r := synthetic{names: []string{"ferryd", "nginx"}, clients: []int{1, 100}, turns: 2}.result()
	if unmet := r.Check(expectations(t, "errors=0", "p99<1s", "transfers/s>900",
		"server-cpu/transfer<31us", "nginx:p50>1us")); unmet != nil {
		t.Errorf("%v", unmet)
	}
	// A hundred clients wait for 5 ms on average, one alone for 50 µs.
	err := r.Check(expectations(t, "p50<1ms", "ferryd: p50>1ms"))
	want := "expected p50<1ms; ferryd, 100 clients: p50 is ?\n" +
		"expected p50<1ms; nginx, 100 clients: p50 is ?\n" +
		"expected ferryd: p50>1ms; ferryd, 1 client: p50 is ?"
	got := regexp.MustCompile(`is [0-9.]+ .?s`).ReplaceAllString(fmt.Sprint(err), "is ?")
	if got != want {
		t.Errorf("%s, not %s", got, want)
	}
}

func TestMissingFigureNeverPasses(t *testing.T) {
	r := synthetic{turns: 2}.result()
	r.Targets[0].Steps[0].Turns[1].Server = nil
	for _, text := range []string{
		"ls.p99<1h", "connect.transfers>=0", "server-cpu<100", "server-pss>=0B", "lag.p99>=0s",
		"missed=0",
		"nobody:errors>=0",
	} {
		if unmet := r.Check(expectations(t, text)); unmet == nil ||
			!strings.Contains(unmet.Error(), "measured") {
			t.Errorf("%s: %v", text, unmet)
		}
	}
	for _, empty := range []*Result{
		{},
		{Targets: []*Target{{Name: "x"}}},
		{Targets: []*Target{{Name: "x", Steps: []*Step{{Clients: 1}}}}},
	} {
		if unmet := empty.Check(expectations(t, "errors=0")); unmet == nil {
			t.Errorf("nothing measured: %v", unmet)
		}
	}
}

func FuzzParseExpectation(f *testing.F) {
	for _, seed := range []string{
		"p99<20ms", "errors=0", "a:get.p50>=1.5 s", "bytes/s>1GiB/s", "error-rate<1%", "p<", "<>",
	} {
		f.Add(seed)
	}
	r := synthetic{turns: 1, rate: 50}.result()
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseExpectation(text)
		if err != nil {
			return
		}
		if math.IsNaN(e.bound) || e.bound < 0 {
			t.Errorf("%q: %+v", text, e)
		}
		_ = r.Check([]Expectation{e})
	})
}
