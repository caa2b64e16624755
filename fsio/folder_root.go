package fsio

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

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
	return d.openPlain(base, openPlainFlags)
}

func (d rootFolder) openBoth(base string) (*os.File, error) {
	return d.openPlain(base, openPlainFlags|os.O_RDWR)
}

// openPlain opens a plain file that no link leads to. os.Root follows links: what was opened has
// to be what was looked at.
func (d rootFolder) openPlain(base string, flags int) (*os.File, error) {
	kind, err := d.lookup(base)
	if err != nil {
		return nil, err
	}
	if kind != typePlain {
		return nil, errNotPlain
	}
	f, err := openPortable(d.root, base, flags)
	if err != nil {
		return nil, err
	}
	if err := d.wantSame(base, f); err != nil {
		closeRead(f)
		return nil, err
	}
	return f, nil
}

// wantSame fails if the open file is not what the name itself, and no link of that name, stands
// for.
func (d rootFolder) wantSame(base string, f *os.File) error {
	named, err := d.root.Lstat(base)
	if err != nil {
		return err
	}
	opened, err := f.Stat()
	if err == nil && !os.SameFile(named, opened) {
		err = errBusy
	}
	return err
}

func (d rootFolder) inner(base string) (folder, error) {
	kind, err := d.lookup(base)
	if err != nil {
		return nil, err
	}
	if kind != typeFolder {
		return nil, syscall.ENOTDIR
	}
	sub, err := d.root.OpenRoot(base)
	if err != nil {
		return nil, err
	}
	in := rootFolder{top: d.top, name: d.name.join(base), root: sub, owned: true}
	f, err := sub.Open(".")
	if err == nil {
		err = d.wantSame(base, f)
		closeRead(f)
	}
	if err != nil {
		in.close()
		return nil, err
	}
	return in, nil
}

func (d rootFolder) inode() (inode, error) {
	info, err := d.root.Stat(".")
	if err != nil {
		return inode{}, err
	}
	return inodeOf(info), nil
}

func (d rootFolder) sync() error {
	f, err := d.root.Open(".")
	if err != nil {
		return err
	}
	defer closeRead(f)
	return f.Sync()
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

func (d rootFolder) makeFolder(base string, mode uint32) error {
	return d.root.Mkdir(base, os.FileMode(mode))
}

func (d rootFolder) removeFolder(base string) error { return removeFolderIn(d, base) }

func (d rootFolder) close() {
	if d.owned {
		_ = d.root.Close() // A folder has nothing left to write.
	}
}

func metaOfInfo(info os.FileInfo) meta {
	return meta{
		kind: typeOfMode(info.Mode()), size: info.Size(), changed: info.ModTime(),
		inode: inodeOf(info),
	}
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
