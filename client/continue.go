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
	// continueMin is the size in bytes below which an upload is not worth a part: it leaves in
	// one write or two, and a part costs three commands more.
	continueMin = 64 << 10
	// continueTries is how often an upload is begun when its part is gone, or has another size
	// than was told, by the time it is gone on with.
	continueTries = 3
	// busyWait is how long a part is waited for that another session holds: mostly the one that
	// broke, whose end the server has yet to see. It is asked for again after these waits.
	busyWait    = 10 * time.Second
	busyWaitMin = 20 * time.Millisecond
	busyWaitMax = time.Second
	// sumWait is how long a checksum is asked for again of a server that computes as many as it
	// will at once for this address: they take as long as reading large files.
	sumWait = 2 * time.Minute
)

// PutFileContinue is PutFile that can be continued. When it breaks off, by whatever cause, the
// server keeps what it got, for a day as a rule, and a note beside the user's state remembers it
// ([Options.NotesFolder]). The next call with the same server, name, size and modification time
// goes on from there, after the checksum of what the server has was found to be that of the local
// file's beginning; if it is not, or the server cannot tell, the upload begins anew. Where the
// file turns out to be there already, whole, nothing is sent.
//
// A server that keeps no parts, or no more of them, gets the file as from PutFile. While another
// session holds the part it is an ErrBusy. A local file that changed while it was sent is an
// ErrMismatch: what is stored then may be of both.
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
	about := c.note(name, info.Size(), info.ModTime())
	if info.Size() < c.continueMin || !c.features.Allows(codec.VerbPutPart) {
		moved.Stored, err = c.put(ctx, name, file, info.Size())
		return moved, err
	}
	for range continueTries {
		moved.Kept, err = c.putOn(ctx, name, file, about)
		if !errors.Is(err, errPartGone) {
			break
		}
	}
	if errors.Is(err, errNoPart) && info.Size() <= codec.FieldMax {
		moved.Kept = 0
		_, err = c.put(ctx, name, file, info.Size())
	}
	if moved.Stored = storedBy(err); err == nil {
		err = sameFile(file, info)
	}
	return moved, err
}

// errPartGone says that a part is not what it was when it was asked about.
var errPartGone = errors.New("the server's part changed")

// errNoPart says that the server keeps as many parts as it will.
var errNoPart = errors.New("the server keeps no further part")

// putOn goes on with an upload, or begins it, and returns how much of it was there.
func (c *Client) putOn(
	ctx context.Context, name string, file *os.File, about note,
) (int64, error) {
	u, err := c.found(ctx, name, file, about)
	if err != nil {
		return 0, err
	}
	if u.at == u.total && u.part == (codec.PartID{}) {
		return u.at, nil
	}
	if u.part == (codec.PartID{}) {
		if u.part, err = c.newPart(ctx, name); err != nil {
			var e *Error
			if errors.As(err, &e) && e.Code == codec.CodeBusy {
				err = marked(e, errNoPart)
			}
			return 0, err
		}
		// A note that cannot be written costs the continuing, not the upload.
		_ = c.notes().save(about, u.part, time.Now())
	}
	if _, err := file.Seek(u.at, io.SeekStart); err != nil {
		return u.at, failure(name, ErrLocal, err)
	}
	err = c.putPieces(ctx, name, file, u)
	var e *Error
	switch {
	case err == nil:
		c.notes().forget(about, u.part)
		return u.at, nil
	case errors.As(err, &e) && e.Code == codec.CodePartSize:
		return u.at, partGone(e)
	case errors.As(err, &e) && e.Code == codec.CodeNoFile:
		// The same reply says that the file cannot have its name: the part is kept then.
		if c.partIsGone(ctx, name, u.part) {
			c.notes().forget(about, u.part)
			return u.at, partGone(e)
		}
	}
	c.notes().renew(about, u.part, time.Now())
	return u.at, err
}

// partIsGone says whether the server has said that it has no such part.
func (c *Client) partIsGone(ctx context.Context, name string, part codec.PartID) bool {
	_, err := c.partSize(ctx, name, part)
	return errors.Is(err, ErrNotFound)
}

// partGone marks an error as one after which the upload is begun again.
func partGone(e *Error) error { return marked(e, errPartGone) }

// marked is an error that also is the cause.
func marked(e *Error, cause error) error {
	m := *e
	m.Err = errors.Join(cause, e.Err)
	return &m
}

// found is the upload that a note tells of: its part and how much of it is right, or no part. If
// the server has the whole file under its name already, all of it is there and there is no part.
func (c *Client) found(
	ctx context.Context, name string, file *os.File, about note,
) (upload, error) {
	fresh := upload{total: about.Size}
	part, ok := c.notes().load(about, time.Now())
	if !ok {
		return fresh, nil
	}
	size, err := c.partSize(ctx, name, part)
	switch {
	case errors.Is(err, ErrNotFound):
		c.notes().forget(about, part)
		// The last reply may have been lost, and not the upload.
		whole, err := c.alreadyThere(ctx, name, file, about.Size)
		if whole {
			fresh.at = about.Size
		}
		return fresh, err
	case err != nil:
		return fresh, err
	case size <= about.Size:
		same, err := c.partIsPrefix(ctx, name, file, part, size)
		if err != nil {
			return fresh, err
		}
		if same {
			return upload{part, size, about.Size}, nil
		}
	}
	c.notes().forget(about, part)
	c.dropPart(ctx, part)
	return fresh, nil
}

// partSize asks how much of an upload the server has, and waits for a part that is held.
func (c *Client) partSize(
	ctx context.Context, name string, part codec.PartID,
) (int64, error) {
	q := codec.Request{Verb: codec.VerbPartSize, Part: part}
	var size int64
	err := whileBusy(ctx, name, c.busyWait, func() error {
		ev, err := c.simple(ctx, q, name, codec.CodeStatus)
		if err != nil {
			return err
		}
		var ok bool
		if size, ok = codec.ParseSize(ev.Data); !ok {
			return c.strange(ctx, q.Verb, ev)
		}
		return nil
	})
	return size, err
}

// whileBusy asks again and again as long as the answer is that what is asked about is busy, for
// most at most.
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

// partIsPrefix says whether the server's part is the local file's beginning. Without a checksum
// nobody knows, and it is not.
func (c *Client) partIsPrefix(
	ctx context.Context, name string, file *os.File, part codec.PartID, size int64,
) (bool, error) {
	if size == 0 {
		return true, nil
	}
	q := codec.Request{Verb: codec.VerbPartSum, Part: part, Algo: XXH3}
	same, err := c.agrees(ctx, q, name, file, size)
	return same, refusedOnly(err)
}

// alreadyThere says whether the file that the server has under name is the local one.
func (c *Client) alreadyThere(
	ctx context.Context, name string, file *os.File, size int64,
) (bool, error) {
	if !c.features.Allows(codec.VerbStat) {
		return false, nil
	}
	info, err := c.stat(ctx, name)
	if err != nil || info.Folder || info.Size != size {
		return false, refusedOnly(err)
	}
	q := codec.Request{Verb: codec.VerbSum, Algo: XXH3, Name: []byte(name)}
	same, err := c.agrees(ctx, q, name, file, size)
	return same, refusedOnly(err)
}

// agrees asks for a checksum, computes that of r meanwhile, and says whether they are the same. A
// server that refuses to tell is an error for which refusedOnly is nil.
func (c *Client) agrees(
	ctx context.Context, q codec.Request, name string, file io.ReaderAt, size int64,
) (bool, error) {
	if !c.features.Allows(q.Verb) {
		return false, failure(name, ErrUnsupported, errNoSums)
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
	err := whileBusy(ctx, name, c.sumWait, func() (err error) {
		ev, err := c.simple(ctx, q, name, codec.CodeStatus)
		theirs, err = c.parseSum(ctx, q, ev, err)
		return err
	})
	if err != nil {
		cancel()
		<-here
		return false, err
	}
	ours := <-here
	if ours.err != nil {
		return false, failure(name, ErrLocal, ours.err)
	}
	return ours.sum == theirs && theirs.Size == size, nil
}

const errNoSums = wording("this server computes no checksums")

// refusedOnly is nil for an error that is no more than the server's refusal, after which the call
// can go on in another way.
func refusedOnly(err error) error {
	var e *Error
	if errors.Is(err, ErrUnsupported) || errors.As(err, &e) && e.Code >= 500 {
		return nil
	}
	return err
}

// sameFile fails when the local file is no longer what it was.
func sameFile(file *os.File, was fs.FileInfo) error {
	is, err := file.Stat()
	if err != nil {
		return failure(file.Name(), ErrLocal, err)
	}
	if is.Size() != was.Size() || !is.ModTime().Equal(was.ModTime()) {
		return failure(file.Name(), ErrMismatch, errChangedHere)
	}
	return nil
}

var errChangedHere = errors.New("it changed while it was sent")
