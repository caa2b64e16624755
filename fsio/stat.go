package fsio

import (
	"syscall"
	"time"
)

// Info is what Stat tells about a file or a folder.
type Info struct {
	Folder  bool
	Size    int64     // In bytes; 0 for a folder.
	ModTime time.Time // Within the years 0 to 9999, all that RFC 3339 can say.
}

// Stat says what has the name n, all links beneath the root followed. It may block. Errors have
// KindNotFound, KindNotPlain for devices, FIFOs and sockets, KindNotFolder also where a name that
// means a folder (a slash at its end) is that of a file, KindDenied and others.
func (r *Root) Stat(n Name) (Info, error) {
	m, err := r.stat(n)
	switch {
	case err != nil:
	case m.kind == typeFolder:
		return Info{Folder: true, ModTime: listedTime(m.changed)}, nil
	case m.kind != typePlain:
		err = errNotPlain
	case n.folder:
		err = syscall.ENOTDIR
	default:
		return Info{Size: m.size, ModTime: listedTime(m.changed)}, nil
	}
	return Info{}, newError(OpStat, n, err)
}
