//go:build !windows

package shell

import (
	"cmp"
	"os"
	"os/exec"
)

// systemShell is the system's shell with a line to run, or for a person where there is none.
func systemShell(line string) *exec.Cmd {
	if line == "" {
		return exec.Command(cmp.Or(os.Getenv("SHELL"), "/bin/sh"))
	}
	return exec.Command("/bin/sh", "-c", line)
}
