//go:build linux && !ferryportable

package fsio

import (
	"encoding/binary"
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// direntBytes is how much of a folder a system call fetches: some 2,000 names.
const direntBytes = 64 << 10

// entries reads the folder by getdents. The types come with the names, so that plain entries need
// no system call of their own. (os.File.ReadDir would look up unknown types by path.)
func (d kernelFolder) entries(bytesMax int64) ([]entry, error) {
	var (
		entries []entry
		buf     = make([]byte, direntBytes)
	)
	for {
		n, err := unix.Getdents(d.fd, buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, err
		case n == 0:
			return entries, nil
		}
		before := len(entries)
		entries = d.appendDirents(entries, buf[:n])
		if bytesMax -= listedBytes(entries[before:]); bytesMax < 0 {
			return nil, errListing
		}
	}
}

// appendDirents takes linux_dirent64 records apart: inode (8 bytes), offset (8), the record's
// length (2), type (1), name and NUL, padding.
func (d kernelFolder) appendDirents(entries []entry, buf []byte) []entry {
	const lengthAt, typeAt, nameAt = 16, 18, 19
	for len(buf) > nameAt {
		length := int(binary.NativeEndian.Uint16(buf[lengthAt:]))
		kind := buf[typeAt]
		name, _, _ := strings.Cut(string(buf[nameAt:length]), "\x00")
		buf = buf[length:]
		if name == "." || name == ".." {
			continue
		}
		e := entry{name: name}
		switch kind {
		case unix.DT_REG:
			e.kind = typePlain
		case unix.DT_DIR:
			e.kind = typeFolder
		case unix.DT_LNK:
			e.kind = typeLink
		case unix.DT_UNKNOWN:
			var err error
			if e.kind, err = d.lookup(name); err != nil {
				continue // It is gone already.
			}
		}
		entries = append(entries, e)
	}
	return entries
}
