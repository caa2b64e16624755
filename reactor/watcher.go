package reactor

// The watcher tells the loop which data ports and data sockets are ready, and when time is up. On
// Linux it is an epoll set (watcher_linux), elsewhere it is made of poll (watcher_other). Both keep
// one contract:
//
//   - listen runs on the doorbell's goroutine: it fetches a batch of events, rings, and waits until
//     the loop has handed the batch out (dispatch) and had its turn (resume).
//   - The owner of a data socket hears of a direction at least once after a call in it would have
//     blocked and want was told so. It may hear without need.
//   - The owner of a listening socket hears in every batch as long as connections wait.
//   - A descriptor is removed before it is closed. Its owner hears nothing after that, whatever was
//     fetched before.
//
// All methods but listen and stop are the loop's.

// readiness is what the watcher says of a descriptor.
type readiness uint8

const (
	canRead readiness = 1 << iota
	canWrite
)

// watched is the owner of a descriptor in the watcher.
type watched interface {
	ready(what readiness)
}

// slot names a descriptor in the watcher: an index and a generation, so that an event that was
// fetched before the descriptor was closed meets nobody. 0 is none.
type slot uint64

func (s slot) index() uint32      { return uint32(s) }
func (s slot) generation() uint32 { return uint32(s >> 32) }

func newSlot(index, generation uint32) slot { return slot(index) | slot(generation)<<32 }

// resume lets the doorbell listen again.
func (w *watcher) resume() {
	if w.taken {
		w.taken = false
		w.full.Store(false)
		w.resumed <- struct{}{}
	}
}

// wake makes the timer go off at the given time, unless it goes off earlier anyway.
func (w *watcher) wake(at, now instant) {
	if w.armed != 0 && w.armed <= at {
		return
	}
	w.armed = max(at, 1)
	w.setTimer(max(at-now, 0))
}

// batchMax is how many events the doorbell fetches at once.
const batchMax = 256
