package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"ferry/codec"
)

// Stored says what is known of a put that did not fail.
type Stored uint8

const (
	// NotStored comes with an error.
	NotStored Stored = iota
	// Unconfirmed means that every byte was sent and the server said nothing.
	Unconfirmed
	// Confirmed means that the server said so, or in base closed in order: it has the file.
	Confirmed
)

// String is what a person is told.
func (s Stored) String() string {
	switch s {
	case Confirmed:
		return "stored"
	case Unconfirmed:
		return "sent, not confirmed"
	default:
		return "not stored"
	}
}

// Put stores size bytes from r under name. In the status exchange it returns when the server has
// said that the file is there: Confirmed or an error, nothing else. In base the bytes are one
// record, and a size over codec.FieldMax is an ErrTooLarge before anything is sent. If r ends or
// fails early the data connection is reset, so that the server stores nothing; r's own blocking is
// not bounded by ctx. An r that is an *os.File is read from where it stands, large ones by the
// system's own copy.
func (c *Client) Put(
	ctx context.Context, name string, r io.Reader, size int64,
) (Stored, error) {
	switch {
	case name == "":
		return NotStored, failure("", ErrName, errNoName)
	case size < 0:
		return NotStored, failure(name, ErrLocal, errors.New("a negative size"))
	case size > codec.FieldMax && c.exchange != Status:
		return NotStored, failure(name, ErrTooLarge, fmt.Errorf(
			"%d bytes, and this exchange announces %d at most", size, int64(codec.FieldMax)))
	}
	if err := c.baseOnly(codec.VerbPut); err != nil {
		return NotStored, err
	}
	if err := c.begin(ctx); err != nil {
		return NotStored, err
	}
	defer c.end()
	if c.exchange == Status {
		return c.putStatus(ctx, name, r, size)
	}
	return c.putBase(ctx, name, r, size)
}

func (c *Client) putBase(
	ctx context.Context, name string, r io.Reader, size int64,
) (Stored, error) {
	s := sender{
		client: c, name: name, from: r, size: size, left: size, progress: c.progress(0, 0),
	}
	b := c.borrow()
	defer b.giveBack()
	first, err := s.first(b.bytes)
	if err != nil {
		return NotStored, err
	}
	s.conn, _, err = c.open(ctx, codec.VerbPut, name)
	if err != nil {
		return NotStored, err
	}
	stored, err := s.run(ctx, first, b.bytes)
	c.done(s.conn, err != nil)
	return stored, err
}

// sender is one record on its way out, owned by the call that puts it.
type sender struct {
	client *Client
	conn   *net.TCPConn
	from   io.Reader
	name   string
	size   int64
	// left counts the bytes not yet taken from the reader.
	left     int64
	progress progress
}

// first fills b with the field and the first bytes of the content, behind a KEY's room, so that
// they leave in one write. A reader that fails so early costs the server nothing: no command was
// sent.
func (s *sender) first(b []byte) ([]byte, error) {
	b = b[codec.KeySize:]
	content := codec.AppendField(b[:0], s.left)
	content = b[:int64(len(content))+min(s.left, int64(len(b)-len(content)))]
	return content, s.fill(content[codec.FieldSize:])
}

// fill reads all of b from the reader.
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

// short says that the reader held less than was announced.
func (s *sender) short() error {
	return failure(s.name, ErrLocal, fmt.Errorf("ended %d bytes early", s.left))
}

func (s *sender) run(ctx context.Context, first, b []byte) (Stored, error) {
	if err := s.all(ctx, first, b); err != nil {
		return NotStored, err
	}
	return s.confirm(ctx, b)
}

// all sends what first has begun with, and the rest through b, which first may lie in.
func (s *sender) all(ctx context.Context, first, b []byte) error {
	if err := s.write(ctx, first); err != nil {
		return err
	}
	if s.left >= spliceMin {
		if f, ok := copyable(s.from); ok {
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

// write sends all of b, for as long as any of it moves.
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

// sendfile has the system move the file's bytes to the socket.
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
		n, err := s.conn.ReadFrom(&from)
		s.left -= n
		at += n
		s.progress.tell(s.size-s.left, s.size)
		switch {
		case err == nil && n == 0:
			return s.short()
		case err == nil:
		case n > 0 && errors.Is(err, os.ErrDeadlineExceeded):
			// Where the system did not copy, bytes may have been read that were not sent.
			if _, err := f.Seek(at, io.SeekStart); err != nil {
				return failure(s.name, ErrLocal, err)
			}
		default:
			return s.failed(ctx, err)
		}
	}
	return nil
}

// failed says what an error of the data connection means: base's one sign is the reset.
func (s *sender) failed(ctx context.Context, err error) error {
	if ctx.Err() == nil && isReset(err) && s.client.exchange != Status {
		return failure(s.name, ErrRefused, nil)
	}
	return transferError(ctx, s.name, err)
}

// confirm ends the sending side and waits for the server's close. (PROTOCOL, Base exchange: "clean
// close = stored, reset = failed, silence = 'sent, not confirmed'").
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
			// A server has nothing to say here; what it says is dropped.
		case errors.Is(err, io.EOF) && ended != nil:
			// The socket was broken before its sending side could end.
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
