package reactor

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"ferry/fsio"
	"ferry/reactor/limit"
)

// What transfers have open is never more than what they took from the budget of descriptors:
// otherwise accept would fail one day, which ends gnet's engine and every session with it.
func TestTransfersHaveOpenWhatTheyTook(t *testing.T) {
	plainOnly(t) // the relay has descriptors too
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
			took := ts.start - r.limiter.Free(limit.Descriptors)
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

// pieceCounter counts the pieces that are read of big, from when they are let. When the first piece
// of small is read it tells how many those were; too many before that are a failure of the disk.
type pieceCounter struct {
	pieces, most int64
	seen         bool // small was read
	came, gate   chan struct{}
	// before is how many pieces of big were read before small, left the descriptors then.
	before, left atomic.Int64
	limiter      *limit.Budget
}

// fault is asked by one worker.
func (p *pieceCounter) fault(op fsio.Op, n fsio.Name) error {
	switch {
	case op != fsio.OpRead:
	case n.String() == "small":
		p.seen = true
		p.before.Store(p.pieces)
		p.left.Store(p.limiter.Free(limit.Descriptors))
	case n.String() == "big":
		if p.pieces == 0 {
			close(p.came)
			<-p.gate
		}
		if p.pieces++; p.pieces > p.most && !p.seen { // a test that fails would take long
			return syscall.EIO
		}
	}
	return nil
}

// largeSums is how many large files are summed up, each for another address.
const largeSums = 4

// The sum of a small file waits for one turn each of the large ones that others have begun before,
// whatever their size. Where no descriptor is left for those that wait, it waits for all of them.
func TestASmallSumWaitsForTurnsOfLargeOnes(t *testing.T) {
	const turn = sumTurn / fsio.SumPiece
	for name, end := range map[string]func(ts *testServer, c *speaker){
		"abor": func(_ *testServer, c *speaker) {
			c.ask("abor", 426, "")
			c.want(226, "")
			c.bye()
		},
		"reset": func(ts *testServer, c *speaker) { reset(ts.t, c.TCPConn) },
		"stop": func(ts *testServer, c *speaker) {
			ts.Stop()
			c.want(421, "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			ts, p := countPieces(t)
			greedy := ts.smallAmongLarge(p, 0)
			if got := p.before.Load(); got != largeSums*turn {
				t.Errorf("it waited for %d pieces, want %d", got, largeSums*turn)
			}
			// Those that wait for their next turn have their files open.
			if got := ts.start - p.left.Load(); got != largeSums*descriptorsSum {
				t.Errorf("%d descriptors are taken, want %d", got, largeSums*descriptorsSum)
			}
			for _, c := range greedy {
				end(ts, c)
			}
			if name == "stop" {
				check(t, ts.wait())
				return
			}
			for i := range greedy {
				ts.summingOf(ownAddress(i), 0)
			}
		})
	}
	t.Run("no descriptors", func(t *testing.T) {
		ts, p := countPieces(t)
		all := ts.limiter.Free(limit.Descriptors)
		ts.limiter.Take(nil, limit.Descriptors, all)
		for _, c := range ts.smallAmongLarge(p, 3*sumTurn) {
			c.want(213, "")
			c.bye()
		}
		if got := p.before.Load(); got != largeSums*3*turn {
			t.Errorf("it waited for %d pieces, want %d", got, largeSums*3*turn)
		}
		ts.limiter.Give(nil, limit.Descriptors, all)
	})
}

// The sum of a part gives way too, and is right after that.
func TestAPartSumLetsOthersGoFirst(t *testing.T) {
	ts, p := countPieces(t)
	content := pattern(sumTurn + 5)
	c := ts.greet()
	part := c.begin("big")
	c.goOn(part, 0, len(content)+1, content, 250)
	c.command("partsum " + part + " sha256")
	<-p.came
	other := &speaker{ts.dialFrom(t, ownAddress(0))}
	other.command("hello 1")
	other.want(200, "ferry/1")
	other.command("sum sha256 small")
	ts.summingOf(ownAddress(0), 1)
	close(p.gate)
	other.want(213, sha([]byte("hello"))+" 5")
	c.want(213, fmt.Sprint(sha(content), " ", len(content)))
	if got := p.before.Load(); got != sumTurn/fsio.SumPiece {
		t.Errorf("it waited for %d pieces, want %d", got, sumTurn/fsio.SumPiece)
	}
	if got := ts.start - p.left.Load(); got != descriptorsPartSum {
		t.Errorf("%d descriptors are taken, want %d", got, descriptorsPartSum)
	}
	c.ask("droppart "+part, 250, "")
	c.bye()
	other.bye()
}

// countPieces serves a large and a small file with one worker for sums.
func countPieces(t *testing.T) (*testServer, *pieceCounter) {
	p := &pieceCounter{
		most: 5 * largeSums * sumTurn / fsio.SumPiece,
		came: make(chan struct{}), gate: make(chan struct{}),
	}
	ts := serveWith(t, func(s *Server) {
		p.limiter = s.limiter
		faults(t, s, p.fault)
	}, func(o *Options) { o.SumWorkers = 1 })
	ts.sparse("big")
	ts.file("small", []byte("hello"))
	return ts, p
}

// smallAmongLarge has the first bytes of the large file summed up for some addresses, and then the
// small one for another, which it waits for. It returns the sessions of the former.
func (ts *testServer) smallAmongLarge(p *pieceCounter, length int) (greedy []*speaker) {
	ask := func(i int, command string) *speaker {
		c := &speaker{ts.dialFrom(ts.t, ownAddress(i))}
		c.command("hello 1")
		c.want(200, "ferry/1")
		c.command(command)
		ts.summingOf(ownAddress(i), 1)
		return c
	}
	for i := range largeSums {
		// None is the answer to another.
		c := ask(i, fmt.Sprintf("sumpart sha256 %d %d big", i, length))
		greedy = append(greedy, c)
	}
	<-p.came
	honest := ask(largeSums, "sum sha256 small")
	close(p.gate)
	honest.want(213, sha([]byte("hello"))+" 5")
	honest.bye()
	return greedy
}

// ownAddress is the address of a client that has it for itself.
func ownAddress(i int) string { return fmt.Sprint("127.0.0.", 2+i) }

// summingOf waits until an address is counted as many checksums.
func (ts *testServer) summingOf(ip string, want int64) {
	ts.t.Helper()
	eventually(ts.t, "checksums", func() bool {
		var n int64
		r := ts.reactors[0]
		onLoop(ts.t, r, func() {
			if a := r.addresses[netip.MustParseAddr(ip)]; a != nil {
				n = r.limiter.UsedBy(a.use, limit.Sums)
			}
		})
		return n == want
	})
}
