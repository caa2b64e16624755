package client

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"ferry/codec"
)

const (
	// SegmentsMax is how many segments a file is fetched in at most: more sessions from one
	// client help nobody.
	SegmentsMax = 32
	// segmentMin is the least that is worth a session of its own, in bytes.
	segmentMin = 1 << 20
)

// GetSegments fetches a file in up to so many segments at once, from 1 to SegmentsMax, each over a
// session of its own: this one, and others that it makes to the same address with the same options.
// It serves where a single connection is slower than the network. When all are there the whole
// file's checksum is compared with the server's, without which the file does not get its name. A
// server that computes no checksums is an ErrUnsupported.
func (c *Client) GetSegments(ctx context.Context, name, local string, segments int) (Moved, error) {
	q := named(codec.VerbGetPart, name)
	if err := c.supports(q); err != nil {
		return Moved{}, err
	}
	if segments < 1 || segments > SegmentsMax {
		return Moved{}, failure(name, ErrLocal, errSegments)
	}
	if !c.features.Allows(codec.VerbSum) {
		return Moved{}, failure(name, ErrUnsupported, wording(
			"this server computes no checksums, by which segments are compared"))
	}
	old, err := checkTarget(name, local)
	if err != nil {
		return Moved{}, err
	}
	if err := c.start(ctx, q); err != nil {
		return Moved{}, err
	}
	defer c.end()
	info, err := c.statFile(ctx, name)
	if err != nil {
		return Moved{}, err
	}
	c.sweepLeftovers(local)
	d := download{path: local, old: old}
	if _, err := d.create(info.Size); err != nil {
		return Moved{}, err
	}
	n := int(min(int64(segments), max(info.Size/c.segmentMin, 1)))
	if err := c.inSegments(ctx, name, &d, info, int64(n)); err != nil {
		d.drop()
		return Moved{Size: info.Size}, err
	}
	return Moved{Size: info.Size, Segments: n}, d.commit()
}

const errSegments = wording("segments are 1 to 32")

// inSegments fills the file and compares it.
func (c *Client) inSegments(
	ctx context.Context, name string, d *download, info Info, n int64,
) error {
	if err := d.file.Truncate(info.Size); err != nil {
		return failure(d.path, ErrLocal, err)
	}
	all := segmented{name: name, path: d.file.Name(), total: info.Size, hook: c.options.Progress}
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	var others sync.WaitGroup
	fail := func(err error) {
		if err != nil {
			all.fail(err)
			cancel()
		}
	}
	for i := int64(1); i < n; i++ {
		others.Go(func() { fail(c.further(running, &all, all.span(i, n))) })
	}
	// This session's own watch is over ctx: the first failure of another ends it too.
	c.end()
	fail(c.within(running, func() error {
		return all.fetch(running, c, all.span(0, n))
	}))
	others.Wait()
	if all.failed != nil {
		if ctx.Err() != nil {
			return failure(name, ErrGivenUp, ctx.Err())
		}
		return all.failed
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
	o := c.options
	o.Exchange = Status
	other, err := Dial(ctx, c.Addr(), o)
	if err != nil {
		return err
	}
	defer func() { _ = other.Close() }()
	other.pieceMax = c.pieceMax
	if c.folder != "" {
		if _, err := other.Cd(ctx, c.folder); err != nil {
			return err
		}
	}
	return other.within(ctx, func() error { return all.fetch(ctx, other, s) })
}

// segmented is one file's way here over several sessions.
type segmented struct {
	name, path string
	total      int64

	mu     sync.Mutex
	hook   func(moved, total int64)
	moved  int64
	failed error
}

// span is the segment i of n.
func (a *segmented) span(i, n int64) span {
	each := a.total / n
	s := span{i * each, (i + 1) * each, a.total}
	if i == n-1 {
		s.end = a.total
	}
	return s
}

// fetch brings a segment, through an open file of its own: it has a place of its own.
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
	if a.hook != nil {
		at := s.begin
		hook = func(moved, _ int64) {
			a.tell(moved - at)
			at = moved
		}
	}
	_, err = c.pieces(ctx, a.name, s, file, hook)
	return err
}

// tell adds to what is there.
func (a *segmented) tell(n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.moved += n
	a.hook(a.moved, a.total)
}

// fail keeps the first failure: those behind it are mostly its consequences.
func (a *segmented) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed == nil || errors.Is(a.failed, ErrGivenUp) {
		a.failed = err
	}
}
