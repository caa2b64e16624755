package bench

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/perf/benchmath"
	"golang.org/x/sys/unix"
)

const (
	floorClients = 64              // as many as the floor has data ports, and ferryd by default
	floorTurn    = 3 * time.Second // long for a scheduler's tick, short for a machine's drift
	floorRatio   = 2.0             // server time a transfer, at most this many times the floor's
)

// BenchmarkFloor compares ferryd with the floor: 64 clients fetch a file of 4 KiB over and over,
// in turns of three seconds of one server and the other, since a machine drifts. An iteration is
// one turn of each:
//
//	go test ./bench -run '^$' -bench Floor -benchtime 10x
//
// FERRY_SERVER names another ferryd than the one built here, FERRY_FLOOR_DIR the folder on a real
// disk to serve from. It fails when a transfer is lost, or when the median of the turns' ratios is
// above two.
func BenchmarkFloor(b *testing.B) {
	folder := diskFolder(b)
	floor := startFloor(b)
	ferryd := startBuilt(b, folder)
	compareFloor(b, floor, ferryd, floorTurn)
}

// BenchmarkControl compares the floor with itself in the same way: how far its ratio is from one
// says how far BenchmarkFloor's may be believed.
func BenchmarkControl(b *testing.B) {
	again := startFloor(b)
	again.name = "again"
	compareFloor(b, startFloor(b), again, floorTurn)
}

// TestFloorAndServerLoseNothing runs the comparison small.
func TestFloorAndServerLoseNothing(t *testing.T) {
	for _, s := range []*contender{startFloor(t), startBuilt(t, t.TempDir())} {
		for range 2 {
			s.wantTurn(t, 50*time.Millisecond)
		}
	}
}

// contender is a server under measurement and the clients that load it.
type contender struct {
	name    string
	address string
	pid     int
	driver  *driver
	turns   []turn
}

// turn is what one turn showed.
type turn struct {
	transfers     int64
	perSecond     float64
	server, bench float64 // processor time a transfer in microseconds
}

func (s *contender) turn(t testing.TB, length time.Duration) turn {
	t.Helper()
	server, own := cpuOf(t, s.pid), cpuOf(t, os.Getpid())
	n, took := s.driver.turn(length)
	server, own = cpuOf(t, s.pid)-server, cpuOf(t, os.Getpid())-own
	per := func(d time.Duration) float64 {
		return float64(d.Nanoseconds()) / 1e3 / float64(max(n, 1))
	}
	got := turn{n, float64(n) / took.Seconds(), per(server), per(own)}
	s.turns = append(s.turns, got)
	return got
}

func compareFloor(b *testing.B, floor, ferryd *contender, length time.Duration) {
	var ratios, beside []float64
	out := bufio.NewWriter(os.Stderr)
	defer out.Flush()
	fmt.Fprintf(out, "\n%4s %33s   %33s\n%4s", "", floor.name, ferryd.name, "turn")
	fmt.Fprintln(out, strings.Repeat(fmt.Sprintf(" %11s %10s %10s  ", "transfers/s", "µs each",
		"client µs"), 2), "ratio")
	for b.Loop() {
		// Who goes first changes with every pair, so that neither always follows the other.
		pair := []*contender{floor, ferryd}
		if len(ratios)%2 == 1 {
			pair[0], pair[1] = pair[1], pair[0]
		}
		for _, s := range pair {
			s.turn(b, length)
		}
		f, d := floor.turns[len(ratios)], ferryd.turns[len(ratios)]
		ratios = append(ratios, d.server/f.server)
		beside = append(beside, d.perSecond/f.perSecond)
		fmt.Fprintf(out, "%4d %11.0f %10.1f %10.1f   %11.0f %10.1f %10.1f   %.2f\n", len(ratios),
			f.perSecond, f.server, f.bench, d.perSecond, d.server, d.bench, ratios[len(ratios)-1])
	}
	ratio := median(ratios)
	for _, s := range []*contender{floor, ferryd} {
		reportContender(b, out, s)
	}
	fmt.Fprintf(out, "%s's time a transfer is %.2f times the floor's (%.2f to %.2f, with %.0f %% "+
		"confidence, %d turns)\n", ferryd.name, ratio.Center, ratio.Lo, ratio.Hi,
		100*ratio.Confidence, len(ratios))
	b.ReportMetric(ratio.Center, "ratio")
	b.ReportMetric(0, "ns/op") // a turn's length says nothing
	// A busy machine slows both down at once, so the rate is compared with the floor's.
	if trend(out, "transfers/s beside the floor's", beside) {
		b.Errorf("%s's rate sinks as time goes on", ferryd.name)
	}
	if ratio.Center > floorRatio {
		b.Errorf("%s's time a transfer is %.2f times the floor's, above %.1f", ferryd.name,
			ratio.Center, floorRatio)
	}
}

// reportContender says what a transfer cost, whether its rate changed from the first half of
// its turns to the second, and what was lost.
func reportContender(b *testing.B, out *bufio.Writer, s *contender) {
	var cost, rate []float64
	for _, t := range s.turns {
		cost, rate = append(cost, t.server), append(rate, t.perSecond)
	}
	per := median(cost)
	fmt.Fprintf(out, "%s: %d transfers, %d lost, %.1f µs of processor time each (%.1f to %.1f)\n",
		s.name, s.driver.transfers, s.driver.lost, per.Center, per.Lo, per.Hi)
	b.ReportMetric(per.Center, s.name+"-µs/transfer")
	b.ReportMetric(median(rate).Center, s.name+"-transfers/s")
	trend(out, s.name+"'s transfers/s", rate)
	s.wantNoLoss(b)
}

// trend says whether a figure changed from the first half of the turns to the second.
func trend(out *bufio.Writer, what string, values []float64) (sank bool) {
	half := len(values) / 2
	first, second := median(values[:half]), median(values[half:])
	c := benchmath.AssumeNothing.Compare(sample(values[:half]), sample(values[half:]))
	verdict := "no change shown"
	if c.P < c.Alpha {
		sank = second.Center < first.Center
		verdict = "it rose"
		if sank {
			verdict = "it sank"
		}
	}
	fmt.Fprintf(out, "%s, first half of the turns and second: %.4g, %.4g: %s (%v)\n", what,
		first.Center, second.Center, verdict, c)
	return sank
}

func cpuOf(t testing.TB, pid int) time.Duration {
	t.Helper()
	d, err := CPU(pid)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// floorFile is the file that floor.c holds in memory.
func floorFile() []byte {
	return append(bytes.Repeat([]byte("abcdefghijklmnopqrstuvwxyz"), 157), "abcdefghijklmn"...)
}

// startFloor compiles and starts the floor; it ends with the test.
func startFloor(t testing.TB) *contender {
	t.Helper()
	compiler, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("the floor is compiled with gcc, which is not here")
	}
	program := filepath.Join(t.TempDir(), "floor")
	out, err := exec.Command(compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-o", program,
		filepath.Join("testdata", "floor.c")).CombinedOutput()
	if err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	cmd := exec.Command(program)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the floor named no port: %v", err)
	}
	return contend(t, "floor", "127.0.0.1:"+strings.TrimSpace(port), cmd.Process.Pid)
}

// startBuilt starts ferryd, its log at its default level and in a file, on a folder that holds the
// floor's file.
func startBuilt(t testing.TB, folder string) *contender {
	t.Helper()
	program := os.Getenv("FERRY_SERVER")
	if program == "" {
		program = buildServer(t)
	}
	return startProgram(t, program, folder)
}

// startProgram is startBuilt with a ferryd that is there.
func startProgram(t testing.TB, program, folder string) *contender {
	t.Helper()
	s, err := StartServer(t.Context(), program, folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	name := filepath.Join(folder, "files", besideFileName)
	if err = os.WriteFile(name, floorFile(), 0o644); err != nil {
		t.Fatal(err)
	}
	return contend(t, "ferryd", s.Address, s.PID)
}

func contend(t testing.TB, name, address string, pid int) *contender {
	t.Helper()
	d, err := newDriver(address, floorClients, floorFile())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.close)
	return &contender{name: name, address: address, pid: pid, driver: d}
}

// diskFolder makes a scratch folder and refuses one in memory: what a server does to serve from a
// disk's file system is part of the figure.
func diskFolder(t testing.TB) string {
	t.Helper()
	//nolint:usetesting // The folder of t.TempDir may be in memory.
	folder, err := os.MkdirTemp(cmp.Or(os.Getenv("FERRY_FLOOR_DIR"), "/var/tmp"), "ferry-floor-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	var fs unix.Statfs_t
	if err = unix.Statfs(folder, &fs); err != nil {
		t.Fatal(err)
	}
	if fs.Type == unix.TMPFS_MAGIC || fs.Type == unix.OVERLAYFS_SUPER_MAGIC {
		t.Skipf("%s is on no disk: name a folder on one with FERRY_FLOOR_DIR", folder)
	}
	return folder
}
