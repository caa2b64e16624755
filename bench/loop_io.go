package bench

import (
	"errors"
	"net/netip"
	"syscall"

	"ferry/client"
)

// pump does what a client's session asks for, until it has to wait.
func (l *loop) pump(c *loopClient) {
	for reads := 0; l.perform(c); {
		goesOn := false
		switch c.wait {
		case waitNothing:
			goesOn = l.idled(c)
		case waitControl:
			if c.isSlow() && l.oneConnection && c.phase == phaseBusy {
				return // its tick reads
			}
			goesOn = l.readControl(c, l.scratch)
		case waitData, waitEnd:
			if c.isSlow() && c.wait == waitData {
				return // its tick reads
			}
			goesOn = l.readData(c, l.scratch)
		case waitSent:
			b := l.scratch
			if c.isSlow() { // the head goes at once: the server waits for it
				if c.dataFD < 0 || c.written >= int64(c.headLen) {
					return
				}
				b = b[:int64(c.headLen)-c.written]
			}
			goesOn = l.send(c, b)
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

// perform carries out the session's requests. It says whether the session goes on.
func (l *loop) perform(c *loopClient) bool {
	if c.dropData {
		c.dropData = false
		l.closeData(c)
	}
	if c.port != 0 && !l.openData(c) {
		return false
	}
	// What precedes a content on the same connection leaves together with it.
	if len(c.say) == 0 || c.wait == waitSent && c.dataFD < 0 {
		return true
	}
	n, again, err := l.poll.write(c.fd, c.say)
	if again || err == nil && n < len(c.say) {
		err = errors.New("a command did not fit the socket")
	}
	if err != nil {
		l.fail(c, c.lost(err))
		return false
	}
	c.say = c.say[:0]
	c.deadline = l.now + l.Timeout
	return true
}

// readControl reads control into b and has the protocol take it.
func (l *loop) readControl(c *loopClient, b []byte) (goesOn bool) {
	if len(c.part) > 0 {
		used, err := c.protocol.control(&c.session, c.part)
		if err != nil {
			l.fail(c, err)
			return false
		}
		if used > 0 {
			c.part = append(c.part[:0], c.part[used:]...)
			return true
		}
	}
	if !c.ctl.readable {
		return false
	}
	kept := copy(b, c.part)
	n, again, err := l.poll.read(c.fd, b[kept:])
	if again {
		c.ctl.readable = false
		return false
	}
	if n == 0 {
		c.ctl.readable = false
		if err = c.protocol.controlEnded(&c.session, err); err != nil {
			l.fail(c, err)
			return false
		}
		return c.wait == waitNothing
	}
	if n < len(b)-kept && !c.ctl.hung {
		c.ctl.readable = false
	}
	c.deadline = l.now + l.Timeout
	used, err := c.protocol.control(&c.session, b[:kept+n])
	if err != nil {
		l.fail(c, err)
		return false
	}
	c.part = append(c.part[:0], b[used:kept+n]...)
	return true
}

// readData reads the data connection into b and has the protocol take it.
func (l *loop) readData(c *loopClient, b []byte) (goesOn bool) {
	if !c.dat.readable {
		return false
	}
	n, again, err := l.poll.read(c.dataFD, b)
	if again {
		c.dat.readable = false
		return false
	}
	c.deadline = l.now + l.Timeout
	if n > 0 {
		if n < len(b) && !c.dat.hung {
			c.dat.readable = false
		}
		err = c.protocol.data(&c.session, b[:n])
	} else {
		err = l.dataEnded(c, err)
	}
	if err != nil {
		l.fail(c, err)
		return false
	}
	return true
}

// dataEnded tells a connection that was never made from one that ended.
func (l *loop) dataEnded(c *loopClient, cause error) error {
	c.dat.readable = false
	for _, never := range []error{
		syscall.ECONNREFUSED, syscall.ETIMEDOUT, syscall.EHOSTUNREACH,
	} {
		if errors.Is(cause, never) {
			return c.fault(client.ErrNoData, cause)
		}
	}
	return c.protocol.dataEnded(&c.session, cause)
}

// send writes what comes next of command, head and content, at most as much as b holds.
func (l *loop) send(c *loopClient, b []byte) (goesOn bool) {
	if !c.writable {
		return false
	}
	fd, said := c.dataFD, 0
	if fd < 0 {
		fd, said = c.fd, copy(b, c.say)
	}
	n, head := said, int64(c.headLen)
	if c.written < head {
		n += copy(b[n:], c.head[c.written:head])
	}
	total := head
	if c.sends {
		n += fill(b[n:], c.job.key, c.job.size, max(0, c.written-head))
		total += c.job.size
	}
	if n > 0 {
		wrote, again, err := l.poll.write(fd, b[:n])
		switch {
		case err != nil:
			return l.cutOff(c, err)
		case again:
			c.writable = false
			return false
		case wrote < said:
			l.fail(c, c.lost(errors.New("a command did not fit the socket")))
			return false
		}
		c.say = c.say[:0]
		c.written += int64(wrote - said)
		c.writable = wrote == n
		c.deadline = l.now + l.Timeout
	}
	if c.written < total {
		return c.writable
	}
	c.protocol.sent(&c.session)
	if c.wait == waitEnd {
		l.poll.closeWrite(c.dataFD) // if the connection ended, the read says so
	}
	return true
}

// cutOff ends a content that could not be sent.
func (l *loop) cutOff(c *loopClient, cause error) (goesOn bool) {
	c.writable = false
	err := error(nil)
	if c.dataFD < 0 {
		err = c.protocol.controlEnded(&c.session, cause)
	} else {
		err = l.dataEnded(c, cause)
	}
	if err != nil {
		l.fail(c, err)
	}
	return err == nil
}

// openData makes the data connection that the session asks for.
func (l *loop) openData(c *loopClient) bool {
	d := dialing{
		client: c.index, data: true, port: c.port, from: l.source(c),
		receiveBuffer: c.receiveBuffer(), sends: c.job.kind == KindPut || c.headLen > 0,
	}
	c.port, c.dat, c.writable = 0, readiness{}, true
	fd, err := l.poll.dial(d)
	if c.dataFD = fd; err != nil {
		l.fail(c, c.fault(client.ErrNoData, err))
	}
	return err == nil
}

// source is the address that a client connects from.
func (l *loop) source(c *loopClient) netip.Addr {
	return sourceAddress(l.number(c), l.Sources)
}

// number is a client's number among all clients of the step.
func (l *loop) number(c *loopClient) int { return l.First + int(c.index)*max(l.Stride, 1) }

func (c *loopClient) receiveBuffer() int {
	if c.group == groupSlowReader {
		return slowBuffer
	}
	return 0
}

func (l *loop) closeData(c *loopClient) {
	if c.dataFD >= 0 {
		l.poll.close(c.dataFD)
		c.dataFD = -1
	}
}

// hangUp closes a client's connections.
func (l *loop) hangUp(c *loopClient) {
	l.closeData(c)
	if c.fd >= 0 {
		l.poll.close(c.fd)
		c.fd = -1
	}
	c.in.giveBack()
	c.phase, c.wait, c.port, c.dropData = phaseAway, waitNothing, 0, false
	c.say, c.part = c.say[:0], c.part[:0]
}
