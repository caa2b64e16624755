package loop

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"slices"
)

// TLS says how a server makes TLS connections: with which certificate, versions and tickets. It is
// safe for use by many goroutines.
type TLS struct {
	config *tls.Config
	// perSession: tickets prove who a client is.
	perSession bool
}

// NewTLS returns settings for a server. certificate is called for each full handshake, on any
// goroutine. minVersion is tls.VersionTLS12 or later.
func NewTLS(minVersion uint16, certificate func() *tls.Certificate) *TLS {
	return newTLS(&tls.Config{
		MinVersion:                  minVersion,
		DynamicRecordSizingDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return certificate(), nil
		},
	})
}

func newTLS(c *tls.Config) *TLS {
	t := &TLS{config: c}
	c.GetConfigForClient = t.forClient
	return t
}

// PerSession returns the same settings with a ticket key of their own. A channel that resumes under
// them proves that its client is the one of the control connection under them.
func (t *TLS) PerSession() *TLS {
	c := t.config.Clone()
	var key [32]byte
	_, _ = rand.Read(key[:]) // it never fails
	c.SetSessionTicketKeys([][32]byte{key})
	t = newTLS(c)
	t.perSession = true
	return t
}

// noStrangers gives useless tickets to a channel that has not resumed: whoever connects to a data
// port could resume with a real one.
func (t *TLS) noStrangers(c *tls.Config) {
	c.WrapSession = func(s tls.ConnectionState, state *tls.SessionState) ([]byte, error) {
		if s.DidResume {
			return t.config.EncryptTicket(s, state)
		}
		ticket := make([]byte, 32)
		_, _ = rand.Read(ticket) // it never fails
		return ticket, nil
	}
}

// forClient keeps tickets from a connection that must not have them. A TLS 1.3 client that closes
// with a ticket unread resets the connection, and its own upload with it. Tickets of other
// connections are accepted. In TLS 1.2 a ticket is part of the handshake and does no harm.
func (t *TLS) forClient(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	m, ok := hello.Conn.(*memory)
	proves := ok && t.perSession && m.channel
	quiet := ok && !m.tickets && slices.Contains(hello.SupportedVersions, tls.VersionTLS13)
	if !proves && !quiet {
		return nil, nil
	}
	c := t.config.Clone()
	if proves {
		t.noStrangers(c)
	}
	if !quiet {
		return c, nil
	}
	c.UnwrapSession = func(ticket []byte, s tls.ConnectionState) (*tls.SessionState, error) {
		state, err := t.config.DecryptTicket(ticket, s)
		if state != nil {
			c.SessionTicketsDisabled = true // it is read once more when a ticket would be sent
		}
		return state, err
	}
	c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		c.SessionTicketsDisabled = true // the client has not resumed
		return t.config.GetCertificate(hello)
	}
	return c, nil
}

// ErrCut means that a TLS connection ended without the peer's close_notify: what was received may
// lack its end.
var ErrCut = errors.New("connection ended without close_notify")

// secure is one TLS connection: crypto/tls over a connection in memory. It belongs to the loop; the
// handshake alone runs on a goroutine of its own.
type secure struct {
	loop   *Loop
	conn   *tls.Conn
	memory memory
	// handshake is the handshake, nil once it has ended well.
	handshake *Handshake
	// failed is why nothing more can be read.
	failed error
	// more says that the last read may have left something decrypted.
	more bool
}

// begin makes s the server's side of a TLS connection over what receive reads.
func (s *secure) begin(l *Loop, t *TLS, tickets bool, receive func(p []byte) (int, error)) {
	s.loop = l
	s.handshake = &Handshake{s: s}
	s.handshake.wake.L = &s.handshake.mu
	s.memory = memory{loop: l, receive: receive, tickets: tickets, handshake: s.handshake}
	s.conn = tls.Server(&s.memory, t.config)
}

// read decrypts into p until it is full or nothing more has arrived, which is ErrAgain. io.EOF is
// the peer's close_notify. The owner sends what l.sealed holds afterwards.
func (s *secure) read(p []byte) (n int, err error) {
	s.more = false
	for n < len(p) && s.failed == nil {
		var m int
		m, err = s.conn.Read(p[n:])
		n += m
		if err == errWait {
			break
		}
		if err == io.EOF && s.memory.told {
			err = ErrCut // crypto/tls takes the end of TCP between two records for close_notify
		}
		s.failed = err
	}
	switch {
	case n > 0:
		s.more = n == len(p) || s.failed != nil
		return n, nil
	case s.failed != nil:
		return 0, s.failed
	}
	return 0, ErrAgain
}

// rests says whether nothing is left that has been received and not been read, part of a record
// included.
func (s *secure) rests() bool {
	return !s.more && len(s.memory.early) == 0 && s.memory.record == (record{})
}

// state describes the connection once the handshake has ended well.
func (s *secure) state() *tls.ConnectionState {
	if s.handshake != nil {
		return nil
	}
	state := s.conn.ConnectionState()
	return &state
}
