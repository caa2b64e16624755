//go:build !linux || ferryportable

package loop

import (
	"math"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// watcher is built on poll, which is level-triggered: a direction is polled from when its owner
// wants it until the owner was told once. The cost grows with the number of wanted sockets, not of
// open ones. Everything belongs to the loop, except what the doorbell uses.
type watcher struct {
	doorbell
	// events, expired and the last poll's lists are the batch.
	events []event
	// expired says that the timer went off.
	expired bool
	// descriptors is what poll was last given, the interrupt's pipe first; polled are their slots.
	descriptors []unix.PollFd
	polled      []slot
	// first is where the next batch begins, so that full batches serve everybody in turn.
	first int
	// pipeIn and pipeOut are a pipe that ends a poll.
	pipeIn, pipeOut int

	// mu guards what follows, and the slots. The loop alone changes owners, descriptors and
	// generations, and reads them without it.
	mu sync.Mutex
	// alarm is when the timer goes off, zero while it does not.
	alarm time.Time
	// polling says that a poll is running, interrupted that it has been asked to end.
	polling, interrupted bool
	stopped              bool
}

// event is an entry of a batch.
type event struct {
	slot slot
	what Readiness
}

type watchSlot struct {
	owner      Watched
	fd         int
	generation uint32
	// wanted are the directions that are polled.
	wanted Readiness
	// level says that they stay wanted after the owner was told.
	level bool
}

func newWatcher(ring func()) (*watcher, error) {
	w := &watcher{
		doorbell: newDoorbell(ring),
		events:   make([]event, 0, batchMax),
		pipeIn:   -1, pipeOut: -1,
	}
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		return nil, os.NewSyscallError("pipe", err)
	}
	w.pipeOut, w.pipeIn = fds[0], fds[1]
	for _, fd := range fds {
		if err := makeOurs(fd); err != nil {
			w.closeDescriptors()
			return nil, err
		}
	}
	return w, nil
}

// add watches a data socket, in the directions that its owner wants later.
func (w *watcher) add(fd int, owner Watched) slot {
	return w.put(watchSlot{owner: owner, fd: fd})
}

// addListener watches a listening socket: one connection is accepted for each event, which saves
// the call that would report that there is no other.
func (w *watcher) addListener(fd int, owner Watched) (slot, error) {
	return w.put(watchSlot{owner: owner, fd: fd, wanted: CanRead, level: true}), nil
}

func (w *watcher) put(n watchSlot) slot {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n.wanted != 0 {
		w.interrupt()
	}
	return w.doorbell.put(n)
}

// want asks to hear of a direction in which a call has returned ErrAgain.
func (w *watcher) want(s slot, what Readiness) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at := &w.slots[s.index()]; at.wanted&what != what {
		at.wanted |= what
		w.interrupt()
	}
}

// pause stops polling a listening socket and keeps its slot; again resumes.
func (w *watcher) pause(s slot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slots[s.index()].wanted = 0
}

func (w *watcher) again(s slot) error {
	w.want(s, CanRead)
	return nil
}

// remove forgets a descriptor that the caller closes next. A poll that includes it must end: the
// system may keep the socket open while it runs.
func (w *watcher) remove(s slot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.slots[s.index()].wanted != 0 {
		w.interrupt()
	}
	w.doorbell.remove(s)
}

// interrupt ends the running poll, if any, so that the next one sees what has changed. The caller
// holds mu.
func (w *watcher) interrupt() {
	if w.polling && !w.interrupted {
		w.interrupted = true
		_, _ = unix.Write(w.pipeIn, []byte{1})
	}
}

// listen is the doorbell. It runs on its own goroutine until stop.
func (w *watcher) listen() {
	defer close(w.done)
	for w.fetch(true) {
		if len(w.events) == 0 && !w.expired {
			continue
		}
		w.ringOut()
	}
}

// fetch polls once and makes a batch of the events. It returns false when the watcher was stopped.
func (w *watcher) fetch(wait bool) bool {
	timeout, ok := w.prepare()
	if !ok {
		return false
	}
	if !wait {
		timeout = 0
	}
	n, err := unix.Poll(w.descriptors, timeout)
	switch err {
	case nil:
	case unix.EINTR:
	case unix.EAGAIN, unix.ENOMEM:
		<-time.After(pollRetryAfter) // the system is out of memory
	default:
		panic("loop: poll: " + err.Error())
	}
	w.gather(err == nil && n > 0)
	return true
}

// pollRetryAfter keeps a doorbell that cannot poll from using all of a processor.
const pollRetryAfter = 10 * time.Millisecond

// prepare lists what is wanted, and returns how long to poll for it in milliseconds.
func (w *watcher) prepare() (timeout int, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return 0, false
	}
	w.descriptors = append(w.descriptors[:0],
		unix.PollFd{Fd: int32(w.pipeOut), Events: unix.POLLIN})
	w.polled = append(w.polled[:0], 0)
	for i := range w.slots {
		at := &w.slots[i]
		if at.wanted == 0 {
			continue
		}
		var events int16
		if at.wanted&CanRead != 0 {
			events |= unix.POLLIN
		}
		if at.wanted&CanWrite != 0 {
			events |= unix.POLLOUT
		}
		w.descriptors = append(w.descriptors, unix.PollFd{Fd: int32(at.fd), Events: events})
		w.polled = append(w.polled, newSlot(uint32(i), at.generation))
	}
	w.polling = true
	if w.alarm.IsZero() {
		return -1, true
	}
	left := time.Until(w.alarm) + time.Millisecond - 1 // poll must not end before the time
	return int(min(max(left.Milliseconds(), 0), math.MaxInt32)), true
}

// gather makes a batch of what poll reported. A direction that was told is not polled until it is
// wanted again.
func (w *watcher) gather(some bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.polling = false
	if w.interrupted {
		w.interrupted = false
		var b [1]byte
		_, _ = unix.Read(w.pipeOut, b[:])
	}
	w.events = w.events[:0]
	w.expired = !w.alarm.IsZero() && !time.Now().Before(w.alarm)
	if w.expired {
		w.alarm = time.Time{}
	}
	if !some {
		return
	}
	count := len(w.descriptors) - 1
	for k := range count {
		i := 1 + (w.first+k)%count
		if w.descriptors[i].Revents == 0 {
			continue
		}
		if len(w.events) == batchMax {
			w.first = i - 1
			return
		}
		w.tell(w.polled[i], w.descriptors[i].Revents)
	}
}

// tell adds to the batch what poll reported of a slot, unless nobody wants it any more.
func (w *watcher) tell(s slot, said int16) {
	at := &w.slots[s.index()]
	if at.generation != s.generation() || at.wanted == 0 {
		return
	}
	var what Readiness
	if said&^unix.POLLOUT != 0 {
		what |= CanRead
	}
	if said&^unix.POLLIN != 0 {
		what |= CanWrite
	}
	if !at.level {
		at.wanted &^= what
	}
	w.events = append(w.events, event{s, what})
}

// dispatch hands the fetched events to their owners.
func (w *watcher) dispatch() {
	if !w.full.Load() {
		return
	}
	w.taken = true
	if w.expired {
		w.armed = 0
	}
	for _, e := range w.events {
		at := &w.slots[e.slot.index()]
		if at.owner != nil && at.generation == e.slot.generation() {
			at.owner.Ready(e.what)
		}
	}
}

// more fetches the events since the last fetch, without waiting, and says whether there were any.
// It saves wake-ups of the doorbell.
func (w *watcher) more() bool {
	return w.taken && w.fetch(false) && (len(w.events) > 0 || w.expired)
}

// poll makes a batch of what is ready now, if anything is. It stands in for a doorbell that does
// not run.
func (w *watcher) poll() {
	select {
	case <-w.resumed:
	default:
	}
	if w.fetch(false) && (len(w.events) > 0 || w.expired) {
		w.full.Store(true)
	}
}

// setTimer sets the timer, replacing any time set before.
func (w *watcher) setTimer(after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.alarm = time.Now().Add(after)
	w.interrupt()
}

// stop ends the doorbell and waits for it. The loop must still run, to handle the last batch.
func (w *watcher) stop() {
	w.mu.Lock()
	w.stopped = true
	w.interrupt()
	w.mu.Unlock()
	<-w.done
}

// closeDescriptors closes the watcher once neither the doorbell nor the loop uses it.
func (w *watcher) closeDescriptors() {
	for _, fd := range []int{w.pipeIn, w.pipeOut} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}
