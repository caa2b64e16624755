package loop

import (
	"container/heap"
	"time"
)

// Instant is a point in time on the monotonic clock, counted from when the loop was made.
type Instant = time.Duration

// Deadline is a point in time at which its owner is called. It is part of its owner, belongs to the
// loop, and costs nothing while it is not set.
type Deadline struct {
	// Owner must be set before the deadline is.
	Owner Expirer
	at    Instant
	// place is the index in the heap plus one; 0 while not set.
	place int
}

// Expirer owns deadlines. Expire is called with the one that has passed; it is no longer set.
type Expirer interface {
	Expire(which *Deadline)
}

// IsSet says whether the deadline is still to come.
func (d *Deadline) IsSet() bool { return d.place > 0 }

// At is when the deadline is or was last due.
func (d *Deadline) At() Instant { return d.at }

// Deadlines is a heap with the earliest deadline first. Most deadlines are set far ahead and are
// cleared before they pass, so a new one goes to the end and stays there.
type Deadlines []*Deadline

// Set makes d due at the given time, replacing any time set before.
func (h *Deadlines) Set(d *Deadline, at Instant) {
	d.at = at
	if d.place == 0 {
		heap.Push((*byTime)(h), d)
	} else {
		heap.Fix((*byTime)(h), d.place-1)
	}
}

// Clear removes d. A deadline that is not set may be cleared.
func (h *Deadlines) Clear(d *Deadline) {
	if d.place != 0 {
		heap.Remove((*byTime)(h), d.place-1)
	}
}

// first is the earliest deadline, or nil.
func (h Deadlines) first() *Deadline {
	if len(h) == 0 {
		return nil
	}
	return h[0]
}

// run calls the owners of all deadlines up to now.
func (h *Deadlines) run(now Instant) {
	for d := h.first(); d != nil && d.at <= now; d = h.first() {
		h.Clear(d)
		d.Owner.Expire(d)
	}
}

// byTime is a heap.Interface.
type byTime []*Deadline

func (h byTime) Len() int           { return len(h) }
func (h byTime) Less(i, j int) bool { return h[i].at < h[j].at }

func (h byTime) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i+1, j+1
}

func (h *byTime) Push(d any) {
	*h = append(*h, d.(*Deadline))
	d.(*Deadline).place = len(*h)
}

func (h *byTime) Pop() any {
	last := len(*h) - 1
	d := (*h)[last]
	(*h)[last], d.place = nil, 0
	*h = (*h)[:last]
	return d
}
