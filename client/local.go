package client

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"ferry/codec"
)

// GetFile fetches a file to the local path, and returns its size. The file appears whole or not at
// all: it grows beside its place under a hidden name and takes its name when the last byte is
// there, until when what was there stays. A path that is an existing folder is an error; so is
// anything else that is no plain file.
//
// In base a size of 0 never replaces a file that has content. It makes a new empty file only if the
// listing of the remote folder names the file, and is an ErrNothingSent otherwise. In the other
// exchanges an empty file is a file like others.
//
// The path is the caller's own word; a path made from a remote name is made with [LocalName].
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
	p := pending{path: local, old: old}
	n, err := c.fetch(ctx, codec.VerbGet, name,
		&sink{begin: p.begin, progress: c.progress(0, 0)})
	switch {
	case c.exchange == Base && errors.Is(err, ErrNothingSent):
		return 0, c.settleEmpty(ctx, name, &p, err)
	case err != nil:
		p.abort()
		return n, err
	}
	return n, p.commit()
}

// checkTarget says what stands under the path that a file is to get, nil for nothing, and refuses
// what cannot become a file.
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

// settleEmpty acts on a size of 0: nothing is the error to give when there is no such file.
func (c *Client) settleEmpty(ctx context.Context, name string, p *pending, nothing error) error {
	if p.old != nil && p.old.Size() > 0 {
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
	case p.old != nil:
		return nil
	}
	if _, err := p.begin(0); err != nil {
		return err
	}
	return p.commit()
}

// pending is a file on its way: under a hidden name until it is whole, owned by one call.
type pending struct {
	path string
	// old is what stands under the name, nil when nothing does.
	old  fs.FileInfo
	file *os.File
}

// pendingPrefix begins the hidden names of files on their way.
const pendingPrefix = ".ferry-get-"

// begin makes the hidden file, in the folder of its later name: a rename must not cross disks.
func (p *pending) begin(int64) (io.Writer, error) {
	hidden := filepath.Join(filepath.Dir(p.path), pendingPrefix+rand.Text())
	// The umask decides about the mode, as it does for any file that the user makes.
	f, err := os.OpenFile(hidden, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, failure(p.path, ErrLocal, err)
	}
	p.file = f
	if p.old != nil {
		// Who may read the old one may read the new one; where modes mean nothing it fails.
		_ = f.Chmod(p.old.Mode().Perm())
	}
	return f, nil
}

// commit gives the file its name.
func (p *pending) commit() error {
	err := p.file.Close()
	if err == nil {
		err = os.Rename(p.file.Name(), p.path)
	}
	if err != nil {
		_ = os.Remove(p.file.Name())
		return failure(p.path, ErrLocal, err)
	}
	return nil
}

// abort leaves nothing behind. It may come before begin.
func (p *pending) abort() {
	if p.file != nil {
		_ = p.file.Close()
		_ = os.Remove(p.file.Name())
	}
}

// LocalName is the name that a remote file gets on this side: what stands behind the last slash.
// It is an ErrName where that is no plain name, so that joined to a folder it never leaves it, or
// one of the hidden names of files on their way.
func LocalName(remote string) (string, error) {
	base := remote[strings.LastIndexByte(remote, '/')+1:]
	if err := checkLocal(base, runtime.GOOS == "windows"); err != nil {
		return "", failure(remote, ErrName, err)
	}
	return base, nil
}

// checkLocal says what keeps a base name from being a file's.
func checkLocal(base string, windows bool) error {
	switch {
	case base == "":
		return errors.New("it ends in a slash, or is empty")
	case base == "." || base == "..":
		return errors.New("it names a folder")
	case strings.IndexByte(base, 0) >= 0:
		return errors.New("it holds a NUL")
	case isHidden(base):
		return errors.New("it is kept for files on their way")
	case strings.ContainsRune(base, '/') || strings.ContainsRune(base, filepath.Separator):
		return errors.New("it holds a separator")
	case windows:
		return checkWindows(base)
	}
	return nil
}

// isHidden tells the names that files on their way have: a server that could name them could have
// one file put into another's place. Some systems do not tell capitals apart.
func isHidden(base string) bool {
	base = strings.ToLower(base)
	return strings.HasPrefix(base, pendingPrefix) || strings.HasPrefix(base, keptPrefixName)
}

// checkWindows refuses what Windows cannot hold, or takes for a device or a stream.
func checkWindows(base string) error {
	bad := func(r rune) bool { return r < ' ' || strings.ContainsRune(`\:*?"<>|`, r) }
	if strings.ContainsFunc(base, bad) {
		return errors.New(`no name on Windows holds \ : * ? " < > | or a control character`)
	}
	if strings.HasSuffix(base, ".") || strings.HasSuffix(base, " ") {
		return errors.New("a dot or a space at its end is dropped by Windows")
	}
	stem, _, _ := strings.Cut(base, ".")
	stem = strings.ToUpper(strings.TrimRight(stem, " "))
	if slices.Contains(windowsDevices, stem) {
		return errors.New("reserved for a device by Windows")
	}
	return nil
}

var windowsDevices = []string{
	"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$",
	"COM0", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8", "COM9",
	"COM¹", "COM²", "COM³",
	"LPT0", "LPT1", "LPT2", "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9",
	"LPT¹", "LPT²", "LPT³",
}
