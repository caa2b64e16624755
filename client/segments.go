package client

import (
	"context"
	"io"
	"os"
	"sync"

	"golang.org/x/sync/errgroup"

	"ferry/codec"
)

const (
	// SegmentsMax is the most segments of a file: more sessions from one client help nobody.
	SegmentsMax = 32
	// segmentMin is the least that is worth a session of its own, in bytes.
	segmentMin = 1 << 20
)

// GetSegments fetches a file in up to so many segments at once, from 1 to SegmentsMax, each over a
// session of its own: this one, and others to the same address. That helps if a single connection
// is slower than the network. The file gets its name once its checksum is that of the server's; a
// server that computes none is an ErrUnsupported.
func (c *Client) GetSegments(
	ctx context.Context, name, local string, segments int,
) (Moved, error) {
	switch {
	case segments < 1 || segments > SegmentsMax:
		return Moved{}, failure(name, ErrLocal, wording("segments are 1 to 32"))
	case c.exchange == Status && !c.features.Allows(codec.VerbSum):
		return Moved{}, failure(name, ErrUnsupported,
			wording("this server computes no checksums, by which segments are compared"))
	}
	old, info, err := c.startPieces(ctx, name, local)
	if err != nil {
		return Moved{}, err
	}
	defer c.end()
	c.sweepLeftovers(local)
	d := download{path: local, old: old}
	if _, err := d.create(info.Size); err != nil {
		return Moved{}, err
	}
	n := min(int64(segments), max(info.Size/c.segmentMin, 1))
	if err := c.inSegments(ctx, name, &d, info, n); err != nil {
		d.drop()
		return Moved{Size: info.Size}, err
	}
	return Moved{Size: info.Size, Segments: int(n)}, d.commit()
}

// inSegments fills the file and compares it.
func (c *Client) inSegments(
	ctx context.Context, name string, d *download, info Info, n int64,
) error {
	if err := d.file.Truncate(info.Size); err != nil {
		return failure(d.path, ErrLocal, err)
	}
	all := segmented{name: name, path: d.file.Name(), hook: c.options.Progress}
	g, running := errgroup.WithContext(ctx)
	c.end() // the first failure of another session ends this one's part too
	for i := range n {
		s := span{i * (info.Size / n), (i + 1) * (info.Size / n), info.Size}
		if i == n-1 {
			s.end = info.Size
		}
		g.Go(func() error {
			if i > 0 {
				return c.further(running, &all, s)
			}
			return c.within(running, func() error { return all.fetch(running, c, s) })
		})
	}
	if err := g.Wait(); err != nil {
		if ctx.Err() != nil {
			return failure(name, ErrGivenUp, ctx.Err())
		}
		return err
	}
	return c.within(ctx, func() error {
		if err := c.unchanged(ctx, name, info); err != nil {
			return err
		}
		return c.compare(ctx, name, d.file, info.Size)
	})
}

// further fetches a segment over a session of its own.
func (c *Client) further(ctx context.Context, all *segmented, s span) error {
	o := c.sameServer()
	o.Exchange = Status
	other, err := Dial(ctx, c.Addr(), o)
	if err != nil {
		return err
	}
	defer func() { _ = other.Close() }()
	other.pieceMax = c.pieceMax
	return other.within(ctx, func() error { return all.fetch(ctx, other, s) })
}

// segmented is a file that comes over several sessions.
type segmented struct {
	name, path string

	// mu guards the sum of what all sessions report to the hook.
	mu    sync.Mutex
	hook  func(moved, total int64)
	moved int64
}

// fetch gets a segment, through an open file of its own, with an offset of its own.
func (a *segmented) fetch(ctx context.Context, c *Client, s span) error {
	file, err := os.OpenFile(a.path, os.O_WRONLY, 0)
	if err == nil {
		defer func() { _ = file.Close() }()
		_, err = file.Seek(s.begin, io.SeekStart)
	}
	if err != nil {
		return failure(a.name, ErrLocal, err)
	}
	var hook func(moved, total int64)
	if at := s.begin; a.hook != nil {
		hook = func(moved, total int64) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.moved += moved - at
			at = moved
			a.hook(a.moved, total)
		}
	}
	_, err = c.pieces(ctx, a.name, s, file, hook)
	return err
}
