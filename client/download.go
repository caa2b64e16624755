package client

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// GetFile fetches a file to the local path, and returns its size. Downloads are atomic: the file
// grows in the same folder under a hidden name, and gets its name once it is complete. It replaces
// a plain file, and nothing else. While another call fetches to the same path it is an ErrBusy.
//
// In base a size of 0 never replaces a file that has content. It makes a new empty file only if the
// listing of the remote folder has the name, and is an ErrNothingSent otherwise.
//
// The path is the caller's own; make one from a remote name with [LocalName].
func (c *Client) GetFile(ctx context.Context, name, local string) (int64, error) {
	old, err := checkTarget(name, local)
	if err != nil {
		return 0, err
	}
	if err := c.begin(ctx); err != nil {
		return 0, err
	}
	defer c.end()
	c.sweepLeftovers(local)
	d := download{path: local, old: old}
	n, err := c.fetch(ctx, name, &sink{begin: d.create, progress: c.progress(0, 0)})
	switch {
	case c.exchange == Base && errors.Is(err, ErrNothingSent):
		return 0, c.fetchEmpty(ctx, name, &d, err)
	case err != nil:
		d.drop()
		return n, err
	}
	return n, d.commit()
}

// checkTarget returns what stands under the path that a file is to get, nil for nothing. What is no
// plain file is an error.
func checkTarget(name, local string) (fs.FileInfo, error) {
	if name == "" || local == "" {
		return nil, failure(name, ErrName, errNoName)
	}
	if err := checkLocal(filepath.Base(local), runtime.GOOS == "windows"); err != nil {
		return nil, failure(local, ErrName, err)
	}
	if os.IsPathSeparator(local[len(local)-1]) {
		return nil, failure(local, ErrName, errors.New("it names a folder"))
	}
	old, err := os.Stat(local)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Dir(local)); err != nil {
			return nil, failure(filepath.Dir(local), ErrLocal, err)
		}
	case err != nil:
		return nil, failure(local, ErrLocal, err)
	case !old.Mode().IsRegular():
		return nil, failure(local, ErrLocal, errNotPlain)
	default:
		return old, nil
	}
	return nil, nil
}

var errNotPlain = errors.New("not a plain file")

// fetchEmpty handles base's size of 0: nothing is the error to return if there is no such file.
func (c *Client) fetchEmpty(ctx context.Context, name string, d *download, nothing error) error {
	if d.old != nil && d.old.Size() > 0 {
		return nothing
	}
	slash := strings.LastIndexByte(name, '/')
	folder := name[:max(slash, 0)]
	if slash == 0 {
		folder = "/"
	}
	listed, err := c.list(ctx, folder)
	switch {
	case errors.Is(err, ErrLost) || errors.Is(err, ErrGivenUp):
		return err
	case err != nil || !slices.Contains(listed, name[slash+1:]):
		return nothing
	case d.old != nil:
		return nil
	}
	if _, err := d.create(0); err != nil {
		return err
	}
	return d.commit()
}

// download is a local file that is being fetched, under a hidden name in the folder of its path: a
// rename must not cross disks. It is locked, and owned by one call.
type download struct {
	path string
	// old is what stands under the path, nil for nothing.
	old  fs.FileInfo
	file *os.File
}

// keptPrefix begins the hidden names of downloads.
const keptPrefix = ".ferry-part-"

func keptPath(local string) string {
	folder, base := filepath.Split(local)
	return filepath.Join(folder, keptPrefix+hashName(base))
}

// create opens the hidden file of a download that cannot be resumed, and empties it.
func (d *download) create(int64) (io.Writer, error) {
	if err := d.open(); err != nil {
		return nil, err
	}
	if err := d.file.Truncate(0); err != nil {
		d.drop()
		return nil, failure(d.path, ErrLocal, err)
	}
	d.copyMode(0)
	return d.file, nil
}

// copyMode gives the file the mode of what it replaces, and more. Where modes mean nothing it
// fails.
func (d *download) copyMode(more fs.FileMode) {
	if d.old != nil {
		_ = d.file.Chmod(d.old.Mode().Perm() | more)
	}
}

// open opens what an earlier call kept of the download, or makes it.
func (d *download) open() error {
	hidden := keptPath(d.path)
	for {
		// The umask decides the mode, as for any file that the user makes.
		f, err := os.OpenFile(hidden, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			// Do not follow a link that somebody planted.
			f, err = os.OpenFile(hidden, os.O_RDWR|noFollow, 0)
			if errors.Is(err, fs.ErrNotExist) {
				continue // it was renamed meanwhile, or was a link that is gone
			}
		}
		if err != nil {
			return failure(d.path, ErrLocal, err)
		}
		if err := lockFile(f); err != nil {
			_ = f.Close()
			return failure(d.path, ErrBusy, wording("another transfer fetches to this file"))
		}
		// Its last holder may have renamed it: then it is not ours to write to.
		here, err := f.Stat()
		there, lost := os.Lstat(hidden)
		switch {
		case lost == nil && !there.Mode().IsRegular():
			err = errNotPlain
		case err == nil && lost == nil && os.SameFile(here, there):
			d.file = f
			return nil
		}
		_ = f.Close()
		if err != nil {
			return failure(hidden, ErrLocal, err)
		}
	}
}

func (d *download) note() string { return d.file.Name() + noteEnd }

// restart empties the download, and then notes which remote file it will hold.
func (d *download) restart(about note) error {
	if err := d.file.Truncate(0); err != nil {
		return err
	}
	d.copyMode(ownerMode) // its owner must be able to resume it
	// The lock keeps others away; what a killed call left is overwritten.
	f, err := os.OpenFile(d.note()+noteNew,
		os.O_WRONLY|os.O_CREATE|os.O_TRUNC|noFollow, ownerMode)
	if err != nil {
		return err
	}
	return writeNote(f, d.note(), about)
}

// noteNew ends the name of a note that is being written.
const noteNew = ".new"

// ownerMode is what an owner needs to resume a file.
const ownerMode = 0o600

// drop leaves nothing behind. The file may not have been made yet.
func (d *download) drop() {
	if d.file == nil {
		return
	}
	_ = os.Remove(d.note())
	_ = os.Remove(d.note() + noteNew)
	if renameClosed {
		_ = d.file.Close()
	}
	_ = os.Remove(d.file.Name())
	_ = d.file.Close()
}

var errTaken = errors.New("another file replaced it during download")

// commit gives the file its name. Systems that can rename an open file keep it locked meanwhile.
func (d *download) commit() error {
	hidden := d.file.Name()
	d.copyMode(0)
	// Programs that ignore the lock may have replaced it.
	here, err := d.file.Stat()
	if err == nil {
		var there fs.FileInfo
		there, err = os.Lstat(hidden)
		if err == nil && !os.SameFile(here, there) {
			err = errTaken
		}
	}
	if err == nil && renameClosed {
		err = d.file.Close()
	}
	if err == nil {
		err = os.Rename(hidden, d.path)
	}
	if closed := d.file.Close(); err == nil && !renameClosed {
		err = closed
	}
	if err != nil {
		return failure(d.path, ErrLocal, err)
	}
	_ = os.Remove(d.note())
	return nil
}
