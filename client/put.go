package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"ferry/codec"
)

// Stored is what is known of a put that did not fail.
type Stored uint8

const (
	// NotStored comes with an error.
	NotStored Stored = iota
	// Unconfirmed means sent, but not acknowledged by the server.
	Unconfirmed
	// Confirmed means that the server acknowledged the file, in base by a clean close.
	Confirmed
)

// Put stores size bytes from r under name. In status it returns when the server has confirmed the
// file: Confirmed or an error. In base the bytes are one record, and a size over codec.FieldMax is
// an ErrTooLarge before anything is sent. If r ends or fails early the data connection is reset, so
// that the server stores nothing; ctx does not bound r's own blocking. An r that is an *os.File is
// read from its current offset, large ones by the system's own copy.
func (c *Client) Put(ctx context.Context, name string, r io.Reader, size int64) (Stored, error) {
	switch {
	case name == "":
		return NotStored, failure("", ErrName, errNoName)
	case size < 0:
		return NotStored, failure(name, ErrLocal, errors.New("a negative size"))
	case size > codec.FieldMax && c.exchange != Status:
		return NotStored, failure(name, ErrTooLarge, fmt.Errorf(
			"%d bytes, and this exchange announces %d at most", size, int64(codec.FieldMax)))
	}
	if err := c.start(ctx, named(codec.VerbPut, name)); err != nil {
		return NotStored, err
	}
	defer c.end()
	return c.put(ctx, name, r, size)
}

// PutFile stores a local file under name. Only plain files are stored.
func (c *Client) PutFile(ctx context.Context, name, local string) (Moved, error) {
	file, info, err := openPlain(local)
	if err != nil {
		return Moved{}, err
	}
	defer func() { _ = file.Close() }()
	stored, err := c.Put(ctx, name, file, info.Size())
	return Moved{Size: info.Size(), Stored: stored}, err
}

// openPlain opens a plain file. It looks at the type first: opening a FIFO would block.
func openPlain(local string) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(local)
	if err == nil && !info.Mode().IsRegular() {
		err = errNotPlain
	}
	var file *os.File
	if err == nil {
		file, err = os.Open(local)
	}
	if err == nil {
		if info, err = file.Stat(); err == nil {
			return file, info, nil
		}
		_ = file.Close()
	}
	return nil, nil, failure(local, ErrLocal, err)
}

// send runs a command that takes one record of size bytes from a reader. In status it returns the
// final reply.
func (c *control) send(
	ctx context.Context, q codec.Request, from io.Reader, size int64, p progress,
) (stored Stored, last codec.Event, err error) {
	s := sender{client: c, name: label(q), from: from, size: size, left: size, progress: p}
	b := c.borrow()
	defer b.giveBack()
	first, err := s.first(b.bytes)
	if err != nil {
		return NotStored, last, err
	}
	conn, offer, err := c.open(ctx, q)
	if err != nil {
		return NotStored, last, err
	}
	s.conn = conn
	if c.exchange == Status {
		copy(b.bytes, offer.Key[:])
		first = b.bytes[:codec.KeySize+len(first)]
	}
	err = s.all(ctx, first, b.bytes)
	switch {
	case err != nil && c.exchange == Status:
		// What a part got is kept; a file that is incomplete is reset.
		c.done(conn, q.Verb != codec.VerbPutPart)
		return NotStored, last, c.failed(ctx, q, err)
	case err == nil && c.exchange == Status:
		_ = conn.CloseWrite() // a server that broke the connection says why
		last, err = c.finalReply(ctx, q)
		stored = storedBy(err)
	case err == nil:
		stored, err = s.confirm(ctx, b.bytes)
	}
	c.done(conn, err != nil)
	return stored, last, err
}

func storedBy(err error) Stored {
	if err != nil {
		return NotStored
	}
	return Confirmed
}

// sender sends one record, owned by the call that puts it.
type sender struct {
	client *control
	conn   connection
	from   io.Reader
	name   string
	size   int64
	// left counts the bytes not yet taken from the reader.
	left     int64
	progress progress
}

// first fills b, after the room for a KEY, with the field and the first bytes of the content, so
// that they leave in one write. If the reader fails so early, no command was sent.
func (s *sender) first(b []byte) ([]byte, error) {
	b = b[codec.KeySize:]
	content := codec.AppendField(b[:0], s.left)
	content = b[:int64(len(content))+min(s.left, int64(len(b)-len(content)))]
	return content, s.fill(content[codec.FieldSize:])
}

func (s *sender) fill(b []byte) error {
	n, err := io.ReadFull(s.from, b)
	s.left -= int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return s.short()
	}
	if err != nil {
		return failure(s.name, ErrLocal, err)
	}
	return nil
}

// short is the error of a reader that held less than was announced.
func (s *sender) short() error {
	return failure(s.name, ErrLocal, fmt.Errorf("ended %d bytes early", s.left))
}

// all sends first, which may lie in b, and then the rest through b.
func (s *sender) all(ctx context.Context, first, b []byte) error {
	if err := s.write(ctx, first); err != nil {
		return err
	}
	if s.left >= spliceMin {
		if f, ok := copyable(s.from, s.conn); ok {
			if err := s.sendfile(ctx, f); err != nil {
				return err
			}
		}
	}
	for s.left > 0 {
		piece := b[:min(s.left, int64(len(b)))]
		if err := s.fill(piece); err != nil {
			return err
		}
		if err := s.write(ctx, piece); err != nil {
			return err
		}
	}
	return nil
}

// write sends all of b, as long as bytes move.
func (s *sender) write(ctx context.Context, b []byte) error {
	for {
		if err := allow(ctx, s.conn, s.client.options.StallTimeout); err != nil {
			return s.failed(ctx, err)
		}
		n, err := s.conn.Write(b)
		if b = b[n:]; len(b) == 0 {
			s.progress.tell(s.size-s.left, s.size)
			return nil
		}
		if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return s.failed(ctx, err)
		}
	}
}

// sendfile lets the system move the file's bytes to the socket.
func (s *sender) sendfile(ctx context.Context, f *os.File) error {
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return failure(s.name, ErrLocal, err)
	}
	from := io.LimitedReader{R: f}
	for s.left > 0 {
		if err := allow(ctx, s.conn, s.client.options.StallTimeout); err != nil {
			return s.failed(ctx, err)
		}
		from.N = min(s.left, s.progress.piece())
		n, err := io.Copy(s.conn, &from)
		s.left -= n
		at += n
		s.progress.tell(s.size-s.left, s.size)
		switch {
		case err == nil && n == 0:
			return s.short()
		case err == nil:
		case n > 0 && errors.Is(err, os.ErrDeadlineExceeded):
			// If the system did not copy, bytes may have been read but not sent.
			if _, err := f.Seek(at, io.SeekStart); err != nil {
				return failure(s.name, ErrLocal, err)
			}
		default:
			return s.failed(ctx, err)
		}
	}
	return nil
}

// failed is what an error of the data connection means: in base a reset is a refusal.
func (s *sender) failed(ctx context.Context, err error) error {
	if ctx.Err() == nil && isReset(err) && s.client.exchange != Status {
		return failure(s.name, ErrRefused, nil)
	}
	return transferError(ctx, s.name, err)
}

// confirm ends the sending side and waits for the server's close: a clean one means stored, a reset
// failed, silence unconfirmed.
func (s *sender) confirm(ctx context.Context, b []byte) (Stored, error) {
	ended := s.conn.CloseWrite()
	if s.client.options.ConfirmWait < 0 && ended == nil {
		return Unconfirmed, nil
	}
	if err := allow(ctx, s.conn, max(s.client.options.ConfirmWait, 0)); err != nil {
		return NotStored, s.failed(ctx, err)
	}
	for {
		n, err := s.conn.Read(b)
		switch {
		case err == nil && n > 0:
			// Servers have nothing to send here; it is dropped.
		case errors.Is(err, io.EOF) && ended != nil:
			// The socket broke before its sending side could end.
			return NotStored, failure(s.name, ErrRefused, nil)
		case errors.Is(err, io.EOF):
			return Confirmed, nil
		case ctx.Err() == nil && errors.Is(err, os.ErrDeadlineExceeded):
			return Unconfirmed, nil
		default:
			return NotStored, s.failed(ctx, err)
		}
	}
}
