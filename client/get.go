package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"

	"github.com/dustin/go-humanize"

	"ferry/codec"
)

// Get fetches a file into w and returns how many bytes w got. In base a size of 0 is an
// ErrNothingSent, since it says the same of an empty file and of a missing one. If the transfer
// fails, w may hold a part. A w that is an *os.File opened by its path gets large content by the
// system's own copy.
func (c *Client) Get(ctx context.Context, name string, w io.Writer) (int64, error) {
	if err := c.start(ctx, named(codec.VerbGet, name)); err != nil {
		return 0, err
	}
	defer c.end()
	return c.fetch(ctx, name, &sink{w: w, progress: c.progress(0, 0)})
}

// sink is where the bytes of a file or a listing go.
type sink struct {
	w io.Writer
	// begin, if set, makes w once the size is known; -1 means that the server does not tell it. It
	// is not called for base's size of 0.
	begin    func(size int64) (io.Writer, error)
	progress progress
}

// progress reports to the caller's hook; its zero value does nothing.
type progress struct {
	hook func(moved, total int64)
	// before is how much was there already; total is the file's size, 0 for the transfer's.
	before, total int64
}

// progress reports on a file of total bytes, of which some are there already.
func (c *control) progress(before, total int64) progress {
	return progress{c.options.Progress, before, total}
}

// tell reports that n bytes of a transfer's size have moved.
func (p *progress) tell(n, size int64) {
	if p.hook == nil {
		return
	}
	if p.total != 0 {
		size = p.total
	}
	p.hook(p.before+n, size)
}

// piece is how many bytes to request at a time of the system's own copy.
func (p *progress) piece() int64 {
	if p.hook == nil {
		return spliceMost
	}
	return progressPiece
}

// bring runs a command that receives one record, or a file or a message of classic. It returns how
// many bytes came, and the offer.
func (c *control) bring(
	ctx context.Context, q codec.Request, to *sink,
) (int64, codec.Offer, error) {
	conn, offer, err := c.open(ctx, q)
	if err != nil {
		return 0, offer, err
	}
	r := receiver{
		conn: conn, client: c, name: label(q), size: -1, expected: -1, progress: to.progress,
		decoder: codec.NewDecoder(codec.Record),
	}
	switch {
	case c.exchange == Status && q.Length > 0 && offer.Size > q.Length:
		// Surplus bytes would overwrite what others fetch, or fill the disk.
		err = failure(r.name, ErrProtocol, fmt.Errorf(
			"%d bytes are offered where %d were asked for", offer.Size, q.Length))
	case c.exchange == Status:
		r.expected = offer.Size
		err = r.unlock(ctx, offer.Key)
	case c.exchange == Classic && offer.Port == c.ports.files:
		r.toClose = true
	case c.exchange == Classic:
		r.message, r.decoder = true, codec.NewDecoder(codec.Lines)
	}
	if err == nil {
		err = r.run(ctx, to)
	}
	c.done(conn, !r.whole)
	switch {
	case c.exchange != Status:
		return r.received, offer, err
	case err != nil:
		return r.received, offer, c.failed(ctx, q, err)
	}
	ev, err := c.finalReply(ctx, q)
	if err == nil {
		err = c.complete(ctx, q.Verb, ev, r.received)
	}
	return r.received, offer, err
}

// complete checks the size in the final reply to a transfer.
func (c *control) complete(ctx context.Context, v codec.Verb, ev codec.Event, size int64) error {
	if n, ok := codec.ParseSize(ev.Data); !ok || n != size {
		return c.unexpected(ctx, v, ev)
	}
	return nil
}

// unlock sends the KEY, the first bytes on a status session's data connection.
func (r *receiver) unlock(ctx context.Context, key codec.Key) error {
	if err := allow(ctx, r.conn, r.client.options.StallTimeout); err != nil {
		return transferError(ctx, r.name, err)
	}
	r.client.said = append(r.client.said[:0], key[:]...)
	if _, err := r.conn.Write(r.client.said); err != nil {
		return transferError(ctx, r.name, err)
	}
	return nil
}

const (
	// Below this many bytes the system's own copy costs more than it saves: it borrows a pipe.
	spliceMin = 256 << 10
	// spliceMost bounds the bytes of one request, so that the stall timeout restarts while bytes
	// move.
	spliceMost = 4 << 20
	// progressPiece replaces it where somebody watches: slow lines show progress, and the calls
	// cost under 1 % of the copying.
	progressPiece = 256 << 10
	// Only Linux copies from a socket to a file.
	spliceServes = runtime.GOOS == "linux"
)

// receiver reads one data connection, owned by the call that fetches.
type receiver struct {
	conn    connection
	client  *control
	name    string
	decoder codec.Decoder
	// size is what the server announced, -1 until it has; expected is what the offer said, -1 where
	// it said nothing.
	size, expected int64
	received       int64
	progress       progress
	// message means that a message comes; toClose a file that ends with the close.
	message, toClose bool
	// whole means that everything came that the server had to send.
	whole bool
}

// run reads a record, a message or a file to its end, and not beyond.
func (r *receiver) run(ctx context.Context, to *sink) error {
	b := r.client.borrow()
	defer b.giveBack()
	defer r.decoder.Release()
	if r.toClose {
		return r.untilClose(ctx, b.bytes, to)
	}
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
			r.whole = true
			return nil
		case codec.EventCommand:
			r.whole = true
			return messageError(r.name, string(ev.Data))
		case codec.EventError:
			return failure(r.name, ErrProtocol, ev.Err)
		default:
			if in, err = r.more(ctx, b.bytes, to.w); errors.Is(err, io.EOF) {
				in, err = r.cut()
			}
		}
		if err != nil {
			return err
		}
	}
}

func (r *receiver) announced(n int64, to *sink) (err error) {
	r.size = n
	switch {
	case r.expected >= 0 && n != r.expected:
		return failure(r.name, ErrProtocol, fmt.Errorf("it offered %d bytes and sends %d",
			r.expected, n))
	case n == 0 && r.expected < 0:
		r.whole = true
		return failure(r.name, ErrNothingSent, nil)
	case to.begin != nil:
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
		return failure(r.name, ErrLocal, err)
	}
	r.progress.tell(r.received, r.size)
	return nil
}

// more reads once into b, or lets the system move bytes from the socket to a file. It returns
// io.EOF after a clean close.
func (r *receiver) more(ctx context.Context, b []byte, w io.Writer) ([]byte, error) {
	if r.large() && spliceServes {
		if f, ok := copyable(w, r.conn); ok {
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
		return nil, io.EOF
	}
	return nil, transferError(ctx, r.name, err)
}

// large reports whether the system's own copy pays off. A file without a size that was large so far
// probably has more to come.
func (r *receiver) large() bool {
	return r.left() >= spliceMin && (!r.toClose || r.received >= spliceMin)
}

// left is how many bytes are still to come at most.
func (r *receiver) left() int64 {
	if r.toClose {
		return math.MaxInt64
	}
	return r.decoder.Remaining()
}

// cut reports how much came before the connection ended. A message whose line end is missing gets
// one.
func (r *receiver) cut() ([]byte, error) {
	var how error
	switch {
	case r.message && r.decoder.Gathering():
		return lineEnd, nil
	case r.message:
		how = errors.New("it ended before a message was sent")
	case r.size < 0:
		how = errors.New("it ended before a size was sent")
	default:
		how = fmt.Errorf("it ended after %s of %s bytes", humanize.Comma(r.received),
			humanize.Comma(r.size))
	}
	return nil, failure(r.name, ErrBroken, how)
}

// splice lets the system move bytes from the socket to the file. It returns io.EOF after a clean
// close that came too early.
func (r *receiver) splice(ctx context.Context, f *os.File) error {
	from := io.LimitedReader{R: r.conn}
	for r.left() > 0 {
		if err := allow(ctx, r.conn, r.client.options.StallTimeout); err != nil {
			return transferError(ctx, r.name, err)
		}
		from.N = min(r.left(), r.progress.piece())
		n, err := f.ReadFrom(&from)
		r.received += n
		r.progress.tell(r.received, r.size)
		if !r.toClose {
			r.decoder.Skip(n)
		}
		switch {
		case err == nil && n == 0:
			return io.EOF
		case err == nil, n > 0 && errors.Is(err, os.ErrDeadlineExceeded):
			// Bytes moved; the next turn notices a context that has ended.
		case isNetwork(err):
			return transferError(ctx, r.name, err)
		default:
			return failure(r.name, ErrLocal, err)
		}
	}
	return nil
}
