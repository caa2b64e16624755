package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"github.com/spf13/pflag"

	"ferry/bench"
)

// conflicts says which flag does not apply to a running server, or to one that is started.
func conflicts(f *pflag.FlagSet, running bool) error {
	if !running && f.Changed("server-pid") {
		return errors.New("--server-pid belongs to a running server, HOST:PORT: the usage of a " +
			"ferryd that is started is measured anyway")
	}
	if running && f.Changed("proto") {
		return errors.New("--proto belongs to a ferryd that is started: write PROTO://HOST:PORT")
	}
	for _, name := range []string{"server", "server-arg", "scratch"} {
		if running && f.Changed(name) {
			return fmt.Errorf("--%s belongs to a ferryd that is started, and HOST:PORT names a "+
				"running one", name)
		}
	}
	return nil
}

// measurable says which process's usage cannot be measured.
func measurable(sites []bench.Site) error {
	for _, s := range sites {
		if s.PID == 0 {
			continue
		}
		_, err := bench.CPU(s.PID)
		switch {
		case err != nil && runtime.GOOS != "linux":
			return fmt.Errorf("%s: usage can be measured on Linux only", s.Name)
		case err != nil:
			return fmt.Errorf("%s: there is no process %d to measure", s.Name, s.PID)
		case bench.Descends(os.Getpid(), s.PID):
			return fmt.Errorf("%s: process %d is this harness or started it, so the harness's own "+
				"usage would count as the server's", s.Name, s.PID)
		}
	}
	return nil
}

// runnable says whether the program of --server can be started.
func runnable(program string) error {
	if program == "" {
		return nil
	}
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("--server: %w", err)
	}
	return nil
}
