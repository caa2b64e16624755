package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/zeebo/xxh3"
)

// ownPlan is a small plan whose server is this test's program, playing a role.
func ownPlan(t *testing.T, role string) Plan {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGTERM to end a server with")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(asServer, role)
	p := small("")
	p.Sites, p.Own.Start, p.Own.Program = nil, true, self
	t.Setenv("TMPDIR", t.TempDir())
	return p
}

func TestOwnServerIsStartedAndStopped(t *testing.T) {
	p := ownPlan(t, "serves")
	var out strings.Builder
	r, err := p.Run(t.Context(), &out)
	if err != nil || r.Err() != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{"started " + p.Own.Program, "ferryd ended with status 0"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, &out)
		}
	}
	if got := r.Targets[0].Steps[0].merged().jobs().Count; got != 200 {
		t.Errorf("%d transfers", got)
	}
	turn := r.Targets[0].Steps[0].merged()
	if runtime.GOOS == "linux" && (turn.Server == nil || turn.Server.PSS == 0 ||
		turn.Server.Descriptors == 0 || turn.Server.Threads == 0) {
		t.Errorf("the server's usage is %+v", turn.Server)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left in the temporary folder: %v, %v", left, err)
	}
}

// builtServer builds ferryd once for all tests of this process.
var builtServer = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "ferry-hold-")
	if err != nil {
		return "", err
	}
	leftAtEnd = append(leftAtEnd, folder)
	program := filepath.Join(folder, "ferryd")
	out, err := exec.Command("go", "build", "-o", program, "ferry/reactor/ferryd").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("ferryd: %w: %s", err, out)
	}
	return program, nil
})

// buildServer is ferryd as it is in the tree.
func buildServer(t testing.TB) string {
	t.Helper()
	program, err := builtServer()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// TestEveryScenarioOnFerryd runs every scenario small, but the one of a file of 1 GiB, in both
// exchanges.
func TestEveryScenarioOnFerryd(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("ferryd does not run there")
	}
	program := buildServer(t)
	for _, named := range Scenarios {
		name := named.Name
		if name == "huge" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			s, err := ScenarioOf(name)
			if err != nil {
				t.Fatal(err)
			}
			s.Idle, s.Files = min(s.Idle, 50), min(s.Files, 20)
			for _, proto := range []string{ProtoBase, ProtoStatus} {
				holdsUp(t, Plan{
					Own:      OwnServer{Start: true, Program: program, Proto: proto},
					Scenario: s, Clients: []int{100}, Transfers: 300,
				})
			}
		})
	}
}

// holdsUp runs a plan of 300 jobs against a ferryd.
func holdsUp(t *testing.T, p Plan) {
	t.Helper()
	var out strings.Builder
	r, err := p.Run(t.Context(), &out)
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", p.Own.Proto, err, &out)
	}
	var ended int64
	for kind, tally := range r.Targets[0].Steps[0].merged().Kinds {
		if kind != KindConnect || p.Scenario.Storm {
			ended += tally.Count
		}
	}
	if ended != 300 {
		t.Errorf("%s: %d of 300 jobs ended", p.Own.Proto, ended)
	}
}

func TestFailedStartQuotesTheServer(t *testing.T) {
	p := ownPlan(t, "ends")
	_, err := p.Run(t.Context(), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "the root is no folder") {
		t.Errorf("error %v does not say what the server said", err)
	}
}

func TestServerFailureIsReported(t *testing.T) {
	p := ownPlan(t, "fails late")
	r, err := p.Run(t.Context(), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "exit status 3") ||
		!strings.Contains(err.Error(), "the drain failed") {
		t.Errorf("error %v does not say how the server ended", err)
	}
	if r == nil || r.Targets[0].Steps[0].merged().jobs().Count != 200 {
		t.Error("the figures are missing")
	}
}

func TestNamesArePrintedBeforeTheRun(t *testing.T) {
	f := startFake(t, nil)
	var out strings.Builder
	if _, err := small(f.address()).Run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(out.String(), "\n")
	for name := range f.kept() {
		prefix := name[:len("bench-")+9]
		if !strings.Contains(first, " "+prefix+"*") {
			t.Fatalf("%q was put, and the first line was %q", name, first)
		}
	}
}

func TestCancelEndsTheWaitForAServer(t *testing.T) {
	p := ownPlan(t, "serves")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Run(ctx, io.Discard); err == nil {
		t.Error("it ran")
	}
}

func TestContentDoesNotDependOnThePieces(t *testing.T) {
	const key = 0xfedcba9876543210
	for _, size := range []int64{0, 1, 7, 8, 9, 4096, 100_000, blockSize + 100} {
		whole := make([]byte, size)
		if n := fill(whole, key, size, 0); int64(n) != size {
			t.Fatalf("%d bytes of %d", n, size)
		}
		if sumOf(key, size) != xxh3.Hash128(whole) {
			t.Errorf("%d bytes: the hash is another content's", size)
		}
		var pieces []byte
		for at, b := int64(0), make([]byte, 13); at < size; {
			n := fill(b, key, size, at)
			pieces, at = append(pieces, b[:n]...), at+int64(n)
		}
		if !bytes.Equal(pieces, whole) {
			t.Errorf("%d bytes: in pieces they differ", size)
		}
		other := make([]byte, size)
		fill(other, key+1, size, 0)
		if size > 0 && bytes.Equal(other, whole) {
			t.Errorf("%d bytes: another key gives the same", size)
		}
	}
}

func TestCPUCountsWhatWasSpent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processor time is read from /proc")
	}
	before, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for after := before; after <= before; { // it ends with the time that the loop itself takes
		sumOf(1, 4096)
		if after, err = CPU(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err = CPU(1 << 30); err == nil {
		t.Error("a process that is not there has processor time")
	}
}
