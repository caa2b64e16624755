//go:build race

package dir

import "testing"

// skipUnderRace skips tests that count allocations: the race detector allocates too.
func skipUnderRace(t *testing.T) { t.Skip("the race detector allocates") }
