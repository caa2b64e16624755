package main

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long a test waits for what has to happen. Nothing here takes a tenth of it.
const patience = 10 * time.Second

// scriptsMax is how long all scripts may take; they take seconds.
const scriptsMax = 2 * time.Minute

// programs is the folder of the programs under test; it is the first in PATH.
var programs string

// TestMain builds the programs once, so that the tests run what a user runs.
func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	if slices.Contains(os.Args, "-test.fuzzworker") { // it runs no program
		return m.Run()
	}
	var err error
	if programs, err = os.MkdirTemp("", "ferry-programs-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(programs)
	args := []string{"build", "-o", programs + string(filepath.Separator)}
	if raceEnabled {
		args = append(args, "-race")
		// Without this each program waits a second at its end for reports of others.
		_ = os.Setenv("GORACE", "atexit_sleep_ms=10 "+os.Getenv("GORACE"))
	}
	args = append(args, "ferry/reactor/ferryd", "ferry/client/ferry", "ferry/bench/ferrybench")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the programs: %v\n%s", err, out)
		return 1
	}
	path := programs + string(filepath.ListSeparator) + os.Getenv("PATH")
	if err := os.Setenv("PATH", path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// lookAtSources looks at every file that the programs are made of, and each test calls it. The go
// command keeps the result of a test as long as what the test looked at is the same; of what
// TestMain looks at, and of what go build reads, it sees nothing.
func lookAtSources(t *testing.T) {
	t.Helper()
	for _, folder := range []string{"reactor", "codec", "fsio", "client", "bench", "go.mod"} {
		err := filepath.WalkDir(filepath.Join("..", "..", folder),
			func(path string, _ fs.DirEntry, err error) error {
				if err == nil {
					_, err = os.Stat(path)
				}
				return err
			})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestScript runs the scripts, each against servers of its own. Beside the commands of testscript
// they have:
//
//	serve [FLAG...]           start ferryd on a free port of 127.0.0.1, with the folder root as
//	                          its root; HOST, PORT and SHA256 are set. It is ended by SIGTERM when
//	                          the script ends, and must have the status 0 then
//	ports                     set PORTS to three free ports for --classic-ports, which lie as
//	                          classic's do, and FILES and MESSAGES to the last two of them
//	signal NAME               send the server a signal: TERM, INT, KILL or USR1
//	ended STATUS              wait for the server's end with that status
//	end                       signal TERM, then ended 0
//	fails STATUS PROGRAM...   run a program that has to fail with that status and one line on
//	                          stderr, which the command stderr looks at
//	logged [KEY=REGEXP...]    wait for a line of the log that has all of these fields and values
//	status KEY=REGEXP...      ask for the counters by USR1 until they are like that
//	logs REGEXP               wait for a line of the log that is not JSON
//	fill FILE SIZE            make a file of bytes that differ everywhere
//	sparse FILE SIZE          make a file of that size and nothing in it
//	wire ...                  a client of the base exchange, by hand: see wireVerbs
func TestScript(t *testing.T) {
	lookAtSources(t)
	testscript.Run(t, testscript.Params{
		Dir:                filepath.Join("testdata", "script"),
		RequireUniqueNames: true,
		// A server that should not have started would run on.
		Deadline: time.Now().Add(scriptsMax),
		Setup: func(e *testscript.Env) error {
			s := &scene{tb: e.T().(testing.TB), wires: make(map[string]*wire)}
			s.tb.Cleanup(s.close)
			e.Values[sceneKey{}] = s
			// Scripts say what base's signs come to unless they set another exchange.
			e.Setenv("FERRY_EXCHANGE", "base")
			return nil
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "ipv6":
				return haveIPv6(), nil
			case "race":
				return raceEnabled, nil
			}
			return false, fmt.Errorf("no condition %q", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve":  scripted((*scene).serve),
			"ports":  scripted((*scene).ports),
			"signal": scripted((*scene).signal),
			"ended":  scripted((*scene).ended),
			"end":    scripted((*scene).endServer),
			"logged": scripted((*scene).logged),
			"status": scripted((*scene).status),
			"logs":   scripted((*scene).logs),
			"fails":  scripted((*scene).fails),
			"fill":   scripted((*scene).fill),
			"sparse": scripted((*scene).sparse),
			"wire":   scripted((*scene).wire),
		},
	})
}

func haveIPv6() bool {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}

type sceneKey struct{}
