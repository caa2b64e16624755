package bench

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"ferry/client"
)

// loopClient is one session of a loop, and what it is at. The loop owns it.
type loopClient struct {
	talk
	index    int32
	fd, data int32 // control and data connection, -1 when there is none
	phase    phase
	group    group
	// readable and writable are what epoll has told of the connection that is waited for and no
	// call has used up; hung says that its end may have come.
	controlReadable, controlHung     bool
	dataReadable, dataHung, writable bool
	// again says that it has more to read and waits for its next turn, opens that connect waits
	// for its session.
	again, opens bool
	// hasJob says that pending is to be begun once the session stands.
	hasJob  bool
	pending job
	part    []byte // control's input that no answer was made of yet
	sent    int64  // of head and content
	rest    time.Duration

	intended time.Duration // when the job was to begin
	deadline time.Duration
	freed    time.Duration
	ended    time.Duration // when its last job of the window ended; negative: none did
}

// phase is where a session stands.
type phase uint8

const (
	phaseAway    phase = iota // there is none
	phaseResting              // there is none, and the next is made at the deadline
	phaseDialing
	phaseOpening
	phaseReady
	phaseBusy
	phaseLeaving
)

// group is what a client is there for.
type group uint8

const (
	groupLoad group = iota
	groupIdle
	groupSlowReader
	groupSlowSender
)

func (c *loopClient) isSlow() bool { return c.group >= groupSlowReader }

// work begins the client's next job, in the session that it has or in a new one.
func (l *loop) work(c *loopClient, intended time.Duration) {
	j, ok := l.deal.next(int(c.index))
	if !ok {
		l.busy--
		return
	}
	c.pending, c.hasJob, c.intended = j, true, intended
	l.start(c)
}

// start begins the pending job, or the session that it needs.
func (l *loop) start(c *loopClient) {
	if c.phase == phaseReady {
		l.beginJob(c)
		l.pump(c)
		return
	}
	l.dial(c)
}

// dial opens a session.
func (l *loop) dial(c *loopClient) {
	c.fresh()
	c.part, c.controlReadable = c.part[:0], false
	c.phase, c.deadline = phaseDialing, l.clock()+l.Timeout
	fd, err := l.connectTo(c, l.control, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP, partControl)
	c.fd = fd
	if err != nil {
		l.fail(c, &client.Error{Name: l.Site.Address, Kind: client.ErrConnect, Err: err})
	}
}

// beginJob has the exchange begin what is pending.
func (l *loop) beginJob(c *loopClient) {
	c.hasJob = false
	c.take(c.pending)
	c.phase, c.sent = phaseBusy, 0
	c.writable = true // until a write says otherwise
	if c.job.kind == KindConnect {
		c.exchange.leave(&c.talk)
		c.phase = phaseLeaving
		return
	}
	if err := c.exchange.begin(&c.talk); err != nil {
		l.fail(c, err)
	}
}

// happened takes note of what epoll tells, and goes on.
func (l *loop) happened(c *loopClient, data bool, flags uint32) {
	ended := flags&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
	switch {
	case data && c.data < 0, !data && c.fd < 0:
		return // of a connection that was closed since
	case data:
		c.dataReadable = c.dataReadable || ended || flags&unix.EPOLLIN != 0
		c.dataHung = c.dataHung || ended
		c.writable = c.writable || flags&unix.EPOLLOUT != 0
	case c.phase == phaseDialing:
		l.connected(c, flags)
		return
	default:
		c.controlReadable = c.controlReadable || ended || flags&unix.EPOLLIN != 0
		c.controlHung = c.controlHung || ended
		c.writable = c.writable || c.data < 0 && flags&unix.EPOLLOUT != 0
	}
	l.pump(c)
}

// connected goes on once control stands.
func (l *loop) connected(c *loopClient, flags uint32) {
	if flags&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		err := socketError(int(c.fd))
		l.fail(c, &client.Error{Name: l.Site.Address, Kind: client.ErrConnect, Err: err})
		return
	}
	_ = unix.SetsockoptInt(int(c.fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	c.phase, c.controlReadable = phaseOpening, flags&unix.EPOLLIN != 0
	c.controlHung = flags&unix.EPOLLRDHUP != 0
	c.exchange.open(&c.talk)
	l.pump(c)
}

// pump does what a client's talk asks for, until it waits for something that has not come.
func (l *loop) pump(c *loopClient) {
	for reads := 0; ; {
		if !l.perform(c) {
			return
		}
		goesOn := false
		switch c.wait {
		case waitNothing:
			goesOn = l.rested(c)
		case waitControl:
			if c.isSlow() && l.oneConnection && c.phase == phaseBusy {
				return
			}
			goesOn = l.hear(c, l.scratch)
		case waitData, waitEnd:
			if c.isSlow() && c.wait == waitData {
				return // its tick reads
			}
			goesOn = l.read(c, l.scratch)
		case waitSent:
			if c.isSlow() {
				// What goes before a content is said at once: a server waits for it.
				if c.data < 0 || c.sent >= int64(c.headLen) {
					return
				}
				goesOn = l.send(c, l.scratch[:int64(c.headLen)-c.sent])
				break
			}
			goesOn = l.send(c, l.scratch)
		}
		if !goesOn {
			return
		}
		if reads++; reads >= readsMax && c.wait != waitNothing {
			if !c.again {
				c.again = true
				l.again = append(l.again, c.index)
			}
			return
		}
	}
}

// perform does what the talk asked for. It says whether the talk goes on.
func (l *loop) perform(c *loopClient) bool {
	if c.dropData {
		c.dropData = false
		l.closeData(c)
	}
	if c.port != 0 {
		if !l.openData(c) {
			return false
		}
	}
	// What is said before a content on the same connection leaves with it.
	if len(c.say) > 0 && (c.wait != waitSent || c.data >= 0) {
		n, err := unix.Write(int(c.fd), c.say)
		if err == nil && n < len(c.say) {
			err = fmt.Errorf("%d of %d bytes of a command", n, len(c.say))
		}
		if err != nil {
			l.fail(c, &client.Error{Kind: client.ErrLost, Err: err})
			return false
		}
		c.say = c.say[:0]
		c.deadline = l.now + l.Timeout
	}
	return true
}
