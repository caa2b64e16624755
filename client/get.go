package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"

	"ferry/codec"
)

// Get fetches a file into w and returns how many bytes w got. A size of 0 is an ErrNothingSent,
// since base says the same of an empty file and of a missing one. When the transfer fails w may
// hold a part; the session goes on unless the error is an ErrLost. A w that is an *os.File opened
// by its path gets large content from the system's own copy.
func (c *Client) Get(ctx context.Context, name string, w io.Writer) (int64, error) {
	if name == "" {
		return 0, &Error{"", ErrName, errNoName}
	}
	if err := c.begin(ctx); err != nil {
		return 0, err
	}
	defer c.end()
	return c.fetch(ctx, codec.VerbGet, name, &sink{w: w})
}

var errNoName = errors.New("a file needs a name")

// sink is where the bytes of a record go.
type sink struct {
	w io.Writer
	// begin, when set, makes w once the size is known; it is not asked for a size of 0.
	begin func(size int64) (io.Writer, error)
}

// fetch runs a command whose data connection brings one record.
func (c *Client) fetch(ctx context.Context, v codec.Verb, name string, to *sink) (int64, error) {
	conn, err := c.open(ctx, v, name)
	if err != nil {
		return 0, err
	}
	r := receiver{conn: conn, decoder: codec.NewDecoder(codec.Record), client: c, name: name}
	r.size = -1
	err = r.run(ctx, to)
	c.done(conn, err != nil && !errors.Is(err, ErrNothingSent))
	return r.received, err
}

const (
	// Below this many bytes to come the system's own copy costs more than it saves: it borrows
	// a pipe.
	spliceMin = 256 << 10
	// spliceMost is how many bytes are asked for at a time, so that the stall timeout starts
	// anew as long as any move.
	spliceMost = 4 << 20
	// Only on Linux does the system copy from a socket to a file.
	spliceServes = runtime.GOOS == "linux"
)

// receiver is one record on its way in, owned by the call that fetches it.
type receiver struct {
	conn    *net.TCPConn
	client  *Client
	name    string
	decoder codec.Decoder
	// size is what the server announced, -1 until it has.
	size     int64
	received int64
}

// run reads the record to its end, and not beyond: the announced size says when it is whole.
func (r *receiver) run(ctx context.Context, to *sink) error {
	b := r.client.borrow()
	defer b.giveBack()
	var in []byte
	for {
		ev, used := r.decoder.Next(in)
		in = in[used:]
		var err error
		switch ev.Kind {
		case codec.EventSize:
			err = r.announced(ev.N, to)
		case codec.EventBytes:
			err = r.write(to.w, ev.Data)
		case codec.EventRecordEnd:
			return nil
		case codec.EventError:
			return &Error{r.name, ErrProtocol, ev.Err}
		default:
			in, err = r.more(ctx, b.bytes, to.w)
		}
		if err != nil {
			return err
		}
	}
}

// announced takes the size.
func (r *receiver) announced(n int64, to *sink) (err error) {
	r.size = n
	if n == 0 {
		return &Error{r.name, ErrNothingSent, nil}
	}
	if to.begin != nil {
		to.w, err = to.begin(n)
	}
	return err
}

func (r *receiver) write(w io.Writer, b []byte) error {
	n, err := w.Write(b)
	r.received += int64(n)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return &Error{r.name, ErrLocal, err}
	}
	return nil
}

// more reads once into b, or has the system move bytes from the socket to a file.
func (r *receiver) more(ctx context.Context, b []byte, w io.Writer) ([]byte, error) {
	if r.decoder.Remaining() >= spliceMin && spliceServes {
		if f, ok := copyable(w); ok {
			return nil, r.splice(ctx, f)
		}
	}
	if err := allow(ctx, r.conn, r.client.options.StallTimeout); err != nil {
		return nil, transferError(ctx, r.name, err)
	}
	n, err := r.conn.Read(b)
	if n > 0 {
		return b[:n], nil
	}
	if errors.Is(err, io.EOF) {
		return nil, r.cut()
	}
	return nil, transferError(ctx, r.name, err)
}

// cut says how far the record came when the connection ended.
func (r *receiver) cut() error {
	if r.size < 0 {
		return &Error{r.name, ErrBroken, errors.New("it ended before a size was told")}
	}
	return &Error{
		r.name, ErrBroken,
		fmt.Errorf("it ended after %d of %d bytes", r.received, r.size),
	}
}

// copyable is w as a file that the system can copy to or from: a plain one that this program
// opened. An inherited one may be open for appending, where splice fails.
func copyable(w any) (*os.File, bool) {
	f, ok := w.(*os.File)
	if !ok || f == os.Stdout || f == os.Stderr || f == os.Stdin {
		return nil, false
	}
	info, err := f.Stat()
	return f, err == nil && info.Mode().IsRegular()
}

// splice moves bytes from the socket to the file for as long as they come.
func (r *receiver) splice(ctx context.Context, f *os.File) error {
	from := io.LimitedReader{R: r.conn}
	for r.decoder.Remaining() > 0 {
		if err := allow(ctx, r.conn, r.client.options.StallTimeout); err != nil {
			return transferError(ctx, r.name, err)
		}
		from.N = min(r.decoder.Remaining(), spliceMost)
		n, err := f.ReadFrom(&from)
		r.decoder.Skip(n)
		r.received += n
		switch {
		case err == nil && n == 0:
			return r.cut()
		case err == nil, n > 0 && errors.Is(err, os.ErrDeadlineExceeded):
			// Bytes moved; a context that has ended is seen at the next turn.
		case isNetwork(err):
			return transferError(ctx, r.name, err)
		default:
			return &Error{r.name, ErrLocal, err}
		}
	}
	return nil
}
