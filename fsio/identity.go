package fsio

import "time"

// identity is what tells one content of a file from another without reading it. It is compared
// with ==.
type identity struct {
	inode    inode
	links    uint64 // How many names it has.
	size     int64
	modified int64 // Nanoseconds since 1970: the content's last change.
	changed  int64 // The same for the inode, which nobody can set back.
}

// freshTime is how long after its last change a file may change again unseen: file times are as
// fine as the filesystem keeps them, two seconds on the coarsest.
const freshTime = 2500 * time.Millisecond

// fresh reports whether the file could change after now and still have the same identity. A time
// to come says nothing about when it was, and counts as fresh.
func (id identity) fresh(now time.Time) bool {
	last := max(id.modified, id.changed)
	return now.UnixNano()-last < int64(freshTime)
}
