package loop

import (
	"crypto/tls"
	"io"
)

// TLSChannel is the server's side of a TLS connection over another channel. Until its handshake has
// ended well only Handshake, Watch, TLS and Close may be used.
//
// After the peer's close_notify Recv has returned 0 without an error. From then on it drops what
// comes and returns ErrAgain until the peer has closed the connection, so that an owner who waits
// for that never closes too early. ErrCut means that the connection ended without close_notify.
type TLSChannel struct {
	secure
	under Channel
	owner Watched
	// pending is what the socket did not take, at the end of buffer.
	pending, buffer []byte
	// withheld says that pending waits for bytes that follow at once.
	withheld bool
	// broken is why nothing more can be sent.
	broken error
	// ending says that our close_notify was made, finished that the connection has ended behind it.
	ending, finished bool
	// peerEnded says that the peer's close_notify was told.
	peerEnded bool
}

const (
	// heldMax is how many bytes the channels of a loop may keep before each offers its socket no
	// more than a record at a time: slow readers must not hold a large buffer each.
	heldMax = 16 << 20
	// tlsRecordBytes is what a record holds.
	tlsRecordBytes = 16 << 10
	// repliesMax is how much a channel may keep before it reads no further: a peer can ask for
	// answers of TLS itself without reading them.
	repliesMax = 2*sendMax + 64<<10
	// tlsBufferBytes is the size of a spare buffer, tlsBuffersMax how many are kept.
	tlsBufferBytes = 64 << 10
	tlsBuffersMax  = 64
)

// Secure makes a TLS channel of another one, which belongs to it from then on. early is what was
// received from that already. Without tickets, the client is sent no session tickets: so it must be
// where we receive. The handshake begins with Handshake.Begin.
func (l *Loop) Secure(
	under Channel, t *TLS, tickets bool, early []byte, owner HandshakeOwner,
) *TLSChannel {
	c := &TLSChannel{under: under}
	c.begin(l, t, tickets, under.Recv)
	c.memory.channel = true
	c.handshake.owner, c.handshake.transport = owner, c
	c.handshake.in = append(c.handshake.in, early...)
	under.Watch(c)
	return c
}

// Handshake is nil once the handshake has ended well.
func (c *TLSChannel) Handshake() *Handshake { return c.handshake }

// Ready implements Watched, for the channel beneath.
func (c *TLSChannel) Ready(what Readiness) {
	if what&CanWrite != 0 && len(c.pending) > 0 && !c.withheld {
		if c.Flush() == ErrAgain {
			what &^= CanWrite
		} else {
			what |= CanRead // it may not have read for want of room
		}
	}
	if c.handshake != nil {
		c.handshake.feed()
		return
	}
	if what != 0 && c.owner != nil {
		c.owner.Ready(what)
	}
}

// sendHandshake implements the transport of Handshake.
func (c *TLSChannel) sendHandshake(p []byte) {
	c.loop.sealed = append(c.loop.sealed, p...)
	c.settle(false)
	c.under.AckSoon()
}

// awaitHandshake implements the transport of Handshake.
func (c *TLSChannel) awaitHandshake() { c.under.Want(CanRead) }

// handshakeEnded implements the transport of Handshake. The owner has been told.
func (c *TLSChannel) handshakeEnded(error) {}

// Recv implements Channel.
func (c *TLSChannel) Recv(p []byte) (int, error) {
	if c.peerEnded {
		return c.drain()
	}
	if len(c.pending) > repliesMax {
		c.under.Want(CanWrite)
		return 0, ErrAgain
	}
	n, err := c.read(p)
	c.settle(c.withheld)
	if err == io.EOF {
		c.peerEnded = true
		return 0, nil
	}
	return n, err
}

// drain drops what comes behind close_notify, until the end of the connection.
func (c *TLSChannel) drain() (int, error) {
	b := c.loop.receiveScratch()
	for range 16 {
		n, err := c.memory.take(b)
		switch {
		case err == errWait:
			return 0, ErrAgain
		case err == io.EOF:
			return 0, nil
		case err != nil:
			return n, err
		}
	}
	return 0, ErrInterrupted
}

// Send implements Channel.
func (c *TLSChannel) Send(p []byte) (int, error) {
	if !c.withheld {
		if err := c.Flush(); err != nil {
			return 0, err
		}
	}
	return c.seal(p[:min(len(p), c.SendMax())], false)
}

// SendMore implements Channel. It takes all of p, and keeps it for what follows.
func (c *TLSChannel) SendMore(p []byte) (int, error) {
	if c.broken != nil {
		return 0, c.broken
	}
	return c.seal(p, true)
}

// seal encrypts p and sends it, or withholds it.
func (c *TLSChannel) seal(p []byte, withhold bool) (int, error) {
	n, err := c.conn.Write(p)
	if err != nil && c.broken == nil {
		c.broken = err
	}
	c.settle(withhold)
	return n, c.broken
}

// settle sends what crypto/tls has written.
func (c *TLSChannel) settle(withhold bool) {
	l := c.loop
	out := l.sealed
	l.sealed = out[:0]
	c.withheld = withhold && len(c.pending)+len(out) > 0
	switch {
	case c.broken != nil:
	case len(c.pending) > 0 || c.withheld:
		c.keep(out)
		if !c.withheld {
			_ = c.Flush()
		}
	case len(out) > 0:
		n := c.push(out)
		c.keep(out[n:])
		c.finish()
	}
}

// push sends p as far as the socket takes it.
func (c *TLSChannel) push(p []byte) (sent int) {
	for sent < len(p) && c.broken == nil {
		n, err := c.under.Send(p[sent:])
		sent += n
		switch {
		case err == ErrAgain:
			c.under.Want(CanWrite)
			return sent
		case err != nil && err != ErrInterrupted:
			c.broken = err
		}
	}
	return sent
}

// keep adds what the socket did not take to what is pending.
func (c *TLSChannel) keep(p []byte) {
	if len(p) == 0 || c.broken != nil {
		return
	}
	l := c.loop
	if n := len(l.spare); c.buffer == nil && n > 0 {
		c.buffer = l.spare[n-1]
		l.spare = l.spare[:n-1]
	} else if c.buffer == nil {
		c.buffer = make([]byte, 0, max(len(p), tlsBufferBytes))
	}
	l.held += len(p)
	c.buffer = append(append(c.buffer[:0], c.pending...), p...)
	c.pending = c.buffer
}

// sent drops the first n pending bytes.
func (c *TLSChannel) sent(n int) {
	l := c.loop
	l.held -= n
	if c.pending = c.pending[n:]; len(c.pending) > 0 {
		return
	}
	if cap(c.buffer) <= 2*tlsBufferBytes && len(l.spare) < tlsBuffersMax {
		l.spare = append(l.spare, c.buffer[:0])
	}
	c.pending, c.buffer = nil, nil
}

// Flush implements Channel.
func (c *TLSChannel) Flush() error {
	c.withheld = false
	if len(c.pending) > 0 && c.broken == nil {
		c.sent(c.push(c.pending))
	}
	switch {
	case c.broken != nil:
		return c.broken
	case len(c.pending) > 0:
		return ErrAgain
	}
	c.finish()
	return nil
}

// CloseWrite implements Channel: close_notify, and the end of the connection behind it.
func (c *TLSChannel) CloseWrite() {
	if c.ending {
		return
	}
	c.ending = true
	if err := c.conn.CloseWrite(); err != nil && c.broken == nil {
		c.broken = err
	}
	c.settle(false)
}

// finish ends the connection once our close_notify has left.
func (c *TLSChannel) finish() {
	if c.ending && !c.finished && len(c.pending) == 0 {
		c.finished = true
		c.under.CloseWrite()
	}
}

// Close implements Channel.
func (c *TLSChannel) Close() {
	if c.handshake != nil {
		c.handshake.drop()
	}
	if len(c.pending) > 0 {
		c.sent(len(c.pending))
	}
	c.owner = nil
	c.under.Close()
}

// CanSendfile implements Channel.
func (c *TLSChannel) CanSendfile() bool { return false }

// Sendfile implements Channel.
func (c *TLSChannel) Sendfile(int, int64, int64) (int, error) { return 0, ErrNoSendfile }

// CanSplice implements Channel.
func (c *TLSChannel) CanSplice() bool { return false }

// Splice implements Channel.
func (c *TLSChannel) Splice(*Pipe, int) (int, error) { return 0, ErrNoSplice }

// SetReset implements Channel.
func (c *TLSChannel) SetReset(on bool) { c.under.SetReset(on) }

// AckSoon implements Channel.
func (c *TLSChannel) AckSoon() { c.under.AckSoon() }

// Empty implements Channel.
func (c *TLSChannel) Empty() bool { return c.rests() && c.under.Empty() }

// Unsent implements Channel.
func (c *TLSChannel) Unsent() int64 { return c.under.Unsent() + int64(len(c.pending)) }

// SendMax implements Channel.
func (c *TLSChannel) SendMax() int {
	if c.loop.held > heldMax {
		return tlsRecordBytes
	}
	return sendMax
}

// TLS implements Channel. It is nil during the handshake.
func (c *TLSChannel) TLS() *tls.ConnectionState { return c.state() }

// Watch implements Channel.
func (c *TLSChannel) Watch(owner Watched) { c.owner = owner }

// Want implements Channel.
func (c *TLSChannel) Want(what Readiness) { c.under.Want(what) }
