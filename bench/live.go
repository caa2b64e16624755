package bench

import (
	"sync"
	"time"
)

// Live is the state of a run at a moment.
type Live struct {
	Site, Step                   string // what is measured
	Turn, Turns                  int
	Phase                        string        // what happens outside of the measured part
	Elapsed, Length              time.Duration // of this part; Length is 0 if unknown
	Transfers, Bytes, Errors     int64         // of this part so far
	TransfersPerSec, BytesPerSec float64       // since the last call
}

// liveEvery is how often Live is called.
const liveEvery = 500 * time.Millisecond

func (m *measurement) tell(l Live) {
	if m.Live != nil {
		m.Live(l)
	}
}

// watchLive tells the progress of a part until stop is called.
func (m *measurement) watchLive(l Live, length time.Duration) (stop func()) {
	if m.Live == nil {
		return func() {}
	}
	l.Length = length
	begin := time.Now()
	last := begin
	return everyTick(liveEvery, func(now time.Time) {
		before := l
		l.Transfers, l.Bytes, l.Errors = 0, 0, 0
		for _, w := range m.workers {
			c := w.progress()
			l.Transfers, l.Bytes, l.Errors = l.Transfers+c[0], l.Bytes+c[1], l.Errors+c[2]
		}
		seconds := now.Sub(last).Seconds()
		l.Elapsed = now.Sub(begin)
		l.TransfersPerSec = float64(l.Transfers-before.Transfers) / seconds
		l.BytesPerSec = float64(l.Bytes-before.Bytes) / seconds
		last = now
		m.Live(l)
	})
}

// everyTick calls f on a goroutine of its own until stop is called and has returned.
func everyTick(every time.Duration, f func(time.Time)) (stop func()) {
	end := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case now := <-ticker.C:
				f(now)
			case <-end:
				return
			}
		}
	})
	return func() {
		close(end)
		wg.Wait()
	}
}
