package fsio

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

type jobFunc func()

func (f jobFunc) Run() { f() }

func TestPoolRunsJobsInOrder(t *testing.T) {
	p := NewPool(1)
	var got []int
	begun, gate := make(chan struct{}), make(chan struct{})
	p.Submit(jobFunc(func() { close(begun); <-gate }))
	<-begun
	for i := range 1000 { // More than the first room, so that it grows while in use.
		p.Submit(jobFunc(func() { got = append(got, i) }))
	}
	close(gate)
	p.Close()
	for i := range 1000 {
		if len(got) != 1000 || got[i] != i {
			t.Fatalf("job %d of %d ran out of order", i, len(got))
		}
	}
}

func TestPoolCloseRunsWhatIsQueued(t *testing.T) {
	p := NewPool(3)
	var ran atomic.Int64
	for range 100 {
		p.Submit(jobFunc(func() {
			p.Submit(jobFunc(func() { ran.Add(1) })) // Submitted while the pool closes, maybe.
			ran.Add(1)
		}))
	}
	p.Close()
	p.Close()
	if ran.Load() != 200 {
		t.Fatalf("%d of 200 jobs ran", ran.Load())
	}
	defer func() {
		if recover() == nil {
			t.Fatal("a closed pool took a job")
		}
	}()
	p.Submit(jobFunc(func() {}))
}

// A job that yields goes on behind what was queued, and there are never more workers than there
// were to be.
func TestPoolYieldsInTurn(t *testing.T) {
	p := NewPool(1)
	var got []string // one worker at a time: nothing else guards it
	begun, gate := make(chan struct{}), make(chan struct{})
	p.Submit(jobFunc(func() { close(begun); <-gate }))
	<-begun
	for _, name := range []string{"a", "b", "c"} {
		p.Submit(jobFunc(func() {
			for range 2 {
				got = append(got, name)
				p.Yield()
			}
			got = append(got, name)
		}))
	}
	p.Submit(jobFunc(func() { got = append(got, "small") }))
	close(gate)
	p.Close()
	if all := strings.Join(got, " "); all != "a b c small a b c a b c" {
		t.Fatalf("ran as %s", all)
	}
}

func TestPoolYieldKeepsTheNumberOfWorkers(t *testing.T) {
	const workers = 3
	p := NewPool(workers)
	var at, most, ran atomic.Int64
	for range 50 {
		p.Submit(jobFunc(func() {
			for range 20 {
				n := at.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				runtime.Gosched()
				at.Add(-1)
				p.Yield()
			}
			ran.Add(1)
		}))
	}
	p.Close()
	if ran.Load() != 50 || most.Load() > workers || p.live != 0 {
		t.Fatalf("%d of 50 ran, %d at once; %d workers are left", ran.Load(), most.Load(), p.live)
	}
}

func TestPoolUsesAllWorkers(*testing.T) {
	p := NewPool(4)
	defer p.Close()
	var meet, done sync.WaitGroup
	meet.Add(4)
	done.Add(4)
	for range 4 {
		p.Submit(jobFunc(func() {
			defer done.Done()
			meet.Done()
			meet.Wait() // Ends only if all four run at once.
		}))
	}
	done.Wait()
}

func TestPoolPanicsEndTheProgram(t *testing.T) {
	if os.Getenv("FSIO_TEST_PANIC") != "" {
		p := NewPool(1)
		p.Submit(jobFunc(func() { panic("a job went wrong") }))
		p.Close()
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestPoolPanicsEndTheProgram$")
	cmd.Env = append(os.Environ(), "FSIO_TEST_PANIC=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "panic: a job went wrong") {
		t.Fatalf("got %v:\n%s", err, out)
	}
}

type signalJob struct{ done chan struct{} }

func (j *signalJob) Run() { j.done <- struct{}{} }

func TestPoolSubmitAllocatesNothing(t *testing.T) {
	skipUnderRace(t)
	p := NewPool(2)
	defer p.Close()
	j := &signalJob{done: make(chan struct{})}
	if n := testing.AllocsPerRun(1000, func() { p.Submit(j); <-j.done }); n != 0 {
		t.Fatalf("%v allocations a job", n)
	}
}

func BenchmarkPool(b *testing.B) {
	p := NewPool(2)
	defer p.Close()
	j := &signalJob{done: make(chan struct{}, 1)}
	b.ReportAllocs()
	for b.Loop() {
		p.Submit(j)
		<-j.done
	}
}
