package bench

import (
	"errors"
	"syscall"

	"ferry/client"
)

// pump does what a client's session asks for, until it has to wait.
func (l *loop) pump(c *loopClient) {
	for reads := 0; l.perform(c); {
		more := false
		switch c.wait {
		case waitNothing:
			more = l.becameIdle(c)
		case waitControl:
			more = l.readControl(c)
		case waitData, waitEnd:
			more = l.readData(c)
		case waitSent:
			more = l.send(c)
		}
		if !more {
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

// perform carries out the session's requests. It says whether the session is still there.
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
	n, again, err := l.sockets.write(c.fd, c.say)
	if again || err == nil && n < len(c.say) {
		err = errNoRoom
	}
	if err != nil {
		l.fail(c, c.lost(err))
		return false
	}
	c.say = c.say[:0]
	c.deadline = l.now + l.Timeout
	return true
}

var errNoRoom = errors.New("a command did not fit the socket")

// openData makes the data connection that the session asks for.
func (l *loop) openData(c *loopClient) bool {
	d := dialing{
		client: c.index, data: true, port: c.port, from: l.source(c),
		sends: c.job.kind == KindPut || c.headLen > 0,
	}
	c.port, c.dat, c.writable = 0, readiness{}, true
	fd, err := l.sockets.dial(d)
	if c.dataFD = fd; err != nil {
		l.fail(c, c.fault(client.ErrNoData, err))
	}
	return err == nil
}

// readControl reads control and passes the input to the protocol.
func (l *loop) readControl(c *loopClient) (more bool) {
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
	kept := copy(l.scratch, c.part)
	n, again, err := l.sockets.read(c.fd, l.scratch[kept:])
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
	if kept+n < len(l.scratch) && !c.ctl.hung {
		c.ctl.readable = false
	}
	c.deadline = l.now + l.Timeout
	used, err := c.protocol.control(&c.session, l.scratch[:kept+n])
	if err != nil {
		l.fail(c, err)
		return false
	}
	c.part = append(c.part[:0], l.scratch[used:kept+n]...)
	return true
}

// readData reads the data connection and passes the input to the protocol.
func (l *loop) readData(c *loopClient) (more bool) {
	if !c.dat.readable {
		return false
	}
	n, again, err := l.sockets.read(c.dataFD, l.scratch)
	if again {
		c.dat.readable = false
		return false
	}
	c.deadline = l.now + l.Timeout
	if n > 0 {
		if n < len(l.scratch) && !c.dat.hung {
			c.dat.readable = false
		}
		err = c.protocol.data(&c.session, l.scratch[:n])
	} else {
		err = l.dataEnded(c, err)
	}
	if err != nil {
		l.fail(c, err)
	}
	return err == nil
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

// send writes what comes next of command, head and content.
func (l *loop) send(c *loopClient) (more bool) {
	if !c.writable {
		return false
	}
	b, fd, said := l.scratch, c.dataFD, 0
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
		wrote, again, err := l.sockets.write(fd, b[:n])
		switch {
		case err != nil:
			return l.cutOff(c, err)
		case again:
			c.writable = false
			return false
		case wrote < said:
			l.fail(c, c.lost(errNoRoom))
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
		l.sockets.closeWrite(c.dataFD) // if the connection ended, the read says so
	}
	return true
}

// cutOff ends a content that could not be sent.
func (l *loop) cutOff(c *loopClient, cause error) (more bool) {
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
