package client

import (
	"context"
	"io/fs"
	"os"
)

// Moved says what a transfer of a whole file did.
type Moved struct {
	// Size is the file's, in bytes.
	Size int64
	// Kept is how many of them were there from an earlier try, and were found to be right.
	Kept int64
	// Segments is how many came at once, 0 for a file that came from its beginning to its end.
	Segments int
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
