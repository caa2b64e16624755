package client

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"ferry/codec"
)

const (
	// continueMin is the size in bytes below which an upload gets no part: it leaves in a write or
	// two, and a part costs three more commands.
	continueMin = 64 << 10
	// continueTries is how often to start an upload whose part is gone, or has another size than
	// the server said.
	continueTries = 3
	// busyWait is how long to wait for a part that another session holds. That is usually the
	// session that was lost, before the server notices. The waits between tries grow.
	busyWait    = 10 * time.Second
	busyWaitMin = 20 * time.Millisecond
	busyWaitMax = time.Second
	// sumWait is how long to ask for a checksum while the server computes as many as it will.
	sumWait = 2 * time.Minute
)

// PutFileContinue is PutFile that can be resumed. If it breaks off, the server keeps what it got,
// by default for a day, and a note in [Options.NotesFolder] remembers it. The next call with the
// same server, name, size and modification time resumes if the checksum of the part is that of the
// local file's beginning; otherwise it starts over. If the server has the whole file already,
// nothing is sent.
//
// A server that keeps no parts, or no more of them, gets the file in one piece. While another
// session holds the part it is an ErrBusy. A local file that changed during the upload is an
// ErrMismatch: what is stored may be of both versions.
func (c *Client) PutFileContinue(ctx context.Context, name, local string) (Moved, error) {
	q := named(codec.VerbPutPart, name)
	if err := c.supports(q); err != nil {
		return Moved{}, err
	}
	file, info, err := openPlain(local)
	if err != nil {
		return Moved{}, err
	}
	defer func() { _ = file.Close() }()
	if err := c.start(ctx, q); err != nil {
		return Moved{}, err
	}
	defer c.end()
	moved := Moved{Size: info.Size()}
	if info.Size() < c.continueMin || !c.features.Allows(codec.VerbPutPart) {
		moved.Stored, err = c.put(ctx, name, file, info.Size())
		return moved, err
	}
	u := upload{Client: c, name: name, file: file, about: c.note(name, info.Size(), info.ModTime())}
	for range continueTries {
		if moved.Kept, err = u.run(ctx); !errors.Is(err, errPartGone) {
			break
		}
	}
	if errors.Is(err, errNoPart) && info.Size() <= c.pieceMax {
		moved.Kept = 0
		_, err = c.put(ctx, name, file, info.Size())
	}
	if moved.Stored = storedBy(err); err == nil {
		err = unmodified(file, info)
	}
	return moved, err
}

var (
	errPartGone = errors.New("the server's part changed")
	errNoPart   = errors.New("the server keeps no part")
)

// upload is a local file that is stored by a part, owned by one call.
type upload struct {
	*Client
	name string
	file *os.File
	// about identifies the upload's note.
	about note
}

// run resumes the upload, or starts it, and returns how much of it was there.
func (u *upload) run(ctx context.Context) (int64, error) {
	part, at, err := u.find(ctx)
	if err != nil {
		return 0, err
	}
	if part == (codec.PartID{}) {
		if at == u.about.Size {
			return at, nil
		}
		if part, err = u.newPart(ctx, u.name); err != nil {
			return 0, err
		}
		// Without a note the upload cannot be resumed, but it can go on.
		_ = u.notes().save(u.about, part, time.Now())
	}
	if _, err := u.file.Seek(at, io.SeekStart); err != nil {
		return at, failure(u.name, ErrLocal, err)
	}
	err = u.putPieces(ctx, u.name, u.file, part, span{at, u.about.Size, u.about.Size})
	var e *Error
	switch {
	case err == nil:
		u.notes().forget(u.about, part)
		return at, nil
	case !errors.As(err, &e):
	case e.Code == codec.CodePartSize:
		return at, marked(e, errPartGone)
	case e.Code == codec.CodeNoFile:
		// The same code says that the file cannot have its name: then the part is kept.
		if _, err := u.partSize(ctx, part); errors.Is(err, ErrNotFound) {
			u.notes().forget(u.about, part)
			return at, marked(e, errPartGone)
		}
	}
	u.notes().renew(u.about, part, time.Now())
	return at, err
}

// marked is an error that also has another cause.
func marked(e *Error, cause error) error {
	m := *e
	m.Err = errors.Join(cause, e.Err)
	return &m
}

// find returns the noted part and how much of it is right, or no part. If the server has the whole
// file under its name, all of it is there and there is no part.
func (u *upload) find(ctx context.Context) (part codec.PartID, at int64, err error) {
	part, ok := u.notes().load(u.about, time.Now())
	if !ok {
		return codec.PartID{}, 0, nil
	}
	size, err := u.partSize(ctx, part)
	switch {
	case errors.Is(err, ErrNotFound):
		u.notes().forget(u.about, part)
		// The upload may have succeeded, and its final reply may have been lost.
		whole, err := u.stored(ctx)
		if whole {
			at = u.about.Size
		}
		return codec.PartID{}, at, err
	case err != nil:
		return codec.PartID{}, 0, err
	case size <= u.about.Size:
		q := codec.Request{Verb: codec.VerbPartSum, Part: part, Algo: XXH3, Name: []byte(u.name)}
		same := size == 0
		if !same {
			same, err = u.agrees(ctx, q, u.file, size)
		}
		if err := refusedOnly(err); err != nil {
			return codec.PartID{}, 0, err
		}
		if same {
			return part, size, nil
		}
	}
	u.notes().forget(u.about, part)
	u.dropPart(ctx, part)
	return codec.PartID{}, 0, nil
}

// partSize asks how much of an upload the server has, and waits for a part that is held.
func (u *upload) partSize(ctx context.Context, part codec.PartID) (size int64, err error) {
	q := codec.Request{Verb: codec.VerbPartSize, Part: part, Name: []byte(u.name)}
	err = whileBusy(ctx, u.name, u.busyWait, func() error {
		ev, err := u.simple(ctx, q, codec.CodeStatus)
		if err != nil {
			return err
		}
		var ok bool
		if size, ok = codec.ParseSize(ev.Data); !ok {
			return u.unexpected(ctx, q.Verb, ev)
		}
		return nil
	})
	return size, err
}

// whileBusy repeats a question while the answer is busy, for most at most.
func whileBusy(ctx context.Context, name string, most time.Duration, ask func() error) error {
	first := time.Now()
	for wait := busyWaitMin; ; wait = min(2*wait, busyWaitMax) {
		err := ask()
		var e *Error
		if !errors.As(err, &e) || e.Code != codec.CodeBusy || time.Since(first) > most {
			return err
		}
		if sleep(ctx, wait) != nil {
			return failure(name, ErrGivenUp, ctx.Err())
		}
	}
}

// stored reports whether the file that the server has under the name is the local one.
func (u *upload) stored(ctx context.Context) (bool, error) {
	if !u.features.Allows(codec.VerbStat) {
		return false, nil
	}
	info, err := u.stat(ctx, u.name)
	if err != nil || info.Folder || info.Size != u.about.Size {
		return false, refusedOnly(err)
	}
	q := codec.Request{Verb: codec.VerbSum, Algo: XXH3, Name: []byte(u.name)}
	same, err := u.agrees(ctx, q, u.file, info.Size)
	return same, refusedOnly(err)
}

// agrees asks for a checksum, computes that of the local bytes meanwhile, and compares them. The
// error of a server that refuses is nil to refusedOnly.
func (c *Client) agrees(
	ctx context.Context, q codec.Request, file io.ReaderAt, size int64,
) (bool, error) {
	if !c.features.Allows(q.Verb) {
		return false, failure(label(q), ErrUnsupported,
			wording("this server computes no checksums"))
	}
	type result struct {
		sum Sum
		err error
	}
	here := make(chan result, 1)
	local, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		sum, err := LocalSum(local, q.Algo, io.NewSectionReader(file, 0, size))
		here <- result{sum, err}
	}()
	var theirs Sum
	err := whileBusy(ctx, label(q), c.sumWait, func() (err error) {
		ev, err := c.simple(ctx, q, codec.CodeStatus)
		theirs, err = c.parseSum(ctx, q, ev, err)
		return err
	})
	if err != nil {
		cancel()
	}
	ours := <-here
	if err == nil && ours.err != nil {
		err = failure(label(q), ErrLocal, ours.err)
	}
	return err == nil && ours.sum == theirs && theirs.Size == size, err
}

// refusedOnly is nil for an error that is only the server's refusal: there is another way.
func refusedOnly(err error) error {
	var e *Error
	if errors.Is(err, ErrUnsupported) || errors.As(err, &e) && e.Code >= 500 {
		return nil
	}
	return err
}

// unmodified fails if the local file changed.
func unmodified(file *os.File, was fs.FileInfo) error {
	is, err := file.Stat()
	if err != nil {
		return failure(file.Name(), ErrLocal, err)
	}
	if is.Size() != was.Size() || !is.ModTime().Equal(was.ModTime()) {
		return failure(file.Name(), ErrMismatch, errors.New("file changed during upload"))
	}
	return nil
}
