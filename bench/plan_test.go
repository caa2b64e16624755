package bench

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/zeebo/xxh3"
)

// own is a small plan whose server is this test's program, playing a role.
func own(t *testing.T, role string) Plan {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGTERM to end a server with")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(asServer, role)
	return Plan{Scenario: small(""), Program: self, Scratch: t.TempDir()}
}

func TestServerOfOurOwnIsStartedLoadedAndEnded(t *testing.T) {
	p := own(t, "serves")
	var out strings.Builder
	if err := p.Execute(t.Context(), &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{
		"started " + p.Program, "errors: none", "put ", "get ", "both ", " 200 ", "8 clients",
		"ended in order, with status 0",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, &out)
		}
	}
	if runtime.GOOS == "linux" && !strings.Contains(out.String(), "server: ") {
		t.Errorf("no processor time of the server in:\n%s", &out)
	}
	if left, err := os.ReadDir(p.Scratch); err != nil || len(left) > 0 {
		t.Errorf("left in the scratch folder: %v, %v", left, err)
	}
}

// buildServer builds ferryd as it is in the tree.
func buildServer(t testing.TB) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "ferryd")
	out, err := exec.Command("go", "build", "-o", program, "ferry/reactor/ferryd").CombinedOutput()
	if err != nil {
		t.Fatalf("ferryd: %v\n%s", err, out)
	}
	return program
}

func TestFerrydHoldsUp(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("ferryd does not run there")
	}
	p := Plan{Scenario: small(""), Program: buildServer(t), Scratch: t.TempDir()}
	p.Clients, p.Transfers = 100, 1000
	var out strings.Builder
	if err := p.Execute(t.Context(), &out); err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
}

func TestServerThatDoesNotStartIsQuoted(t *testing.T) {
	p := own(t, "ends")
	err := p.Execute(t.Context(), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "the root is no folder") {
		t.Errorf("error %v does not say what the server said", err)
	}
}

func TestServerThatEndsBadlyIsReported(t *testing.T) {
	p := own(t, "fails late")
	var out strings.Builder
	err := p.Execute(t.Context(), &out)
	if err == nil || !strings.Contains(err.Error(), "exit status 3") ||
		!strings.Contains(err.Error(), "the drain failed") {
		t.Errorf("error %v does not say how the server ended", err)
	}
	if !strings.Contains(out.String(), "errors: none") {
		t.Errorf("the report is missing in:\n%s", &out)
	}
}

func TestRunningServerIsToldTheNamesBeforehand(t *testing.T) {
	f := startFake(t, nil)
	p := Plan{Scenario: small(f.address())}
	var out strings.Builder
	if err := p.Execute(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(out.String(), "\n")
	for name := range f.files {
		prefix := name[:len("bench-")+9]
		if !strings.Contains(first, " "+prefix+"*") {
			t.Fatalf("%q was put, and the first line was %q", name, first)
		}
	}
}

func TestErrorsStandOnTop(t *testing.T) {
	f := startFake(t, nil)
	f.close()
	s := small(f.address())
	s.ErrorsMax = 1
	var out strings.Builder
	if _, err := mustRun(t, s).WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "errors: ") || !strings.Contains(out.String(),
		" × connect, the first: ") {
		t.Errorf("report:\n%s", &out)
	}
}

func TestEndedContextEndsTheWaitForAServer(t *testing.T) {
	p := own(t, "serves")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Execute(ctx, io.Discard); err == nil {
		t.Error("it ran")
	}
}

func TestPayloadDoesNotDependOnTheReads(t *testing.T) {
	for _, size := range []int64{0, 1, 7, 8, 9, 4096, blockSize + 100} {
		var p payload
		p.begin(0xfedcba9876543210, size)
		whole, err := io.ReadAll(&p)
		if err != nil || int64(len(whole)) != size {
			t.Fatalf("%d bytes of %d: %v", len(whole), size, err)
		}
		if p.sum() != xxh3.Hash128(whole) {
			t.Errorf("%d bytes: the hash is another content's", size)
		}
		p.begin(0xfedcba9876543210, size)
		pieces, err := io.ReadAll(iotest.HalfReader(iotest.OneByteReader(&p)))
		if err != nil || !bytes.Equal(pieces, whole) {
			t.Errorf("%d bytes: read in pieces they differ: %v", size, err)
		}
		p.begin(0xfedcba9876543211, size)
		if other, _ := io.ReadAll(&p); size > 0 && bytes.Equal(other, whole) {
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
	const spend = 60 * time.Millisecond
	var p payload
	for begin := time.Now(); time.Since(begin) < spend; {
		p.begin(1, 4096)
		_, _ = io.Copy(io.Discard, &p)
	}
	after, err := CPU(os.Getpid())
	if err != nil || after <= before {
		t.Errorf("%v, then %v: %v", before, after, err)
	}
	if _, err = CPU(1 << 30); err == nil {
		t.Error("a process that is not there has processor time")
	}
}

func TestLatencyTexts(t *testing.T) {
	for us, want := range map[int64]string{
		0: "0 µs", 999: "999 µs", 1_000: "1.00 ms", 20_250: "20.25 ms", 123_400: "123 ms",
		61_000_000: "61.00 s",
	} {
		if got := latency(us); got != want {
			t.Errorf("%d µs is %q, not %q", us, got, want)
		}
	}
}
