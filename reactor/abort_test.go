package reactor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ferry/codec"
	"ferry/fsio"
)

func TestAborWithNothingToEnd(t *testing.T) {
	ts := serve(t)
	c := ts.greet()
	c.ask("abor", 226, "nothing to abort")
	c.say(framed("abor") + framed("abor") + framed("noop"))
	c.want(226, "")
	c.want(226, "")
	c.want(200, "")
	c.bye()
}

func TestAborTakesAnOfferBack(t *testing.T) {
	ts := serve(t)
	ts.file("a", []byte("abc"))
	c := ts.greet()
	o := c.offered("get a")
	c.ask("abor", 426, "aborted")
	c.want(226, "aborted")
	ts.stranger("127.0.0.1", o.Port, o.Key.String())
	c.fetch("get a", []byte("abc"))
	c.bye()
}

func TestAborResetsWhatMoves(t *testing.T) {
	ts := serve(t)
	ts.file("a", pattern(64<<20))
	ts.file("old", []byte("old"))
	c := ts.greet()
	d := c.offered("get a").take()
	wantField(t, d)
	c.ask("abor", 426, "aborted")
	c.want(226, "aborted")
	wantResetWithin(t, d, 64<<20)

	d = c.offered("put old").take()
	d.say(framedSize(1<<20) + "new")
	ts.moving(1)
	c.ask("abor", 426, "aborted")
	c.want(226, "aborted")
	d.wantReset()
	ts.wantTransfer(2, outcomeGivenUp)
	c.ask("noop", 200, "")
	c.bye()
	ts.quiet()
	ts.wantFile("old", []byte("old"))
}

// moving waits until so many transfers have their data connection, and bytes of it.
func (ts *testServer) moving(want int) {
	ts.t.Helper()
	eventually(ts.t, "data connections", func() bool {
		n := 0
		onLoop(ts.t, ts.reactors[0], func() {
			for _, t := range ts.reactors[0].transfers {
				if t.state == transferMoving && (t.moved > 0 || t.recv.dec.Offset() > 0) {
					n++
				}
			}
		})
		return n == want
	})
}

// TestAborAnswersForAllThatWaited: "426 for the transfer that runs and for each command that
// waited, then 226 for itself".
func TestAborAnswersForAllThatWaited(t *testing.T) {
	ts := serve(t)
	// Offers of puts are told at once, whatever workers do.
	commands := framed("put a") + framed("noop") + framed("mkdir d") + framed("abor") +
		framed("pwd") + framed("abor") + framed("noop")
	for cut := range len(commands) + 1 {
		c := ts.greet()
		check(t, c.SetNoDelay(true))
		c.say(commands[:cut])
		c.say(commands[cut:])
		c.want(150, "")
		for _, code := range []int{426, 426, 426, 226, 257, 226, 200} {
			c.want(code, "")
		}
		c.bye()
	}
	ts.wantNoFile("d")
}

func TestAborWhileLimitsKeepATransferWaiting(t *testing.T) {
	ts := serve(t, func(o *Options) { o.Limits.TransfersPerAddress = 1 })
	ts.file("a", []byte("abc"))
	first, second := ts.greet(), ts.greet()
	o := first.offered("get a")
	second.command("get a")
	second.ask("abor", 426, "")
	second.want(226, "")
	second.ask("noop", 200, "")
	o.take().wantRecord([]byte("abc"))
	first.want(226, "3")
	second.fetch("get a", []byte("abc"))
	first.bye()
	second.bye()
}

// blockedOn returns a fault that keeps one operation waiting until release is called, and tells
// when it has come.
func blockedOn(
	op fsio.Op,
) (fault func(fsio.Op, fsio.Name) error, came chan struct{}, release func()) {
	came = make(chan struct{}, 16)
	gate := make(chan struct{})
	return func(o fsio.Op, _ fsio.Name) error {
		if o == op {
			select {
			case came <- struct{}{}:
			default: // it has been told often enough
			}
			<-gate
		}
		return nil
	}, came, func() { close(gate) }
}

// TestAborAfterTheLastByteIsTooLate: what cannot be taken back is answered as it is.
func TestAborAfterTheLastByteIsTooLate(t *testing.T) {
	for command, want := range map[string]int{"put a": 226, "mkdir d": 250} {
		t.Run(command, func(t *testing.T) {
			op := map[string]fsio.Op{"put a": fsio.OpRename, "mkdir d": fsio.OpMkdir}[command]
			fault, came, release := blockedOn(op)
			ts := serveWith(t, func(s *Server) { faults(t, s, fault) })
			c := ts.greet()
			var d *data
			if command == "put a" {
				d = c.offered(command).take()
				d.say(record("abc"))
			} else {
				c.command(command)
			}
			<-came
			c.say(framed("noop") + framed("abor"))
			ts.aborting()
			release()
			c.want(want, "")
			c.want(426, "")
			c.want(226, "")
			if d != nil {
				d.wantEOF()
				ts.wantFile("a", []byte("abc"))
			}
			c.bye()
		})
	}
}

// aborting waits until the server has seen the abor of its only session.
func (ts *testServer) aborting() {
	ts.t.Helper()
	eventually(ts.t, "abor", func() bool {
		seen := false
		onLoop(ts.t, ts.reactors[0], func() {
			for s := range ts.reactors[0].sessions {
				seen = s.aborting()
			}
		})
		return seen
	})
}

func TestAborWhileAFileIsOpened(t *testing.T) {
	fault, came, release := blockedOn(fsio.OpList)
	ts := serveWith(t, func(s *Server) { faults(t, s, fault) })
	c := ts.greet()
	c.command("ls")
	<-came
	c.ask("abor", 426, "")
	c.want(226, "")
	c.ask("noop", 200, "")
	release()
	c.fetch("ls", nil)
	c.bye()
}

func TestAFloodOfAborsIsBounded(t *testing.T) {
	ts := serve(t)
	c := ts.greet()
	const many = 4000
	c.say(framed("put a") + strings.Repeat(framed("noop"), many) + framed("abor"))
	c.want(150, "")
	for range many + 1 {
		c.want(426, "")
	}
	c.want(226, "")
	c.bye()
}

// TestWhoseControlIsGoneIsNotAnswered ends control at every state of a command.
func TestWhoseControlIsGoneIsNotAnswered(t *testing.T) {
	fault, came, release := blockedOn(fsio.OpMkdir)
	ts := serveWith(t, func(s *Server) { faults(t, s, fault) })
	check(t, os.WriteFile(filepath.Join(ts.dir, "a"), []byte("abc"), 0o666))
	c := ts.greet()
	c.command("mkdir d")
	<-came
	check(t, c.Close())
	ts.wantSession(1, endClosed)
	release()

	c = ts.greet()
	o := c.offered("get a")
	check(t, c.Close())
	ts.wantSession(2, endClosed)
	// "An offer outlives its control connection".
	o.take().wantRecord([]byte("abc"))

	c = ts.greet()
	c.say(framed("get a") + framed("noop"))
	c.want(codec.CodeOffer, "")
	check(t, c.SetLinger(0))
	check(t, c.Close())
	eventually(t, "three sessions over", func() bool {
		return len(ts.log.all("session ended")) == 3
	})
	ts.later(ts.limiter.Limits.OfferTimeout) // the last offer stands
}

// An abor behind a command that is too long is not seen before that command's turn.
func TestAbortDoesNotPassCommandAboveLimit(t *testing.T) {
	ts := serve(t, func(o *Options) {
		o.Limits.CommandBytes, o.Limits.OfferTimeout = 32, 200*time.Millisecond
	})
	ts.file("a", []byte("abc"))
	c := ts.greet()
	c.offered("get a")
	c.say(framed("stat "+strings.Repeat("x", 40)) + framed("abor"))
	c.want(425, "") // the offer ends unused
	c.want(501, "") // protocol error
}
