package loop

import "time"

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

// Deadlines is a binary heap with the earliest deadline first. Most deadlines are set far ahead and
// cleared before they pass, so a new one goes to the end and stays there.
type Deadlines []*Deadline

// Set makes d due at the given time, replacing any time set before.
func (h *Deadlines) Set(d *Deadline, at Instant) {
	d.at = at
	if d.place == 0 {
		*h = append(*h, d)
		d.place = len(*h)
		h.up(d.place - 1)
		return
	}
	if i := d.place - 1; !h.down(i) {
		h.up(i)
	}
}

// Clear removes d. A deadline that is not set may be cleared.
func (h *Deadlines) Clear(d *Deadline) {
	if d.place == 0 {
		return
	}
	i, last := d.place-1, len(*h)-1
	d.place = 0
	moved := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	if i == last {
		return
	}
	(*h)[i] = moved
	moved.place = i + 1
	if !h.down(i) {
		h.up(i)
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

func (h Deadlines) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i+1, j+1
}

func (h Deadlines) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].at <= h[i].at {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

// down says whether it moved anything.
func (h Deadlines) down(i int) bool {
	from := i
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1].at < h[child].at {
			child++
		}
		if h[i].at <= h[child].at {
			break
		}
		h.swap(i, child)
		i = child
	}
	return i != from
}
