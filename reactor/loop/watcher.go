package loop

import "sync/atomic"

// The watcher tells the loop which sockets are ready and when the next deadline has passed. On
// Linux it is an epoll set (watcher_linux.go), elsewhere it is built on poll (watcher_other.go).
// Both keep one contract:
//
//   - listen runs on the doorbell's goroutine. It fetches a batch of events, rings, and waits until
//     the loop has dispatched the batch and called resume.
//   - The owner of a data socket hears of a direction at least once after a call in it has returned
//     ErrAgain and want was told. It may hear without need.
//   - The owner of a listening socket hears in every batch while connections wait.
//   - A descriptor is removed before it is closed. Its owner hears nothing after that, whatever was
//     fetched before.
//
// All methods except listen and stop belong to the loop.

// Readiness says in which directions a socket can move bytes.
type Readiness uint8

const (
	// CanRead says that bytes, a connection or the end have arrived.
	CanRead Readiness = 1 << iota
	// CanWrite says that there is room for bytes.
	CanWrite
)

// Watched owns a socket in the watcher. Ready is called with what it has become ready for.
type Watched interface {
	Ready(what Readiness)
}

// slot identifies a descriptor in the watcher by an index and a generation, so that an event that
// was fetched before the descriptor was closed is dropped. 0 is none.
type slot uint64

func (s slot) index() uint32      { return uint32(s) }
func (s slot) generation() uint32 { return uint32(s >> 32) }

func newSlot(index, generation uint32) slot { return slot(index) | slot(generation)<<32 }

// doorbell is what all watchers have: the slots, and how batches of events pass from the goroutine
// that fetches them to the loop and back.
type doorbell struct {
	ring func()
	// full: the batch belongs to the loop, otherwise to the doorbell. A turn that was asked for by
	// others may run in between.
	full atomic.Bool
	// taken says that the loop has dispatched this batch and must call resume.
	taken         bool
	resumed, done chan struct{}
	// armed is when the timer goes off, 0 while it does not.
	armed Instant
	slots []watchSlot
	free  []uint32
}

func newDoorbell(ring func()) doorbell {
	return doorbell{ring: ring, resumed: make(chan struct{}, 1), done: make(chan struct{})}
}

// put gives a descriptor a slot.
func (d *doorbell) put(n watchSlot) slot {
	var i uint32
	if last := len(d.free) - 1; last >= 0 {
		i = d.free[last]
		d.free = d.free[:last]
	} else {
		i = uint32(len(d.slots))
		d.slots = append(d.slots, watchSlot{})
	}
	n.generation = d.slots[i].generation + 1
	d.slots[i] = n
	return newSlot(i, n.generation)
}

// remove forgets a descriptor that the caller closes next.
func (d *doorbell) remove(s slot) {
	at := &d.slots[s.index()]
	if at.generation != s.generation() || at.owner == nil {
		panic("loop: a slot was removed twice")
	}
	*at = watchSlot{fd: -1, generation: at.generation}
	d.free = append(d.free, s.index())
}

// ringOut hands the batch over, and waits until it may be filled again.
func (d *doorbell) ringOut() {
	d.full.Store(true)
	d.ring()
	<-d.resumed
}

// resume lets the doorbell listen again.
func (w *watcher) resume() {
	if w.taken {
		w.taken = false
		w.full.Store(false)
		w.resumed <- struct{}{}
	}
}

// wake sets the timer to the given time, unless it goes off earlier. A clock that was set ahead may
// have passed the time for which the timer was set, long before it goes off.
func (w *watcher) wake(at, now Instant) {
	passed := w.armed <= now && now < at
	if w.armed != 0 && w.armed <= at && !passed {
		return
	}
	w.armed = max(at, 1)
	w.setTimer(max(at-now, 0))
}

// batchMax is how many events the doorbell fetches at once.
const batchMax = 256
