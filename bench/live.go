package bench

import (
	"os"
	"time"
)

// Live is how a run goes at a moment.
type Live struct {
	// Site and Step say what is measured, Turn which of Turns.
	Site, Step  string
	Turn, Turns int
	// Phase is what goes on outside of the measured part, empty in it.
	Phase string
	// Elapsed of Length have passed of this part. Length is 0 where it is not known.
	Elapsed, Length time.Duration
	// Transfers, Bytes and Errors are those of this part so far; the rates are of the time since
	// the last call.
	Transfers, Bytes, Errors     int64
	TransfersPerSec, BytesPerSec float64
	// OwnProcessors is how many processors this process keeps busy.
	OwnProcessors float64
}

// liveEvery is how often Live is told.
const liveEvery = 500 * time.Millisecond

func (c *conductor) tell(l Live) {
	if c.Live != nil {
		c.Live(l)
	}
}

// watchLive tells how a part goes until the call of what it returns.
func (c *conductor) watchLive(l Live, length time.Duration) (stop func()) {
	if c.Live == nil {
		return func() {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	l.Length = length
	go func() {
		defer close(ended)
		every := time.NewTicker(liveEvery)
		defer every.Stop()
		begin := time.Now()
		last, own := begin, usageOf(os.Getpid())
		for {
			select {
			case <-end:
				return
			case <-every.C:
			}
			now := time.Now()
			seconds := now.Sub(last).Seconds()
			before := l
			l.Transfers, l.Bytes, l.Errors = 0, 0, 0
			for _, w := range c.workers {
				t := w.progress()
				l.Transfers += t.Transfers
				l.Bytes += t.Bytes
				l.Errors += t.Errors
			}
			l.Elapsed = now.Sub(begin)
			l.TransfersPerSec = float64(l.Transfers-before.Transfers) / seconds
			l.BytesPerSec = float64(l.Bytes-before.Bytes) / seconds
			spent := usageOf(os.Getpid())
			if used := spent.since(own); used != nil {
				l.OwnProcessors = used.CPU / seconds
			}
			last, own = now, spent
			c.Live(l)
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}
