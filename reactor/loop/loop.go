package loop

import (
	"sync"
	"time"

	"github.com/panjf2000/gnet/v2/pkg/logging"
)

// Options are what a loop is made with.
type Options struct {
	Handler Handler
	// Log takes the engine's messages, from any goroutine.
	Log logging.Logger
	// Pipes counts the pipes of all loops.
	Pipes Quota
	// Ending is closed when the owner is about to call End. An engine that has ended by itself is
	// not restarted after that.
	Ending <-chan struct{}
	// LockThread keeps the loop on one thread of the operating system.
	LockThread bool
	// Portable does without sendfile and splice.
	Portable bool
}

// Handler is what runs on a loop. Its methods are called on the loop, except Lost.
type Handler interface {
	// Begun comes once, before anything else.
	Begun()
	// Opened takes a new control connection and returns its owner. Nil closes the connection.
	Opened(c Control) Session
	// Lost is told that the engine has ended by itself, with an error if it gave one. All control
	// connections have ended with it. Unless again is set, the loop gives up: the engine could not
	// be restarted for too long. It is called while no engine runs.
	Lost(err error, again bool)
}

// Loop is one event loop.
type Loop struct {
	// Now is the time of the current turn or event.
	Now Instant
	// Clock tells the time. A test may replace it.
	Clock     func() Instant
	Deadlines Deadlines
	Pipes     Pipes

	options Options
	watcher *watcher
	inbox   inbox
	// queue is what moves in this turn, queued what was added since.
	queue, queued []Mover
	// closed are closed channels, kept for their memory.
	closed []*plain
	// sendfile and splice say that these calls may be tried.
	sendfile, splice bool
	// kicker is our end of a connection to the engine, see kick.
	kicker int
	kicked bool
	// lives counts the engines that came to life. It is read while none runs.
	lives int
	tlsBuffers
}

// tlsBuffers are what the TLS connections of a loop share.
type tlsBuffers struct {
	// sealed is what crypto/tls has written in the current call. scratch is for one read, and plain
	// for what one control connection was sent.
	sealed, scratch, plain []byte
	// held counts the bytes that channels keep because their sockets took no more. spare are
	// buffers for such bytes.
	held  int
	spare [][]byte
	// handshakes counts the goroutines of handshakes.
	handshakes sync.WaitGroup
}

// receiveScratch is a buffer for one read of a handshake or a control connection.
func (b *tlsBuffers) receiveScratch() []byte {
	if b.scratch == nil {
		b.scratch = make([]byte, handshakeBytesMax)
	}
	return b.scratch
}

// New makes a loop with its watcher. Close must follow.
func New(o Options) (*Loop, error) {
	l := &Loop{
		options:  o,
		sendfile: HaveSendfile && !o.Portable,
		splice:   haveSplice && !o.Portable,
		kicker:   -1,
	}
	l.Pipes = Pipes{loop: l, quota: o.Pipes}
	made := time.Now()
	l.Clock = func() Instant { return time.Since(made) }
	var err error
	if l.watcher, err = newWatcher(l.ring); err != nil {
		return nil, err
	}
	return l, nil
}

// Close gives back what New took. The loop must not run any more, and all connections must have
// been closed.
func (l *Loop) Close() {
	l.handshakes.Wait()
	l.Pipes.close()
	l.watcher.closeDescriptors()
}

// Mover is something that moves bytes or connections a quantum at a time. It embeds Entry.
type Mover interface {
	// Move moves a quantum and says whether more can move at once.
	Move() (more bool)
	entry() *Entry
}

// Entry is the place of a Mover in the loop's queue.
type Entry struct{ queued bool }

// IsQueued says whether the mover will move in this turn or the next.
func (e *Entry) IsQueued() bool { return e.queued }

func (e *Entry) entry() *Entry { return e }

// Enqueue has m move in this turn or the next.
func (l *Loop) Enqueue(m Mover) {
	if e := m.entry(); !e.queued {
		e.queued = true
		l.queued = append(l.queued, m)
	}
}

// Queued is how many movers wait to move.
func (l *Loop) Queued() int { return len(l.queued) }

// turn does all there is to do, for every mover a quantum at most.
func (l *Loop) turn() {
	l.inbox.rung.Store(false)
	l.kicked = false
	l.Now = l.Clock()
	l.watcher.dispatch()
	l.inbox.run()
	l.Deadlines.run(l.Now)
	l.move()
	for range roundsMax {
		if !l.watcher.more() {
			break
		}
		l.watcher.dispatch()
		l.move()
	}
	l.rearm()
	l.watcher.resume()
}

// roundsMax is how often a turn looks for new events before control connections are served again.
const roundsMax = 2

// move gives every queued mover a quantum.
func (l *Loop) move() {
	l.queue, l.queued = l.queued, l.queue[:0]
	for i, m := range l.queue {
		l.queue[i] = nil
		m.entry().queued = false
		if m.Move() {
			l.Enqueue(m)
		}
	}
}

// rearm makes sure that there will be a turn when one is needed: at once while something is queued,
// otherwise at the first deadline. It follows everything that runs on the loop.
func (l *Loop) rearm() {
	if len(l.queued) > 0 {
		l.kick()
	}
	if d := l.Deadlines.first(); d != nil {
		l.watcher.wake(d.at, l.Now)
	}
}

// kick asks for a turn after the engine has looked at its control connections once more. A task
// would run before that, and movers that can always move would keep them waiting.
func (l *Loop) kick() {
	if !l.kicked {
		l.kicked = true
		_, _ = sendBytes(l.kicker, kick)
	}
}

// kick is what a kick writes.
var kick = []byte{0}

// Step takes a turn with what is ready now. It is for tests that drive a loop which does not run:
// the goroutine that calls it is the loop.
func (l *Loop) Step() {
	l.watcher.poll()
	l.turn()
}
