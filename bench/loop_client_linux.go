package bench

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"ferry/client"
)

// loopClient is one client of a loop: its session, and its connections. The loop owns it.
type loopClient struct {
	session
	index      int32
	fd, dataFD int32 // of control and data connection, -1 if there is none
	phase      phase
	idles      bool // it makes no transfers
	ctl, dat   readiness
	writable   bool // of the connection that content is sent to
	again      bool // it is queued to read more
	awaited    bool // connect or close waits for it
	// hasJob means that pending starts once the session is open.
	hasJob  bool
	pending job
	part    []byte // an incomplete answer on control
	written int64  // bytes of head and content

	intended time.Duration // when the job was due to start
	deadline time.Duration
	freed    time.Duration
	ended    time.Duration // when its last job of the run ended, negative for none
}

// readiness is what events reported of a connection and no read has consumed yet. hung means that
// the peer may have closed it, so a short read does not mean that it is empty.
type readiness struct{ readable, hung bool }

func (r *readiness) add(e event) {
	r.readable = r.readable || e.readable()
	r.hung = r.hung || e.ended()
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
	fd, err := l.sockets.dial(dialing{
		client: c.index, port: l.control, from: l.source(c), sends: true,
	})
	if c.fd = fd; err != nil {
		l.fail(c, l.connectError(err))
	}
}

// source is the address that a client connects from.
func (l *loop) source(c *loopClient) netip.Addr {
	return sourceAddress(l.First+int(c.index)*max(l.Stride, 1), l.Sources)
}

func (l *loop) connectError(cause error) error {
	return &client.Error{Name: l.Site.Address, Kind: client.ErrConnect, Err: cause}
}

// startJob starts the pending job.
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

// handle notes an event and continues with its client.
func (l *loop) handle(e event) {
	c, data := &l.clients[e.Fd], e.Pad == padData
	switch {
	case data && c.dataFD < 0, !data && c.fd < 0:
		return // of a connection that was closed since
	case data:
		c.dat.add(e)
		c.writable = c.writable || e.writable()
	case c.phase == phaseDialing && e.failed():
		l.fail(c, l.connectError(l.sockets.dialError(c.fd)))
		return
	case c.phase == phaseDialing:
		c.phase = phaseOpening
		c.ctl.add(e)
		c.protocol.open(&c.session)
	default:
		c.ctl.add(e)
		c.writable = c.writable || c.dataFD < 0 && e.writable()
	}
	l.pump(c)
}

// becameIdle continues with a client whose session was opened, completed its transfer or ended. It
// says whether the session has more to do.
func (l *loop) becameIdle(c *loopClient) bool {
	switch c.phase {
	case phaseOpening:
		return l.ready(c)
	case phaseBusy:
		return l.finish(c)
	case phaseLeaving:
		l.left(c, nil)
	case phaseReady:
		l.checkIdle(c)
	default:
	}
	return false
}

// ready starts the pending job of a client whose session was opened.
func (l *loop) ready(c *loopClient) (more bool) {
	c.phase = phaseReady
	l.settle(c)
	switch {
	case c.idles:
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

// finish counts a transfer that succeeded and continues with the next one.
func (l *loop) finish(c *loopClient) (more bool) {
	c.phase = phaseReady
	if c.over {
		l.hangUp(c)
	}
	now, bytes := l.clock(), c.job.size
	if c.job.kind == KindList {
		bytes = c.in.got
	}
	l.count(c, now, bytes)
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
}

// next ends a client's job.
func (l *loop) next(c *loopClient, now time.Duration) {
	l.run.busy--
	l.release(c, now)
}

// left continues after the end of a session.
func (l *loop) left(c *loopClient, err error) {
	storm := c.job.kind == KindConnect && l.run != nil
	if storm && err != nil {
		l.fail(c, err)
		return
	}
	l.hangUp(c)
	l.settle(c)
	if l.run == nil {
		return
	}
	now := l.clock()
	if storm {
		l.count(c, now, 0)
	}
	l.next(c, now)
}

// checkIdle reads from an idle session, where nothing but its end is expected.
func (l *loop) checkIdle(c *loopClient) {
	if !c.ctl.readable {
		return
	}
	n, again, err := l.sockets.read(c.fd, l.scratch)
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

// fail counts an error and closes the session, since its state is unknown. A client of the load
// rests before its next job. Failures caused by the end of the run are not errors.
func (l *loop) fail(c *loopClient, err error) {
	leaving, begun := c.phase == phaseLeaving, c.phase == phaseBusy
	working := c.hasJob || begun || leaving
	l.hangUp(c)
	l.settle(c)
	r := l.run
	switch {
	case l.cancelled:
		return // abandon does the rest
	case r == nil:
		if !leaving {
			l.early.add(err)
		}
		return
	}
	r.record.failures.add(err)
	l.cancelled = r.span.failed()
	if c.idles || !working {
		return
	}
	if begun {
		r.jobs.done(int(c.index), &c.job, err)
	}
	c.hasJob, c.ended = false, l.clock()
	c.phase, c.deadline = phaseResting, c.ended+restAfterError
}

// late ends a session that has waited too long.
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

// hangUp closes a client's connections.
func (l *loop) hangUp(c *loopClient) {
	l.closeData(c)
	if c.fd >= 0 {
		l.sockets.close(c.fd)
		c.fd = -1
	}
	c.in.giveBack()
	c.phase, c.wait, c.port, c.dropData = phaseAway, waitNothing, 0, false
	c.say, c.part = c.say[:0], c.part[:0]
}

func (l *loop) closeData(c *loopClient) {
	if c.dataFD >= 0 {
		l.sockets.close(c.dataFD)
		c.dataFD = -1
	}
}
