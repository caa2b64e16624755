package client

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"ferry/codec"
)

// Exchange is one of the protocol's exchanges. The server speaks all; the client picks.
type Exchange uint8

const (
	// Auto is status with a server that answers hello, and base with any other.
	Auto Exchange = iota
	// Base is fields of ten bytes, which any server of this protocol understands.
	Base
	// Status is framed replies with codes; Dial fails where the server does not speak it.
	Status
	// Classic is lines of text and fixed ports.
	Classic
)

var exchangeNames = [...]string{Auto: "auto", Base: "base", Status: "status", Classic: "classic"}

// String is the exchange's name.
func (e Exchange) String() string {
	if int(e) >= len(exchangeNames) {
		return "unknown"
	}
	return exchangeNames[e]
}

// Features is what a server of the status exchange says that it does.
type Features = codec.Features

// Exchange is the one that the session speaks: never Auto.
func (c *Client) Exchange() Exchange { return c.exchange }

// Features is what the server says that it does: nothing in base and in classic, where it says
// nothing.
func (c *Client) Features() Features { return c.features }

// has refuses a command that the session's exchange does not have.
func (c *Client) has(verb codec.Verb) error {
	if c.exchange == Status {
		return nil
	}
	if err := c.baseOnly(verb); err != nil {
		return err
	}
	return failure(verb.String(), ErrUnsupported, errBaseOnly)
}

const errBaseOnly = wording("not with this server, which knows get, put and ls alone")

// dial makes a control connection.
func (c *Client) dial(ctx context.Context, addr string) error {
	conn, err := c.dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return dialError(ctx, addr, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = conn.(*net.TCPConn)
	remote := c.conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	c.addr, c.peer = remote.String(), remote.Addr()
	return nil
}

// negotiate finds out what the server speaks. A server that does not answer hello as ours does is
// left and met again, so that no command is lost. (PROTOCOL, Status exchange: "Any other answer, a
// close, or none within 2 s: the client connects anew and speaks base".)
func (c *Client) negotiate(ctx context.Context) error {
	c.answers = codec.NewDecoder(codec.Greeting)
	answer, err := c.hello(ctx)
	if done := ctx.Err(); done != nil {
		_ = c.conn.Close()
		return failure(c.target, ErrGivenUp, done)
	}
	if err == nil && answer.Kind == codec.EventReply && answer.N == codec.CodeOkay {
		if features, ours := codec.ParseHello(answer.Data); ours {
			c.exchange, c.features = Status, features
			return nil
		}
	}
	if err == nil && answer.Kind == codec.EventField {
		c.takeUp(ctx, answer.N)
	}
	left := errors.Is(err, io.EOF) || isReset(err)
	c.answers.Release()
	_ = c.conn.Close()
	switch {
	case c.options.Exchange == Status && left:
		e := failure(c.target, ErrConnect, errors.New(errLeftStatus))
		e.also = ErrUnsupported
		return e
	case c.options.Exchange == Status:
		return failure(c.target, ErrUnsupported, errNoStatus)
	}
	c.answers, c.unread = codec.NewDecoder(codec.Fields), nil
	// The address that answered, not the name: it may have others, that are other servers.
	if err := c.dial(ctx, c.addr); err != nil || !left {
		return err
	}
	return c.stays(ctx)
}

const (
	errNoStatus = wording("this server does not speak the status exchange")

	errTurnedAway = "the server closed the connection at once: it is full, " +
		"or does not admit this address"
	errLeftStatus = errTurnedAway + ", or does not speak the status exchange"
)

// stays says whether a server that left at hello stays without it. One of base waits for a command
// now; one that is full, or does not admit this address, leaves again, and said no more than that.
func (c *Client) stays(ctx context.Context) error {
	if err := c.begin(ctx); err != nil {
		return err
	}
	defer c.end()
	err := allow(ctx, c.conn, min(c.options.HelloWait, staysWait))
	if err == nil {
		var n int
		n, err = c.conn.Read(c.input[:])
		c.unread = c.input[:n]
	}
	switch {
	case ctx.Err() != nil:
		_ = c.conn.Close()
		return failure(c.target, ErrGivenUp, ctx.Err())
	case errors.Is(err, io.EOF) || isReset(err):
		_ = c.conn.Close()
		return failure(c.target, ErrConnect, errors.New(errTurnedAway))
	}
	return nil
}

// staysWait is how long a server is given to leave again: some times the way there and back. What
// it does later, the next command finds out.
const staysWait = 500 * time.Millisecond

// hello asks and waits for the answer, whatever it is.
func (c *Client) hello(ctx context.Context) (codec.Event, error) {
	if err := c.begin(ctx); err != nil {
		return codec.Event{}, err
	}
	defer c.end()
	hello, err := codec.AppendRequest(c.command[:0], codec.Request{Verb: codec.VerbHello})
	if err != nil {
		return codec.Event{}, err
	}
	c.command = hello
	if err := allow(ctx, c.conn, c.options.HelloWait); err != nil {
		return codec.Event{}, err
	}
	if _, err := c.conn.Write(hello); err != nil {
		return codec.Event{}, err
	}
	return c.answer()
}

// takeUp is kind to a server of base, which told a port for what it took for an unknown command:
// one that serves a client at a time waits there before it does anything else, and one of ours
// would hold a lease that rests for minutes.
func (c *Client) takeUp(ctx context.Context, port int64) {
	if port < dataPortMin || port > dataPortMax {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.HelloWait)
	defer cancel()
	conn, err := c.connect(ctx, uint16(port))
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(longAgo) })
	defer stop()
	// The message, or whatever it is: its end is the server's close.
	_, _ = io.Copy(io.Discard, io.LimitReader(conn, takeUpMost))
}

// takeUpMost bounds what is read of a message that nobody asked for, in bytes.
const takeUpMost = 64 << 10

// answer reads control until something whole is there. What it refers to lives until the next
// call. The error is the connection's own, or an ErrProtocol.
func (c *Client) answer() (codec.Event, error) {
	for {
		ev, n := c.answers.Next(c.unread)
		c.unread = c.unread[n:]
		switch ev.Kind {
		case codec.EventField, codec.EventCommand, codec.EventReply:
			return ev, nil
		case codec.EventError:
			return codec.Event{}, failure("", ErrProtocol, ev.Err)
		default:
			n, err := c.conn.Read(c.input[:])
			if c.unread = c.input[:n]; n == 0 && err != nil {
				return codec.Event{}, err
			}
		}
	}
}
