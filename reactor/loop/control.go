package loop

import (
	"crypto/tls"
	"net"
	"net/netip"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// Control is a control connection. It belongs to the loop. After Session.Closed it is dead: its
// calls do nothing.
type Control interface {
	// Peek returns everything that has arrived. It is valid until the next call of Discard, or
	// until the session returns to the loop.
	Peek() []byte
	// Discard drops the first n bytes of that.
	Discard(n int)
	// Buffered is how many bytes have arrived and were not discarded.
	Buffered() int
	// Write sends p, or keeps a copy of what the socket does not take. If it fails, the session has
	// been closed before it returns.
	Write(p []byte) error
	// Unsent is how many bytes are kept. The engine does not report when they have left.
	Unsent() int
	// Close closes the connection and drops what is unsent. Session.Closed comes before it returns.
	Close()
	// Peer is the address of the other side without a zone. IPv4 mapped into IPv6 counts as IPv4.
	Peer() netip.AddrPort
	// Local is the address and port that the client has reached, in the form of Peer.
	Local() netip.AddrPort
	// InlineUrgent has urgent data arrive among the rest. Otherwise the byte that is marked urgent
	// is lost.
	InlineUrgent()
	// StartTLS makes the rest of the connection TLS, of which this is the server's side. What has
	// arrived and was not discarded is dropped, or begins the handshake if keep is set. Until the
	// handshake has ended well nothing can be read, and what is written is dropped. The handshake
	// begins with Handshake.Begin.
	StartTLS(t *TLS, keep bool, owner HandshakeOwner) *Handshake
	// TLS describes the TLS connection. It is nil for a plain one and during the handshake.
	TLS() *tls.ConnectionState
}

// Session owns a control connection.
type Session interface {
	// Input comes after more bytes have arrived.
	Input()
	// Closed is the last call: the connection is gone. The error is nil or io.EOF unless it was
	// lost. It is ErrCut where a TLS connection ended without the peer's close_notify. It comes
	// after Handler.Opened has returned, even if the connection ended within that.
	Closed(err error)
}

// control is a connection of gnet's.
type control struct {
	loop *Loop
	// conn is nil once the connection is dead: gnet keeps using its descriptor's number, which may
	// be a user's file by then.
	conn    gnet.Conn
	session Session
	// tls is set once the connection is TLS or about to be.
	tls *tlsControl
}

// traffic takes what has arrived.
func (c *control) traffic() {
	if c.tls == nil {
		c.session.Input()
		return
	}
	c.tls.traffic()
}

func (c *control) Peek() []byte {
	if c.conn == nil {
		return nil
	}
	if c.tls != nil {
		return c.tls.plain
	}
	in, _ := c.conn.Peek(-1)
	return in
}

func (c *control) Discard(n int) {
	switch {
	case c.conn == nil || n == 0: // gnet takes 0 for everything
	case c.tls != nil: // the bytes that asked for TLS are gone already
		c.tls.plain = c.tls.plain[min(n, len(c.tls.plain)):]
	default:
		_, _ = c.conn.Discard(n)
	}
}

func (c *control) Buffered() int {
	if c.conn == nil {
		return 0
	}
	if c.tls != nil {
		return len(c.tls.plain)
	}
	return c.conn.InboundBuffered()
}

func (c *control) Write(p []byte) error {
	if c.conn == nil {
		return net.ErrClosed
	}
	if c.tls != nil {
		return c.tls.write(p)
	}
	_, err := c.conn.Write(p)
	return err
}

func (c *control) Unsent() int {
	if c.conn == nil {
		return 0
	}
	return c.conn.OutboundBuffered()
}

func (c *control) Close() {
	if c.tls != nil && c.conn != nil {
		c.tls.bye()
	}
	if c.conn != nil {
		_ = c.conn.EventLoop().Close(c.conn)
	}
}

func (c *control) Peer() netip.AddrPort {
	if c.conn == nil {
		return netip.AddrPort{}
	}
	tcp, ok := c.conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	at := tcp.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port())
}

func (c *control) Local() netip.AddrPort {
	if c.conn == nil {
		return netip.AddrPort{}
	}
	// Not LocalAddr: gnet gives the address that it listens on.
	name, err := unix.Getsockname(c.conn.Fd())
	if err != nil {
		return netip.AddrPort{}
	}
	return addrPort(name)
}

func (c *control) InlineUrgent() {
	if c.conn != nil {
		_ = setOption(c.conn.Fd(), unix.SOL_SOCKET, unix.SO_OOBINLINE, true)
	}
}
