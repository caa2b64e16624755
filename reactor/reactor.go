package reactor

import (
	"container/list"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"

	"ferry/codec"
	"ferry/fsio"
)

// reactor is one event loop with its data ports and its watcher. All of it is owned by the loop,
// except what is said to be guarded.
type reactor struct {
	gnet.BuiltinEventEngine

	server  *Server
	limiter *limiter
	store   fsio.Store
	index   int
	epoch   time.Time
	// clock tells the time since epoch, or what a test wants it to be; pick draws a number below n.
	clock func() instant
	pick  func(n int) int
	// now is the time of the current turn or event.
	now  instant
	loop gnet.EventLoop

	watcher *watcher
	// pools are leased; parting is told after base's quit.
	pools     [poolCount]portPool
	parting   *dataPort
	addresses map[netip.Addr]*address
	sessions  map[*session]struct{}
	// transfers are all that have not let go of everything yet, in no order.
	transfers []*transfer
	deadlines deadlines
	// queue holds what can move in this turn, queued what was added meanwhile.
	queue, queued []mover
	// starving are addresses that wait for a limit of the whole server.
	starving []*line
	// listing are addresses with listings that wait for memory, by their kind: each has a turn of
	// one listing, the first is next.
	listing [listingKinds][]*address
	spare   []*transfer
	pipes   []*pipe
	// pipesRefused is until when none is asked for.
	pipesRefused instant
	// splice says that uploads may go through pipes.
	splice bool
	// keys are the standing offers of the status exchange by their KEY; keyless are connections
	// that have not said theirs, the oldest first.
	keys    map[codec.Key]*transfer
	keyless list.List
	// random is what KEYs are drawn from, randomLeft how much of it is left.
	random     [512]byte
	randomLeft int
	// siblings says that there are other reactors.
	siblings bool
	sendfile bool
	// sendfileCall is the system's sendfile, or a test's.
	sendfileCall func(socket, file int, offset, n int64) (int, error)

	draining bool
	count    counters
	// scratch is for one read or one small answer; fieldBuffer for one field.
	scratch     []byte
	fieldBuffer [codec.FieldSize]byte
	lineBuffer  [64]byte
	// replies is for one reply of the status exchange; gathered are those of the session whose
	// commands are being taken, which leave in one write.
	replies, gathered []byte
	gathering         *session

	// kicker is our end of a connection to the loop itself, see kick.
	kicker int
	kicked bool
	engine gnet.Engine
	// lives counts the loops that came to life. It is written on the loop, and read between two.
	lives int
	// started says that the reactor has begun on its first loop; onReady is called then.
	started bool
	onReady func()
	// drained is called once when nothing runs any more.
	drained func()

	// rung says that a turn is on its way to the loop.
	rung atomic.Bool
	// hungry says that starving is to be served in the next turn.
	hungry atomic.Bool

	mu sync.Mutex
	// ringable is the loop, as long as it takes tasks. Guarded by mu.
	ringable gnet.EventLoop
	// over says that no loop is to follow the one that runs or ran last. Guarded by mu.
	over bool
	// finished are transfers whose job has ended. Guarded by mu.
	finished []*transfer
	// orders are what the server wants done on the loop. Guarded by mu.
	orders []func()

	spareFinished []*transfer
}

// mover is something that can move bytes or connections for a quantum.
type mover interface {
	// move goes on, and says whether it can go on at once.
	move() (more bool)
	// isQueued is the mark that it stands in the queue.
	isQueued() *bool
}

func (t *transfer) isQueued() *bool { return &t.queued }

func newReactor(s *Server, index int) *reactor {
	r := &reactor{
		server:    s,
		limiter:   s.limiter,
		store:     s.store,
		index:     index,
		epoch:     time.Now(),
		addresses: make(map[netip.Addr]*address),
		sessions:  make(map[*session]struct{}),
		keys:      make(map[codec.Key]*transfer),
		siblings:  s.options.Reactors > 1,
		sendfile:  haveSendfile && !s.options.Portable,

		sendfileCall: sendFile,
		splice:       haveSplice && !s.options.Portable,
		scratch:      make([]byte, codec.FieldSize+smallMax),
		kicker:       -1,
		pick:         rand.IntN,
	}
	r.clock = func() instant { return time.Since(r.epoch) }
	return r
}

// enqueue lets m move in this turn or the next.
func (r *reactor) enqueue(m mover) {
	if q := m.isQueued(); !*q {
		*q = true
		r.queued = append(r.queued, m)
	}
}

// ring asks the loop for a turn. It may be called from any goroutine, and does nothing while a turn
// is on its way. When there is no loop at the moment the next one begins with a turn.
func (r *reactor) ring() {
	if r.rung.Swap(true) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ringable != nil {
		_ = r.ringable.Execute(r.server.context, gnet.RunnableFunc(r.runTurn))
	}
}

// complete hands a transfer's finished job back. It is called on workers.
func (r *reactor) complete(t *transfer) {
	r.mu.Lock()
	r.finished = append(r.finished, t)
	r.mu.Unlock()
	r.ring()
}

// order has f run on the loop. It may be called from any goroutine.
func (r *reactor) order(f func()) {
	r.mu.Lock()
	r.orders = append(r.orders, f)
	r.mu.Unlock()
	r.ring()
}

// turn does all there is to do, every transfer a quantum at most.
func (r *reactor) turn() {
	r.rung.Store(false)
	r.kicked = false
	r.now = r.clock()
	r.watcher.dispatch()
	r.takeOrders()
	if r.hungry.Swap(false) {
		r.serveStarving()
		r.serveListings()
	}
	r.deadlines.run(r.now)
	r.moveQueued()
	for range roundsMax {
		if !r.watcher.more() {
			break
		}
		r.watcher.dispatch()
		r.moveQueued()
	}
	r.rearm()
	r.watcher.resume()
}

// roundsMax is how often a turn looks for new events before control has its turn again.
const roundsMax = 2

// moveQueued gives everything that can move a quantum.
func (r *reactor) moveQueued() {
	r.queue, r.queued = r.queued, r.queue[:0]
	for i, m := range r.queue {
		r.queue[i] = nil
		*m.isQueued() = false
		if m.move() {
			r.enqueue(m)
		}
	}
}

// takeOrders takes finished jobs and orders.
func (r *reactor) takeOrders() {
	r.mu.Lock()
	finished, orders := r.finished, r.orders
	r.finished, r.orders = r.spareFinished[:0], nil
	r.mu.Unlock()
	for i, t := range finished {
		finished[i] = nil
		t.job.busy = false
		t.jobDone()
	}
	r.spareFinished = finished[:0]
	for _, f := range orders {
		f()
	}
}

// rearm makes sure that there will be a turn when there has to be one: at once while something is
// queued, otherwise at the first deadline. It follows everything that runs on the loop.
func (r *reactor) rearm() {
	if len(r.queued) > 0 {
		r.kick()
	}
	if d := r.deadlines.first(); d != nil {
		r.watcher.wake(d.at, r.now)
	}
}

// kick makes the loop take a turn after it has looked at its control connections once more. A task
// given with Execute would run before that, and transfers that always can move would starve them.
func (r *reactor) kick() {
	if !r.kicked {
		r.kicked = true
		_, _ = sendBytes(r.kicker, r.fieldBuffer[:1])
	}
}

// acceptFailed follows an accept that failed for want of descriptors or memory: the connections
// stay where they are until a while later.
func (r *reactor) acceptFailed(d *dataSocket, err error) {
	r.logAcceptFailed(d.port, err)
	r.watcher.pause(d.slot)
	r.retryAccept(d)
}

// retryAccept has a data port accept again after a while.
func (r *reactor) retryAccept(d *dataSocket) {
	retry := &acceptRetry{socket: d}
	retry.deadline.owner = retry
	r.deadlines.set(&retry.deadline, r.now+acceptRetryAfter)
}

// acceptRetryAfter is how long a data port rests after a failed accept.
const acceptRetryAfter = 100 * time.Millisecond

type acceptRetry struct {
	socket   *dataSocket
	deadline deadline
}

// expire takes the port back, later if the system has no memory for that either.
func (a *acceptRetry) expire(*deadline) {
	r := a.socket.port.r
	if err := r.watcher.again(a.socket.slot); err != nil {
		r.logAcceptFailed(a.socket.port, err)
		r.deadlines.set(&a.deadline, r.now+acceptRetryAfter)
	}
}
