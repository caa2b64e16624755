package reactor

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"ferry/fsio"
	"ferry/fsio/dir"
)

// ambient are the goroutines that the imported packages keep for good: a pool's workers of gnet's.
var ambient []goleak.Option

// TestMain opens once what the runtime keeps open for good, its poller for one, so that every test
// can demand its descriptors back to the last one.
func TestMain(m *testing.M) {
	ambient = []goleak.Option{
		goleak.IgnoreCurrent(),
		goleak.IgnoreTopFunction("github.com/panjf2000/ants/v2.(*goWorker).run.func1"),
	}
	state, err := os.MkdirTemp("", "ferry-state-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	testState = state
	if err := warmUp(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	before := descriptors()
	status := m.Run()
	_ = os.RemoveAll(state)
	if err := goleak.Find(ambient...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	if after := descriptors(); status == 0 && len(after) > len(before) {
		fmt.Fprintf(os.Stderr, "descriptors leaked: %q before, %q after\n", before, after)
		status = 1
	}
	os.Exit(status)
}

func warmUp() error {
	dir, err := os.MkdirTemp("", "ferry-warm-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	o := testOptions(dir)
	s, err := New(o)
	if err != nil {
		return err
	}
	return s.Run(s.Stop)
}

// testOptions are those of most tests: one loop on loopback and nothing in short supply.
func testOptions(dir string) Options {
	o := DefaultOptions()
	o.Root = dir
	o.Listen = "127.0.0.1"
	o.DataPorts = PortRange{Count: 8}
	o.FileWorkers = 4
	o.Limits.FreeBytes = 0
	o.TLS.State = testState
	return o
}

// testState holds the certificate of all servers, which takes a while to make.
var testState string

// faults gives a prepared server a root whose system calls fail, or wait, as the test says.
func faults(t testing.TB, s *Server, fault func(fsio.Op, fsio.Name) error) {
	t.Helper()
	o := s.options.storeOptions()
	o.Fault = fault
	root, err := dir.Open(s.options.Root, o)
	check(t, err)
	check(t, s.store().Close())
	s.setStore(root)
}
