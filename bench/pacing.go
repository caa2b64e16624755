package bench

import (
	"math"
	"time"
)

// starts is the plan of an open loop: evenly spaced starts, regardless of the server. It has no
// clock: times count from the begin of the span. Of stride loops each takes every stride-th start,
// beginning with first.
type starts struct {
	rate          float64 // starts a second of all loops together, above 0
	first, stride int     // this loop's number, from 0; how many there are
	window        time.Duration
	begun         int64
}

// at is when the loop's start i is due, from 0.
func (s *starts) at(i int64) time.Duration {
	nth := float64(i)*float64(s.stride) + float64(s.first)
	return time.Duration(math.Ceil(nth / s.rate * float64(time.Second)))
}

// next says whether a client, idle since freeSince, has to make a start now. Its latency counts
// from intended, when it was due. lag is how late the harness itself was: waiting for a busy client
// is the server's delay, and in the latency.
func (s *starts) next(now, freeSince time.Duration) (intended, lag time.Duration, due bool) {
	intended = s.at(s.begun)
	if intended > now || intended >= s.window {
		return 0, 0, false
	}
	s.begun++
	return intended, now - max(intended, freeSince), true
}

// wait is how long after now the next start is due: 0 if it is due already, negative if there is no
// further one.
func (s *starts) wait(now time.Duration) time.Duration {
	intended := s.at(s.begun)
	if intended >= s.window {
		return -1
	}
	return max(0, intended-now)
}

// missed is how many starts of the span were not made.
func (s *starts) missed() (n int64) {
	for s.at(s.begun+n) < s.window {
		n++
	}
	return n
}
