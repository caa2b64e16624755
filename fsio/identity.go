package fsio

// identity is what tells one content of a file from another without reading it. It is compared
// with ==.
type identity struct {
	inode    inode
	links    uint64 // How many names it has.
	size     int64
	modified int64 // Nanoseconds since 1970: the content's last change.
	changed  int64 // The same for the inode, which nobody can set back.
}
