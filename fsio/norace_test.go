//go:build !race

package fsio

import "testing"

// skipUnderRace skips tests that count allocations: the race detector allocates too.
func skipUnderRace(*testing.T) {}
