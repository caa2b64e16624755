package shell

import (
	"cmp"
	"os"
	"os/exec"
	"syscall"
)

// systemShell is the system's shell with a line to run, or for a person where there is none. The
// line goes there as it is: its quotes are not those of other programs.
func systemShell(line string) *exec.Cmd {
	cmd := exec.Command(cmp.Or(os.Getenv("COMSPEC"), "cmd.exe"))
	if line != "" {
		cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: `cmd.exe /s /c "` + line + `"`}
	}
	return cmd
}
