package client

import (
	"context"
	"errors"
	"io"

	"ferry/codec"
)

// Files in pieces: what does not fit a field, and what goes on where it broke off.

// errChanged says that the pieces of a file would not belong together.
var errChanged = errors.New("it changed while it was fetched")

// fetch gets a file. One that is too large for a field comes in pieces.
func (c *Client) fetch(ctx context.Context, name string, to *sink) (int64, error) {
	n, _, err := c.bring(ctx, named(codec.VerbGet, name), name, to)
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

// span is a range of a file: from begin to end, of total bytes.
type span struct{ begin, end, total int64 }

// pieces fetches a range into w, a piece of at most pieceMax bytes after another, and returns how
// many bytes w got. The hook is told how much of the whole is there, up to the range's begin
// included; it may be nil.
func (c *Client) pieces(
	ctx context.Context, name string, s span, w io.Writer, hook func(moved, total int64),
) (int64, error) {
	at := s.begin
	for at < s.end {
		q := codec.Request{
			Verb: codec.VerbGetPart, Offset: at, Length: min(s.end-at, c.pieceMax),
			Name: []byte(name),
		}
		to := sink{w: w, progress: progress{hook, at, s.total}}
		n, offer, err := c.bring(ctx, q, name, &to)
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

// unchanged fails when the file is no longer the one that was fetched.
func (c *Client) unchanged(ctx context.Context, name string, was Info) error {
	is, err := c.stat(ctx, name)
	if err != nil {
		return err
	}
	if is.Size != was.Size || !is.Modified.Equal(was.Modified) {
		return failure(name, ErrMismatch, errChanged)
	}
	return nil
}

// put stores a file: in one record, or by a part if that does not fit a field.
func (c *Client) put(
	ctx context.Context, name string, r io.Reader, size int64,
) (Stored, error) {
	if size <= codec.FieldMax {
		q := named(codec.VerbPut, name)
		stored, ev, err := c.send(ctx, q, name, r, size, c.progress(0, 0))
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
	if err = c.putPieces(ctx, name, r, upload{part, 0, size}); err != nil && c.Err() == nil {
		// Nobody can resume it: what r gave is gone.
		c.dropPart(context.WithoutCancel(ctx), part)
	}
	return storedBy(err), err
}

// newPart begins an upload that can be gone on with.
func (c *Client) newPart(ctx context.Context, name string) (codec.PartID, error) {
	q := named(codec.VerbNewPart, name)
	ev, err := c.simple(ctx, q, name, codec.CodeDone)
	if err != nil {
		return codec.PartID{}, err
	}
	part, ok := codec.ParsePartID(firstWord(ev.Data))
	if !ok {
		return part, c.strange(ctx, q.Verb, ev)
	}
	return part, nil
}

// dropPart gives an upload up. What comes of it concerns nobody: the server forgets it in time.
func (c *Client) dropPart(ctx context.Context, part codec.PartID) {
	q := codec.Request{Verb: codec.VerbDropPart, Part: part}
	_, _ = c.simple(ctx, q, "", codec.CodeDone)
}

// upload is a part of which at bytes are there, of total.
type upload struct {
	part      codec.PartID
	at, total int64
}

// putPieces sends what is left of an upload from r, a piece after another, until the server says
// that the file is there. An upload that is all there is sent an empty piece, to the same end.
func (c *Client) putPieces(ctx context.Context, name string, r io.Reader, u upload) error {
	for {
		q := codec.Request{Verb: codec.VerbPutPart, Part: u.part, Offset: u.at, Total: u.total}
		n := min(u.total-u.at, c.pieceMax)
		_, ev, err := c.send(ctx, q, name, r, n, c.progress(u.at, u.total))
		if err != nil {
			return err
		}
		if u.at += n; ev.N == codec.CodeComplete {
			return c.complete(ctx, q.Verb, ev, u.total)
		}
		kept, ok := codec.ParseSize(ev.Data)
		if !ok || kept != u.at || u.at == u.total {
			return c.strange(ctx, q.Verb, ev)
		}
	}
}
