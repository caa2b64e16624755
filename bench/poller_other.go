//go:build !linux

package bench

import "math"

// newPoller makes the poller of this system.
var newPoller = newNetPoller

// descriptorsMax is how many descriptors this process may open: unknown here.
func descriptorsMax() int { return math.MaxInt32 }
