//go:build !linux

package bench

import (
	"errors"
	"math"
)

// loopServes says that this system has no event loop of ours.
const loopServes = false

func newLoops(share, *mix) (team, error) { return nil, errors.New("there is no loop on this system") }

// descriptorsMax is how many descriptors a process may open: not looked at here.
func descriptorsMax() int { return math.MaxInt32 }
