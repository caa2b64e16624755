package client

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"ferry/codec"
)

// control is a control connection and what was agreed on it. One call runs at a time; Close and an
// ending context may come from other goroutines.
type control struct {
	options Options
	dialer  net.Dialer
	// target is the address that Dial was given.
	target string
	conn   connection
	// tls is nil without TLS. server is the server's certificate once it was trusted.
	tls    *tls.Config
	server *Fingerprint

	exchange Exchange
	// features is what a status server announced; ports belong to classic.
	features Features
	ports    classicPorts

	// answers decodes the input; unread is what came after the last answer, in input, which holds
	// the longest offer. said is a copy of a reply that outlives the next one.
	answers codec.Decoder
	unread  []byte
	input   [7 * codec.FieldSize]byte
	said    []byte
	// heard means that a command was answered.
	heard bool
	// command is reused from call to call.
	command []byte
	watch

	// mu guards what Close and an ending context share with the running call: its data connection,
	// and why the session ended, nil while it stands.
	mu   sync.Mutex
	data connection
	over *Error
}

// watch observes the context of the running call.
type watch struct {
	// stop ends the observation; interrupted gets one token if the context ended first.
	stop        func() bool
	interrupt   func()
	interrupted chan struct{}
}

// Addr is the address that the control connection reached, HOST:PORT in numbers.
func (c *control) Addr() string { return c.conn.RemoteAddr().String() }

// Exchange is the exchange that the session speaks: never Auto.
func (c *control) Exchange() Exchange { return c.exchange }

// Features is what the server announced: nothing in base and in classic.
func (c *control) Features() Features { return c.features }

// Err is why the session ended, nil while it stands.
func (c *control) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over == nil {
		return nil
	}
	return c.over
}

// Close ends the session at once, and with it a running call. It returns nil.
func (c *control) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over == nil {
		c.over = &Error{Kind: ErrClosed}
		_ = c.conn.Close()
	}
	if c.data != nil {
		_ = c.data.Close()
	}
	return nil
}

// dial makes a control connection.
func (c *control) dial(ctx context.Context, addr string) error {
	conn, err := c.dialConn(ctx, addr)
	if err != nil {
		return dialError(ctx, addr, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = conn
	return nil
}

// peer is the address that control reached: data connections go there and nowhere else.
func (c *control) peer() netip.Addr {
	return c.conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr()
}

// begin starts a call: the session must stand, and the context is observed until end.
func (c *control) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return failure("", ErrGivenUp, err)
	}
	if err := c.Err(); err != nil {
		return err
	}
	if ctx.Done() != nil {
		c.stop = context.AfterFunc(ctx, c.interrupt)
	}
	return nil
}

// end stops observing the context. It waits for an interrupt that has begun, whose deadline would
// otherwise hit the next call.
func (c *control) end() {
	if c.stop != nil && !c.stop() {
		<-c.interrupted
	}
	c.stop = nil
}

// within runs a part of a call under a context of its own.
func (c *control) within(ctx context.Context, run func() error) error {
	if err := c.begin(ctx); err != nil {
		return err
	}
	defer c.end()
	return run()
}

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// onInterrupt wakes the running call by deadlines that have passed.
func (c *control) onInterrupt() {
	c.mu.Lock()
	_ = c.conn.SetDeadline(past)
	if c.data != nil {
		_ = c.data.SetDeadline(past)
	}
	c.mu.Unlock()
	c.interrupted <- struct{}{}
}

// allow gives conn time d from now; negative means no bound. It checks the context afterwards: if
// that ends later, onInterrupt's deadline replaces this one.
func allow(ctx context.Context, conn connection, d time.Duration) error {
	var deadline time.Time
	if d >= 0 {
		deadline = time.Now().Add(d)
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	return ctx.Err()
}

// lose ends the session with a cause.
func (c *control) lose(ctx context.Context, cause error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over != nil {
		return c.over
	}
	c.over = failure("", ErrLost, cause)
	_ = c.conn.Close()
	if done := ctx.Err(); done != nil {
		c.over.Err = errHalfWay
		return failure("", ErrGivenUp, done)
	}
	return c.over
}

var errHalfWay = errors.New("a command was given up before its answer")

// closedByServer ends the session because the server said so: it is full or shutting down, or the
// session was idle for too long.
func (c *control) closedByServer(ev codec.Event) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over == nil {
		c.over = &Error{Kind: ErrLost, Code: int(ev.N), Err: serverMessage(ev.Data), also: ErrBusy}
		_ = c.conn.Close()
	}
	return c.over
}
