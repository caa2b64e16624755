package bench

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// shell starts a script that ends with its input, gives it a line to read, and returns when it has
// printed one.
func shell(t *testing.T, script string) (pid int) {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	})
	if _, err = io.WriteString(in, "a line\n"); err == nil {
		_, err = bufio.NewReader(out).ReadString('\n')
	}
	if err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

// TestThreadsThatEndedCount has a thread spend processor time and end: the scheduler's count of it
// ends with it.
func TestThreadsThatEndedCount(t *testing.T) {
	const spent = 200 * time.Millisecond
	before, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	ended, tid := make(chan struct{}), 0
	var spend func()
	spend = func() {
		runtime.LockOSThread() // and not unlocked: the thread ends with the goroutine
		if tid = unix.Gettid(); tid == os.Getpid() {
			go spend() // the first thread never ends: it is held here until another one has begun
			<-ended
			runtime.UnlockOSThread()
			return
		}
		var begin, used unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &begin)
		for used.Nano() < begin.Nano()+spent.Nanoseconds() {
			if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &used) != nil {
				break
			}
		}
		close(ended)
	}
	go spend()
	<-ended
	settle(t, "the thread ends", func() bool {
		_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", tid))
		return err != nil
	})
	after, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if got := after - before; got < spent-2*clockTick {
		t.Errorf("%v of the %v that a thread used before it ended", got, spent)
	}
}

// TestChildrenOfAServerCount holds that a server which makes a process for each session is seen
// whole, whether they run or have ended.
func TestChildrenOfAServerCount(t *testing.T) {
	pid := shell(t, `exec 3<&0; cat <&3 & wait`)
	all := family(pid)
	if len(all) < 2 || all[0] != pid {
		t.Errorf("the family of %d is %v", pid, all)
	}
	if !slices.Contains(family(os.Getpid()), pid) {
		t.Errorf("%d is no child of this process", pid)
	}
	both, err := familyUsage(pid, true)
	if err != nil {
		t.Fatal(err)
	}
	one := memory(pid)
	if both.PSS <= one || one == 0 || both.Threads != 2 || both.Descriptors < 6 {
		t.Errorf("a shell and its child use %+v, the shell %d bytes", both, one)
	}

	pid = shell(t,
		`(i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done); read line; echo done; read line`)
	self, err := CPU(pid)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := familyUsage(pid, false)
	if err != nil || whole.CPU < self.Seconds()+0.02 {
		t.Errorf("%+v with the child that ended, %v without: %v", whole, self, err)
	}
}
