package reactor

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/zeebo/xxh3"

	"ferry/fsio"
)

func sha(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func xxh(b []byte) string {
	sum := xxh3.Hash128(b).Bytes()
	return hex.EncodeToString(sum[:])
}

func TestSumsAreRight(t *testing.T) {
	ts := serve(t)
	content := pattern(3<<20 + 5)
	ts.file("a b", content)
	ts.file("empty", nil)
	c := ts.greet()
	for _, e := range []struct {
		command, want string
	}{
		{"sum sha256 a b", sha(content) + " 3145733"},
		{"sum xxh3 a b", xxh(content) + " 3145733"},
		{"sum xxh3 empty", xxh(nil) + " 0"},
		{"sumpart sha256 0 0 a b", sha(content) + " 3145733"},
		{"sumpart sha256 7 100 a b", sha(content[7:107]) + " 100"},
		{"sumpart xxh3 3145732 9 a b", xxh(content[3145732:]) + " 1"},
		{"sumpart xxh3 3145733 0 a b", xxh(nil) + " 0"},
	} {
		for range 2 {
			c.command(e.command)
			if got := c.want(213, ""); got != e.want {
				t.Errorf("%s: %s, want %s", e.command, got, e.want)
			}
		}
	}
	c.ask("sumpart xxh3 3145734 0 a b", 501, "a b: the offset is beyond the end")
	c.ask("sum xxh3 missing", 550, "missing: ")
	c.ask("sum xxh3 /", 550, "")
	part := c.begin("new")
	c.goOn(part, 0, 10, content[:5], 250)
	c.ask("partsum "+part+" sha256", 213, sha(content[:5])+" 5")
	c.ask("partsum "+part+" xxh3", 213, xxh(content[:5])+" 5")
	c.ask("partsum 0123456789abcdef xxh3", 550, "")
	c.bye()
}

// sparse makes a file that takes long to sum up: 20 GB that take no room on the disk.
func (ts *testServer) sparse(name string) {
	ts.t.Helper()
	f, err := os.Create(filepath.Join(ts.dir, name))
	check(ts.t, err)
	check(ts.t, f.Truncate(20_000_000_000))
	check(ts.t, f.Close())
}

// TestASumEndsWithItsClient: with one worker a sum that went on would keep the next one waiting for
// half a minute and more.
func TestASumEndsWithItsClient(t *testing.T) {
	for name, end := range map[string]func(ts *testServer, c *speaker){
		"abor": func(_ *testServer, c *speaker) {
			c.ask("abor", 426, "")
			c.want(226, "")
			c.ask("noop", 200, "")
			c.bye()
		},
		"close": func(_ *testServer, c *speaker) { check(t, c.Close()) },
		"reset": func(_ *testServer, c *speaker) { reset(t, c.TCPConn) },
	} {
		t.Run(name, func(t *testing.T) {
			ts := serve(t, func(o *Options) { o.SumWorkers = 1; o.Limits.SumsPerAddress = 3 })
			ts.sparse("big")
			ts.file("a", []byte("abc"))
			first, second, third := ts.greet(), ts.greet(), ts.greet()
			for _, c := range []*speaker{first, second, third} {
				c.command("sum sha256 big")
			}
			ts.summing(3)
			last := ts.greet()
			last.ask("sum sha256 a", 450, "a: too many checksums for this address at once")
			// Neither the loop nor other file work waits for them.
			last.fetch("get a", []byte("abc"))
			for _, c := range []*speaker{third, second, first} {
				end(ts, c)
			}
			ts.summing(0)
			last.ask("sum sha256 a", 213, sha([]byte("abc")))
			last.bye()
		})
	}
}

// summing waits until the tests' address is counted as many checksums.
func (ts *testServer) summing(want int64) {
	ts.t.Helper()
	ts.summingOf(loopback.String(), want)
}

func TestASessionMayHaveOnlySoMuchSummedUp(t *testing.T) {
	ts := serve(t, func(o *Options) { o.Limits.SumBytes = 2 << 20 })
	old := time.Now().Add(-time.Hour)
	for i := range 4 {
		name := fmt.Sprint("f", i)
		ts.file(name, pattern(1<<20))
		check(t, os.Chtimes(filepath.Join(ts.dir, name), old, old))
	}
	c := ts.greet()
	c.ask("sum xxh3 f0", 213, "")
	c.ask("sum xxh3 f1", 213, "")
	c.ask("sum xxh3 f2", 552, "f2: too many bytes summed up")
	c.fetch("get f2", pattern(1<<20))
	c.bye()
	c = ts.greet()
	c.ask("sum xxh3 f2", 213, "")
	c.bye()
}

func TestAServerThatStopsEndsSums(t *testing.T) {
	ts := serve(t, func(o *Options) { o.SumWorkers = 1 })
	ts.sparse("big")
	c := ts.greet()
	part := c.begin("x")
	c.goOn(part, 0, 9, []byte("abc"), 250)
	c.command("sum sha256 big")
	d := ts.greet()
	ts.summing(1)
	d.command("partsum " + part + " xxh3")
	ts.summing(2)
	ts.Stop()
	c.want(421, "")
	d.want(421, "")
	_, err := io.ReadAll(c)
	check(t, err)
	check(t, ts.wait())
}

// What counts is what was read, in bytes, of a part too: small files do not count as large ones.
func TestChecksumsCountTheirBytes(t *testing.T) {
	ts := serve(t, func(o *Options) { o.Limits.SumBytes = 10 })
	content := pattern(100)
	ts.file("small", content)
	c := ts.greet()
	part := c.begin("x")
	c.goOn(part, 0, 9, content[:3], 250)
	for i := range 3 {
		c.ask(fmt.Sprintf("sumpart xxh3 %d 3 small", i), 213, xxh(content[i:i+3])+" 3")
	}
	c.ask("partsum "+part+" xxh3", 213, xxh(content[:3])+" 3")
	c.ask("partsum "+part+" xxh3", 552, "")
	c.ask("sumpart xxh3 3 3 small", 552, "small: too many bytes summed up for one session")
	c.bye()
}

// TestAnAbortedPartSumFreesItsPart gives one up that runs, and one that waits for a worker.
func TestAnAbortedPartSumFreesItsPart(t *testing.T) {
	fault, came, release := blockedOn(fsio.OpRead)
	ts := serveWith(t, func(s *Server) { faults(t, s, fault) }, func(o *Options) {
		o.SumWorkers = 1
	})
	c, waiting := ts.greet(), ts.greet()
	first, second := c.begin("a"), waiting.begin("b")
	c.goOn(first, 0, 9, []byte("abc"), 250)
	c.command("partsum " + first + " xxh3")
	<-came
	waiting.command("partsum " + second + " xxh3")
	ts.summing(2)
	waiting.ask("abor", 426, "")
	waiting.want(226, "")
	waiting.ask("partsize "+second, 213, "0")
	c.command("abor")
	ts.given(first)
	release()
	c.want(426, "")
	c.want(226, "")
	c.ask("partsize "+first, 213, "3")
	c.bye()
	waiting.bye()
}

// given waits until the sum over a part was told to end.
func (ts *testServer) given(part string) {
	ts.t.Helper()
	eventually(ts.t, "the abor", func() bool {
		seen := false
		r := ts.reactors[0]
		onLoop(ts.t, r, func() {
			for _, t := range r.transfers {
				seen = seen || t.sumEnded(part)
			}
		})
		return seen
	})
}
