package dir

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"golang.org/x/sys/unix"

	"ferry/fsio"
)

// direntBytes is how much of a folder a system call fetches: some 2,000 names.
const direntBytes = 64 << 10

func (d folder) list() (*lister, error) {
	return &lister{folder: d, buf: make([]byte, direntBytes)}, nil
}

// lister reads the names and kinds of a folder's entries, as fsio.Entries does, by getdents: then
// entries need no system call of their own. (os.File.ReadDir would look up unknown kinds by path.)
type lister struct {
	folder folder
	buf    []byte
	rest   []byte // What was read into buf and not returned yet.
}

func (l *lister) next(page []fsio.Entry) (n int, err error) {
	for n == 0 || n < len(page) && len(l.rest) > 0 {
		if len(l.rest) == 0 {
			if l.rest, err = l.read(); err != nil {
				return 0, err
			}
		}
		if e, ok := l.take(); ok {
			page[n] = e
			n++
		}
	}
	return n, nil
}

func (l *lister) read() ([]byte, error) {
	for {
		n, err := unix.Getdents(l.folder.fd, l.buf)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return nil, err
		case n == 0:
			return nil, io.EOF
		default:
			return l.buf[:n], nil
		}
	}
}

// take takes a linux_dirent64 record apart: inode (8 bytes), offset (8), the record's length (2),
// kind (1), name and NUL, padding.
func (l *lister) take() (e fsio.Entry, ok bool) {
	const lengthAt, kindAt, nameAt = 16, 18, 19
	record := l.rest[:binary.NativeEndian.Uint16(l.rest[lengthAt:])]
	l.rest = l.rest[len(record):]
	name, _, _ := bytes.Cut(record[nameAt:], []byte{0})
	e.Name = string(name)
	if e.Name == "." || e.Name == ".." {
		return e, false
	}
	switch record[kindAt] {
	case unix.DT_REG:
		e.Kind = fsio.EntryFile
	case unix.DT_DIR:
		e.Kind = fsio.EntryFolder
	case unix.DT_LNK:
		e.Kind = fsio.EntryLink
	case unix.DT_UNKNOWN:
		var err error
		if e.Kind, err = l.folder.lookup(e.Name); err != nil {
			return e, false // It is gone already.
		}
	}
	return e, true
}

func (*lister) close() {} // The folder is its owner's.

// blockSize is the unit of a filesystem's counts.
func blockSize(st *unix.Statfs_t) int64 {
	if st.Frsize > 0 {
		return int64(st.Frsize)
	}
	return int64(st.Bsize)
}

// handleFlags open a folder to work in it; that it cannot be listed does not matter.
const handleFlags = unix.O_PATH | unix.O_DIRECTORY
