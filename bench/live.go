package bench

import "time"

// Live is the state of a run at a moment.
type Live struct {
	// Site and Step say what is measured, Turn which of Turns.
	Site, Step  string
	Turn, Turns int
	// Phase is what happens outside of the measured part, empty in it.
	Phase string
	// Elapsed of Length have passed of this part. Length is 0 if it is unknown.
	Elapsed, Length time.Duration
	// Transfers, Bytes and Errors are those of this part so far; the rates are of the time since
	// the last call.
	Transfers, Bytes, Errors     int64
	TransfersPerSec, BytesPerSec float64
}

// liveEvery is how often Live is told.
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
			l.Transfers += c.Transfers
			l.Bytes += c.Bytes
			l.Errors += c.Errors
		}
		seconds := now.Sub(last).Seconds()
		l.Elapsed = now.Sub(begin)
		l.TransfersPerSec = float64(l.Transfers-before.Transfers) / seconds
		l.BytesPerSec = float64(l.Bytes-before.Bytes) / seconds
		last = now
		m.Live(l)
	})
}
