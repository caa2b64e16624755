package loop

import (
	"crypto/tls"

	"golang.org/x/sys/unix"
)

// Channel is what the bytes of a data connection move over. It belongs to the loop. Its calls never
// block: one that would have to wait returns ErrAgain, one that may be repeated at once
// ErrInterrupted. After Close it must not be used any more.
type Channel interface {
	// Recv reads what has arrived; 0 without an error is the end of the peer's side.
	Recv(p []byte) (int, error)
	// Send writes as much of p as fits.
	Send(p []byte) (int, error)
	// SendMore is Send for bytes that are followed at once by more bytes or by the end of our side,
	// so that they share a segment.
	SendMore(p []byte) (int, error)

	// CanSendfile says whether Sendfile works here.
	CanSendfile() bool
	// Sendfile sends up to n bytes of a file without copying them through this process. It returns
	// ErrNoSendfile for a file that has to be read instead.
	Sendfile(file int, offset, n int64) (int, error)
	// CanSplice says whether Splice works here. It may become false.
	CanSplice() bool
	// Splice moves up to n bytes that have arrived into a pipe. It returns ErrNoSplice where they
	// have to be received instead.
	Splice(p *Pipe, n int) (int, error)

	// CloseWrite ends our side of the connection.
	CloseWrite()
	// SetReset makes Close, and the end of this process, reset the connection or not.
	SetReset(on bool)
	// AckSoon has what arrives next acknowledged without delay.
	AckSoon()
	// Close ends the connection.
	Close()

	// Empty says whether nothing is left to receive, the peer's end included.
	Empty() bool
	// Unsent is how many bytes that Send took the peer has not acknowledged, 0 if unknown.
	Unsent() int64
	// SendMax is how many bytes it makes sense to give to one Send.
	SendMax() int
	// Flush returns ErrAgain while the socket has not taken all that Send took, or the end of our
	// side. Close drops that.
	Flush() error
	// TLS describes a TLS connection. It is nil for a plain one.
	TLS() *tls.ConnectionState

	// Watch sets who is told that the channel has become ready.
	Watch(owner Watched)
	// Want asks for that after a call in this direction has returned ErrAgain. The owner hears at
	// least once after such a call, and may hear without need.
	Want(what Readiness)
}

// plain is a channel over a bare socket.
type plain struct {
	loop  *Loop
	fd    int
	slot  slot
	owner Watched
}

// Adopt makes a channel of a connected, non-blocking socket, which belongs to the channel from then
// on.
func (l *Loop) Adopt(fd int) Channel {
	if n := len(l.closed); n > 0 {
		c := l.closed[n-1]
		l.closed = l.closed[:n-1]
		c.fd = fd
		return c
	}
	return &plain{loop: l, fd: fd}
}

// sparesMax is how many closed channels are kept for their memory.
const sparesMax = 256

func (c *plain) Recv(p []byte) (int, error)     { return receiveBytes(c.fd, p) }
func (c *plain) Send(p []byte) (int, error)     { return sendBytes(c.fd, p) }
func (c *plain) SendMore(p []byte) (int, error) { return sendMore(c.fd, p) }
func (c *plain) CanSendfile() bool              { return c.loop.sendfile }
func (c *plain) CanSplice() bool                { return c.loop.splice }
func (c *plain) AckSoon()                       { ackSoon(c.fd) }
func (c *plain) Unsent() int64                  { return unsent(c.fd) }
func (c *plain) SendMax() int                   { return sendMax }
func (c *plain) Flush() error                   { return nil } // the socket keeps what Send took
func (c *plain) TLS() *tls.ConnectionState      { return nil }
func (c *plain) Watch(owner Watched)            { c.owner = owner }

func (c *plain) Sendfile(file int, offset, n int64) (int, error) {
	return sendFile(c.fd, file, offset, n)
}

// Splice: the first refusal turns it off for the whole loop.
func (c *plain) Splice(p *Pipe, n int) (int, error) {
	n, err := spliceIn(c.fd, p.in, n)
	if err == ErrNoSplice {
		c.loop.splice = false
	}
	return n, err
}

// CloseWrite fails on a connection that the peer has reset, which the next Recv reports as well.
func (c *plain) CloseWrite() { _ = unix.Shutdown(c.fd, unix.SHUT_WR) }

func (c *plain) SetReset(on bool) {
	l := unix.Linger{}
	if on {
		l.Onoff = 1
	}
	_ = unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &l)
}

func (c *plain) Empty() bool {
	var b [1]byte
	_, _, err := unix.Recvfrom(c.fd, b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return err == unix.EAGAIN
}

// sendMax is how much is read of a file at once to be sent: more does not fit a processor's cache.
const sendMax = 256 << 10

// Want: the socket enters the watcher with the first call.
func (c *plain) Want(what Readiness) {
	if c.slot == 0 {
		c.slot = c.loop.watcher.add(c.fd, c)
	}
	c.loop.watcher.want(c.slot, what)
}

func (c *plain) Ready(what Readiness) {
	if c.owner != nil {
		c.owner.Ready(what)
	}
}

func (c *plain) Close() {
	l := c.loop
	if c.slot != 0 {
		l.watcher.remove(c.slot)
	}
	closeDescriptor(c.fd)
	*c = plain{loop: l, fd: -1}
	if len(l.closed) < sparesMax {
		l.closed = append(l.closed, c)
	}
}
