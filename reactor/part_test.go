package reactor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ferry/codec"
	"ferry/fsio"
)

// begin begins an upload that may be broken off.
func (c *speaker) begin(name string) (part string) {
	c.t.Helper()
	c.command("newpart " + name)
	part = c.want(250, "")
	if _, ok := codec.ParseKey([]byte(part)); !ok {
		c.t.Fatalf("%q is no part", part)
	}
	return part
}

// goOn sends a piece of an upload.
func (c *speaker) goOn(part string, offset, total int, piece []byte, code int) {
	c.t.Helper()
	d := c.offered(fmt.Sprintf("putpart %s %d %d", part, offset, total)).take()
	d.say(record(string(piece)))
	c.want(code, fmt.Sprint(offset+len(piece)))
	d.wantEOF()
	check(c.t, d.Close())
}

func TestAnUploadGoesOnPieceByPiece(t *testing.T) {
	ts := serve(t)
	for _, sizes := range [][]int{
		{5}, {0}, {1, 2, 3}, {3, 0, 4}, {100_000, 1, 3 << 20, 65_536}, {2 << 20, 0},
	} {
		total := 0
		for _, n := range sizes {
			total += n
		}
		content := pattern(total)
		c := ts.greet()
		part := c.begin("a")
		at := 0
		for i, n := range sizes {
			c.ask("partsize "+part, 213, fmt.Sprint(at))
			code := 250
			if i == len(sizes)-1 || at+n == total {
				code = 226
			}
			c.goOn(part, at, total, content[at:at+n], code)
			if at += n; code == 226 {
				break
			}
			c.fetch("ls", nil)
		}
		ts.wantFile("a", content)
		c.ask("partsize "+part, 550, "")
		c.ask("rm a", 250, "")
		c.bye()
	}
}

func TestWhatArrivedBeforeABreakIsKept(t *testing.T) {
	content := pattern(4 << 20)
	for name, broken := range map[string]func(ts *testServer, c *speaker, d *data){
		"closed": func(_ *testServer, c *speaker, d *data) {
			check(t, d.Close())
			c.want(426, "")
		},
		"half closed": func(_ *testServer, c *speaker, d *data) {
			check(t, d.CloseWrite())
			c.want(426, "")
		},
		"given up": func(ts *testServer, c *speaker, _ *data) {
			ts.received(3_000_000)
			c.ask("abor", 426, "")
			c.want(226, "")
		},
		"session over": func(ts *testServer, c *speaker, d *data) {
			check(t, c.Close())
			ts.wantSession(1, endClosed)
			check(t, d.Close())
			ts.quiet()
		},
	} {
		t.Run(name, func(t *testing.T) {
			ts := serve(t)
			c := ts.greet()
			part := c.begin("a")
			d := c.offered("putpart " + part + " 0 4194304").take()
			d.say(framedSize(4<<20) + string(content[:3_000_000]))
			broken(ts, c, d)
			again := ts.greet()
			again.ask("partsize "+part, 213, "3000000")
			again.ask("putpart "+part+" 2999999 4194304", 554, "the part is 3000000 bytes long")
			again.goOn(part, 3_000_000, 4<<20, content[3_000_000:], 226)
			again.bye()
			ts.wantFile("a", content)
		})
	}
}

// received waits until the only transfer has received so many bytes.
func (ts *testServer) received(want int64) {
	ts.t.Helper()
	eventually(ts.t, "bytes of an upload", func() bool {
		var n int64
		onLoop(ts.t, ts.reactors[0], func() {
			for _, t := range ts.reactors[0].transfers {
				n = t.moved
			}
		})
		return n == want
	})
}

func TestAResetKeepsWhatWasTaken(t *testing.T) {
	ts := serve(t)
	content := pattern(4 << 20)
	c := ts.greet()
	part := c.begin("a")
	d := c.offered("putpart " + part + " 0 4194304").take()
	d.say(framedSize(4<<20) + string(content[:3_000_000]))
	ts.received(3_000_000)
	reset(t, d.TCPConn)
	c.want(426, "the data connection was lost")
	c.ask("partsize "+part, 213, "3000000")
	c.goOn(part, 3_000_000, 4<<20, content[3_000_000:], 226)
	c.bye()
	ts.wantFile("a", content)
}

// TestPartsOutliveTheirServer stops the server in the midst of a piece, and goes on with another.
func TestPartsOutliveTheirServer(t *testing.T) {
	content := pattern(2 << 20)
	first := serve(t)
	c := first.greet()
	part := c.begin("a")
	c.goOn(part, 0, 2<<20, content[:1<<20], 250)
	d := c.offered("putpart " + part + " 1048576 2097152").take()
	d.say(framedSize(1<<20) + string(content[1<<20:1<<20+100_000]))
	first.received(100_000)
	first.Stop()
	if err := first.wait(); !errors.Is(err, ErrTransfersReset) {
		t.Fatal(err)
	}
	c.want(421, "")
	second := serve(t, func(o *Options) { o.Root = first.dir })
	second.dir = first.dir
	again := second.greet()
	again.command("partsize " + part)
	size, ok := codec.ParseSize([]byte(again.want(213, "")))
	if !ok || size < 1<<20 || size > 1<<20+100_000 {
		t.Fatalf("%d bytes were kept", size)
	}
	again.goOn(part, int(size), 2<<20, content[size:], 226)
	again.bye()
	second.wantFile("a", content)
}

func TestOneSessionAtATimeHoldsAPart(t *testing.T) {
	ts := serve(t)
	first, second := ts.greet(), ts.greet()
	part := first.begin("a")
	o := first.offered("putpart " + part + " 0 6")
	for _, command := range []string{
		"putpart " + part + " 0 6", "partsize " + part, "droppart " + part,
	} {
		second.ask(command, 450, "")
	}
	d := o.take()
	d.say(record("abc"))
	first.want(250, "3")
	second.goOn(part, 3, 6, []byte("def"), 226)
	ts.wantFile("a", []byte("abcdef"))
	first.bye()
	second.bye()
}

func TestAnUntakenOfferFreesItsPart(t *testing.T) {
	ts := serve(t)
	c := ts.greet()
	part := c.begin("a")
	c.offered("putpart " + part + " 0 3")
	ts.later(ts.limiter.Limits.OfferTimeout)
	c.want(425, "")
	c.ask("partsize "+part, 213, "0")
	c.offered("putpart " + part + " 0 3")
	c.ask("abor", 426, "")
	c.want(226, "")
	c.ask("droppart "+part, 250, "")
	c.bye()
	ts.quiet()
	ts.wantNoTemporaries()
}

func TestPartsThatAreRefused(t *testing.T) {
	ts := serve(t, func(o *Options) { o.NoOverwrite = true; o.Limits.UploadBytes = 1000 })
	ts.file("old", []byte("old"))
	check(t, os.Mkdir(filepath.Join(ts.dir, "d"), 0o777))
	c := ts.greet()
	part := c.begin("new")
	unknown := strings.Repeat("0", codec.KeySize)
	for _, e := range []struct {
		command string
		code    int
	}{
		{"newpart d", 550},
		{"newpart missing/x", 550},
		{"newpart ../x", 553},
		{"newpart old", 530},
		{"newpart .ferry-" + part + ".part/new", 553},
		{"putpart " + unknown + " 0 1", 550},
		{"partsize " + unknown, 550},
		{"droppart " + unknown, 550},
		{"putpart " + part + " 1 2", 554},
		{"putpart " + part + " 0 1001", 552},
		{"putpart " + part + " 2 1", 501},
		{"stat .ferry-" + part + ".part", 553},
	} {
		c.ask(e.command, e.code, "")
	}
	c.fetch("ls", []byte("d/\nold\n"))

	// More than was told is refused, and what was there stays.
	d := c.offered("putpart " + part + " 0 5").take()
	d.say(record("abcdef"))
	c.want(501, "new: more than the total")
	wantResetWithin(t, d, 0)
	c.ask("partsize "+part, 213, "0")

	// A name that is taken meanwhile is not replaced; the part stays, whole.
	ts.file("new", []byte("taken"))
	d = c.offered("putpart " + part + " 0 3").take()
	d.say(record("abc"))
	c.want(530, "new: ")
	wantResetWithin(t, d, 0)
	c.ask("partsize "+part, 213, "3")
	check(t, os.Remove(filepath.Join(ts.dir, "new")))
	c.goOn(part, 3, 3, nil, 226)
	ts.wantFile("new", []byte("abc"))
	c.bye()
}

func TestADiskThatFillsUpKeepsThePart(t *testing.T) {
	var full atomic.Bool
	ts := serveWith(t, func(s *Server) {
		faults(t, s, func(op fsio.Op, _ fsio.Name) error {
			if full.Load() && op == fsio.OpWrite {
				return syscall.ENOSPC
			}
			return nil
		})
	})
	c := ts.greet()
	part := c.begin("a")
	c.goOn(part, 0, 6, []byte("abc"), 250)
	full.Store(true)
	d := c.offered("putpart " + part + " 3 6").take()
	d.say(record("def"))
	c.want(452, "a: no space left")
	wantResetWithin(t, d, 0)
	full.Store(false)
	c.goOn(part, 3, 6, []byte("def"), 226)
	c.bye()
	ts.wantFile("a", []byte("abcdef"))
}

func TestPartsThatNobodyGoesOnWithAreRemoved(t *testing.T) {
	ts := serve(t, func(o *Options) { o.PartLifetime = time.Second })
	c := ts.greet()
	part := c.begin("a")
	c.goOn(part, 0, 6, []byte("abc"), 250)
	eventually(t, "the end of the part", func() bool {
		return len(ts.log.all("expired parts were removed")) > 0
	})
	c.ask("partsize "+part, 550, "")
	ts.wantNoTemporaries()
	c.bye()
}

// TestTheAnswerComesOnceThePartIsFree: the client's next command may be about the same part.
func TestTheAnswerComesOnceThePartIsFree(t *testing.T) {
	fault, came, release := blockedOn(fsio.OpClose)
	ts := serveWith(t, func(s *Server) { faults(t, s, fault) })
	c := ts.greet()
	part := c.begin("a")
	c.offered("putpart " + part + " 0 3")
	c.command("abor")
	<-came
	onLoop(t, ts.reactors[0], func() {
		for s := range ts.reactors[0].sessions {
			if s.state != sessionOffered {
				t.Errorf("the command was answered while the part was held: %v",
					s.state)
			}
		}
	})
	release()
	c.want(426, "")
	c.want(226, "")
	c.goOn(part, 0, 3, []byte("abc"), 226)
	c.bye()
}
