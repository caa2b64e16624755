package bench

import (
	"context"
	"fmt"
	"time"

	"ferry/client"
)

// fail counts an error and closes the session, since what would follow on it is unknown. A client
// of the load rests and goes on with its next job. A failure that the end of the run causes is not
// counted as an error.
func (l *loop) fail(c *loopClient, err error) {
	begun, leaving := c.phase == phaseBusy, c.phase == phaseLeaving
	working := c.hasJob || begun || leaving
	l.hangUp(c)
	l.opened(c)
	r := l.run
	switch {
	case l.cancelled:
		return // abandon settles the rest
	case r == nil && leaving:
		l.awaited--
		return
	case r == nil:
		l.early.add(err)
		return
	}
	now := l.clock()
	r.record.failures.add(err)
	r.progress.errors.Add(1)
	if r.failed++; r.span.ErrorsMax > 0 && r.failed > r.span.ErrorsMax {
		l.cancelled = true
	}
	if c.group != groupLoad || !working {
		return
	}
	if begun {
		r.jobs.done(int(c.index), &c.job, err)
	}
	c.hasJob, c.ended = false, now
	c.rest = min(max(2*c.rest, restMin), restMax)
	c.phase, c.deadline = phaseResting, now+c.rest
	r.resting++
}

// sweep checks deadlines.
func (l *loop) sweep(now time.Duration) {
	l.swept = now
	for i := range l.clients {
		c := &l.clients[i]
		switch {
		case c.phase == phaseResting && (c.deadline <= now || now >= l.run.end):
			c.phase = phaseAway
			l.run.resting--
			l.next(c, now)
		case c.phase == phaseAway, c.phase == phaseReady, c.phase == phaseResting:
		case c.isSlow() && c.phase == phaseBusy, c.deadline > now:
		default:
			l.late(c)
		}
	}
}

// late ends what has waited too long.
func (l *loop) late(c *loopClient) {
	silence := fmt.Errorf("nothing for %v", l.Timeout)
	switch {
	case c.phase == phaseDialing:
		l.fail(c, l.connectError(silence))
	case c.phase == phaseLeaving:
		l.left(c, c.fault(client.ErrLost, silence))
	case c.wait == waitControl:
		l.fail(c, c.fault(client.ErrLost, silence))
	default:
		l.fail(c, c.fault(client.ErrStalled, silence))
	}
}

// abandon breaks off what the end of the span left: nothing, unless the run is cut short.
func (l *loop) abandon() {
	for i := range l.load() {
		c := &l.clients[i]
		if c.phase != phaseReady {
			l.hangUp(c)
		}
		c.hasJob = false
	}
	for _, i := range l.again {
		l.clients[i].again = false
	}
	l.again = l.again[:0]
}

// close ends all sessions and releases the loop.
func (l *loop) close(ctx context.Context) {
	stop := l.watch(ctx)
	limit := l.clock() + quitMax
	for i := range l.load() {
		c := &l.clients[i]
		if l.cancelled || c.phase != phaseReady || l.oneConnection {
			continue
		}
		c.protocol.quit(&c.session)
		c.job, c.phase, c.deadline = job{}, phaseLeaving, limit
		l.awaited++
		l.pump(c)
	}
	for l.awaited > 0 && !l.cancelled && l.clock() < limit {
		l.round(sweepEvery)
	}
	for i := range l.clients {
		l.hangUp(&l.clients[i])
	}
	stop()
	l.poll.shut()
}

// slowTurns spreads the reads and writes of slow clients evenly over slowPeriod.
type slowTurns struct {
	first, count int // among the loop's clients
	nth          int
	due          time.Duration
	bytes        int64 // of one read or write
	puts         uint64
}

// slowPeriod is the time between two reads or writes of a slow client.
const slowPeriod = 500 * time.Millisecond

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
	return l.mix.slowPut(l.number(c), s.puts)
}

// tickSlow moves bytes of the slow clients whose turn has come.
func (l *loop) tickSlow(now time.Duration) {
	s := &l.slow
	if s.count == 0 {
		return
	}
	for ; s.due <= now; s.due += slowPeriod / time.Duration(s.count) {
		c := &l.clients[s.first+s.nth%s.count]
		s.nth++
		if now-s.due > slowPeriod {
			s.due = now // missed turns are not made up for
		}
		if c.phase != phaseBusy {
			continue
		}
		goesOn := false
		switch {
		case c.wait == waitData:
			goesOn = l.readData(c, l.scratch[:s.bytes])
		case c.wait == waitSent:
			goesOn = l.send(c, l.scratch[:min(s.bytes+int64(len(c.say)), scratchSize)])
		case c.wait == waitControl && l.oneConnection:
			goesOn = l.readControl(c, l.scratch[:int64(len(c.part))+max(s.bytes, 64)])
		}
		if goesOn {
			l.pump(c)
		}
	}
}
