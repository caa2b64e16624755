package bench

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// asServer, when set in the environment, makes this test's program play ferryd: "ends" says that it
// prints a line and fails, "serves" that it serves until SIGTERM, "fails late" that it fails then.
const asServer = "FERRY_TEST_AS_SERVER"

// plays are what this test's program plays instead of testing when a variable is set, by its name.
// Files for one system add theirs.
var plays = map[string]func(as string) (status int){asServer: playServer}

// leftAtEnd are folders that all tests share; they are removed when the last has ended.
var leftAtEnd []string

func TestMain(m *testing.M) {
	for name, play := range plays {
		if as := os.Getenv(name); as != "" {
			os.Exit(play(as))
		}
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		for _, folder := range leftAtEnd {
			_ = os.RemoveAll(folder)
		}
		os.Exit(status)
	}))
}

func playServer(role string) int {
	if role == "ends" {
		fmt.Fprintln(os.Stderr, "the root is no folder")
		return 2
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	f := newFake(listener)
	// As a careful server does: the file appears whole.
	file := os.Args[slices.Index(os.Args, "--addr-file")+1]
	if err = os.WriteFile(file+".new", []byte(f.address()+"\n"), 0o644); err == nil {
		err = os.Rename(file+".new", file)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	<-term
	f.close()
	if role == "fails late" {
		fmt.Fprintln(os.Stderr, "the drain failed")
		return 3
	}
	return 0
}
