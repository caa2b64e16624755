//go:build linux && !ferryportable

package loop

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// watcher is an epoll set of listening sockets, data sockets and a timer. Its doorbell goroutine
// fetches a batch of events, rings, and waits until the loop has handled the batch. Everything else
// belongs to the loop.
type watcher struct {
	doorbell
	epoll, timer, stopper int
	// The first fetched of events are the batch.
	events  []unix.EpollEvent
	fetched int
}

type watchSlot struct {
	owner      Watched
	fd         int
	generation uint32
}

// Slots of the watcher itself.
const (
	slotTimer = iota
	slotStopper
	slotsOwn
)

func newWatcher(ring func()) (*watcher, error) {
	w := &watcher{
		doorbell: newDoorbell(ring),
		events:   make([]unix.EpollEvent, batchMax),
		epoll:    -1, timer: -1, stopper: -1,
	}
	w.slots = make([]watchSlot, slotsOwn)
	if err := w.open(); err != nil {
		w.closeDescriptors()
		return nil, err
	}
	return w, nil
}

func (w *watcher) open() (err error) {
	if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	w.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return os.NewSyscallError("timerfd_create", err)
	}
	if w.stopper, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	if err = w.control(w.timer, slotTimer, 0, unix.EPOLLIN|unix.EPOLLET); err != nil {
		return err
	}
	// Level-triggered: the doorbell must see it even if a turn has fetched it before.
	return w.control(w.stopper, slotStopper, 0, unix.EPOLLIN)
}

func (w *watcher) control(fd int, index, generation uint32, events uint32) error {
	ev := unix.EpollEvent{Events: events, Fd: int32(index), Pad: int32(generation)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, fd, &ev))
}

// add watches a data socket, edge-triggered. Its owner soon hears what it is ready for.
func (w *watcher) add(fd int, owner Watched) slot {
	// If the kernel has no memory for this, the owner's deadline ends it.
	s, _ := w.put(fd, owner, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP|unix.EPOLLET)
	return s
}

// addListener watches a listening socket, level-triggered: one connection is accepted for each
// event, which saves the call that would report that there is no other. After an error the slot is
// valid for again.
func (w *watcher) addListener(fd int, owner Watched) (slot, error) {
	return w.put(fd, owner, unix.EPOLLIN)
}

func (w *watcher) put(fd int, owner Watched, events uint32) (slot, error) {
	s := w.doorbell.put(watchSlot{owner: owner, fd: fd})
	return s, w.control(fd, s.index(), s.generation(), events)
}

// want asks to hear of a direction in which a call has returned ErrAgain. Here the edge comes by
// itself.
func (w *watcher) want(slot, Readiness) {}

// pause takes a descriptor out of the epoll set and keeps its slot; again puts it back.
func (w *watcher) pause(s slot) {
	_ = unix.EpollCtl(w.epoll, unix.EPOLL_CTL_DEL, w.slots[s.index()].fd, nil)
}

func (w *watcher) again(s slot) error {
	at := &w.slots[s.index()]
	return w.control(at.fd, s.index(), s.generation(), unix.EPOLLIN)
}

// listen is the doorbell. It runs on its own goroutine until stop.
func (w *watcher) listen() {
	defer close(w.done)
	for {
		n, err := unix.EpollWait(w.epoll, w.events, -1)
		if err == unix.EINTR || n == 0 {
			continue
		}
		if err != nil {
			panic("loop: epoll_wait: " + err.Error())
		}
		for i := range n {
			if w.events[i].Fd == slotStopper {
				return
			}
		}
		w.fetched = n
		w.ringOut()
	}
}

// dispatch hands the fetched events to their owners.
func (w *watcher) dispatch() {
	if !w.full.Load() {
		return
	}
	w.taken = true
	for i := range w.fetched {
		ev := &w.events[i]
		if ev.Fd == slotTimer {
			w.armed = 0
			continue
		}
		s := w.slots[ev.Fd]
		if s.owner == nil || s.generation != uint32(ev.Pad) {
			continue
		}
		var what Readiness
		if ev.Events&^uint32(unix.EPOLLOUT) != 0 {
			what |= CanRead
		}
		if ev.Events&^uint32(unix.EPOLLIN|unix.EPOLLRDHUP) != 0 {
			what |= CanWrite
		}
		s.owner.Ready(what)
	}
}

// more fetches the events since the last fetch, without waiting, and says whether there were any.
// Under load this saves most wake-ups of the doorbell.
func (w *watcher) more() bool {
	if !w.taken {
		return false
	}
	n, err := unix.EpollWait(w.epoll, w.events, 0)
	w.fetched = max(n, 0)
	return err == nil && n > 0
}

// poll makes a batch of what is ready now, if anything is. It stands in for a doorbell that does
// not run.
func (w *watcher) poll() {
	select {
	case <-w.resumed:
	default:
	}
	n, err := unix.EpollWait(w.epoll, w.events, 0)
	if err == nil && n > 0 {
		w.fetched = n
		w.full.Store(true)
	}
}

// setTimer sets the timer, replacing any time set before. The system would take 0 for never.
func (w *watcher) setTimer(after time.Duration) {
	after = max(after, time.Microsecond)
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(after))}
	_ = unix.TimerfdSettime(w.timer, 0, &spec, nil)
}

// stop ends the doorbell and waits for it. The loop must still run, to handle the last batch.
func (w *watcher) stop() {
	_, _ = unix.Write(w.stopper, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	<-w.done
}

// closeDescriptors closes the watcher once neither the doorbell nor the loop uses it.
func (w *watcher) closeDescriptors() {
	for _, fd := range []int{w.epoll, w.timer, w.stopper} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}
