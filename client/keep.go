package client

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"ferry/codec"
)

// GetFileContinue is GetFile that can be resumed. What came stays in a hidden file in the path's
// folder if the transfer breaks off. The next call resumes if the remote file still has its size
// and modification time, and the checksum of what is here is that of the remote file's beginning;
// otherwise, and if the server computes no checksums, it starts over. A resumed download is
// verified as a whole at its end. Files of any size come, in pieces if they do not fit a field.
//
// A file under the path with the remote file's size and checksum stays as it is: nothing is
// fetched, and Moved.Kept is its size. Leftovers in the folder older than [Options.KeptLifetime]
// are removed.
//
// While another call fetches to the same path it is an ErrBusy. A remote file that changes
// meanwhile is an ErrMismatch, and nothing is kept of it.
func (c *Client) GetFileContinue(ctx context.Context, name, local string) (Moved, error) {
	old, info, err := c.startPieces(ctx, name, local)
	if err != nil {
		return Moved{}, err
	}
	defer c.end()
	moved := Moved{Size: info.Size}
	whole, err := c.alreadyHere(ctx, name, local, old, info.Size)
	if err != nil {
		return Moved{}, err
	}
	if whole {
		moved.Kept = info.Size
		dropKept(local, old)
		return moved, nil
	}
	c.sweepLeftovers(local)
	d := &download{path: local, old: old}
	if err := d.open(); err != nil {
		return Moved{}, err
	}
	moved.Kept, err = c.getRest(ctx, name, d, info)
	switch {
	case err == nil:
		return moved, d.commit()
	case errors.Is(err, ErrMismatch):
		d.drop()
	default:
		_ = d.file.Close()
	}
	return moved, err
}

// startPieces begins a call that fetches a file in pieces. It returns what stands under the local
// path, and what the server knows of the file.
func (c *Client) startPieces(
	ctx context.Context, name, local string,
) (old fs.FileInfo, info Info, err error) {
	q := named(codec.VerbGetPart, name)
	if err = c.supports(q); err == nil {
		old, err = checkTarget(name, local)
	}
	if err == nil {
		err = c.start(ctx, q)
	}
	if err == nil {
		if info, err = c.statFile(ctx, name); err != nil {
			c.end()
		}
	}
	return old, info, err
}

// alreadyHere reports whether the local file, if there is one, is the remote one. One that cannot
// be read is not.
func (c *Client) alreadyHere(
	ctx context.Context, name, local string, old fs.FileInfo, size int64,
) (bool, error) {
	if old == nil || old.Size() != size {
		return false, nil
	}
	if size == 0 {
		return true, nil
	}
	file, _, err := openPlain(local)
	if err != nil {
		return false, nil //nolint:nilerr // it may be replaced all the same
	}
	defer func() { _ = file.Close() }()
	err = c.compare(ctx, name, file, size)
	if errors.Is(err, ErrMismatch) || errors.Is(err, ErrLocal) {
		return false, nil
	}
	return err == nil, refusedOnly(err)
}

// dropKept removes what is left of an earlier download to a path whose file is complete, unless
// another call uses it.
func dropKept(local string, old fs.FileInfo) {
	if _, err := os.Lstat(keptPath(local)); err != nil {
		return
	}
	if d := (download{path: local, old: old}); d.open() == nil {
		d.drop()
	}
}

// getRest fetches what is missing, and returns how much was there.
func (c *Client) getRest(ctx context.Context, name string, d *download, info Info) (int64, error) {
	about := c.note(name, info.Size, info.Modified)
	about.Local = noteName(filepath.Base(d.path))
	at, err := c.keptPrefix(ctx, name, d, about)
	if err != nil {
		return 0, err
	}
	if at == 0 {
		err = d.restart(about)
	}
	if err == nil {
		_, err = d.file.Seek(at, io.SeekStart)
	}
	if err != nil {
		return 0, failure(d.path, ErrLocal, err)
	}
	missing := span{at, info.Size, info.Size}
	if _, err := c.pieces(ctx, name, missing, d.file, c.options.Progress); err != nil {
		return at, err
	}
	err = c.unchanged(ctx, name, info)
	if at == 0 && info.Size <= c.pieceMax && errors.Is(err, ErrLost) {
		// It came in one piece, as the server confirmed. A server that shuts down lets running
		// transfers finish, and answers nothing more.
		return 0, nil
	}
	if err != nil || at == 0 {
		return at, err
	}
	// A file that was replaced within a second of its modification time looks unchanged. If the
	// server refuses now, the earlier comparison has to do.
	return at, refusedOnly(c.compare(ctx, name, d.file, info.Size))
}

// compare fails unless a local file is the whole remote one.
func (c *Client) compare(ctx context.Context, name string, file *os.File, size int64) error {
	q := codec.Request{Verb: codec.VerbSum, Algo: XXH3, Name: []byte(name)}
	same, err := c.agrees(ctx, q, file, size)
	if err == nil && !same {
		err = failure(name, ErrMismatch, errors.New("their checksums are not the same"))
	}
	return err
}

// keptPrefix is how many of the kept bytes are the remote file's beginning.
func (c *Client) keptPrefix(
	ctx context.Context, name string, d *download, about note,
) (int64, error) {
	noted, err := readNote(d.note())
	if err != nil || noted != about {
		return 0, nil //nolint:nilerr // without its note it cannot be resumed
	}
	here, err := d.file.Stat()
	if err != nil {
		return 0, failure(d.path, ErrLocal, err)
	}
	n := here.Size()
	if n == 0 || n > about.Size {
		return 0, nil
	}
	q := codec.Request{Verb: codec.VerbSumPart, Algo: XXH3, Length: n, Name: []byte(name)}
	same, err := c.agrees(ctx, q, d.file, n)
	if err != nil || !same {
		return 0, refusedOnly(err)
	}
	return n, nil
}
