package bench

import (
	"math"
	"time"
)

// Pace is the plan of an open loop: so many starts a second, evenly spaced, whatever the server
// does. It holds no clock: times are counted from the window's begin and are the caller's. A plan
// may be shared out: of Stride sharers each takes every Stride-th start, beginning with First, so
// that together they keep the spacing of the whole.
type Pace struct {
	// Rate is the starts a second of all sharers together: more than 0.
	Rate float64
	// First is this sharer's place, from 0. Stride is how many there are; 0 means one.
	First, Stride int
}

// At is when the sharer's i-th start is due, counted from 0.
func (p Pace) At(i int64) time.Duration {
	nth := float64(i)*float64(p.stride()) + float64(p.First)
	return time.Duration(math.Ceil(nth / p.Rate * float64(time.Second)))
}

// Due is how many starts are due at a time: those of At(0) to At(Due-1).
func (p Pace) Due(at time.Duration) int64 {
	if at < 0 {
		return 0
	}
	nth := at.Seconds() * p.Rate
	n := int64(math.Floor((nth-float64(p.First))/float64(p.stride()))) + 1
	// The division's rounding is put right by the definition.
	for n = max(n, 0); p.At(n) <= at; n++ {
		continue
	}
	for ; n > 0 && p.At(n-1) > at; n-- {
		continue
	}
	return n
}

func (p Pace) stride() int { return max(p.Stride, 1) }

// starts walks through a Pace up to a window's end. Its owner offers it a free client with every
// call of next, and times never go back.
type starts struct {
	pace   Pace
	window time.Duration
	begun  int64
}

// start is one of the plan's.
type start struct {
	// intended is when it was due. Its latency counts from here.
	intended time.Duration
	// lag is how much of the delay since then was the harness's own.
	lag time.Duration
}

// next gives the start that a client, free since freeSince, is to begin now, if one is due. A wait
// for a busy client is the server's doing and no lag: it stands in the latency.
func (s *starts) next(now, freeSince time.Duration) (start, bool) {
	intended := s.pace.At(s.begun)
	if intended > now || intended >= s.window {
		return start{}, false
	}
	s.begun++
	return start{intended, now - max(intended, freeSince)}, true
}

// wait is how long after now the next start is due: 0 when it is due already, and negative when
// the window has no more.
func (s *starts) wait(now time.Duration) time.Duration {
	intended := s.pace.At(s.begun)
	if intended >= s.window {
		return -1
	}
	return max(0, intended-now)
}

// missed is how many starts of the window have not been begun.
func (s *starts) missed() int64 {
	return max(0, s.pace.Due(s.window-1)-s.begun)
}
