package client

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"ferry/codec"
)

const (
	dataPortMin = 1024
	dataPortMax = 65535
	// A port that refuses is tried again after these waits, each twice the one before: the
	// first serves a server that is a moment late, the last keeps a second from being a flood.
	retryWaitMin = 5 * time.Millisecond
	retryWaitMax = 160 * time.Millisecond
)

// open sends a command and makes the data connection that it is answered with, to the port that it
// returns too. The caller gives the connection back to done.
func (c *Client) open(
	ctx context.Context, verb codec.Verb, name string,
) (*net.TCPConn, uint16, error) {
	answer, err := c.ask(ctx, verb, name)
	if err != nil {
		return nil, 0, err
	}
	port, err := c.told(answer)
	if err != nil {
		return nil, 0, c.lose(ctx, failure("", ErrProtocol, err))
	}
	conn, err := c.reach(ctx, verb, name, port)
	return conn, port, err
}

// reach makes the data connection for a command, and has Close and the context reach it.
func (c *Client) reach(
	ctx context.Context, verb codec.Verb, name string, port uint16,
) (*net.TCPConn, error) {
	conn, err := c.connect(ctx, port)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, failure(name, ErrGivenUp, ctx.Err())
	case isReset(err) && verb == codec.VerbPut:
		// The reset was so quick that it met the connect; it means what it always means.
		return nil, failure(name, ErrRefused, nil)
	case isReset(err):
		return nil, failure(name, ErrBroken, err)
	default:
		return nil, failure(name, ErrNoData, &portError{port, err})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over != nil {
		_ = conn.Close()
		return nil, c.over
	}
	c.data = conn
	return conn, nil
}

// told is the port that an answer tells.
func (c *Client) told(answer codec.Event) (uint16, error) {
	if c.classic != nil {
		return c.classic.told(answer.Data)
	}
	// PROTOCOL, Base exchange: "field(port), 1024 or more".
	if answer.N < dataPortMin || answer.N > dataPortMax {
		return 0, fmt.Errorf("it told port %d", answer.N)
	}
	return uint16(answer.N), nil
}

// portError says which port could not be reached.
type portError struct {
	port uint16
	err  error
}

// Error names the port and the cause.
func (e *portError) Error() string {
	return "port " + strconv.Itoa(int(e.port)) + ": " + causeText(e.err)
}

// Unwrap gives the cause.
func (e *portError) Unwrap() error { return e.err }

// connect reaches the data port, on the address that control reached.
func (c *Client) connect(ctx context.Context, port uint16) (*net.TCPConn, error) {
	address := netip.AddrPortFrom(c.peer, port).String()
	var first time.Time
	for wait := retryWaitMin; ; wait = min(2*wait, retryWaitMax) {
		conn, err := c.dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.(*net.TCPConn), nil
		}
		if first.IsZero() {
			first = time.Now()
		}
		if !isRefused(err) || time.Since(first)+wait > c.options.DataRetry {
			return nil, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
}

// done gives a data connection up: closed in order, or reset when the transfer failed, so that the
// server neither waits nor takes a part for the whole.
func (c *Client) done(conn *net.TCPConn, failed bool) {
	c.mu.Lock()
	c.data = nil
	c.mu.Unlock()
	if failed {
		_ = conn.SetLinger(0)
	}
	_ = conn.Close()
}

// buffer is memory that moves bytes, borrowed for one transfer.
type buffer struct{ bytes []byte }

// buffers serves every client of the process: with thousands of them few move bytes at once.
var buffers = sync.Pool{New: func() any { return new(buffer) }}

// headSize is the room before content: a KEY's and a field's.
const headSize = codec.KeySize + codec.FieldSize

// borrow gets a buffer of BufferSize bytes and the head's room before them.
func (c *Client) borrow() *buffer {
	b := buffers.Get().(*buffer)
	if size := headSize + c.options.BufferSize; cap(b.bytes) < size {
		b.bytes = make([]byte, size)
	} else {
		b.bytes = b.bytes[:size]
	}
	return b
}

// giveBack returns a buffer.
func (b *buffer) giveBack() { buffers.Put(b) }
