package client

import (
	"bytes"
	"context"
	"errors"
	"io"

	"ferry/codec"
)

// Files in pieces: those that do not fit a field, and those that are resumed.

// errChanged means that the pieces of a file do not belong together.
var errChanged = errors.New("file changed during download")

// fetch gets a file, in pieces if it is too large for a field.
func (c *Client) fetch(ctx context.Context, name string, to *sink) (int64, error) {
	n, _, err := c.bring(ctx, named(codec.VerbGet, name), to)
	var e *Error
	if !errors.As(err, &e) || e.Code != codec.CodeTooLarge {
		return n, err
	}
	info, err := c.stat(ctx, name)
	if err != nil {
		return 0, err
	}
	if to.begin != nil {
		if to.w, err = to.begin(info.Size); err != nil {
			return 0, err
		}
	}
	n, err = c.pieces(ctx, name, span{0, info.Size, info.Size}, to.w, c.options.Progress)
	if err != nil {
		return n, err
	}
	return n, c.unchanged(ctx, name, info)
}

// span is a range of a file of total bytes: from begin to end.
type span struct{ begin, end, total int64 }

// pieces fetches a range into w in pieces of at most pieceMax bytes, and returns how many bytes w
// got. The hook, if there is one, is told how much of the file is there, from its first byte.
func (c *Client) pieces(
	ctx context.Context, name string, s span, w io.Writer, hook func(moved, total int64),
) (int64, error) {
	at := s.begin
	for at < s.end {
		q := named(codec.VerbGetPart, name)
		q.Offset, q.Length = at, min(s.end-at, c.pieceMax)
		to := sink{w: w, progress: progress{hook, at, s.total}}
		n, offer, err := c.bring(ctx, q, &to)
		at += n
		switch {
		case err != nil:
			return at - s.begin, err
		case offer.Total != s.total || n == 0 || at > s.end:
			return at - s.begin, failure(name, ErrMismatch, errChanged)
		}
	}
	return at - s.begin, nil
}

// unchanged fails if the file is no longer the one that was fetched.
func (c *Client) unchanged(ctx context.Context, name string, was Info) error {
	is, err := c.stat(ctx, name)
	if err == nil && (is.Size != was.Size || !is.Modified.Equal(was.Modified)) {
		err = failure(name, ErrMismatch, errChanged)
	}
	return err
}

// put stores a file: in one record, or by a part if that does not fit a field.
func (c *Client) put(ctx context.Context, name string, r io.Reader, size int64) (Stored, error) {
	if size <= c.pieceMax {
		q := named(codec.VerbPut, name)
		stored, ev, err := c.send(ctx, q, r, size, c.progress(0, 0))
		if err == nil && c.exchange == Status {
			err = c.complete(ctx, q.Verb, ev, size)
		}
		if err != nil {
			stored = NotStored
		}
		return stored, err
	}
	part, err := c.newPart(ctx, name)
	if err != nil {
		return NotStored, err
	}
	err = c.putPieces(ctx, name, r, part, span{0, size, size})
	if err != nil && c.Err() == nil {
		// It cannot be resumed: what r gave is gone.
		c.dropPart(context.WithoutCancel(ctx), part)
	}
	return storedBy(err), err
}

// Codes of servers that keep no parts, or none of this file.
const (
	codeNoCommand   = 502
	codeNotForThose = 504
)

// newPart starts an upload that can be resumed. A server that keeps none, or no more, is an error
// with the cause errNoPart: it may take the file in one piece.
func (c *Client) newPart(ctx context.Context, name string) (codec.PartID, error) {
	q := named(codec.VerbNewPart, name)
	ev, err := c.simple(ctx, q, codec.CodeDone)
	var e *Error
	if errors.As(err, &e) {
		switch e.Code {
		case codec.CodeBusy:
			return codec.PartID{}, marked(e, errNoPart)
		case codeNoCommand, codeNotForThose:
			e.Kind = ErrTooLarge
			e.Err = wording("too large for one piece, and the server keeps no parts there")
			return codec.PartID{}, marked(e, errNoPart)
		}
	}
	if err != nil {
		return codec.PartID{}, err
	}
	word, _, _ := bytes.Cut(ev.Data, []byte{' '}) // later versions may add words
	part, ok := codec.ParseKey(word)
	if !ok {
		return part, c.unexpected(ctx, q.Verb, ev)
	}
	return part, nil
}

// dropPart gives up an upload. If that fails the server forgets the part in time.
func (c *Client) dropPart(ctx context.Context, part codec.PartID) {
	q := codec.Request{Verb: codec.VerbDropPart, Part: part}
	_, _ = c.simple(ctx, q, codec.CodeDone)
}

// putPieces sends a range from r to a part, until the server confirms the whole file. A part that
// is complete is sent an empty piece to the same end.
func (c *Client) putPieces(
	ctx context.Context, name string, r io.Reader, part codec.PartID, s span,
) error {
	for at := s.begin; ; {
		q := named(codec.VerbPutPart, name)
		q.Part, q.Offset, q.Total = part, at, s.total
		n := min(s.end-at, c.pieceMax)
		_, ev, err := c.send(ctx, q, r, n, c.progress(at, s.total))
		if err != nil {
			return err
		}
		if at += n; ev.N == codec.CodeComplete {
			return c.complete(ctx, q.Verb, ev, s.total)
		}
		kept, ok := codec.ParseSize(ev.Data)
		if !ok || kept != at || at == s.end {
			return c.unexpected(ctx, q.Verb, ev)
		}
	}
}
