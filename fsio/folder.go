package fsio

import (
	"os"
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
	inode   inode
}

// listedTime is a time that RFC 3339 can say, whose years have four digits: filesystems hold
// others, which count as the nearest one.
func listedTime(t time.Time) time.Time {
	switch year := t.UTC().Year(); {
	case year < 0:
		return time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	case year > 9999:
		return time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	}
	return t
}

// inode tells files apart, whatever their names; it is zero where the system does not.
type inode struct{ device, number uint64 }

// folder is an open folder beneath the root. Whatever becomes of its name or of the links on the
// way to it, its methods work in that folder. Their names are single parts, and links that have
// those names are never followed. It is owned by one goroutine at a time.
type folder interface {
	// In no order; nil and an error when cut short, errListing when they would take more bytes
	// of a listing than said.
	entries(bytesMax int64) ([]entry, error)
	lookup(base string) (entryType, error)  // What has that name, a link itself included.
	stat(base string) (meta, error)         // The same, with size and time.
	create(base string) (*os.File, error)   // A new file for writing, never one that is there.
	open(base string) (*os.File, error)     // A plain file for reading.
	openBoth(base string) (*os.File, error) // The same for reading and writing.
	remove(base string) error               // A file or a link.
	makeFolder(base string, mode uint32) error
	removeFolder(base string) error    // An empty one, never a link to one.
	inner(base string) (folder, error) // A folder in it, to list and to work in.
	inode() (inode, error)             // The folder's own.
	sync() error                       // Brings its names to the disk.

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
	return r.folder(n, u)
}

// folder is openFolder without its fault.
func (r *Root) folder(n Name, u use) (folder, error) {
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
