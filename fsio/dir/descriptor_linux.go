package dir

import "golang.org/x/sys/unix"

// blockSize is the unit of a filesystem's counts.
func blockSize(st *unix.Statfs_t) int64 {
	if st.Frsize > 0 {
		return int64(st.Frsize)
	}
	return int64(st.Bsize)
}

// handleFlags open a folder to work in it; that it cannot be listed does not matter.
const handleFlags = unix.O_PATH | unix.O_DIRECTORY
