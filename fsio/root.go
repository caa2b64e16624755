package fsio

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
)

// Options say how a root is served. The zero value serves everything that does not begin with a
// dot, for reading and writing, in the fastest way that the system has.
type Options struct {
	// Dotfiles lets names that have a part beginning with a dot be reached and listed. False
	// refuses them. Temporary files of our own are never served.
	Dotfiles bool

	// ReadOnly refuses Create and StoreSmall with KindDenied, and makes Sweep do nothing.
	ReadOnly bool

	// Portable asks for os.Root and plain reads and writes, even where the system has better.
	Portable bool

	// Fault, when it is not nil, is asked before each system call of a kind; an error that it
	// returns is used instead of the call. It is for tests, and is called by any goroutine. A
	// close is made even if Fault replaces its outcome.
	Fault func(op Op, name Name) error
}

// Root is a folder that is served, and the way to everything beneath it. It may be used by any
// number of goroutines and loops at once. Close it after the last file of it was closed.
type Root struct {
	options Options
	kernel  *kernel  // Resolves names in the kernel; nil where os.Root does it.
	root    *os.Root // Nil where the kernel does it.

	// noWait are the filesystems that refuse reads that do not wait.
	noWait deviceSet
	// noCachestat is set once the system has said that it does not know cachestat.
	noCachestat atomic.Bool
}

// OpenRoot opens the folder dir. It probes what the system offers and falls back by itself.
// Errors have KindNotFound, KindNotFolder or KindDenied, and do not repeat dir.
func OpenRoot(dir string, o Options) (*Root, error) {
	r := &Root{options: o}
	if err := r.fault(OpRoot, Name{}); err != nil {
		return nil, newError(OpRoot, Name{}, err)
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, newError(OpRoot, Name{}, err)
	}
	if !o.Portable {
		r.kernel, err = newKernel(dir)
		if err != nil {
			return nil, newError(OpRoot, Name{}, err)
		}
	}
	if r.kernel == nil {
		r.root, err = os.OpenRoot(dir)
		if err != nil {
			return nil, newError(OpRoot, Name{}, err)
		}
	}
	return r, nil
}

// Portable reports whether names are resolved by os.Root, because that was asked for or because
// the kernel has no way of its own.
func (r *Root) Portable() bool { return r.kernel == nil }

// Close closes the root's own descriptors. Files and pending files of it stay as they are.
func (r *Root) Close() error {
	if r.kernel != nil {
		return newError(OpClose, Name{}, r.kernel.close())
	}
	return newError(OpClose, Name{}, r.root.Close())
}

// Free returns how many bytes the root's filesystem has left for this process's user. It may
// block.
func (r *Root) Free() (int64, error) {
	if err := r.fault(OpFree, Name{}); err != nil {
		return 0, newError(OpFree, Name{}, err)
	}
	if r.kernel != nil {
		n, err := r.kernel.free()
		return n, newError(OpFree, Name{}, err)
	}
	f, err := r.root.Open(".")
	if err != nil {
		return 0, newError(OpFree, Name{}, err)
	}
	defer f.Close() // A folder that was only looked at.
	n, err := freeBytes(f)
	return n, newError(OpFree, Name{}, err)
}

// fault asks Options.Fault.
func (r *Root) fault(op Op, n Name) error {
	if r.options.Fault == nil {
		return nil
	}
	return r.options.Fault(op, n)
}

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

// folder is an open folder beneath the root. Whatever becomes of its name or of the links on the
// way to it, its methods work in that folder. Their names are single parts, and links that have
// those names are never followed. It is owned by one goroutine at a time.
type folder interface {
	entries() ([]entry, error)             // In no order; nil and an error when cut short.
	lookup(base string) (entryType, error) // What has that name, a link itself included.
	create(base string) (*os.File, error)  // A new file for writing, never one that is there.
	open(base string) (*os.File, error)    // A plain file for reading.
	rename(from, to string) error          // Replaces what is there.
	renameNew(from, to string) error       // Fails with EEXIST when something is there.
	remove(base string) error              // A file or a link.
	close() error
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
	if err := r.fault(OpStat, n); err != nil {
		return typeOther, err
	}
	if r.kernel != nil {
		return r.kernel.follow(n)
	}
	info, err := r.root.Stat(n.local())
	if err != nil {
		return typeOther, err
	}
	return typeOfMode(info.Mode()), nil
}

// rootFolder is a folder by way of os.Root.
type rootFolder struct {
	root  *os.Root
	owned bool // False for the root itself, which stays open.
}

func openRootFolder(root *os.Root, n Name) (folder, error) {
	if n.IsRoot() {
		return rootFolder{root: root}, nil
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
	return rootFolder{root: sub, owned: true}, nil
}

func (d rootFolder) entries() ([]entry, error) {
	f, err := d.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer f.Close() // A folder that was only read.
	lines, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	entries := make([]entry, len(lines))
	for i, line := range lines {
		entries[i] = entry{name: line.Name(), kind: typeOfMode(line.Type())}
	}
	return entries, nil
}

func (d rootFolder) lookup(base string) (entryType, error) {
	info, err := d.root.Lstat(base)
	if err != nil {
		return typeOther, err
	}
	return typeOfMode(info.Mode()), nil
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

func (d rootFolder) rename(from, to string) error { return d.root.Rename(from, to) }

func (d rootFolder) renameNew(from, to string) error {
	if err := d.root.Link(from, to); err != nil {
		return err
	}
	// The file has its name. A second name that cannot be removed now is left for the sweep.
	_ = d.root.Remove(from)
	return nil
}

func (d rootFolder) remove(base string) error { return d.root.Remove(base) }

func (d rootFolder) close() error {
	if d.owned {
		return d.root.Close()
	}
	return nil
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

// openPortable opens a plain file by way of os.Root, its type looked at first. A FIFO or device
// that takes its place in between is met with O_NONBLOCK, looked at again and closed.
func openPortable(root *os.Root, name string) (*os.File, error) {
	before, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, errNotPlain
	}
	f, err := root.OpenFile(name, openPlainFlags, 0)
	if err != nil {
		return nil, err
	}
	after, err := f.Stat()
	if err == nil && !after.Mode().IsRegular() {
		err = errNotPlain
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// deviceSet remembers a few filesystems. It only grows, and forgets those that find no room:
// they are asked anew every time.
type deviceSet struct {
	slots [8]atomic.Uint64 // Device number plus one; a root seldom holds more filesystems.
}

func (s *deviceSet) has(device uint64) bool {
	for i := range s.slots {
		switch s.slots[i].Load() {
		case device + 1:
			return true
		case 0:
			return false
		}
	}
	return false
}

func (s *deviceSet) add(device uint64) {
	for i := range s.slots {
		if s.slots[i].CompareAndSwap(0, device+1) || s.slots[i].Load() == device+1 {
			return
		}
	}
}
