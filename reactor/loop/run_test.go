package loop

import (
	"testing"
	"time"
)

// A loop that ends is started again at once; one that does not come to life is tried ever more
// rarely and given up after a while, unless it lives in between.
func TestRestartsAreGivenUp(t *testing.T) {
	var r restarts
	now := Instant(time.Hour)
	if wait, ok := r.next(true, now); !ok || wait != restartAfter {
		t.Fatalf("%v, %v", wait, ok)
	}
	try := func() (tries int, after time.Duration) {
		t.Helper()
		began := now
		for last := restartAfter; ; tries++ {
			wait, ok := r.next(false, now)
			if !ok {
				return tries, now - began
			}
			if wait < last || wait > restartAfterMax {
				t.Fatalf("waits %v after %v", wait, last)
			}
			last = wait
			now += wait
		}
	}
	tries, after := try()
	if after < restartPatience || after > restartPatience+restartAfterMax || tries > 40 {
		t.Errorf("given up after %d tries and %v", tries, after)
	}
	if wait, ok := r.next(true, now); !ok || wait != restartAfter {
		t.Fatalf("after a loop that lived: %v, %v", wait, ok)
	}
	if again, _ := try(); again != tries {
		t.Errorf("%d tries, %d the first time", again, tries)
	}
}
