package bench

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/perf/benchmath"
)

// pairedTurn is shorter than floorTurn: what is compared lies closer together, and many pairs tell
// more than long ones.
const pairedTurn = 2 * time.Second

// BenchmarkRevision compares what a base transfer costs two builds of ferryd, in turns of two
// seconds of one and the other. FERRY_BEFORE names the earlier one: a program, or a revision of
// this repository, which is then built. An iteration is one turn of each:
//
//	FERRY_BEFORE=HEAD~20 go test ./bench -run '^$' -bench Revision -benchtime 20x
//
// It judges nothing: it says how far apart they are, and how likely so much is by chance alone.
func BenchmarkRevision(b *testing.B) {
	before := os.Getenv("FERRY_BEFORE")
	if before == "" {
		b.Skip("FERRY_BEFORE names no earlier ferryd")
	}
	program := before
	if _, err := os.Stat(before); err != nil {
		program = buildRevision(b, before)
	}
	earlier := startProgram(b, program, diskFolder(b))
	earlier.name = "before"
	comparePaired(b, earlier, startBuilt(b, diskFolder(b)))
}

// BenchmarkExchanges compares what a transfer costs the same ferryd in the base exchange and in the
// status exchange, in the same way.
func BenchmarkExchanges(b *testing.B) {
	base := startBuilt(b, diskFolder(b))
	base.name = "base"
	comparePaired(b, base, statusOf(b, base))
}

// BenchmarkSame compares two processes of one build: how likely chance alone is there says how far
// the others may be believed.
func BenchmarkSame(b *testing.B) {
	program := os.Getenv("FERRY_SERVER")
	if program == "" {
		program = buildServer(b)
	}
	first := startProgram(b, program, diskFolder(b))
	first.name = "first"
	second := startProgram(b, program, diskFolder(b))
	second.name = "second"
	comparePaired(b, first, second)
}

// statusOf is clients of the status exchange at a server that has others.
func statusOf(t testing.TB, base *contender) *contender {
	t.Helper()
	d, err := driverOf(ProtoStatus, base.address, floorClients, base.driver.jobs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.close)
	return &contender{name: "status", address: base.address, pid: base.pid, driver: d}
}

// TestBothExchangesLoseNothing runs the comparison small.
func TestBothExchangesLoseNothing(t *testing.T) {
	base := startBuilt(t, t.TempDir())
	for _, s := range []*contender{base, statusOf(t, base)} {
		for range 3 {
			s.wantTurn(t, 50*time.Millisecond)
		}
	}
}

// buildRevision builds ferryd as it was.
func buildRevision(t testing.TB, revision string) string {
	t.Helper()
	folder := t.TempDir()
	script := `git -C "$(git rev-parse --show-toplevel)" archive "$0" | tar -x -C "$1"`
	out, err := exec.Command("sh", "-c", script, revision, folder).CombinedOutput()
	if err != nil {
		t.Fatalf("git archive %s: %v\n%s", revision, err, out)
	}
	program := filepath.Join(t.TempDir(), "ferryd-before")
	build := exec.Command("go", "build", "-o", program, "./reactor/ferryd")
	build.Dir = folder
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("ferryd of %s: %v\n%s", revision, err, out)
	}
	return program
}

// comparePaired runs pairs of turns and says what differs.
func comparePaired(b *testing.B, before, after *contender) {
	var ratios, first, second []float64
	out := bufio.NewWriter(os.Stderr)
	defer out.Flush()
	// What a process does for the first time is not what is compared.
	before.turn(b, pairedTurn/2)
	after.turn(b, pairedTurn/2)
	fmt.Fprintf(out, "\n%4s %20s   %20s\n%4s%s ratio\n", "", before.name, after.name, "turn",
		strings.Repeat(fmt.Sprintf(" %12s %8s  ", "transfers/s", "µs each"), 2))
	for b.Loop() {
		pair := []*contender{before, after}
		if len(ratios)%2 == 1 {
			slices.Reverse(pair)
		}
		for _, s := range pair {
			s.turn(b, pairedTurn)
		}
		x, y := before.turns[len(before.turns)-1], after.turns[len(after.turns)-1]
		ratios = append(ratios, y.server/x.server)
		first, second = append(first, x.server), append(second, y.server)
		fmt.Fprintf(out, "%4d %12.0f %8.1f   %12.0f %8.1f   %.3f\n", len(ratios), x.perSecond,
			x.server, y.perSecond, y.server, ratios[len(ratios)-1])
	}
	ratio := median(ratios)
	fmt.Fprintf(out, "%s: %.2f µs of processor time a transfer, %s: %.2f\n", before.name,
		median(first).Center, after.name, median(second).Center)
	fmt.Fprintf(out, "the median of %d pairs' ratios is %.3f (%.3f to %.3f); by chance alone they "+
		"would lie so far from 1 with p = %.3g (signed ranks); unpaired, %v\n", len(ratios),
		ratio.Center, ratio.Lo, ratio.Hi, signedRanks(ratios),
		benchmath.AssumeNothing.Compare(sample(first), sample(second)))
	b.ReportMetric(ratio.Center, "ratio")
	b.ReportMetric(signedRanks(ratios), "p")
	b.ReportMetric(0, "ns/op") // a turn's length says nothing
	for _, s := range []*contender{before, after} {
		s.wantNoLoss(b)
	}
}

// signedRanks is the probability that ratios which are as likely above 1 as below lie at least so
// far to one side: Wilcoxon's test of their logarithms, exact, both sides counted.
func signedRanks(ratios []float64) float64 {
	var logs []float64
	for _, r := range ratios {
		if r != 1 {
			logs = append(logs, math.Log(r))
		}
	}
	slices.SortFunc(logs, func(a, b float64) int {
		if math.Abs(a) < math.Abs(b) {
			return -1
		}
		return 1
	})
	above := 0
	for i, l := range logs {
		if l > 0 {
			above += i + 1
		}
	}
	// ways[s] is how many of the ways to choose signs make the ranks of those above 1 add up to s.
	total := len(logs) * (len(logs) + 1) / 2
	ways := make([]float64, total+1)
	ways[0] = 1
	for rank := 1; rank <= len(logs); rank++ {
		for s := total; s >= rank; s-- {
			ways[s] += ways[s-rank]
		}
	}
	least := min(above, total-above)
	tail := 0.0
	for s := range least + 1 {
		tail += ways[s]
	}
	return min(1, 2*tail/math.Pow(2, float64(len(logs))))
}

// TestSignedRanks compares with the tables of Wilcoxon's test.
func TestSignedRanks(t *testing.T) {
	for _, c := range []struct {
		ratios []float64
		want   float64
	}{
		{nil, 1},
		{[]float64{1, 1}, 1},
		{[]float64{1.1, 1.2, 1.3, 1.4, 1.5}, 0.0625},
		{[]float64{1.01, 1.02, 1.03, 1.04, 1.05, 1.06}, 0.03125},
		{[]float64{0.99, 1.02, 1.03, 1.04, 1.05, 1.06}, 0.0625},
		{[]float64{1.1, 1 / 1.2, 1.3, 1 / 1.4}, 0.875},
	} {
		if got := signedRanks(c.ratios); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v: p = %v, want %v", c.ratios, got, c.want)
		}
	}
}
