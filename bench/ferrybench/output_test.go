package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ferry/bench"
)

// saved is a result file of some turns, each of a hundred gets whose latencies begin at a
// millisecond and differ a little from turn to turn. With slower all of them take that much longer.
func saved(t *testing.T, turns int, slower time.Duration) string {
	t.Helper()
	step := &bench.Step{Clients: 3}
	for i := range turns {
		turn := bench.NewTurn()
		turn.Seconds = 1
		for j := range 100 {
			get := turn.Tally(bench.KindGet)
			get.Count++
			get.Bytes += 1000
			get.Latency.Record(time.Duration(1000+j+7*i)*time.Microsecond + slower)
		}
		step.Turns = append(step.Turns, turn)
	}
	name := filepath.Join(t.TempDir(), "run.json")
	if err := bench.SaveResult(name, &bench.Result{
		Scenario: "get", Machine: bench.ThisMachine(),
		Targets: []*bench.Target{{Name: "ferryd", Proto: "base", Steps: []*bench.Step{step}}},
	}); err != nil {
		t.Fatal(err)
	}
	return name
}

// wantRun runs the program and compares its status and a piece of what it prints on each side.
func wantRun(t *testing.T, status int, out, errs string, args ...string) {
	t.Helper()
	var stdout, stderr strings.Builder
	if got := run(args, &stdout, &stderr); got != status ||
		!strings.Contains(stdout.String(), out) || !strings.Contains(stderr.String(), errs) {
		t.Errorf("%v: status %d, not %d, with %q and %q\nstdout: %s\nstderr: %s", args, got, status,
			out, errs, &stdout, &stderr)
	}
}

func TestShowPrintsAndChecksResult(t *testing.T) {
	file := saved(t, 2, 0)
	wantRun(t, 0, "3 clients", "", "show", file)
	wantRun(t, 0, "BenchmarkTransfers/target=ferryd", "", "show", "--format", "go", file)
	wantRun(t, 0, `"format": "ferrybench result"`, "", "show", "--format", "json", file)
	wantRun(t, 0, "As expected: p99<20ms, errors=0.", "", "show", file,
		"--expect", "p99<20ms", "--expect", "errors=0")
	wantRun(t, 1, "3 clients", "expected p50<1ms; ferryd, 3 clients: p50 is 1.05 ms", "show", file,
		"--expect", "p50<1ms")
	wantRun(t, 1, "", "ls.p50 was not measured", "show", file, "--expect", "ls.p50<1h")
	wantRun(t, 2, "", "a time with its unit", "show", file, "--expect", "p50<20")
	wantRun(t, 2, "", "there are text, go and json", "show", file, "--format", "xml")
	wantRun(t, 2, "", "give one result file", "show")
	wantRun(t, 2, "", "no such file", "show", filepath.Join(t.TempDir(), "none"))
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(`{"format": "x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	wantRun(t, 2, "", bad+": not a result file", "show", bad)
}
