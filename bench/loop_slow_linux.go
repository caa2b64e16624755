package bench

import "time"

// slowTurns gives slow clients their turns, evenly spread over the period. Their loop owns it.
type slowTurns struct {
	first, count int // among the loop's clients
	nth          int
	due          time.Duration
	bytes        int64 // a turn's
	puts         uint64
}

func newSlowTurns(s *share) slowTurns {
	b := &s.Scenario
	perSecond := int64(time.Second / slowPeriod)
	return slowTurns{
		first: s.Clients + b.Idle,
		count: b.SlowReaders + b.SlowSenders,
		bytes: max(1, min(b.SlowRate/perSecond, scratchSize)),
	}
}

// wait is how long after now the next turn is.
func (s *slowTurns) wait(now time.Duration) time.Duration {
	if s.count == 0 {
		return sweepEvery
	}
	return max(0, s.due-now)
}

// job is what a slow client does, over and over.
func (s *slowTurns) job(l *loop, c *loopClient) job {
	if c.group == groupSlowReader {
		return l.mix.slowFile()
	}
	s.puts++
	return l.mix.slowPut(l.First+int(c.index)*max(l.Stride, 1), s.puts)
}

// tickSlow lets those slow clients move bytes whose turn has come.
func (l *loop) tickSlow(now time.Duration) {
	s := &l.slow
	if s.count == 0 {
		return
	}
	for ; s.due <= now; s.due += slowPeriod / time.Duration(s.count) {
		c := &l.clients[s.first+s.nth%s.count]
		s.nth++
		if now-s.due > slowPeriod {
			s.due = now // a turn that was missed is not made up for
		}
		if c.phase != phaseBusy {
			continue
		}
		goesOn := false
		switch {
		case c.wait == waitData:
			goesOn = l.read(c, l.scratch[:s.bytes])
		case c.wait == waitSent:
			goesOn = l.send(c, l.scratch[:min(s.bytes+int64(len(c.say)), scratchSize)])
		case c.wait == waitControl && l.oneConnection:
			goesOn = l.hear(c, l.scratch[:int64(len(c.part))+max(s.bytes, 64)])
		}
		if goesOn {
			l.pump(c)
		}
	}
}
