package fsio

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFilesAreFreshWhileTheyMayChangeUnseen(t *testing.T) {
	for _, c := range []struct {
		modified, changed, now time.Duration
		want                   bool
	}{
		{0, 0, 3 * time.Second, false},
		{0, 0, 2 * time.Second, true},
		{0, time.Second, 3 * time.Second, true},
		{time.Hour, 0, 3 * time.Second, true},
		{-time.Hour, 0, 3 * time.Second, false},
	} {
		id := Identity{Modified: int64(c.modified), Changed: int64(c.changed)}
		if got := id.fresh(time.Unix(0, int64(c.now))); got != c.want {
			t.Errorf("%v: %t", c, got)
		}
	}
}
