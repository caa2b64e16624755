package bench

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"
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
	both := familyUsage(pid)
	one := memory(pid)
	if both == nil || both.PSS <= one || one == 0 || both.Threads != 2 || both.Descriptors < 6 {
		t.Errorf("a shell and its child use %+v, the shell %d bytes", both, one)
	}

	pid = shell(t,
		`(i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done); read line; echo done; read line`)
	self, err := CPU(pid)
	if err != nil {
		t.Fatal(err)
	}
	if whole := familyUsage(pid); whole == nil || whole.CPU < self.Seconds()+0.02 {
		t.Errorf("%+v with the child that ended, %v without", whole, self)
	}
}
