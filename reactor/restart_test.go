package reactor

import (
	"errors"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"ferry/fsio"
)

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
	onLoop(t, r, r.loop.Break)
	put.wantReset()
	wantResetWithin(t, get, 10)
	close(wait)
	if err := ts.wait(); !errors.Is(err, ErrTransfersReset) {
		t.Errorf("the server ended with: %v", err)
	}
	ts.wantFile("file", []byte("old"))
}
