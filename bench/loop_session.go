package bench

import (
	"context"
	"errors"
	"time"

	"ferry/client"
)

// loopClient is one client of a loop: its session, and its connections. The loop owns it.
type loopClient struct {
	session
	index      int32
	fd, dataFD int32 // handles of control and data connection, -1 if there is none
	phase      phase
	group      group
	ctl, dat   readiness
	writable   bool // of the connection that content is sent to
	// again means that it is queued to read more; opens, that connect waits for its session.
	again, opens bool
	// hasJob means that pending starts once the session is open.
	hasJob  bool
	pending job
	part    []byte // input of control that makes no whole answer yet
	written int64  // bytes of head and content
	rest    time.Duration

	intended time.Duration // when the job was due to start
	deadline time.Duration
	freed    time.Duration
	ended    time.Duration // when its last job of the run ended, negative for none
}

// readiness is what events said of a connection and no read has used up. hung means that the end
// may have come, so that a short read is no sign of emptiness.
type readiness struct{ readable, hung bool }

func (r *readiness) add(e event) {
	r.readable = r.readable || e.readable
	r.hung = r.hung || e.ended
}

// phase is the state of a client's connection.
type phase uint8

const (
	phaseAway    phase = iota // not connected
	phaseResting              // not connected; the next attempt is at the deadline
	phaseDialing
	phaseOpening
	phaseReady
	phaseBusy
	phaseLeaving
)

// group is what a client is for.
type group uint8

const (
	groupLoad group = iota
	groupIdle
	groupSlowReader
	groupSlowSender
)

func (c *loopClient) isSlow() bool { return c.group >= groupSlowReader }

// connect opens the sessions that outlive transfers. What fails is in the record of the next run.
func (l *loop) connect(ctx context.Context) {
	defer l.watch(ctx)()
	next := 0
	if !l.keeps {
		next = l.Clients
	}
	begin := l.clock()
	for (next < len(l.clients) || l.awaited > 0) && !l.cancelled {
		for next < len(l.clients) && l.awaited < dialsMax {
			due := l.Ramp * time.Duration(next) / time.Duration(len(l.clients))
			if due > l.clock()-begin {
				break
			}
			c := &l.clients[next]
			next++
			c.opens = true
			l.awaited++
			l.dial(c)
		}
		l.round(min(l.untilNext(l.clock()), restMin))
	}
}

// opened tells connect that it need not wait for the client any more.
func (l *loop) opened(c *loopClient) {
	if c.opens {
		c.opens = false
		l.awaited--
	}
}

// work starts the client's next job, in its session or in a new one.
func (l *loop) work(c *loopClient, intended time.Duration) {
	j, ok := l.run.jobs.next(int(c.index))
	if !ok {
		l.run.busy--
		return
	}
	c.pending, c.hasJob, c.intended = j, true, intended
	if c.phase != phaseReady {
		l.dial(c)
		return
	}
	l.startJob(c)
	l.pump(c)
}

// dial opens a session.
func (l *loop) dial(c *loopClient) {
	c.reset()
	c.part, c.ctl, c.phase, c.deadline = c.part[:0], readiness{}, phaseDialing, l.clock()+l.Timeout
	fd, err := l.poll.dial(dialing{
		client: c.index, port: l.control, from: l.source(c), sends: true,
		receiveBuffer: c.receiveBuffer(),
	})
	if c.fd = fd; err != nil {
		l.fail(c, l.connectError(err))
	}
}

func (l *loop) connectError(cause error) error {
	return &client.Error{Name: l.Site.Address, Kind: client.ErrConnect, Err: cause}
}

// startJob has the protocol start the pending job.
func (l *loop) startJob(c *loopClient) {
	c.hasJob = false
	c.take(c.pending)
	c.phase, c.written = phaseBusy, 0
	c.writable = true // until a write says otherwise
	if c.job.kind == KindConnect {
		c.protocol.quit(&c.session)
		c.phase = phaseLeaving
	} else if err := c.protocol.start(&c.session); err != nil {
		l.fail(c, err)
	}
}

// happened notes an event and goes on with the client.
func (l *loop) happened(c *loopClient, e event) {
	switch {
	case e.data && c.dataFD < 0, !e.data && c.fd < 0:
		return // of a connection that was closed since
	case e.data:
		c.dat.add(e)
		c.writable = c.writable || e.writable
	case c.phase == phaseDialing && e.failed:
		l.fail(c, l.connectError(l.poll.dialError(c.fd)))
		return
	case c.phase == phaseDialing:
		c.phase, c.ctl = phaseOpening, readiness{e.readable, e.ended}
		c.protocol.open(&c.session)
	default:
		c.ctl.add(e)
		c.writable = c.writable || c.dataFD < 0 && e.writable
	}
	l.pump(c)
}

// idled goes on with a client whose session became idle: it was opened, or its transfer is
// complete, or it was ended.
func (l *loop) idled(c *loopClient) (goesOn bool) {
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

// ready has a session that is open do what it is for.
func (l *loop) ready(c *loopClient) (goesOn bool) {
	c.phase, c.rest = phaseReady, 0
	l.opened(c)
	switch {
	case c.isSlow():
		c.pending = l.slow.job(l, c)
	case c.group == groupIdle:
		c.say, c.part = nil, nil
		return false
	case !c.hasJob:
		return false
	case l.Scenario.Churn:
		now := l.clock()
		l.run.record.ended(KindConnect, now-l.run.begin, now-c.intended, 0)
	}
	l.startJob(c)
	return c.phase == phaseBusy || c.phase == phaseLeaving
}

// finish counts a transfer that succeeded and goes on to the next one.
func (l *loop) finish(c *loopClient) (goesOn bool) {
	c.phase = phaseReady
	if c.over {
		l.hangUp(c)
	}
	switch {
	case c.isSlow() && c.phase == phaseReady:
		return l.ready(c)
	case c.isSlow():
		l.dial(c)
		return false
	}
	now, bytes := l.clock(), c.job.size
	if c.job.kind == KindList {
		bytes = c.in.got
	}
	l.count(c, now, bytes)
	c.rest = 0
	if l.Scenario.Churn && c.phase == phaseReady {
		c.protocol.quit(&c.session)
		c.phase = phaseLeaving
		return true
	}
	l.next(c, now)
	return false
}

// count records a job that succeeded.
func (l *loop) count(c *loopClient, now time.Duration, bytes int64) {
	r := l.run
	r.jobs.done(int(c.index), &c.job, nil)
	r.record.ended(c.job.kind, now-r.begin, now-c.intended, bytes)
	c.ended = now
	r.progress.transfers.Add(1)
	r.progress.bytes.Add(bytes)
}

// next ends a client's job.
func (l *loop) next(c *loopClient, now time.Duration) {
	l.run.busy--
	l.release(c, now)
}

// left goes on after the end of a session.
func (l *loop) left(c *loopClient, err error) {
	storm := c.job.kind == KindConnect && l.run != nil
	if storm && err != nil {
		l.fail(c, err)
		return
	}
	l.hangUp(c)
	if l.run == nil {
		l.awaited--
		return
	}
	now := l.clock()
	if storm {
		l.count(c, now, 0)
	}
	l.next(c, now)
}

// overhear reads an idle session: only its end can come.
func (l *loop) overhear(c *loopClient) {
	if !c.ctl.readable {
		return
	}
	n, again, err := l.poll.read(c.fd, l.scratch)
	switch {
	case again:
		c.ctl.readable = false
		return
	case n > 0:
		err = errors.New(string(l.scratch[:min(n, 80)]))
	case l.oneConnection:
		l.hangUp(c) // HTTP servers close unused connections without a word
		return
	}
	l.fail(c, c.lost(err))
}
