package bench

import (
	"math"
	"time"
)

// Pace is the plan of an open loop: evenly spaced starts, whatever the server does. It has no
// clock: times count from the begin of the span. Of Stride workers each takes every Stride-th
// start, beginning with First.
type Pace struct {
	// Rate is the starts a second of all workers together, above 0.
	Rate float64
	// First is this worker's number, from 0. Stride is how many there are; 0 means one.
	First, Stride int
}

// At is when the worker's start i is due, from 0.
func (p Pace) At(i int64) time.Duration {
	nth := float64(i)*float64(max(p.Stride, 1)) + float64(p.First)
	return time.Duration(math.Ceil(nth / p.Rate * float64(time.Second)))
}

// Due is how many starts are due at a time: those of At(0) to At(Due-1).
func (p Pace) Due(at time.Duration) int64 {
	n := max(0, int64((at.Seconds()*p.Rate-float64(p.First))/float64(max(p.Stride, 1)))-1)
	for p.At(n) <= at { // the division may be off by rounding
		n++
	}
	return n
}

// starts walks through a Pace up to the end of the span.
type starts struct {
	pace   Pace
	window time.Duration
	begun  int64
}

// start is one start of the plan.
type start struct {
	// intended is when it was due. Its latency counts from here.
	intended time.Duration
	// lag is how late the harness itself was.
	lag time.Duration
}

// next is the start that a client, idle since freeSince, has to make now, if one is due. Waiting
// for a busy client is the server's delay and no lag: it is in the latency.
func (s *starts) next(now, freeSince time.Duration) (start, bool) {
	intended := s.pace.At(s.begun)
	if intended > now || intended >= s.window {
		return start{}, false
	}
	s.begun++
	return start{intended, now - max(intended, freeSince)}, true
}

// wait is how long after now the next start is due: 0 if it is due already, negative if there is no
// further one.
func (s *starts) wait(now time.Duration) time.Duration {
	intended := s.pace.At(s.begun)
	if intended >= s.window {
		return -1
	}
	return max(0, intended-now)
}

// missed is how many starts of the span were not made.
func (s *starts) missed() int64 { return max(0, s.pace.Due(s.window-1)-s.begun) }
