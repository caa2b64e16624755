package reactor

import (
	"fmt"
	"sync"
	"syscall"
	"testing"

	"ferry/fsio"
)

// order writes down which operations a root makes, in their order.
type order struct {
	mu  sync.Mutex
	ops []fsio.Op
}

func (o *order) fault(op fsio.Op, _ fsio.Name) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ops = append(o.ops, op)
	return nil
}

// count is how often an operation was made.
func (o *order) count(op fsio.Op) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for _, did := range o.ops {
		if did == op {
			n++
		}
	}
	return n
}

// TestADurablePutIsOnTheDiskBeforeItsAnswer looks at what was done when the answer came: the
// folder is brought to the disk last, after the file has its name.
func TestADurablePutIsOnTheDiskBeforeItsAnswer(t *testing.T) {
	var did order
	ts := serveWith(t, func(s *Server) { faults(t, s, did.fault) }, func(o *Options) {
		o.Durability = DurabilityCommit
	})
	const all = "get ls stat sum put parts partsum replace mkdir change commit"
	if got := ts.announced(t); got != all {
		t.Errorf("announced is %q", got)
	}
	c, b := ts.greet(), ts.dial()
	want := 0
	stored := func(name string, content []byte) {
		t.Helper()
		want++
		if n := did.count(fsio.OpSyncFolder); n != want {
			t.Errorf("%s: %d folders were brought to the disk, want %d", name, n, want)
		}
		ts.wantFile(name, content)
	}
	for _, n := range []int{0, 5, 3 << 20} {
		content := pattern(n)
		c.store("a", string(content))
		stored("a", content)
		b.put("b", string(content))
		stored("b", content)
		part := c.begin("c")
		c.goOn(part, 0, n, content, 226)
		stored("c", content)
	}
	b.quit()
	c.bye()
}

func TestDurablePutsAtOnceShareTheDisk(t *testing.T) {
	var did order
	fault, came, release := blockedOn(fsio.OpSync)
	ts := serveWith(t, func(s *Server) {
		faults(t, s, func(op fsio.Op, n fsio.Name) error {
			_ = did.fault(op, n)
			return fault(op, n)
		})
	}, func(o *Options) { o.Durability = DurabilityCommit })
	const many = 20
	first := ts.greet()
	d := first.offered("put first").take()
	d.say(record("abc"))
	<-came
	var all []*speaker
	for i := range many {
		c := ts.greet()
		all = append(all, c)
		c.offered(fmt.Sprint("put f", i)).take().say(record("abc"))
	}
	eventually(t, "all files to be written", func() bool {
		return did.count(fsio.OpWrite) == many+1
	})
	release()
	first.want(226, "3")
	for _, c := range all {
		c.want(226, "3")
		c.bye()
	}
	first.bye()
	// One after the other they would have been as many as there are files.
	if n := did.count(fsio.OpSyncFolder); n > many/2 {
		t.Errorf("%d times a folder was brought to the disk for %d files", n, many+1)
	}
}

func TestADurablePutThatFailsIsTold(t *testing.T) {
	ts := serveWith(t, func(s *Server) {
		faults(t, s, func(op fsio.Op, _ fsio.Name) error {
			if op == fsio.OpSync || op == fsio.OpSyncAll {
				return syscall.EIO
			}
			return nil
		})
	}, func(o *Options) { o.Durability = DurabilityCommit })
	ts.file("a", []byte("old"))
	c := ts.greet()
	for _, n := range []int{5, 3 << 20} {
		d := c.offered("put a").take()
		d.say(record(string(pattern(n))))
		c.want(451, "a: ")
		wantResetWithin(t, d, 0)
	}
	part := c.begin("a")
	d := c.offered("putpart " + part + " 0 3").take()
	d.say(record("new"))
	c.want(451, "a: ")
	wantResetWithin(t, d, 0)
	c.ask("partsize "+part, 213, "3")
	c.ask("droppart "+part, 250, "")
	c.bye()
	ts.quiet()
	ts.wantFile("a", []byte("old"))
}

// TestADurableChangeIsOnTheDiskBeforeItsAnswer: mkdir, rename and removal as well as put.
func TestADurableChangeIsOnTheDiskBeforeItsAnswer(t *testing.T) {
	var did order
	ts := serveWith(t, func(s *Server) { faults(t, s, did.fault) }, func(o *Options) {
		o.Durability = DurabilityCommit
	})
	ts.file("a", []byte("old"))
	c := ts.greet()
	synced := 0
	for _, step := range []struct {
		command string
		code    int
		folders int
	}{
		{"mkdir d", 250, 1},
		{"mkdir d/e", 250, 1},
		{"mkdir d", 550, 0},
		{"rnfr a", 350, 0},
		{"rnto b", 250, 1},
		{"rnfr b", 350, 0},
		{"rnto d/b", 250, 2},
		{"rm d/b", 250, 1},
		{"rmdir d/e", 250, 1},
		{"rm nowhere", 550, 0},
	} {
		c.ask(step.command, step.code, "")
		synced += step.folders
		if n := did.count(fsio.OpSyncFolder); n != synced {
			t.Errorf("%s: %d folders were brought to the disk, want %d", step.command, n, synced)
		}
	}
	c.bye()
}

// TestADurableChangeThatMayNotLastIsTold: 451, and what the disk said.
func TestADurableChangeThatMayNotLastIsTold(t *testing.T) {
	ts := serveWith(t, func(s *Server) {
		faults(t, s, func(op fsio.Op, _ fsio.Name) error {
			if op == fsio.OpSyncFolder {
				return syscall.EIO
			}
			return nil
		})
	}, func(o *Options) { o.Durability = DurabilityCommit })
	c := ts.greet()
	c.ask("mkdir d", 451, "d: ")
	c.ask("rmdir d", 451, "d: ")
	c.ask("stat d", 550, "")
	c.bye()
}
