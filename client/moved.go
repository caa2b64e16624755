package client

import (
	"context"
	"io/fs"
	"os"

	"ferry/codec"
)

// Moved says what a transfer of a whole file did.
type Moved struct {
	// Size is the file's, in bytes.
	Size int64
	// Kept is how many of them were there from an earlier try, and were found to be right.
	Kept int64
	// Stored says what is known of an upload.
	Stored Stored
}

// PutFile stores a local file under name. Files beyond codec.FieldMax bytes go by pieces in the
// status exchange, and are an ErrTooLarge in base. Only plain files are stored.
func (c *Client) PutFile(ctx context.Context, name, local string) (Moved, error) {
	file, info, err := openPlain(local)
	if err != nil {
		return Moved{}, err
	}
	defer func() { _ = file.Close() }()
	stored, err := c.Put(ctx, name, file, info.Size())
	return Moved{Size: info.Size(), Stored: stored}, err
}

// openPlain opens a plain file. A FIFO would be waited for if it were opened first.
func openPlain(local string) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(local)
	if err == nil && !info.Mode().IsRegular() {
		err = errNotPlain
	}
	if err != nil {
		return nil, nil, failure(local, ErrLocal, err)
	}
	file, err := os.Open(local)
	if err != nil {
		return nil, nil, failure(local, ErrLocal, err)
	}
	if info, err = file.Stat(); err != nil {
		_ = file.Close()
		return nil, nil, failure(local, ErrLocal, err)
	}
	return file, info, nil
}

// PutFileContinue is PutFile that can be continued: when it breaks off the server keeps what it
// got, the client notes it, and the next call goes on from there if the server's part is the local
// file's beginning.
func (c *Client) PutFileContinue(ctx context.Context, name, local string) (Moved, error) {
	if err := c.has(codec.VerbPutPart); err != nil {
		return Moved{}, err
	}
	return c.PutFile(ctx, name, local)
}

// GetFileContinue is GetFile that can be continued: when it breaks off what came stays beside the
// file's place under a hidden name, and the next call goes on from there if it is the remote file's
// beginning.
func (c *Client) GetFileContinue(ctx context.Context, name, local string) (Moved, error) {
	if err := c.has(codec.VerbGetPart); err != nil {
		return Moved{}, err
	}
	n, err := c.GetFile(ctx, name, local)
	return Moved{Size: n}, err
}

// GetSegments fetches a file in so many segments at once, each over a session of its own, and
// compares the whole file's checksum with the server's.
func (c *Client) GetSegments(ctx context.Context, name, local string, segments int) (Moved, error) {
	if err := c.has(codec.VerbGetPart); err != nil {
		return Moved{}, err
	}
	if segments < 1 {
		return Moved{}, failure(name, ErrLocal, errNoSegments)
	}
	n, err := c.GetFile(ctx, name, local)
	return Moved{Size: n}, err
}

const errNoSegments = wording("a number of segments is 1 or more")
