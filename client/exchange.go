package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"time"

	"ferry/codec"
)

// Exchange is one of the protocol's exchanges. Servers speak all of them; the client picks.
type Exchange uint8

const (
	// Auto is status with a server that answers hello, and base with any other.
	Auto Exchange = iota
	// Base is fields of ten bytes, which any server of this protocol understands.
	Base
	// Status is framed replies with codes; Dial fails if the server does not speak it.
	Status
	// Classic is lines of text and fixed ports. It has Get, GetFile and Quit alone.
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

// MarshalText returns the exchange's name.
func (e Exchange) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads an exchange's name.
func (e *Exchange) UnmarshalText(text []byte) error {
	i := slices.Index(exchangeNames[:], string(text))
	if i < 0 {
		return errors.New("give auto, base, status or classic")
	}
	*e = Exchange(i)
	return nil
}

// Features is what a status server announces that it does.
type Features = codec.Features

// speak sets the exchange, and what control's input looks like in it.
func (c *control) speak(e Exchange) {
	grammar := codec.Fields
	switch e {
	case Classic:
		grammar = codec.Lines
	case Auto, Status:
		grammar = codec.Greeting
	default:
	}
	c.answers.Release()
	c.exchange, c.answers, c.unread = e, codec.NewDecoder(grammar), nil
}

// negotiate finds out what the server speaks. If it does not answer hello as a status server does,
// the client connects anew, so that no command is lost.
func (c *control) negotiate(ctx context.Context) error {
	c.speak(Status)
	answer, err := c.hello(ctx)
	if done := ctx.Err(); done != nil {
		_ = c.conn.Close()
		return failure(c.target, ErrGivenUp, done)
	}
	if err == nil && answer.Kind == codec.EventReply && answer.N == codec.CodeOkay {
		if features, ours := codec.ParseHello(answer.Data); ours {
			c.features = features
			return nil
		}
	}
	switch {
	case err == nil && isTooBusy(answer) && string(answer.Data) == codec.TLSRequired:
		_ = c.conn.Close()
		return &Error{
			Name: c.target, Kind: ErrConnect, Code: codec.CodeTooBusy, also: ErrNotAllowed,
			Err: wording(codec.TLSRequired + ": use --tls or ferrys://" + c.target),
		}
	case err == nil && answer.Kind == codec.EventField:
		c.useUp(ctx, answer.N)
	case errors.Is(err, ErrProtocol) && bytes.HasPrefix(c.input[:], []byte("220")):
		_ = c.conn.Close()
		return failure(c.target, ErrConnect, errFTP)
	case c.tls != nil && err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, ErrProtocol):
		// The server has not said this. Whoever is in between could want the session to speak base,
		// which has no login.
		_ = c.conn.Close()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = errNoHello
		}
		return failure(c.target, ErrConnect, err)
	}
	left := errors.Is(err, io.EOF) || isReset(err)
	c.speak(Base)
	_ = c.conn.Close()
	switch {
	case c.options.Exchange == Status && left:
		e := failure(c.target, ErrConnect, errors.New(errLeftStatus))
		e.also = ErrUnsupported
		return e
	case c.options.Exchange == Status:
		return failure(c.target, ErrUnsupported, errNoStatus)
	}
	// Use the address that answered, not the name, whose other addresses may be other servers.
	if err := c.dial(ctx, c.Addr()); err != nil || !left {
		return err
	}
	return c.stays(ctx)
}

const (
	errNoHello  = wording("the server did not answer hello in time")
	errNoStatus = wording("this server does not speak the status exchange")

	errTurnedAway = "the server closed the connection at once: it is full, " +
		"or does not admit this address"
	errLeftStatus = errTurnedAway + ", or does not speak the status exchange"
)

var errFTP = errors.New("this port speaks FTP, and ferry does not: use the PORT of ferryd")

// leftEarly says why a server may have left at the first command of base, where it cannot say so.
func (c *control) leftEarly(err error) error {
	if c.exchange != Base || c.heard || !errors.Is(err, io.EOF) && !isReset(err) {
		return err
	}
	text := " at the first command; it may require TLS (--tls) or a login"
	return &reworded{err, causeText(err) + text}
}

// stays checks that a server that closed at hello stays connected without it: a base server waits
// for a command now; one that is full, or does not admit this address, closes again.
func (c *control) stays(ctx context.Context) error {
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

// staysWait is how long to watch for a second close: several round trips. The next command finds a
// later one.
const staysWait = 500 * time.Millisecond

// hello asks, and waits for whatever answer comes.
func (c *control) hello(ctx context.Context) (answer codec.Event, err error) {
	err = c.within(ctx, func() error {
		hello, err := codec.AppendRequest(c.command[:0], codec.Request{Verb: codec.VerbHello})
		if c.command = hello; err == nil {
			err = allow(ctx, c.conn, c.options.HelloWait)
		}
		if err == nil {
			_, err = c.conn.Write(hello)
		}
		if err == nil {
			answer, err = c.answer()
		}
		return err
	})
	return answer, err
}

// useUp connects to the port that a base server offered for the unknown command hello. A server
// that serves one client at a time waits there, and ours would hold a lease for minutes.
func (c *control) useUp(ctx context.Context, port int64) {
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
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(past) })
	defer stop()
	_, _ = io.Copy(io.Discard, io.LimitReader(conn, useUpMost))
}

const useUpMost = 64 << 10
