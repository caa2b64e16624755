//go:build darwin || freebsd

package dir

import "golang.org/x/sys/unix"

// blockSize is the unit of a filesystem's counts.
func blockSize(st *unix.Statfs_t) int64 { return int64(st.Bsize) }

// handleFlags open a folder to work in it.
const handleFlags = unix.O_RDONLY | unix.O_DIRECTORY
