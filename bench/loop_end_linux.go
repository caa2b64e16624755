package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ferry/client"
)

// connect implements team.
func (l *loop) connect(ctx context.Context) {
	defer l.watchContext(ctx)()
	first := 0
	if !l.keeps {
		first = l.Clients
	}
	begin := l.clock()
	for next := first; (next < len(l.clients) || l.opening > 0) && ctx.Err() == nil; {
		for next < len(l.clients) && l.opening < dialsMax && !l.cancelled {
			if due := l.Ramp * time.Duration(next) / time.Duration(len(l.clients)); due >
				l.clock()-begin {
				break
			}
			c := &l.clients[next]
			next++
			c.opens = true
			l.opening++
			l.dial(c)
		}
		l.turn(min(l.untilNext(l.clock()), restMin))
	}
	l.cancelled = ctx.Err() != nil
}

// opened notes that connect need not wait for a client any more.
func (l *loop) opened(c *loopClient) {
	if c.opens {
		c.opens = false
		l.opening--
	}
}

// rested goes on with a client whose talk waits for nothing: its session stands, its transfer has
// ended, or its session has.
func (l *loop) rested(c *loopClient) (goesOn bool) {
	switch c.phase {
	case phaseOpening:
		return l.ready(c)
	case phaseBusy:
		return l.finish(c)
	case phaseLeaving:
		l.left(c, nil)
	case phaseReady:
		l.overhear(c)
	default:
	}
	return false
}

// ready has a new session do what it is there for.
func (l *loop) ready(c *loopClient) (goesOn bool) {
	c.phase, c.rest = phaseReady, 0
	l.opened(c)
	switch {
	case c.isSlow():
		c.pending = l.slow.job(l, c)
		l.beginJob(c)
		return c.phase == phaseBusy
	case c.group == groupIdle:
		c.say, c.part = nil, nil
		return false
	case !c.hasJob:
		return false
	}
	if l.Scenario.Churn {
		now := l.clock()
		l.record.ended(KindConnect, now-l.begin, now-c.intended, 0)
	}
	l.beginJob(c)
	return c.phase == phaseBusy || c.phase == phaseLeaving
}

// finish counts a transfer that went well, and goes on to what comes next.
func (l *loop) finish(c *loopClient) (goesOn bool) {
	c.phase = phaseReady
	if c.over {
		l.hangUp(c)
	}
	if c.isSlow() {
		if c.phase == phaseReady {
			return l.ready(c)
		}
		l.dial(c)
		return false
	}
	now := l.clock()
	bytes := c.job.size
	if c.job.kind == KindList {
		bytes = c.got
	}
	l.count(c, now, bytes)
	c.rest = 0
	if l.Scenario.Churn && c.phase == phaseReady {
		c.exchange.leave(&c.talk)
		c.phase = phaseLeaving
		return true
	}
	l.next(c, now)
	return false
}

// count puts a job that went well into the books.
func (l *loop) count(c *loopClient, now time.Duration, bytes int64) {
	l.deal.done(int(c.index), &c.job, nil)
	l.record.ended(c.job.kind, now-l.begin, now-c.intended, bytes)
	if c.unconfirmed {
		l.record.unconfirmed++
	}
	c.ended = now
	if p := l.window.progress; p != nil {
		p.transfers.Add(1)
		p.bytes.Add(bytes)
	}
}

// next ends a client's job.
func (l *loop) next(c *loopClient, now time.Duration) {
	l.busy--
	l.release(c, now)
}

// left goes on after a session's end in order, or one that was to be in order.
func (l *loop) left(c *loopClient, err error) {
	storm := c.job.kind == KindConnect && l.deal != nil
	if storm && err != nil {
		l.fail(c, err)
		return
	}
	l.hangUp(c)
	if l.deal == nil {
		l.leaving--
		return
	}
	now := l.clock()
	if storm {
		l.count(c, now, 0)
	}
	l.next(c, now)
}

// overhear looks at a session that is free: nothing should come there but its end.
func (l *loop) overhear(c *loopClient) {
	if !c.controlReadable {
		return
	}
	n, again, err := readSome(int(c.fd), l.scratch)
	switch {
	case again:
		c.controlReadable = false
		return
	case n > 0:
		err = errors.New(string(l.scratch[:min(n, 80)]))
	case l.oneConnection:
		l.hangUp(c) // HTTP's servers end what is not used, and say nothing
		return
	}
	l.fail(c, c.lost(err))
}

// fail counts an error and gives the session up, since what would come on it is unknown. A client
// of the load rests, and goes on with its next job. What fails because the run ends is no error.
func (l *loop) fail(c *loopClient, err error) {
	working := c.hasJob || c.phase == phaseBusy || c.phase == phaseLeaving
	begun, leaving := c.phase == phaseBusy, c.phase == phaseLeaving
	l.hangUp(c)
	l.opened(c)
	if l.cancelled {
		return // abandon settles the rest
	}
	now := l.clock()
	if l.record == nil {
		if leaving {
			l.leaving--
		} else {
			l.early.add(err)
		}
		return
	}
	l.record.failed(now-l.begin, err)
	l.window.fail()
	if c.group != groupLoad || !working || l.deal == nil {
		return
	}
	if begun {
		l.deal.done(int(c.index), &c.job, err)
	}
	c.hasJob, c.ended = false, now
	c.rest = min(max(2*c.rest, restMin), restMax)
	c.phase, c.deadline = phaseResting, now+c.rest
	l.resting++
}

// sweep looks at deadlines.
func (l *loop) sweep(now time.Duration) {
	l.swept = now
	for i := range l.clients {
		c := &l.clients[i]
		switch {
		case c.phase == phaseResting && (c.deadline <= now || now >= l.end):
			c.phase = phaseAway
			l.resting--
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
		l.fail(c, &client.Error{Name: l.Site.Address, Kind: client.ErrConnect, Err: silence})
	case c.phase == phaseLeaving:
		l.left(c, c.fault(client.ErrLost, silence))
	case c.wait == waitControl:
		l.fail(c, c.fault(client.ErrLost, silence))
	case c.wait == waitEnd && l.silent(c):
		l.pump(c)
	default:
		l.fail(c, c.fault(client.ErrStalled, silence))
	}
}

// silent lets an exchange take silence for consent.
func (l *loop) silent(c *loopClient) bool {
	e, ok := l.exchange.(interface{ silent(t *talk) bool })
	return ok && e.silent(&c.talk)
}

// abandon breaks off what the window's end left: nothing, unless the run is cut short.
func (l *loop) abandon() {
	for i := range l.load() {
		c := &l.clients[i]
		if c.phase != phaseReady {
			l.hangUp(c)
		}
		c.hasJob = false
	}
	l.busy, l.resting = 0, 0
	for _, i := range l.again {
		l.clients[i].again = false
	}
	l.again = l.again[:0]
}

// close implements team.
func (l *loop) close(ctx context.Context) {
	defer l.shut()
	defer l.watchContext(ctx)()
	limit := l.clock() + quitMax
	for i := range l.load() {
		c := &l.clients[i]
		if l.cancelled || c.phase != phaseReady || l.oneConnection {
			continue
		}
		c.exchange.leave(&c.talk)
		c.job, c.phase, c.deadline = job{}, phaseLeaving, limit
		l.leaving++
		l.pump(c)
	}
	for l.leaving > 0 && !l.cancelled && l.clock() < limit {
		l.turn(sweepEvery)
	}
}
