package loop

import (
	"encoding/binary"
	"io"
	"net"
	"time"
)

// memory is the connection under crypto/tls. It never blocks the loop: a read of nothing returns
// errWait, and a write is kept for whoever called crypto/tls. During the handshake its goroutine
// reads and writes what the Handshake holds instead.
type memory struct {
	loop *Loop
	// receive reads from the connection. It belongs to the loop.
	receive func(p []byte) (int, error)
	// tickets says that the client may be sent session tickets, channel that this is no control
	// connection.
	tickets, channel bool

	handshake *Handshake
	record    record
	// early are bytes that arrived in the handshake and belong behind it.
	early []byte
	// end is io.EOF or an error once nothing more arrives, told that crypto/tls was given io.EOF.
	end  error
	told bool
}

// Read never returns bytes of more than one record, so that crypto/tls buffers one at most.
func (m *memory) Read(p []byte) (n int, err error) {
	p = p[:min(len(p), m.record.left())]
	switch {
	case m.handshake != nil:
		n, err = m.handshake.read(p)
	case len(m.early) > 0:
		n = copy(p, m.early)
		if m.early = m.early[n:]; len(m.early) == 0 {
			m.early = nil
		}
	default:
		n, err = m.take(p)
	}
	m.record.count(p[:n])
	m.told = m.told || err == io.EOF
	return n, err
}

// take reads from the connection, on the loop.
func (m *memory) take(p []byte) (int, error) {
	for m.end == nil {
		n, err := m.receive(p)
		switch {
		case err == ErrInterrupted:
			continue
		case err == ErrAgain:
			return 0, errWait
		case err != nil:
			m.end = err
		case n == 0:
			m.end = io.EOF
		default:
			return n, nil
		}
	}
	return 0, m.end
}

// Write keeps p to be sent.
func (m *memory) Write(p []byte) (int, error) {
	if m.handshake != nil {
		return m.handshake.write(p)
	}
	m.loop.sealed = append(m.loop.sealed, p...)
	return len(p), nil
}

// Close implements net.Conn, as do the methods below. crypto/tls makes no use of them.
func (m *memory) Close() error                     { return nil }
func (m *memory) LocalAddr() net.Addr              { return noAddress{} }
func (m *memory) RemoteAddr() net.Addr             { return noAddress{} }
func (m *memory) SetDeadline(time.Time) error      { return nil }
func (m *memory) SetReadDeadline(time.Time) error  { return nil }
func (m *memory) SetWriteDeadline(time.Time) error { return nil }

type noAddress struct{}

func (noAddress) Network() string { return "memory" }
func (noAddress) String() string  { return "memory" }

// errWait means that nothing has arrived. It is a temporary error, after which crypto/tls reads on.
var errWait error = waitError{}

type waitError struct{}

func (waitError) Error() string   { return "nothing has arrived" }
func (waitError) Timeout() bool   { return false }
func (waitError) Temporary() bool { return true }

// record is a place in a stream of TLS records.
type record struct {
	header [recordHeaderBytes]byte
	// got is how much of the header has come, body how much of the rest is to come.
	got, body int
}

const recordHeaderBytes = 5

// recordBytes is the length of the record that a stream begins with, or 0 while it is unknown.
func recordBytes(in []byte) int {
	if len(in) < recordHeaderBytes {
		return 0
	}
	return recordHeaderBytes + int(binary.BigEndian.Uint16(in[recordHeaderBytes-2:]))
}

// left is how many bytes are known to belong to the current record.
func (r *record) left() int {
	if r.got < recordHeaderBytes {
		return recordHeaderBytes - r.got
	}
	return r.body
}

// count moves on by bytes of the current record.
func (r *record) count(p []byte) {
	if r.got < recordHeaderBytes {
		r.got += copy(r.header[r.got:], p)
		if r.got == recordHeaderBytes {
			r.body = recordBytes(r.header[:]) - recordHeaderBytes
		}
	} else {
		r.body -= len(p)
	}
	if r.got == recordHeaderBytes && r.body == 0 {
		*r = record{}
	}
}
