package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"

	"github.com/spf13/pflag"

	"ferry/bench"
)

// ownFlags say something of a ferryd that is started, and of no other.
var ownFlags = []string{"server", "server-arg", "proto", "scratch"}

// together says which flag does not go with a server that runs, or with one that is started: it
// would be left unheard.
func together(f *pflag.FlagSet, runs bool) error {
	if !runs && f.Changed("server-pid") {
		return errors.New("--server-pid is of a server that runs, HOST:PORT: what a ferryd that " +
			"is started uses is measured anyway")
	}
	for _, name := range ownFlags {
		switch {
		case !runs || !f.Changed(name):
		case name == "proto":
			return errors.New("--proto is of a ferryd that is started: write PROTO://HOST:PORT")
		default:
			return fmt.Errorf("--%s is of a ferryd that is started, and HOST:PORT names one that "+
				"runs", name)
		}
	}
	return nil
}

// measurable says what is wrong with the processes whose usage is to be measured.
func measurable(sites []bench.Site) error {
	for _, s := range sites {
		if s.PID == 0 {
			continue
		}
		if _, err := bench.CPU(s.PID); err != nil {
			if runtime.GOOS != "linux" {
				return fmt.Errorf("%s: what process %d uses is measured on Linux alone", s.Name,
					s.PID)
			}
			return fmt.Errorf("%s: there is no process %d to be measured", s.Name, s.PID)
		}
		if bench.Descends(os.Getpid(), s.PID) {
			return fmt.Errorf("%s: process %d is this harness or began it, so that the harness's "+
				"own usage would count as the server's", s.Name, s.PID)
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

// passwords are those in an address, PROTO://USER:PASSWORD@HOST:PORT.
var passwords = regexp.MustCompile(`(://[^:/@]*:)[^/@]*@`)

// shown is a command line as a result keeps it: whoever sees the result sees no password.
func shown(args []string) []string {
	all := make([]string, len(args))
	for i, arg := range args {
		all[i] = passwords.ReplaceAllString(arg, "${1}***@")
	}
	return all
}
