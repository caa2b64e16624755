package loop

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
)

// tlsControl is what a control connection has once it is TLS. Records come from the engine's buffer
// and go there.
type tlsControl struct {
	secure
	c *control
	// plain is what was decrypted and not discarded.
	plain []byte
	// closing says that our side ends the connection, peerEnded that close_notify has come.
	closing, peerEnded bool
	// lost is why the connection could not go on.
	lost error
}

// StartTLS implements Control.
func (c *control) StartTLS(t *TLS, keep bool, owner HandshakeOwner) *Handshake {
	if !keep {
		c.Discard(c.Buffered())
	}
	s := &tlsControl{c: c}
	s.begin(c.loop, t, true, s.receive)
	s.handshake.owner, s.handshake.transport = owner, s
	c.tls = s
	return s.handshake
}

// TLS implements Control.
func (c *control) TLS() *tls.ConnectionState {
	if c.tls == nil {
		return nil
	}
	return c.tls.state()
}

// receive takes bytes out of the engine's buffer. The end of the connection comes by closed.
func (s *tlsControl) receive(p []byte) (int, error) {
	if s.c.conn == nil {
		return 0, nil
	}
	n := min(len(p), s.c.conn.InboundBuffered())
	if n == 0 {
		return 0, ErrAgain
	}
	in, err := s.c.conn.Peek(n)
	if err != nil {
		return 0, err
	}
	copy(p, in)
	_, err = s.c.conn.Discard(n)
	return n, err
}

// traffic takes what has arrived.
func (s *tlsControl) traffic() {
	if s.handshake == nil {
		s.input()
		return
	}
	s.handshake.feed()
	if s.c.conn != nil && s.c.conn.InboundBuffered() > s.handshake.bytesMax() {
		s.lose(errHandshakeFlood) // the engine cannot be told to stop reading
	}
}

// input decrypts what has arrived, and has the session look at it.
func (s *tlsControl) input() {
	l, c := s.loop, s.c
	had := len(s.plain)
	// The session looks at the loop's buffer, so that one that leaves nothing holds none.
	s.plain = append(l.plain[:0], s.plain...)
	var err error
	for err == nil {
		var n int
		s.plain = append(s.plain, make([]byte, tlsRecordBytes)...)
		end := len(s.plain) - tlsRecordBytes
		n, err = s.read(s.plain[end:])
		s.plain = s.plain[:end+n]
	}
	l.plain = s.plain[:0]
	_ = s.flush() // answers of TLS itself
	if len(s.plain) > had && c.conn != nil {
		c.session.Input()
	}
	if s.plain = bytes.Clone(s.plain); len(s.plain) == 0 {
		s.plain = nil
	}
	switch {
	case c.conn == nil || err == ErrAgain:
	case err == io.EOF:
		s.peerEnded = true
		c.Close()
	default:
		s.lose(err)
	}
}

// write encrypts p and sends it.
func (s *tlsControl) write(p []byte) error {
	if s.handshake != nil {
		return nil
	}
	if _, err := s.conn.Write(p); err != nil {
		s.lose(err)
		return err
	}
	return s.flush()
}

// flush has the engine send what crypto/tls has written.
func (s *tlsControl) flush() error {
	out := s.loop.sealed
	s.loop.sealed = out[:0]
	if len(out) == 0 || s.c.conn == nil {
		return nil
	}
	_, err := s.c.conn.Write(out)
	return err
}

// bye says close_notify before our side closes the connection.
func (s *tlsControl) bye() {
	if s.closing {
		return
	}
	s.closing = true
	if s.handshake == nil && s.conn.CloseWrite() == nil {
		_ = s.flush()
	}
	s.loop.sealed = s.loop.sealed[:0]
}

// lose closes a connection that cannot go on.
func (s *tlsControl) lose(err error) {
	s.lost, s.closing = err, true
	s.c.Close()
}

// closed follows the end of the connection. It returns the error for the session.
func (s *tlsControl) closed(err error) error {
	if s.handshake != nil {
		s.handshake.drop()
	}
	switch {
	case s.lost != nil:
		return s.lost
	case s.closing || s.peerEnded || err != nil && !errors.Is(err, io.EOF):
		return err
	}
	return ErrCut
}

// sendHandshake implements the transport of Handshake.
func (s *tlsControl) sendHandshake(p []byte) {
	if s.c.conn != nil {
		_, _ = s.c.conn.Write(p)
	}
	if s.c.conn != nil { // the write may have failed
		ackSoon(s.c.conn.Fd())
	}
}

// awaitHandshake implements the transport of Handshake. The engine reads by itself.
func (s *tlsControl) awaitHandshake() {}

// handshakeEnded implements the transport of Handshake.
func (s *tlsControl) handshakeEnded(err error) {
	switch {
	case s.c.conn == nil:
	case err != nil:
		s.lose(err)
	default:
		s.input() // the client may have sent commands behind its last message
	}
}
