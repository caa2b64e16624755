package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"ferry/codec"
)

// Commands and their replies. In base and classic each command gets one answer, which offers a data
// connection. In status it gets one reply, or two when data moves: an offer (1xx) and a final one;
// a call that gives up sends abor, which brings the final reply of what ran and one of its own, so
// that the session survives.

const (
	// abortWait bounds the wait for abor's replies: the server answers at once.
	abortWait = 5 * time.Second
	// failureReplyWait is how long the server may take to say why a data connection broke: abor
	// might overtake its reason.
	failureReplyWait = 5 * time.Second
)

// supports refuses a command that the session's exchange does not have.
func (c *control) supports(q codec.Request) error {
	base := q.Verb == codec.VerbPut || q.Verb == codec.VerbList && !q.Long
	switch {
	case c.exchange == Status, q.Verb == codec.VerbGet, c.exchange == Base && base:
		return nil
	case c.exchange == Classic:
		return failure(q.Verb.String(), ErrUnsupported, nil)
	}
	return failure(q.Verb.String(), ErrUnsupported,
		wording("not with this server, which knows get, put and ls alone"))
}

// start begins a call that runs q. A verb that takes a name needs one.
func (c *control) start(ctx context.Context, q codec.Request) error {
	if err := c.supports(q); err != nil {
		return err
	}
	switch q.Verb {
	case codec.VerbNoop, codec.VerbList:
	default:
		if len(q.Name) == 0 {
			return failure("", ErrName, errNoName)
		}
	}
	return c.begin(ctx)
}

var errNoName = errors.New("a file needs a name")

// named is a command about a name, which its errors have too. Commands about parts do not send it.
func named(verb codec.Verb, name string) codec.Request {
	return codec.Request{Verb: verb, Name: []byte(name)}
}

// label is what errors of a command name.
func label(q codec.Request) string {
	if len(q.Name) == 0 && q.Verb == codec.VerbList {
		return q.Verb.String()
	}
	return string(q.Name)
}

// call runs a command that one reply answers, as a call of its own.
func (c *control) call(ctx context.Context, q codec.Request, want int64) (codec.Event, error) {
	if err := c.start(ctx, q); err != nil {
		return codec.Event{}, err
	}
	defer c.end()
	return c.simple(ctx, q, want)
}

// simple runs a command that one reply answers, and returns that reply, which has the wanted code.
func (c *control) simple(ctx context.Context, q codec.Request, want int64) (codec.Event, error) {
	wait := c.options.ReplyTimeout
	if q.Algo != 0 {
		wait = -1 // a checksum takes as long as reading the file
	}
	ev, err := c.request(ctx, q, wait)
	if err != nil {
		return codec.Event{}, err
	}
	return ev, c.expect(ctx, q, ev, want)
}

// request sends a command and returns its first answer, which is valid until the next call. wait
// bounds the wait; negative means no bound. A fault on control ends the session, since client and
// server no longer agree on what comes next.
func (c *control) request(
	ctx context.Context, q codec.Request, wait time.Duration,
) (codec.Event, error) {
	command, err := c.encode(c.command[:0], q)
	if c.command = command; err != nil {
		return codec.Event{}, failure(q.Verb.String(), ErrName, err)
	}
	if err := c.checkUnread(ctx); err != nil {
		return codec.Event{}, err
	}
	if err := allow(ctx, c.conn, wait); err != nil {
		// Nothing was sent: the session stands.
		return codec.Event{}, transferError(ctx, label(q), err)
	}
	if _, err := c.conn.Write(command); err != nil {
		return codec.Event{}, c.lose(ctx, err)
	}
	return c.reply(ctx, q, wait)
}

// encode appends a command as the exchange spells it.
func (c *control) encode(dst []byte, q codec.Request) ([]byte, error) {
	switch c.exchange {
	case Status:
		return codec.AppendRequest(dst, q)
	case Classic:
		return appendClassic(dst, q.Verb, string(q.Name))
	default:
		return codec.AppendCommand(dst, q.Verb, string(q.Name))
	}
}

// checkUnread handles input that came before a command: a server that shuts down says so unasked,
// and anything else is a violation.
func (c *control) checkUnread(ctx context.Context) error {
	if len(c.unread) == 0 {
		return nil
	}
	ev, n := c.answers.Next(c.unread)
	if c.unread = c.unread[n:]; isTooBusy(ev) {
		return c.closedByServer(ev)
	}
	return c.lose(ctx, failure("", ErrProtocol, errors.New("an answer that no command asked for")))
}

func isTooBusy(ev codec.Event) bool {
	return ev.Kind == codec.EventReply && ev.N == codec.CodeTooBusy
}

// answer reads control until an answer is complete; it is valid until the next call. The error is
// the connection's own, or an ErrProtocol.
func (c *control) answer() (codec.Event, error) {
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

// reply waits for an answer. If the context of a status command ends first, the command is aborted;
// the reply is then its final one, unless that only says that it was aborted.
func (c *control) reply(
	ctx context.Context, q codec.Request, wait time.Duration,
) (codec.Event, error) {
	err := allow(ctx, c.conn, wait)
	if err == nil {
		var ev codec.Event
		if ev, err = c.answer(); err == nil {
			if c.heard = true; isTooBusy(ev) {
				err = c.closedByServer(ev)
			}
			return ev, err
		}
	}
	done := ctx.Err()
	if c.exchange != Status || done == nil ||
		!errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, done) {
		return codec.Event{}, c.lose(ctx, c.leftEarly(err))
	}
	last, err := c.abandon(ctx)
	if err == nil && last.N == codec.CodeAborted {
		err = c.givenUp(ctx, q, last)
	}
	return last, err
}

// givenUp is the error of a command that ended with its context.
func (c *control) givenUp(ctx context.Context, q codec.Request, last codec.Event) error {
	e := failure(cmp.Or(label(q), q.Verb.String()), ErrGivenUp, ctx.Err())
	if last.N == codec.CodeAborted {
		e.Code = int(last.N)
	}
	return e
}

// abandon ends the running command by abor, and returns its final reply, which may be a good one
// that was on its way. The session stands unless there is an error.
func (c *control) abandon(ctx context.Context) (last codec.Event, err error) {
	c.end()
	defer func() {
		if err != nil {
			err = c.lose(ctx, err)
		}
	}()
	abort := codec.Request{Verb: codec.VerbAbort}
	if c.command, err = codec.AppendRequest(c.command[:0], abort); err != nil {
		return last, err
	}
	_ = c.conn.SetDeadline(time.Now().Add(abortWait))
	if _, err = c.conn.Write(c.command); err != nil {
		return last, err
	}
	if last, err = c.last(); err != nil {
		return last, err
	}
	// The next read overwrites it.
	c.said = append(c.said[:0], last.Data...)
	last.Data = c.said
	own, err := c.last()
	if err == nil && own.N != codec.CodeComplete {
		err = failure("", ErrProtocol, errors.New("abor was not answered by 226"))
	}
	return last, err
}

// last reads a command's final reply; an offer may come before it.
func (c *control) last() (codec.Event, error) {
	for {
		ev, err := c.answer()
		if err != nil || ev.N >= 200 {
			return ev, err
		}
	}
}

// expect turns a reply that is not the wanted one into an error.
func (c *control) expect(ctx context.Context, q codec.Request, ev codec.Event, want int64) error {
	switch {
	case ev.N == want:
		return nil
	case ev.N >= 400:
		return replyError(q, ev)
	}
	return c.unexpected(ctx, q.Verb, ev)
}

// unexpected ends the session because of a reply that does not answer the command.
func (c *control) unexpected(ctx context.Context, verb codec.Verb, ev codec.Event) error {
	return c.lose(ctx, failure("", ErrProtocol,
		fmt.Errorf("a reply %d that does not answer %s", ev.N, verb)))
}
