package reactor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ferry/fsio"
)

// classic is a classic session from 127.0.0.1.
func (ts *testServer) classic() *lines { return ts.classicFrom(ts.t, "127.0.0.1") }

// ask sends RETR and connects as it is told.
func (l *lines) ask(name string) *data {
	l.t.Helper()
	l.say("RETR " + name + "\n")
	return &data{l.told(), l.t}
}

// wantFile fetches the file called file and demands its content.
func (l *lines) wantFile(want []byte) {
	l.t.Helper()
	l.ask("file").wantWhole(want)
}

// wantWhole demands a file that is ended by a close, and closes.
func (d *data) wantWhole(want []byte) {
	d.t.Helper()
	if got := readAll(d.t, d.TCPConn); !bytes.Equal(got, want) {
		d.t.Fatalf("%d bytes came: %s, want %d: %s", len(got), brief(got), len(want), brief(want))
	}
}

// wantMessage demands the time, a text and the close.
func (d *data) wantMessage(want string) {
	d.t.Helper()
	got := string(readAll(d.t, d.TCPConn))
	if _, text, _ := strings.Cut(got, ": "); text != want {
		d.t.Fatalf("%q came, want %q", got, want)
	}
}

// wantEOF demands the end of control and nothing before it.
func (l *lines) wantEOF() {
	l.t.Helper()
	if rest, err := io.ReadAll(l.in); len(rest) > 0 || err != nil {
		l.t.Fatalf("%q came, and %v", rest, err)
	}
}

const (
	notFound       = "FILE NOT FOUND AT CURRENT WORKING DIRECTORY\n"
	unknownCommand = "UNKNOWN COMMAND\n"
)

// A line has 4,096 bytes at most, its end not counted.
func TestLineAtItsLimitIsAnswered(t *testing.T) {
	for _, end := range []string{"\n", "\r\n"} {
		for _, cut := range []bool{false, true} {
			t.Run(fmt.Sprintf("%q cut=%v", end, cut), func(t *testing.T) {
				ts := serve(t, withClassic)
				c := ts.classic()
				line := strings.Repeat("x", 4096) + end
				if cut {
					c.say(line[:4000])
					ts.wantTaken(t, 4000)
					line = line[4000:]
				}
				c.say(line)
				(&data{c.told(), t}).wantMessage(unknownCommand)
				c.say(strings.Repeat("x", 4097) + end)
				if rest, err := io.ReadAll(c.in); len(rest) > 0 || err != nil && !isReset(err) {
					t.Errorf("%q came, and %v", rest, err)
				}
				ts.wantSession(1, endViolation)
			})
		}
	}
}

// wantTaken waits until the only session's decoder has taken so many bytes.
func (ts *testServer) wantTaken(t *testing.T, n int64) {
	t.Helper()
	r := ts.reactors[0]
	eventually(t, "the bytes to arrive", func() bool {
		taken := int64(0)
		onLoop(t, r, func() {
			for s := range r.sessions {
				taken = s.dec.Offset()
			}
		})
		return taken == n
	})
}

// What the kernel has not in memory is looked for, opened and read by the pool.
func TestColdRetrIsAnsweredByThePool(t *testing.T) {
	eachWay(t, func(t *testing.T, way func(*Options)) {
		ts := serveWith(t, func(s *Server) {
			faults(t, s, func(_ fsio.Op, _ fsio.Name) error {
				if fromMemory() {
					return fsio.ErrWouldBlock
				}
				return nil
			})
		}, withClassic, way)
		c := ts.classic()
		for _, size := range []int{0, 1, smallMax, smallMax + 1, 2*quantum + 5} {
			ts.file("file", pattern(size))
			c.wantFile(pattern(size))
		}
		c.ask("missing").wantMessage(notFound)
		c.ask(".").wantMessage(notFound)
		c.goodbye()
	})
}

// holdLook serves files whose look, in the pool, waits until it is let go.
func holdLook(t *testing.T) (ts *testServer, looked <-chan struct{}, letGo func()) {
	t.Helper()
	begun, wait := make(chan struct{}), make(chan struct{})
	var first, last sync.Once
	ts = serveWith(t, func(s *Server) {
		faults(t, s, func(op fsio.Op, _ fsio.Name) error {
			if op == fsio.OpOpen && fromMemory() {
				return fsio.ErrWouldBlock
			}
			if op == fsio.OpOpen {
				first.Do(func() { close(begun) })
				<-wait
			}
			return nil
		})
	}, withClassic)
	letGo = func() { last.Do(func() { close(wait) }) }
	t.Cleanup(letGo)
	ts.file("file", []byte("content"))
	return ts, begun, letGo
}

func TestGoodbyeWhileFileIsLookedFor(t *testing.T) {
	ts, looked, letGo := holdLook(t)
	c := ts.classic()
	c.say("RETR file\n")
	<-looked
	c.goodbye()
	letGo()
	c = ts.classic()
	c.wantFile([]byte("content"))
	c.goodbye()
}

func TestSessionThatLeavesWhileItsFileIsLookedFor(t *testing.T) {
	ts, looked, letGo := holdLook(t)
	c := ts.classic()
	c.say("RETR file\n")
	<-looked
	check(t, c.Close())
	ts.wantSession(1, endClosed)
	letGo()
	c = ts.classic()
	c.wantFile([]byte("content"))
	c.goodbye()
}

func TestStopWhileFileIsLookedFor(t *testing.T) {
	ts, looked, letGo := holdLook(t)
	c := ts.classic()
	c.say("RETR file\n")
	<-looked
	ts.Stop()
	c.wantEOF()
	letGo()
	check(t, ts.wait())
}

// A file that became shorter is reset: its end is the close, which would say that it is whole.
func TestShrinkingClassicFileIsReset(t *testing.T) {
	eachWay(t, func(t *testing.T, way func(*Options)) {
		ts := serve(t, withClassic, way)
		content := pattern(32 << 20)
		ts.file("file", content)
		c := ts.classic()
		d := c.ask("file")
		readExactly(t, d, content[:1])
		check(t, os.Truncate(filepath.Join(ts.dir, "file"), 17))
		wantResetWithin(t, d, len(content)-2)
		ts.wantTransfer(1, outcomeCut)
		// The session goes on.
		c.ask("missing").wantMessage(notFound)
		c.goodbye()
	})
}

func TestClassicReadErrorIsReset(t *testing.T) {
	for _, size := range []int{7, smallMax + 1} {
		ts := serveWith(t, func(s *Server) {
			faults(t, s, func(op fsio.Op, _ fsio.Name) error {
				if op == fsio.OpRead && fromMemory() {
					return fsio.ErrWouldBlock
				} else if op == fsio.OpRead {
					return syscall.EIO
				}
				return nil
			})
		}, withClassic)
		ts.file("file", pattern(size))
		c := ts.classic()
		c.askInVain("file")
		c.goodbye()
	}
}

// askInVain asks for a file whose connection is reset, which may meet the connect.
func (l *lines) askInVain(name string) {
	l.t.Helper()
	l.say("RETR " + name + "\n")
	content, err := l.fetch()
	if !isReset(err) {
		l.t.Fatalf("%d bytes came, then: %v", len(content), err)
	}
}

// The message has its own port, which the client was not told.
func TestFileGoneBetweenConnAndConnectIsReset(t *testing.T) {
	for _, become := range []func(name string) error{
		os.Remove,
		func(name string) error { return errors.Join(os.Remove(name), os.Mkdir(name, 0o777)) },
	} {
		ts := serve(t, withClassic)
		ts.file("file", []byte("content"))
		c := ts.classic()
		c.say("RETR file\n")
		port := c.port()
		check(t, become(filepath.Join(ts.dir, "file")))
		wantResetAt(t, c.from, port, 0)
		ts.wantTransfer(1, outcomeMissing)
		c.ask("file").wantMessage(notFound)
		c.goodbye()
	}
}

// A message that is on its way when its session ends is whole.
func TestGoodbyeLeavesNoMessageCut(t *testing.T) {
	ts := serve(t, withClassic)
	c := ts.classic()
	var open []*data
	for range 20 {
		open = append(open, c.ask("missing"))
	}
	c.goodbye()
	for _, d := range open {
		d.wantMessage(notFound)
	}
}

// What is offered or moves when control is closed goes on, as in base; only GOODBYE ends it.
func TestClassicTransferOutlivesControl(t *testing.T) {
	ts := serve(t, withClassic)
	content := pattern(16 << 20)
	ts.file("file", content)
	c := ts.classic()
	d := c.ask("file")
	readExactly(t, d, content[:1])
	c.say("RETR file\n")
	port := c.port()
	check(t, c.Close())
	ts.wantSession(1, endClosed)
	connectFrom(t, c.from, port).wantWhole(content)
	d.wantWhole(content[1:])
}

// One offer at a time for an address: the next CONN is sent when the client before has connected.
func TestNextConnFollowsTheConnectBefore(t *testing.T) {
	ts := serve(t, withClassic, func(o *Options) { o.Limits.OfferTimeout = time.Hour })
	first, second := ts.classic(), ts.classic()
	ts.file("file", []byte("content"))
	first.say("RETR file\n")
	port := first.port()
	second.say("RETR file\n")
	eventually(t, "the second to be heard", func() bool { return ts.counted().commands == 2 })
	if n := ts.counted().offers; n != 1 {
		t.Fatalf("%d offers stand at once", n)
	}
	// Messages have a port of their own, and other addresses have leases of their own.
	third, other := ts.classic(), ts.classicFrom(t, "127.0.0.2")
	third.ask("missing").wantMessage(notFound)
	other.wantFile([]byte("content"))
	connectFrom(t, first.from, port).wantWhole([]byte("content"))
	(&data{second.told(), t}).wantWhole([]byte("content"))
	for _, c := range []*lines{first, second, third, other} {
		c.goodbye()
	}
}

// A session whose file still moves is not idle.
func TestMovingFileKeepsItsSession(t *testing.T) {
	ts := serve(t, withClassic, func(o *Options) { o.Limits.StallTimeout = time.Hour })
	timeout := ts.limiter.Limits.IdleTimeout
	content := pattern(16 << 20)
	ts.file("file", content)
	c, idle := ts.classic(), ts.classic()
	d := c.ask("file")
	ts.moving(1)
	ts.later(timeout)
	idle.wantEOF()
	ts.wantSession(1, endIdle)
	// One that connects now is idle for as long again.
	idle = ts.classic()
	eventually(t, "its session", func() bool { return ts.counted().controlConnections == 3 })
	ts.later(timeout)
	idle.wantEOF()
	ts.wantSession(2, endIdle)
	c.ask("missing").wantMessage(notFound)
	d.wantWhole(content)
	ts.quiet()
	ts.later(timeout)
	c.wantEOF()
	ts.wantSession(3, endIdle)
}
