package fsio

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// use says what a folder is opened for.
type use uint8

const (
	useNames   use = iota // Making, renaming and removing entries.
	useListing            // Reading its entries.
	useSweep              // Both, and links on the way to it are not followed.
)

// entryType is what a folder says about an entry.
type entryType uint8

const (
	typeOther entryType = iota // Devices, FIFOs, sockets.
	typePlain
	typeFolder
	typeLink
)

// entry is a line of a folder.
type entry struct {
	name string
	kind entryType
}

// meta is what is known about a file or folder without opening it.
type meta struct {
	kind    entryType
	size    int64
	changed time.Time
}

// folder is an open folder beneath the root. Whatever becomes of its name or of the links on the
// way to it, its methods work in that folder. Their names are single parts, and links that have
// those names are never followed. It is owned by one goroutine at a time.
type folder interface {
	// In no order; nil and an error when cut short, errListing when they would take more bytes
	// of a listing than said.
	entries(bytesMax int64) ([]entry, error)
	lookup(base string) (entryType, error) // What has that name, a link itself included.
	stat(base string) (meta, error)        // The same, with size and time.
	create(base string) (*os.File, error)  // A new file for writing, never one that is there.
	open(base string) (*os.File, error)    // A plain file for reading.
	remove(base string) error              // A file or a link.
	makeFolder(base string) error
	removeFolder(base string) error // An empty one, never a link to one.

	// rename replaces what has the name base in the folder to. The kernel sees to it that a
	// folder replaces at most an empty folder, and a file no folder.
	rename(from string, to folder, base string) error
	// renameNew fails with EEXIST when something has the name.
	renameNew(from string, to folder, base string) error

	close()
}

func (r *Root) openFolder(n Name, u use) (folder, error) {
	if err := r.fault(OpFolder, n); err != nil {
		return nil, err
	}
	if r.kernel != nil {
		return r.kernel.folder(n, u)
	}
	return openRootFolder(r.root, n)
}

// follow says what a name leads to, all links beneath the root followed.
func (r *Root) follow(n Name) (entryType, error) {
	m, err := r.stat(n)
	return m.kind, err
}

func (r *Root) stat(n Name) (meta, error) {
	if err := r.fault(OpStat, n); err != nil {
		return meta{}, err
	}
	if r.kernel != nil {
		return r.kernel.stat(n)
	}
	info, err := r.root.Stat(n.local())
	if err != nil {
		return meta{}, strip(err)
	}
	return metaOfInfo(info), nil
}

// rootFolder is a folder by way of os.Root.
type rootFolder struct {
	top   *os.Root // The served root.
	name  Name     // The folder's name in it when it was opened.
	root  *os.Root
	owned bool // False for the root itself, which stays open.
}

func openRootFolder(root *os.Root, n Name) (folder, error) {
	if n.IsRoot() {
		return rootFolder{top: root, root: root}, nil
	}
	// OpenRoot would wait for a writer if this were a FIFO. One that takes the folder's place
	// between the two calls still holds up a worker of the pool, never the loop.
	info, err := root.Stat(n.local())
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, syscall.ENOTDIR
	}
	sub, err := root.OpenRoot(n.local())
	if err != nil {
		return nil, err
	}
	return rootFolder{top: root, name: n, root: sub, owned: true}, nil
}

// readDirNames is how many names of a folder are fetched at a time.
const readDirNames = 2048

func (d rootFolder) entries(bytesMax int64) ([]entry, error) {
	f, err := d.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer closeRead(f)
	var entries []entry
	for {
		lines, err := f.ReadDir(readDirNames)
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
		before := len(entries)
		for _, line := range lines {
			entries = append(entries, entry{name: line.Name(), kind: typeOfMode(line.Type())})
		}
		if bytesMax -= listedBytes(entries[before:]); bytesMax < 0 {
			return nil, errListing
		}
	}
}

func (d rootFolder) lookup(base string) (entryType, error) {
	m, err := d.stat(base)
	return m.kind, err
}

func (d rootFolder) stat(base string) (meta, error) {
	info, err := d.root.Lstat(base)
	if err != nil {
		return meta{}, err
	}
	return metaOfInfo(info), nil
}

func (d rootFolder) create(base string) (*os.File, error) {
	return d.root.OpenFile(base, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
}

func (d rootFolder) open(base string) (*os.File, error) {
	kind, err := d.lookup(base)
	if err != nil {
		return nil, err
	}
	if kind != typePlain {
		return nil, errNotPlain
	}
	return openPortable(d.root, base)
}

func (d rootFolder) rename(from string, to folder, base string) error {
	return renameBetween(d, from, to.(rootFolder), base)
}

// renameNew does without a system call of its own: a file gets a second name, which fails if the
// name is taken, and loses the first. A folder takes one name only. What appears between the look
// and the rename is replaced if it is an empty folder, and by the kernel not if it is more.
func (d rootFolder) renameNew(from string, to folder, base string) error {
	target := to.(rootFolder)
	kind, err := d.lookup(from)
	if err != nil {
		return err
	}
	if kind == typeFolder {
		if err := wantNothing(target, base); err != nil {
			return err
		}
		return renameBetween(d, from, target, base)
	}
	if err := linkBetween(d, from, target, base); err != nil {
		return err
	}
	// The file has its name. A second name that cannot be removed now is left for the sweep.
	_ = d.root.Remove(from)
	return nil
}

// wantNothing fails with EEXIST if something has the name.
func wantNothing(d folder, base string) error {
	_, err := d.lookup(base)
	if err == nil {
		return syscall.EEXIST
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (d rootFolder) remove(base string) error { return d.root.Remove(base) }

func (d rootFolder) makeFolder(base string) error { return d.root.Mkdir(base, 0o777) }

func (d rootFolder) removeFolder(base string) error { return removeFolderIn(d, base) }

func (d rootFolder) close() {
	if d.owned {
		_ = d.root.Close() // A folder has nothing left to write.
	}
}

func metaOfInfo(info os.FileInfo) meta {
	return meta{kind: typeOfMode(info.Mode()), size: info.Size(), changed: info.ModTime()}
}

func typeOfMode(mode os.FileMode) entryType {
	switch mode.Type() {
	case 0:
		return typePlain
	case os.ModeDir:
		return typeFolder
	case os.ModeSymlink:
		return typeLink
	default:
		return typeOther
	}
}
