package client

import (
	"bytes"
	"context"
	"errors"
	"os"
	"time"

	"ferry/codec"
)

// The status exchange's commands and replies. A command gets one reply, or two when data moves: an
// offer (1xx), and a last one. A call that has to give up sends abor, which brings the last reply
// of what ran and one for itself, so that the session goes on. (PROTOCOL, Status exchange: "426 for
// the transfer that runs and for each command that waited, then 226 for itself".)

const (
	// abortWait bounds the wait for abor's replies: the server answers at once, and a network
	// that is slower than this has lost the session.
	abortWait = 5 * time.Second
	// lastWordWait is how long a server is given to say by itself why a data connection broke:
	// abor might come before its reason.
	lastWordWait = 5 * time.Second
)

// request sends a command and returns the first reply to it, whichever it is, which lives until the
// next call. It is waited for so long; negative means for ever. Errors are about name.
func (c *Client) request(
	ctx context.Context, q codec.Request, name string, wait time.Duration,
) (codec.Event, error) {
	command, err := codec.AppendRequest(c.command[:0], q)
	if err != nil {
		return codec.Event{}, failure(shortened(name), ErrName, err)
	}
	c.command = command
	if err := c.unasked(ctx); err != nil {
		return codec.Event{}, err
	}
	if err := allow(ctx, c.conn, wait); err != nil {
		// Nothing was sent: the session is as it was.
		return codec.Event{}, transferError(ctx, name, err)
	}
	if _, err := c.conn.Write(command); err != nil {
		return codec.Event{}, c.lose(ctx, err)
	}
	return c.reply(ctx, q.Verb, name, wait)
}

// unasked takes what came before a command: a server that ends says so unasked, and anything else
// is a violation.
func (c *Client) unasked(ctx context.Context) error {
	if len(c.unread) == 0 {
		return nil
	}
	ev, n := c.answers.Next(c.unread)
	if c.unread = c.unread[n:]; ev.Kind == codec.EventReply && ev.N == codec.CodeTooBusy {
		return c.dismissed(ev)
	}
	return c.lose(ctx, failure("", ErrProtocol, errUnasked))
}

// dismissed ends the session as its server has said: it is idle for too long, or the server is
// full or ends. Nothing follows on control but its close.
func (c *Client) dismissed(ev codec.Event) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over == nil {
		c.over = &Error{
			Kind: ErrLost, Code: int(ev.N), Err: serverMessage(ev.Data), also: ErrBusy,
		}
		_ = c.conn.Close()
	}
	return c.over
}

// reply waits for a reply. When the context ends first the command is aborted; the reply is then
// the command's last one, unless that says no more than that it was aborted.
func (c *Client) reply(
	ctx context.Context, verb codec.Verb, name string, wait time.Duration,
) (codec.Event, error) {
	err := allow(ctx, c.conn, wait)
	if err == nil {
		var ev codec.Event
		if ev, err = c.answer(); err == nil {
			if ev.N == codec.CodeTooBusy {
				err = c.dismissed(ev)
			}
			return ev, err
		}
	}
	if !interrupted(ctx, err) {
		return codec.Event{}, c.lose(ctx, err)
	}
	last, lost := c.abandon(ctx)
	if lost != nil {
		return codec.Event{}, lost
	}
	if last.N == codec.CodeAborted {
		return codec.Event{}, c.givenUp(ctx, verb, name, last)
	}
	return last, nil
}

// interrupted says whether an error of a connection is the context's doing: the connection is well.
func interrupted(ctx context.Context, err error) bool {
	done := ctx.Err()
	return done != nil && (errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, done))
}

// givenUp is the error of a command that ended with its context.
func (c *Client) givenUp(
	ctx context.Context, verb codec.Verb, name string, last codec.Event,
) error {
	e := failure(name, ErrGivenUp, ctx.Err())
	if last.N == codec.CodeAborted {
		e.Code = int(last.N)
	}
	if name == "" {
		e.Name = verb.String()
	}
	return e
}

// abandon ends the command that runs, by abor, and returns its last reply, which may be a good one
// that was on its way. The session stands unless there is an error.
func (c *Client) abandon(ctx context.Context) (codec.Event, error) {
	c.settle()
	abort, err := codec.AppendRequest(c.command[:0], codec.Request{Verb: codec.VerbAbort})
	if err != nil {
		panic(err) // a command of a fixed form
	}
	c.command = abort
	_ = c.conn.SetDeadline(time.Now().Add(abortWait))
	if _, err := c.conn.Write(abort); err != nil {
		return codec.Event{}, c.lose(ctx, err)
	}
	last, err := c.last()
	if err != nil {
		return codec.Event{}, c.lose(ctx, err)
	}
	// The next read writes over it.
	c.said = append(c.said[:0], last.Data...)
	last.Data = c.said
	own, err := c.last()
	if err == nil && own.N != codec.CodeComplete {
		err = failure("", ErrProtocol, errAbort)
	}
	if err != nil {
		return codec.Event{}, c.lose(ctx, err)
	}
	return last, nil
}

var errAbort = errors.New("abor was not answered by 226")

// last reads a command's last reply: an offer may come before it.
func (c *Client) last() (codec.Event, error) {
	for {
		ev, err := c.answer()
		if err != nil || ev.N >= 200 {
			return ev, err
		}
	}
}

// settle waits for an interrupt that has begun: its deadline would come after the next one.
func (c *Client) settle() {
	if c.stop != nil && !c.stop() {
		<-c.interrupted
	}
	c.stop = nil
}

// simple runs a command that one reply answers, and returns that: it has the wanted code.
func (c *Client) simple(
	ctx context.Context, q codec.Request, name string, want int64,
) (codec.Event, error) {
	return c.simpleWithin(ctx, q, name, want, c.options.ReplyTimeout)
}

func (c *Client) simpleWithin(
	ctx context.Context, q codec.Request, name string, want int64, wait time.Duration,
) (codec.Event, error) {
	ev, err := c.request(ctx, q, name, wait)
	if err != nil {
		return codec.Event{}, err
	}
	return ev, c.expect(ctx, q.Verb, name, ev, want)
}

// expect says what a reply means that is not the wanted one.
func (c *Client) expect(
	ctx context.Context, verb codec.Verb, name string, ev codec.Event, want int64,
) error {
	switch {
	case ev.N == want:
		return nil
	case ev.N >= 400:
		return replyError(name, verb, ev)
	}
	return c.lose(ctx, failure("", ErrProtocol, &unexpectedReply{verb, ev.N}))
}

// strange ends the session for a reply whose text cannot be read.
func (c *Client) strange(ctx context.Context, verb codec.Verb, ev codec.Event) error {
	return c.lose(ctx, failure("", ErrProtocol, &unexpectedReply{verb, ev.N}))
}

// unexpectedReply is a reply that does not answer the command.
type unexpectedReply struct {
	verb codec.Verb
	code int64
}

// Error names both.
func (e *unexpectedReply) Error() string {
	return "a reply " + codeText(e.code) + " that does not answer " + e.verb.String()
}

// firstWord is a text up to its first space: what follows is of a later day.
func firstWord(text []byte) []byte {
	word, _, _ := bytes.Cut(text, []byte{' '})
	return word
}
