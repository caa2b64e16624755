package reactor

import "testing"

func TestTransferTableIsPinned(t *testing.T) {
	states := []transferState{
		transferWaiting, transferOffered, transferMoving, transferLingering,
		transferEnded,
	}
	legal := map[[2]transferState]bool{
		{transferWaiting, transferOffered}:  true,
		{transferWaiting, transferEnded}:    true,
		{transferOffered, transferMoving}:   true,
		{transferOffered, transferEnded}:    true,
		{transferMoving, transferLingering}: true,
		{transferMoving, transferEnded}:     true,
		{transferLingering, transferEnded}:  true,
		{transferEnded, transferWaiting}:    true,
	}
	if len(states)+1 != int(transferStates) {
		t.Fatalf("there are %d states", transferStates)
	}
	for _, from := range states {
		for _, to := range states {
			tr := transfer{state: from}
			failed := func() (failed bool) {
				defer func() { failed = recover() != nil }()
				tr.become(to)
				return false
			}()
			if failed == legal[[2]transferState{from, to}] {
				t.Errorf("%v after %v: refused is %v", to, from, failed)
			}
			if failed && tr.state != from {
				t.Errorf("%v after %v changed the state", to, from)
			}
		}
	}
}
