package reactor

import (
	"context"
	"time"
)

// sweepParts removes expired parts until the context ends.
func (s *Server) sweepParts(c context.Context) {
	every := min(max(s.options.PartLifetime/10, sweepOften), sweepSeldom)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-c.Done():
			return
		case <-tick.C:
		}
		j := &sweepJob{s, make(chan struct{})}
		s.pool.Submit(j)
		select {
		case <-c.Done():
			return
		case <-j.done:
		}
	}
}

// A sweep looks at every part that is known. Few are due at a time.
const (
	sweepOften  = 100 * time.Millisecond
	sweepSeldom = 10 * time.Minute
)

type sweepJob struct {
	s    *Server
	done chan struct{}
}

func (j *sweepJob) Run() {
	defer close(j.done)
	removed, err := j.s.rights.store.SweepParts()
	if removed > 0 || err != nil {
		j.s.log.Info().Int("parts", removed).AnErr("error", visibleError(err)).
			Msg("expired parts were removed")
	}
}
