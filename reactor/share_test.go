package reactor

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// What transfers have open is never more than what they took from the budget of descriptors:
// otherwise accept would fail one day, which ends gnet's engine and every session with it.
func TestTransfersHaveOpenWhatTheyTook(t *testing.T) {
	const n = 12
	content := pattern(8 << 20)
	for name, begin := range map[string]func(c *speaker, i int) *data{
		"get": func(c *speaker, _ int) *data { return c.offered("get large").take() },
		"put": func(c *speaker, i int) *data {
			d := c.offered(fmt.Sprintf("put sub/%d", i)).take()
			d.say(fmt.Sprintf("%010d", len(content)) + string(content[:1<<20]))
			return d
		},
		"putpart": func(c *speaker, i int) *data {
			part := c.begin(fmt.Sprintf("sub/%d", i))
			d := c.offered(fmt.Sprintf("putpart %s 0 %d", part, len(content))).take()
			d.say(fmt.Sprintf("%010d", len(content)) + string(content[:1<<20]))
			return d
		},
	} {
		t.Run(name, func(t *testing.T) {
			ts := serve(t, func(o *Options) { o.Portable = true }) // no pipes, which count apart
			check(t, os.Mkdir(filepath.Join(ts.dir, "sub"), 0o777))
			ts.file("large", content)
			var speakers []*speaker
			for range n {
				speakers = append(speakers, ts.greet())
			}
			before := len(descriptors())
			for i, c := range speakers {
				d := begin(c, i)
				defer func() { reset(t, d.TCPConn) }()
			}
			r := ts.reactors[0]
			eventually(t, "everything to be open", func() bool {
				open := int64(0)
				onLoop(t, r, func() {
					for _, tr := range r.transfers {
						if tr.moved > 0 && !tr.job.busy {
							open++
						}
					}
				})
				return open == n
			})
			open := int64(len(descriptors()) - before - n) // the tests' ends are no part of it
			took := ts.start - r.limiter.descriptors.Load()
			if open > took || open < n {
				t.Errorf("%d descriptors are open, %d were taken for them", open, took)
			}
		})
	}
}

// The sums of one address do not keep those of another waiting behind all of them.
func TestSumsOfAddressesTakeTurns(t *testing.T) {
	ts := serve(t, func(o *Options) { o.SumWorkers = 1 })
	ts.sparse("big")
	ts.file("a", []byte("abc"))
	var greedy []*speaker
	for range 4 {
		c := ts.greet()
		c.command("sum sha256 big")
		greedy = append(greedy, c)
	}
	ts.summing(4)
	other := &speaker{ts.dialFrom(t, "127.0.0.2")}
	other.command("hello 1")
	other.want(200, "ferry/1")
	other.command("sum sha256 a")
	greedy[0].ask("abor", 426, "")
	greedy[0].want(226, "")
	other.want(213, sha([]byte("abc")))
	// One that waits is given up at once, one that runs at its next piece.
	for _, c := range []*speaker{greedy[2], greedy[1], greedy[3]} {
		c.ask("abor", 426, "")
		c.want(226, "")
		c.bye()
	}
	ts.summing(0)
	other.bye()
	greedy[0].bye()
}
