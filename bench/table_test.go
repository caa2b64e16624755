package bench

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"golang.org/x/perf/benchfmt"
)

func textOf(t *testing.T, r *Result) string {
	t.Helper()
	var b strings.Builder
	if err := r.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTableShowsWhatWasMeasured(t *testing.T) {
	r := synthetic{turns: 6, noise: 0.05}.result()
	turn := countedTurn()
	r.Targets[0].Steps = append(r.Targets[0].Steps, &Step{Clients: 7, Turns: []*Turn{turn}})
	text := textOf(t, r)
	if !strings.HasPrefix(text, "errors: 30\n  ferryd, 7 clients: 25 × stalled, the first: x\n") {
		t.Errorf("errors are not on top:\n%s", text)
	}
	for _, want := range []string{
		"transfers/s", "±", "60", "57.2 MiB/s", "100 ms", "cpu/transfer", "10.0 ms", "11",
		"4.17 ms", "get", "put", "connect", "1.00 s",
		"4 planned starts never came", "± is the interval", "7 turns of 2.00 s",
	} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if n := len([]rune(line)); n > 140 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestTableLeavesOutWhatIsNotKnown(t *testing.T) {
	r := synthetic{turns: 2}.result()
	for _, turn := range r.turns() {
		turn.Server, turn.Own = nil, nil
	}
	text := textOf(t, r)
	for _, word := range []string{"Cost", "cpu", "±", "lag", "LIMIT", " - "} {
		if strings.Contains(text, word) {
			t.Errorf("%q in\n%s", word, text)
		}
	}
	if !strings.HasPrefix(text, "errors: none\n") {
		t.Errorf("%s", text)
	}
	if text = textOf(t, &Result{}); !strings.Contains(text, "Nothing was measured") {
		t.Errorf("%s", text)
	}
}

func TestControlCharactersAreReplaced(t *testing.T) {
	r := synthetic{turns: 1}.result()
	r.Targets[0].Name = "a\x1b[2Jb\nc\td"
	r.Targets[0].Steps[0].Turns[0].Errors = []Failure{{"k\r", 1, "first\x1b]0;x\x07\nsecond\u009b"}}
	text := textOf(t, r)
	if strings.ContainsAny(text, "\x1b\r\x07\u009b") || strings.Contains(text, "\nsecond") {
		t.Errorf("%q", text)
	}
}

func TestHarnessSaysWhenItWasTheLimit(t *testing.T) {
	two := Machine{Processors: 2}
	for _, c := range []struct {
		name        string
		own, server float64 // processors busy
		lag         time.Duration
		want        string
	}{
		{"idle", 0.2, 0.3, 0, ""},
		{"own", 1.9, 0.1, 0, "THE HARNESS WAS THE LIMIT"},
		{"shared", 1.1, 0.9, 0, "THE MACHINE WAS THE LIMIT"},
		{"server", 0.6, 1.4, 0, "The machine was the limit: 2.00 of 2 processors were busy"},
		{"loop", 0.9, 0.3, 0, "THE HARNESS WAS THE LIMIT: it had work for 97%"},
		{"others", 0.3, 0.3, 0, "THE MACHINE WAS THE LIMIT: 1.80 of 2 processors were busy: the " +
			"harness used 0.30, the server 0.30, other programs 1.20."},
		{"a little late", 0.2, 0.3, 900 * time.Microsecond, ""},
		{"late", 0.2, 0.3, 11 * time.Millisecond, "THE HARNESS WAS LATE"},
	} {
		turn := countedTurn()
		turn.Own.CPU, turn.Server.CPU = c.own*turn.Seconds, c.server*turn.Seconds
		turn.Lag.Record(c.lag)
		turn.AllCPU = turn.Own.CPU + turn.Server.CPU
		switch c.name {
		case "others":
			turn.AllCPU += 1.2 * turn.Seconds
		case "loop":
			turn.Busy = 0.97
		}
		got := two.limit(newRow(&Target{}, &Step{Turns: []*Turn{turn}}, 0))
		if c.want == "" && got.Text != "" || !strings.HasPrefix(got.Text, c.want) ||
			got.Loud != (c.want != "" && c.name != "server") {
			t.Errorf("%s: %+v, not %q", c.name, got, c.want)
		}
	}
}

// TestFiguresOfALoadAreMedians has a turn that is far off.
func TestFiguresOfALoadAreMedians(t *testing.T) {
	step := &Step{Clients: 1}
	for _, rate := range []int64{100, 100, 100, 100, 100, 400} {
		turn := NewTurn()
		turn.Seconds = 1
		turn.Errors = []Failure{{"other", 2, "x"}}
		get := turn.Tally(KindGet)
		for range rate {
			get.Count++
			get.Latency.Record(time.Duration(rate) * time.Millisecond)
		}
		step.Turns = append(step.Turns, turn)
	}
	r := newRow(&Target{Name: "x"}, step, 0)
	for name, want := range map[string]string{
		"transfers/s": "100", "p99": "100 ms", "max": "400 ms", "errors": "12", "transfers": "900",
	} {
		if got := r.show(name); got != want {
			t.Errorf("%s is %s, not %s", name, got, want)
		}
	}
	if got := r.spread("transfers/s"); got != "±300%" { // six turns show no less than all of them
		t.Errorf("the interval is %s", got)
	}
}

func TestOpenLoopSaysWhatItsLatencyIs(t *testing.T) {
	r := synthetic{turns: 2}.result()
	if text := textOf(t, r); !strings.Contains(text, "from the command to") ||
		strings.Contains(text, "missed") {
		t.Errorf("closed:\n%s", text)
	}
	r.Targets[0].Steps[0].Rate = 1000
	for _, turn := range r.turns() {
		turn.Lag, turn.Missed = NewHistogram(), 20
	}
	text := textOf(t, r)
	for _, want := range []string{
		"from the planned start", "missed", "40 planned starts never came",
	} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

func TestGoFormatIsReadByItsParser(t *testing.T) {
	r := synthetic{names: []string{"ferryd", "odd name/x=1-3"}, turns: 3, noise: 0.1}.result()
	r.Settings["Odd: key"] = "two\nlines"
	r.Targets[1].Steps[0].Rate = 500
	r.Targets[1].Steps[0].Turns[2].Server = nil
	r.Targets[0].Steps[0].Turns = append(r.Targets[0].Steps[0].Turns, &Turn{Seconds: 1})
	var b bytes.Buffer
	if err := r.WriteGoFormat(&b); err != nil {
		t.Fatal(err)
	}
	lines := 0
	in := benchfmt.NewReader(bytes.NewReader(b.Bytes()), "run")
	for in.Scan() {
		switch rec := in.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Errorf("%v", rec)
		case *benchfmt.Result:
			checkGoLine(t, r, lines, rec)
			lines++
		}
	}
	if err := in.Err(); err != nil || lines != 6 {
		t.Errorf("%d lines for 6 turns with transfers, %v:\n%s", lines, err, &b)
	}
	for unit, want := range map[string]string{
		"transfers/s": "higher", "p99-sec": "lower", "server-cpu-sec/transfer": "lower",
	} {
		if m := in.Units().Get(unit, "better"); m == nil || m.Value != want {
			t.Errorf("%s: %+v is better, not %s", unit, m, want)
		}
	}
}

func checkGoLine(t *testing.T, r *Result, line int, got *benchfmt.Result) {
	t.Helper()
	name := "Transfers/target=ferryd/proto=base/clients=100-%d"
	if line >= 3 {
		name = "Transfers/target=odd_name_x_1-3/proto=base/clients=100/rate=500-%d"
	}
	name = strings.Replace(name, "%d", unitCount.show(float64(r.Machine.Processors)), 1)
	if string(got.Name) != name {
		t.Errorf("line %d: %s, not %s", line, got.Name, name)
	}
	turn := r.Targets[line/3].Steps[0].Turns[line%3]
	if int64(got.Iters) != turn.jobs().Count {
		t.Errorf("line %d: %d iterations of %d", line, got.Iters, turn.jobs().Count)
	}
	if v, ok := got.Value("transfers/s"); !ok || v != float64(turn.jobs().Count)/2 {
		t.Errorf("line %d: %v transfers/s", line, v)
	}
	want := float64(turn.jobs().Latency.Percentile(99)) / 1e6
	if v, ok := got.Value("p99-sec"); !ok || math.Abs(v-want) > 1e-5*want {
		t.Errorf("line %d: p99 %v, not %v", line, v, want)
	}
	if _, ok := got.Value("server-cpu-sec/transfer"); ok != (turn.Server != nil) {
		t.Errorf("line %d: the server's time is there: %v", line, ok)
	}
	if key := got.GetConfig("scenario-odd__key"); key != "two?lines" {
		t.Errorf("line %d: %q", line, key)
	}
}

// stormResult is one of storms: of each turn's 2,000 connects in two seconds each takes 3 ms.
func stormResult(turns int) *Result {
	r := synthetic{turns: 1}.result()
	turn := NewTurn()
	turn.Seconds, turn.Wall = 2, 2
	turn.Server = &Usage{CPU: 0.04, PSS: 1 << 20}
	turn.Samples = []Sample{{Transfers: 1000}, {Transfers: 1000}}
	connect := turn.Tally(KindConnect)
	for range 2000 {
		connect.Count++
		connect.Latency.Record(3 * time.Millisecond)
	}
	step := r.Targets[0].Steps[0]
	step.Turns = nil
	for range turns {
		step.Turns = append(step.Turns, turn)
	}
	return r
}

func TestConnectsOfAStormCountAsTransfers(t *testing.T) {
	r := stormResult(6)
	text := strings.Join(strings.Fields(textOf(t, r)), " ")
	for _, want := range []string{
		"ferryd 100 clients 1,000 ±0% 3.00 ms", "cpu/transfer cpu pss ferryd 100 clients 20 µs",
		"Connects count as transfers", "from the connect to the end of its session",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, textOf(t, r))
		}
	}
	if strings.Contains(text, "By kind") || strings.Contains(text, "bytes") {
		t.Errorf("tables of content in\n%s", textOf(t, r))
	}
	if unmet := r.Check(expectations(t, "p99<4ms", "transfers/s=1000")); unmet != nil {
		t.Errorf("%v", unmet)
	}
	found := verdicts(t, compared(t, r, r, CompareOptions{}))
	if _, twice := found["connect.p99"]; found["p99"] != NoDifference || twice {
		t.Errorf("compared are %v", found)
	}
}

// TestChurnThatOnlyConnectsIsNoStorm has sessions that come and transfers that never do.
func TestChurnThatOnlyConnectsIsNoStorm(t *testing.T) {
	s := Scenario{Gets: 1, Churn: true}
	record := newRecord(&s, false)
	record.ended(KindConnect, 0, time.Millisecond, 0)
	turn := record.turn
	if n := turn.jobs().Count; turn.storm() || n != 0 {
		t.Errorf("%d transfers of %+v", n, turn.Kinds)
	}
}
