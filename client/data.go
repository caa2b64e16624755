package client

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"ferry/codec"
)

// Data connections: a command, the offer that answers it, the connection, and in status the final
// reply, which alone says whether the transfer succeeded.

const (
	dataPortMin = 1024
	dataPortMax = 65535
	// A port that refuses is tried again after these waits, each twice the one before: the first
	// suits a server that is a moment late, the last avoids a flood.
	retryWaitMin = 5 * time.Millisecond
	retryWaitMax = 160 * time.Millisecond
)

// open sends a command and makes the data connection that its answer offers. The caller gives the
// connection to done, and in status reads the final reply with concluded or failed.
func (c *control) open(ctx context.Context, q codec.Request) (connection, codec.Offer, error) {
	ev, err := c.request(ctx, q, c.options.ReplyTimeout)
	if err != nil {
		return nil, codec.Offer{}, err
	}
	offer, err := c.offered(ctx, q, ev)
	if err != nil {
		return nil, offer, err
	}
	conn, err := c.reach(ctx, q, offer.Port)
	if err != nil && c.exchange == Status && c.Err() == nil {
		err = c.failed(ctx, q, err)
	}
	return conn, offer, err
}

// offered reads the offer in an answer.
func (c *control) offered(
	ctx context.Context, q codec.Request, ev codec.Event,
) (offer codec.Offer, err error) {
	switch c.exchange {
	case Status:
		if err := c.expect(ctx, q, ev, codec.CodeOffer); err != nil {
			return offer, err
		}
		offer, ok := codec.ParseOffer(q.Verb, ev.Data)
		if !ok {
			return offer, c.unexpected(ctx, q.Verb, ev)
		}
		return offer, nil
	case Classic:
		offer.Port, err = c.ports.parse(ev.Data)
	default:
		if offer.Port = uint16(ev.N); ev.N < dataPortMin || ev.N > dataPortMax {
			err = fmt.Errorf("it sent port %d", ev.N)
		}
	}
	if err != nil {
		err = c.lose(ctx, failure("", ErrProtocol, err))
	}
	return offer, err
}

// reach makes a command's data connection, and lets Close and the context interrupt it.
func (c *control) reach(ctx context.Context, q codec.Request, port uint16) (connection, error) {
	name := label(q)
	conn, err := c.connect(ctx, port)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, failure(name, ErrGivenUp, ctx.Err())
	case errors.Is(err, errOther):
		return nil, c.lose(ctx, err)
	case isReset(err) && q.Verb == codec.VerbPut && c.exchange == Base:
		// The reset met the connect; it means what it always means.
		return nil, failure(name, ErrRefused, nil)
	case isReset(err):
		return nil, failure(name, ErrBroken, err)
	default:
		return nil, failure(name, ErrNoData,
			&reworded{err, fmt.Sprintf("port %d: %s", port, causeText(err))})
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

// connect connects to a port on the address that control reached.
func (c *control) connect(ctx context.Context, port uint16) (connection, error) {
	address := netip.AddrPortFrom(c.peer(), port).String()
	var first time.Time
	for wait := retryWaitMin; ; wait = min(2*wait, retryWaitMax) {
		conn, err := c.dialConn(ctx, address)
		if err == nil {
			return conn, nil
		}
		if first.IsZero() {
			first = time.Now()
		}
		if !isRefused(err) || time.Since(first)+wait > c.options.DataRetry {
			return nil, err
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// sleep waits, or returns the error of a context that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// done gives up a data connection: closed in order, or reset if the transfer failed, so that the
// server neither waits nor mistakes a part for the whole.
func (c *control) done(conn connection, failed bool) {
	c.mu.Lock()
	c.data = nil
	c.mu.Unlock()
	if failed {
		_ = conn.SetLinger(0)
	}
	_ = conn.Close()
}

// finalReply waits for the final reply of a transfer whose bytes have all moved.
func (c *control) finalReply(ctx context.Context, q codec.Request) (codec.Event, error) {
	ev, err := c.reply(ctx, q, c.options.ReplyTimeout)
	if err != nil || ev.N == codec.CodeDone && q.Verb == codec.VerbPutPart {
		return ev, err
	}
	return ev, c.expect(ctx, q, ev, codec.CodeComplete)
}

// failed reads the final reply of a transfer whose data connection failed on this side, and returns
// the error to report: the server's reason if it has one, else the cause.
func (c *control) failed(ctx context.Context, q codec.Request, cause error) error {
	var seen *Error
	if !errors.As(cause, &seen) {
		seen = failure(label(q), ErrBroken, cause)
	}
	last, err := c.failureReply(ctx, seen.Kind)
	if err == nil && last.N == codec.CodeTooBusy {
		err = c.closedByServer(last)
	}
	switch {
	case ctx.Err() != nil:
		return c.givenUp(ctx, q, last)
	case err != nil && errors.Is(err, ErrLost) && !errors.Is(err, ErrBusy):
		// The transfer failed as it was seen to, and the session with it.
		return failure(label(q), ErrLost, seen)
	case err != nil:
		return err
	case last.N >= 400 && last.N != codec.CodeAborted && !errors.Is(seen.Kind, ErrLocal):
		return replyError(q, last)
	case last.N >= 400:
		seen.Code = int(last.N)
	}
	return seen
}

// failureReply is the final reply of a command whose data connection failed. If the network was at
// fault the server notices too and says so by itself; otherwise abor tells it.
func (c *control) failureReply(ctx context.Context, kind error) (codec.Event, error) {
	broken := errors.Is(kind, ErrBroken) && ctx.Err() == nil
	if !broken || allow(ctx, c.conn, failureReplyWait) != nil {
		return c.abandon(ctx)
	}
	ev, err := c.last()
	switch {
	case err == nil:
		return ev, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return c.abandon(ctx)
	}
	return codec.Event{}, c.lose(ctx, err)
}

// buffer is memory that moves bytes, borrowed for one transfer.
type buffer struct{ bytes []byte }

// buffers serves every client of the process: of thousands, few move bytes at once.
var buffers = sync.Pool{New: func() any { return new(buffer) }}

// headSize is the room before content: a KEY's and a field's.
const headSize = codec.KeySize + codec.FieldSize

// borrow gets a buffer of BufferSize bytes and the head's room before them.
func (c *control) borrow() *buffer {
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
