package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"ferry/codec"
)

// Transfers of the status exchange: a command, an offer, a data connection that begins with the
// offer's KEY, and a last reply, which alone says whether it went well.

// offered sends a command and makes the data connection that is offered. When that fails the
// command is ended, so that the session goes on. The caller gives the connection to done, and asks
// for the last reply with concluded or failed.
func (c *Client) offered(
	ctx context.Context, q codec.Request, name string,
) (*net.TCPConn, codec.Offer, error) {
	ev, err := c.simple(ctx, q, name, codec.CodeOffer)
	if err != nil {
		return nil, codec.Offer{}, err
	}
	offer, ok := codec.ParseOffer(q.Verb, ev.Data)
	if !ok {
		return nil, codec.Offer{}, c.strange(ctx, q.Verb, ev)
	}
	conn, err := c.reach(ctx, codec.VerbUnknown, name, offer.Port)
	if err != nil {
		return nil, codec.Offer{}, c.failed(ctx, q.Verb, name, err)
	}
	return conn, offer, nil
}

// concluded waits for the last reply of a transfer whose bytes have all been moved: want, or what
// else the verb's table has.
func (c *Client) concluded(
	ctx context.Context, q codec.Request, name string,
) (codec.Event, error) {
	ev, err := c.reply(ctx, q.Verb, name, c.options.ReplyTimeout)
	if err != nil {
		return codec.Event{}, err
	}
	if ev.N == codec.CodeDone && q.Verb == codec.VerbPutPart {
		return ev, nil
	}
	return ev, c.expect(ctx, q.Verb, name, ev, codec.CodeComplete)
}

// failed gets the last reply of a transfer whose data connection failed on this side, and returns
// the error to give: the server's reason if it has one, and else what was seen here. Where the
// network was at fault the server sees it as well and says so by itself; otherwise abor tells it.
func (c *Client) failed(ctx context.Context, verb codec.Verb, name string, cause error) error {
	var seen *Error
	if !errors.As(cause, &seen) {
		seen = failure(name, ErrBroken, cause)
	}
	if seen.also == nil {
		seen.also = baseBreak(verb, seen.Kind)
	}
	last, err := c.lastWord(ctx, seen.Kind)
	if err == nil && last.N == codec.CodeTooBusy {
		err = c.dismissed(last)
	}
	switch {
	case err != nil && ctx.Err() == nil && errors.Is(err, ErrBusy):
		return err
	case err != nil && ctx.Err() == nil && errors.Is(err, ErrLost):
		// The transfer failed as it was seen to, and the session with it.
		return &Error{Name: name, Kind: ErrLost, Err: seen}
	case err != nil && ctx.Err() == nil:
		return err
	case ctx.Err() != nil:
		return c.givenUp(ctx, verb, name, last)
	case last.N >= 400 && last.N != codec.CodeAborted && !errors.Is(seen.Kind, ErrLocal):
		e := replyError(name, verb, last)
		e.also = baseBreak(verb, e.Kind)
		return e
	case last.N >= 400:
		seen.Code = int(last.N)
	}
	return seen
}

// ownKinds are failures of this side, and those that base tells as well.
var ownKinds = []error{ErrLocal, ErrGivenUp, ErrClosed, ErrNoData}

// baseBreak is the kind that a transfer which broke has in base.
func baseBreak(verb codec.Verb, kind error) error {
	switch {
	case slices.Contains(ownKinds, kind):
		return nil
	case verb == codec.VerbPut || verb == codec.VerbPutPart:
		return ErrRefused
	case !errors.Is(kind, ErrBroken):
		return ErrBroken
	}
	return nil
}

// lastWord is the last reply of a command whose data connection failed.
func (c *Client) lastWord(ctx context.Context, kind error) (codec.Event, error) {
	if errors.Is(kind, ErrBroken) && ctx.Err() == nil {
		ev, err := c.glimpse(ctx, lastWordWait)
		if err != nil || ev.N != 0 {
			return ev, err
		}
	}
	return c.abandon(ctx)
}

// glimpse waits a while for a last reply; a code of 0 says that none came.
func (c *Client) glimpse(ctx context.Context, wait time.Duration) (codec.Event, error) {
	if err := allow(ctx, c.conn, wait); err != nil {
		return codec.Event{}, nil //nolint:nilerr // what is wrong with control abor will find
	}
	ev, err := c.last()
	if err == nil {
		return ev, nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return codec.Event{}, nil
	}
	return codec.Event{}, c.lose(ctx, err)
}

// bring runs a command whose data connection brings one record, and returns how many bytes came
// and the offer that was made for them.
func (c *Client) bring(
	ctx context.Context, q codec.Request, name string, to *sink,
) (int64, codec.Offer, error) {
	conn, offer, err := c.offered(ctx, q, name)
	if err != nil {
		return 0, offer, err
	}
	r := receiver{
		conn: conn, client: c, name: name, size: -1, decoder: codec.NewDecoder(codec.Record),
		told: true, expected: offer.Size,
	}
	if q.Verb == codec.VerbGetPart && q.Length > 0 && offer.Size > q.Length {
		// What is too much would be written over what others fetch, or fill the disk.
		c.done(conn, true)
		return 0, offer, c.failed(ctx, q.Verb, name, failure(name, ErrProtocol, fmt.Errorf(
			"%d bytes are offered where %d were asked for", offer.Size, q.Length)))
	}
	if err = r.unlock(ctx, offer.Key); err == nil {
		err = r.run(ctx, to)
	}
	c.done(conn, !r.whole)
	if err != nil {
		return r.received, offer, c.failed(ctx, q.Verb, name, err)
	}
	ev, err := c.concluded(ctx, q, name)
	if err != nil {
		return r.received, offer, err
	}
	if n, ok := codec.ParseSize(ev.Data); !ok || n != r.received {
		return r.received, offer, c.strange(ctx, q.Verb, ev)
	}
	return r.received, offer, nil
}

// unlock sends the KEY. (PROTOCOL, Status exchange: "the first 16 bytes that the client sends on
// the data connection".)
func (r *receiver) unlock(ctx context.Context, key codec.Key) error {
	if err := allow(ctx, r.conn, r.client.options.StallTimeout); err != nil {
		return transferError(ctx, r.name, err)
	}
	r.client.said = append(r.client.said[:0], key[:]...)
	if _, err := r.conn.Write(r.client.said); err != nil {
		return transferError(ctx, r.name, err)
	}
	return nil
}

// send runs a command that takes one record of size bytes from r, and returns its last reply.
func (c *Client) send(
	ctx context.Context, q codec.Request, name string, from io.Reader, size int64, p progress,
) (codec.Event, error) {
	s := sender{client: c, name: name, from: from, size: size, left: size, progress: p}
	b := c.borrow()
	defer b.giveBack()
	first, err := s.first(b.bytes)
	if err != nil {
		return codec.Event{}, err
	}
	conn, offer, err := c.offered(ctx, q, name)
	if err != nil {
		return codec.Event{}, err
	}
	s.conn = conn
	copy(b.bytes, offer.Key[:])
	if err = s.all(ctx, b.bytes[:codec.KeySize+len(first)], b.bytes); err != nil {
		// What a part got is kept; a file that is not whole is reset.
		c.done(conn, q.Verb != codec.VerbPutPart)
		return codec.Event{}, c.failed(ctx, q.Verb, name, err)
	}
	// A server that broke the connection says why.
	_ = conn.CloseWrite()
	ev, err := c.concluded(ctx, q, name)
	c.done(conn, err != nil)
	return ev, err
}
