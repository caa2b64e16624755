//go:build darwin || freebsd

package dir

import (
	"os"

	"golang.org/x/sys/unix"

	"ferry/fsio"
)

func (d folder) list() (*lister, error) {
	again, err := d.inner(".")
	return &lister{d, os.NewFile(uintptr(again.fd), "")}, err
}

// lister reads the names and kinds of a folder's entries, as fsio.Entries does, by way of os, which
// knows the system's format.
type lister struct {
	folder folder
	f      *os.File
}

func (l *lister) next(page []fsio.Entry) (n int, err error) {
	names, err := l.f.Readdirnames(len(page))
	for _, name := range names {
		if e, err := l.folder.stat(name); err == nil { // Else it is gone already.
			page[n] = fsio.Entry{Name: name, Kind: e.Kind}
			n++
		}
	}
	if len(names) > 0 {
		err = nil // It comes again.
	}
	return n, err
}

func (l *lister) close() { closeRead(l.f) }

// blockSize is the unit of a filesystem's counts.
func blockSize(st *unix.Statfs_t) int64 { return int64(st.Bsize) }

// handleFlags open a folder to work in it.
const handleFlags = unix.O_RDONLY | unix.O_DIRECTORY
