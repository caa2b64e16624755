package fsio

import "time"

// File is a plain file, open for reading. It lives in its owner's memory, so that opening one
// allocates nothing. The zero File is closed and ready to be opened by a Store. One goroutine at a
// time uses it, except for ReadAt; it must not be copied while it is open. Reading a closed File
// panics.
type File struct {
	Held
	by   Reader // Nil while it is closed.
	name Name
}

// Held is what a store keeps in the File that it opened. Others leave it alone.
type Held struct {
	Bytes      int64     // The size.
	Changed    time.Time // The last change.
	Descriptor int       // -1 if there is none.
	Device     uint64
	Data       any
}

// Reader is the part of a store that reads its open files. The methods of File say what each does.
type Reader interface {
	ReadAt(f *File, p []byte, off int64) (int, error)
	CloseFile(f *File) error
}

// Cacher is a Reader that knows what is in memory. Of others' files nothing is.
type Cacher interface {
	Reader
	ReadCached(f *File, p []byte, off int64) (int, error)
	Cached(f *File, off, n int64) bool
	ReadAhead(f *File, off, n int64, scratch []byte) error
	// Identify tells one content of a file from another.
	Identify(f *File) (Identity, error)
}

// Opened makes f an open file of a store.
func (f *File) Opened(by Reader, n Name, h Held) {
	*f = File{Held: h, by: by, name: n}
}

// WantClosed panics if f is open.
func (f *File) WantClosed() {
	if f.by != nil {
		panic("fsio: File is open already")
	}
}

// FD returns the descriptor, for sendfile. It is the File's until Close. It is -1 for a closed
// file, and for one of a store that has no descriptors.
func (f *File) FD() int {
	if f.by == nil {
		return -1
	}
	return f.Descriptor
}

// Size returns the size in bytes that the file had when it was opened.
func (f *File) Size() int64 { return f.Bytes }

// ModTime returns the time of the last change that the file had when it was opened.
func (f *File) ModTime() time.Time { return f.Changed }

// Name returns the name that the file was opened by.
func (f *File) Name() Name { return f.name }

// Close closes the file and makes f ready to be used again. A second Close does nothing. It
// waits for nothing, unless the file was removed meanwhile: then freeing its blocks may.
func (f *File) Close() error {
	if f.by == nil {
		return nil
	}
	err := f.by.CloseFile(f)
	*f = File{Held: Held{Descriptor: -1}}
	return err
}

// ReadCached reads len(p) bytes at off if all of them are in memory, without waiting and without
// allocating. ErrWouldBlock means that they are not, or that the store cannot say; the n bytes
// that it may have read are good. At the file's end it returns fewer bytes and io.EOF, as
// io.ReaderAt does.
func (f *File) ReadCached(p []byte, off int64) (int, error) {
	c, ok := f.by.(Cacher)
	switch {
	case len(p) == 0:
		return 0, nil
	case !ok:
		return 0, ErrWouldBlock
	}
	return c.ReadCached(f, p, off)
}

// ReadAt reads len(p) bytes at off as io.ReaderAt does. It may block, and may be called by several
// goroutines at once.
func (f *File) ReadAt(p []byte, off int64) (int, error) { return f.by.ReadAt(f, p, off) }

// Cached reports whether the n bytes at off are in memory, so that sending them waits for no disk.
// What lies past the file's end counts as there. It is false when the store cannot say. It does
// not wait and does not allocate.
func (f *File) Cached(off, n int64) bool {
	c, ok := f.by.(Cacher)
	return ok && c.Cached(f, off, n)
}

// ReadAhead brings the n bytes at off into memory, and asks the store to begin with the n bytes
// that follow them. It reads through scratch, whose content is lost; with an empty scratch it
// only asks. It may block. A file that has shrunk is no error here: whoever sends it notices.
func (f *File) ReadAhead(off, n int64, scratch []byte) error {
	if c, ok := f.by.(Cacher); ok {
		return c.ReadAhead(f, off, n, scratch)
	}
	return nil
}

func (f *File) identify() (Identity, error) {
	if c, ok := f.by.(Cacher); ok {
		return c.Identify(f)
	}
	return Identity{}, errUnsupported
}

// Identity tells one content of a file from another without reading it. It is compared with ==.
type Identity struct {
	Device, Inode uint64
	Links         uint64 // How many names it has.
	Size          int64
	Modified      int64 // Nanoseconds since 1970: the content's last change.
	Changed       int64 // The same for the inode, which nobody can set back.
}

// freshTime is how long after its last change a file may change again unseen: file times are as
// fine as the filesystem keeps them, two seconds on the coarsest.
const freshTime = 2500 * time.Millisecond

// fresh reports whether the file could change after now and still have the same identity. A time
// to come says nothing about when it was, and counts as fresh.
func (id Identity) fresh(now time.Time) bool {
	last := max(id.Modified, id.Changed)
	return now.UnixNano()-last < int64(freshTime)
}
