package reactor

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ferry/fsio"
)

// A loop that ends is started again at once; one that does not come to life is tried ever more
// rarely and given up after a while, unless it lives in between.
func TestRestartsAreGivenUp(t *testing.T) {
	var r restarts
	now := instant(time.Hour)
	if wait, ok := r.next(true, now); !ok || wait != restartAfter {
		t.Fatalf("%v, %v", wait, ok)
	}
	try := func() (tries int, after time.Duration) {
		t.Helper()
		began := now
		for last := restartAfter; ; tries++ {
			wait, ok := r.next(false, now)
			if !ok {
				return tries, now - began
			}
			if wait < last || wait > restartAfterMax {
				t.Fatalf("waits %v after %v", wait, last)
			}
			last = wait
			now += wait
		}
	}
	tries, after := try()
	if after < restartPatience || after > restartPatience+restartAfterMax || tries > 40 {
		t.Errorf("given up after %d tries and %v", tries, after)
	}
	if wait, ok := r.next(true, now); !ok || wait != restartAfter {
		t.Fatalf("after a loop that lived: %v, %v", wait, ok)
	}
	if again, _ := try(); again != tries {
		t.Errorf("%d tries, %d the first time", again, tries)
	}
}

// The end comes while a loop that had ended is not yet back: what still moves is cut off, what a
// worker has in hand is waited for, and the server ends.
func TestStopWhileTheLoopIsRestarted(t *testing.T) {
	var server *Server
	begun, wait := make(chan struct{}), make(chan struct{})
	var once sync.Once
	ts := serveWith(t, func(s *Server) {
		server = s
		faults(t, s, func(op fsio.Op, _ fsio.Name) error {
			if fromMemory() {
				return fsio.ErrWouldBlock
			}
			if op == fsio.OpRead {
				once.Do(func() { close(begun) })
				<-wait
			}
			return nil
		})
	}, func(o *Options) {
		o.Log = o.Log.Hook(zerolog.HookFunc(func(_ *zerolog.Event, _ zerolog.Level, text string) {
			if text == "the event loop had ended and is started again" {
				server.Stop()
			}
		}))
	})
	ts.file("file", []byte("old"))
	ts.file("large", pattern(smallMax+1))
	get := ts.dial().ask("get large")
	<-begun
	put := ts.dial().ask("put file")
	put.say("0000000100half")
	eventually(t, "the half to arrive", func() bool { return ts.offset(t) == 14 })
	r := ts.reactors[0]
	onLoop(t, r, func() {
		now, cancel := context.WithCancel(context.Background())
		cancel() // the end is waited for below
		_ = r.engine.Stop(now)
	})
	put.wantReset()
	wantResetWithin(t, get, 10)
	close(wait)
	if err := ts.wait(); !errors.Is(err, ErrTransfersReset) {
		t.Errorf("the server ended with: %v", err)
	}
	ts.wantFile("file", []byte("old"))
}
