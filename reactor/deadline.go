package reactor

import "time"

// instant is a point in time, counted from the start of the reactor on the monotonic clock.
type instant = time.Duration

// deadline is one point in time at which its owner wants to be called. It is a part of its owner,
// owned by the loop, and costs nothing while it is not set.
type deadline struct {
	at    instant
	owner expirer
	// place is the index in the heap plus one; 0 while not set.
	place int
}

// expirer is called when its deadline is reached; which says which of its deadlines it was.
type expirer interface {
	expire(which *deadline)
}

// deadlines is a binary heap with the earliest deadline first. Most deadlines are set far ahead
// and taken back, so that a new one goes to the end and stays there.
type deadlines []*deadline

// set makes d run out at the given time, instead of any time set before.
func (h *deadlines) set(d *deadline, at instant) {
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

// clear takes d out.
func (h *deadlines) clear(d *deadline) {
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
func (h deadlines) first() *deadline {
	if len(h) == 0 {
		return nil
	}
	return h[0]
}

// run calls the owners of all deadlines up to now.
func (h *deadlines) run(now instant) {
	for d := h.first(); d != nil && d.at <= now; d = h.first() {
		h.clear(d)
		d.owner.expire(d)
	}
}

func (h deadlines) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i+1, j+1
}

func (h deadlines) up(i int) {
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
func (h deadlines) down(i int) bool {
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
