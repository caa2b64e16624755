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

// GetFileContinue is GetFile that can be continued. What comes grows beside the file's place under
// a hidden name, and stays there when the transfer breaks off, by whatever cause. The next call
// goes on from there if the remote file has the size and the modification time that it had, and
// if the checksum of what is here is that of the remote file's beginning; otherwise it begins anew,
// as it does where the server computes no checksums. A download that was continued is compared
// whole at its end. Files of any size come, by pieces where they do not fit a field.
//
// A file that stands under the path already, as long as the remote one and with its checksum, stays
// as it is, nothing is fetched, and Moved.Kept is its size. It is fetched where the server computes
// no checksums.
//
// What other downloads left in the folder and nobody has gone on with for [Options.KeptLifetime] is
// removed.
//
// While another call fetches to the same path it is an ErrBusy. A remote file that changes
// meanwhile is an ErrMismatch, and nothing is kept of it.
func (c *Client) GetFileContinue(ctx context.Context, name, local string) (Moved, error) {
	if err := c.has(codec.VerbGetPart); err != nil {
		return Moved{}, err
	}
	old, err := checkTarget(name, local)
	if err != nil {
		return Moved{}, err
	}
	if err := c.start(ctx, codec.VerbGetPart, name); err != nil {
		return Moved{}, err
	}
	defer c.end()
	info, err := c.statFile(ctx, name)
	if err != nil {
		return Moved{}, err
	}
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
	k, err := openKept(local, old)
	if err != nil {
		return Moved{}, err
	}
	if moved.Kept, err = c.getOn(ctx, name, k, info); err != nil {
		if errors.Is(err, ErrMismatch) {
			k.drop()
		}
		k.close()
		return moved, err
	}
	return moved, k.commit()
}

// alreadyHere says whether the file that stands under the local path, if one does, is the remote
// one. One that cannot be read is not.
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

// dropKept removes what there is of an earlier download to a path whose file is whole, unless
// another call is at it.
func dropKept(local string, old fs.FileInfo) {
	if _, err := os.Lstat((&kept{path: local}).hidden()); err != nil {
		return
	}
	if k, err := openKept(local, old); err == nil {
		k.drop()
		k.close()
	}
}

// statFile is stat of what has to be a file.
func (c *Client) statFile(ctx context.Context, name string) (Info, error) {
	info, err := c.stat(ctx, name)
	if err != nil {
		return Info{}, err
	}
	if info.Folder {
		return Info{}, failure(name, ErrNotFound, wording("it is a folder"))
	}
	return info, nil
}

// getOn fetches what is missing, and returns how much was there.
func (c *Client) getOn(ctx context.Context, name string, k *kept, info Info) (int64, error) {
	about := note{
		Server: c.serverName(), Name: noteName(c.fromRoot(name)),
		Size: info.Size, Modified: info.Modified.UnixNano(),
		Local: noteName(filepath.Base(k.path)),
	}
	at, err := c.keptPrefix(ctx, name, k, about)
	if err != nil {
		return 0, err
	}
	if at == 0 {
		err = k.begin(about)
	}
	if err == nil {
		_, err = k.file.Seek(at, io.SeekStart)
	}
	if err != nil {
		return 0, failure(k.path, ErrLocal, err)
	}
	missing := span{at, info.Size, info.Size}
	if _, err := c.pieces(ctx, name, missing, k.file, c.options.Progress); err != nil {
		return at, err
	}
	err = c.unchanged(ctx, name, info)
	if at == 0 && info.Size <= c.pieceMax && errors.Is(err, ErrLost) {
		// It came whole in one piece, as the server said at its end. A server that is ending lets
		// what runs finish, and answers nothing more.
		return 0, nil
	}
	if err != nil || at == 0 {
		return at, err
	}
	// A file that was replaced within a second of the modification time looks unchanged. Where
	// the server does not say any more, what was compared before has to do.
	return at, refusedOnly(c.compare(ctx, name, k.file, info.Size))
}

// compare fails unless a local file is the whole remote one.
func (c *Client) compare(
	ctx context.Context, name string, file *os.File, size int64,
) error {
	q := codec.Request{Verb: codec.VerbSum, Algo: XXH3, Name: []byte(name)}
	same, err := c.agrees(ctx, q, name, io.NewSectionReader(file, 0, size), size)
	if err == nil && !same {
		err = failure(name, ErrMismatch, errSums)
	}
	return err
}

var errSums = errors.New("their checksums are not the same")

// keptPrefix is how many bytes of what was kept are the remote file's beginning.
func (c *Client) keptPrefix(
	ctx context.Context, name string, k *kept, about note,
) (int64, error) {
	noted, err := readNote(k.noted())
	if err != nil || noted != about {
		return 0, nil //nolint:nilerr // what nothing is known of is not gone on with
	}
	here, err := k.file.Stat()
	if err != nil {
		return 0, failure(k.path, ErrLocal, err)
	}
	n := here.Size()
	if n == 0 || n > about.Size {
		return 0, nil
	}
	q := codec.Request{
		Verb: codec.VerbSumPart, Algo: XXH3, Length: n, Name: []byte(name),
	}
	same, err := c.agrees(ctx, q, name, io.NewSectionReader(k.file, 0, n), n)
	if err != nil || !same {
		return 0, refusedOnly(err)
	}
	return n, nil
}

// kept is a download that stays when it breaks off, held by one call of one process at a time.
type kept struct {
	// path is the file's place; old is what stands there, nil when nothing does.
	path string
	old  fs.FileInfo
	file *os.File
}

// keptPrefixName begins the hidden names of downloads that may be gone on with.
const keptPrefixName = ".ferry-part-"

// hidden is where a download grows: beside its place, since a rename must not cross disks.
func (k *kept) hidden() string {
	folder, base := filepath.Split(k.path)
	return filepath.Join(folder, keptPrefixName+hashName(base))
}

// noted is where it is remembered which remote file it is of.
func (k *kept) noted() string { return k.hidden() + noteEnd }

// openKept opens what there is of a download, or makes it.
func openKept(local string, old fs.FileInfo) (*kept, error) {
	k := &kept{path: local, old: old}
	for {
		// The umask decides about the mode, as it does for any file that the user makes.
		f, err := os.OpenFile(k.hidden(), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			// A link that somebody planted there is not followed.
			f, err = os.OpenFile(k.hidden(), os.O_RDWR|noFollow, 0)
			if errors.Is(err, fs.ErrNotExist) {
				continue // it got its name in between, or was a link that is gone
			}
		}
		if err != nil {
			return nil, failure(local, ErrLocal, err)
		}
		if err := lockFile(f); err != nil {
			_ = f.Close()
			return nil, failure(local, ErrBusy, wording("another transfer fetches to this file"))
		}
		// Who held it before may have given the file its name: it is not ours to write to then.
		here, err := f.Stat()
		there, lost := os.Lstat(k.hidden())
		switch {
		case lost == nil && !there.Mode().IsRegular():
			err = errNotPlain
		case err == nil && lost == nil && os.SameFile(here, there):
			k.file = f
			return k, nil
		}
		_ = f.Close()
		if err != nil {
			return nil, failure(k.hidden(), ErrLocal, err)
		}
	}
}

// begin empties it, and then notes which remote file it will hold.
func (k *kept) begin(about note) error {
	if err := k.file.Truncate(0); err != nil {
		return err
	}
	if k.old != nil {
		// Who may read the old one may read the new one; where modes mean nothing it fails. Its
		// owner has to write to it until it is whole, by way of its name if it breaks off.
		_ = k.file.Chmod(k.old.Mode().Perm() | ownerMode)
	}
	// What a killed call left of it is written over: the lock keeps others off.
	f, err := os.OpenFile(k.noted()+noteNew,
		os.O_WRONLY|os.O_CREATE|os.O_TRUNC|noFollow, ownerMode)
	if err != nil {
		return err
	}
	return writeNote(f, k.noted(), about)
}

// noteNew ends the name of a note that is being written, beside the one it becomes.
const noteNew = ".new"

// ownerMode is what an owner needs to go on with a file.
const ownerMode = 0o600

// drop leaves nothing to go on with.
func (k *kept) drop() {
	_ = os.Remove(k.noted())
	_ = os.Remove(k.noted() + noteNew)
	_ = os.Remove(k.hidden())
}

// close keeps it for another time.
func (k *kept) close() { _ = k.file.Close() }

var errTaken = errors.New("another file has taken its place while it was fetched")

// commit gives the file its name. Systems that can do that while it is open, and locked, keep
// others off until it is done.
func (k *kept) commit() error {
	if k.old != nil {
		_ = k.file.Chmod(k.old.Mode().Perm())
	}
	// The lock keeps off nobody who does not ask for it.
	here, err := k.file.Stat()
	if err == nil {
		var there fs.FileInfo
		there, err = os.Lstat(k.hidden())
		if err == nil && !os.SameFile(here, there) {
			err = errTaken
		}
	}
	if err != nil {
		_ = k.file.Close()
		return failure(k.path, ErrLocal, err)
	}
	if renameClosed {
		err = k.file.Close()
	}
	if err == nil {
		err = os.Rename(k.hidden(), k.path)
	}
	if !renameClosed {
		if closed := k.file.Close(); err == nil {
			err = closed
		}
	}
	if err != nil {
		return failure(k.path, ErrLocal, err)
	}
	_ = os.Remove(k.noted())
	return nil
}
