package fsio

import (
	"io/fs"
	"time"
)

// Store is storage that a server serves: a folder on this machine, or something that stands for
// one. It may be used by any number of goroutines. Every call may block, except OpenCached. Errors
// are an *Error, ErrWouldBlock or io.EOF; besides the kinds named here KindDenied, KindBusy,
// KindTooMany, KindNoSpace, KindIO and the like may come from any call.
type Store interface {
	// OpenCached opens the plain file n if that waits for nothing, and does not allocate.
	// Otherwise it returns ErrWouldBlock: call Open on a worker. Errors: KindNotFound,
	// KindNotPlain (for a folder, too) and KindNotFolder. It panics if f is open.
	OpenCached(f *File, n Name) error
	// Open opens the plain file n. Errors are those of OpenCached, but never ErrWouldBlock.
	Open(f *File, n Name) error

	// Entries opens the folder n to read what it holds. Errors: KindNotFound, KindNotFolder.
	Entries(n Name, d Details) (Entries, error)
	// Stat describes n, links followed. Errors: KindNotFound, KindNotPlain for devices, FIFOs and
	// sockets, KindNotFolder also if n asks for a folder and is a file.
	Stat(n Name) (Entry, error)
	// SetMeta changes times and modes of the file or folder n, links followed. Errors are those of
	// Stat, KindUnsupported where the store does not keep them, and KindDenied for the root's mode.
	SetMeta(n Name, m Meta) error

	// Mkdir makes the folder n. Errors: KindExists when anything has the name, KindNotFound
	// without the folder that it would be in.
	Mkdir(n Name) error
	// Rmdir removes the empty folder n. Errors: KindNotEmpty, KindNotFound, KindNotFolder (for a
	// link to a folder, too), KindDenied also for the root.
	Rmdir(n Name) error
	// Remove removes the plain file n, or the link n itself. Errors: KindNotFound, KindNotPlain.
	Remove(n Name) error
	// Rename gives a file, a link or a folder another name, atomically; links at the end of a
	// name are not followed. A rename to the same name does nothing. A file replaces a file or a
	// link, unless NoReplace; a file replaces no folder, and a folder replaces nothing:
	// KindExists. Devices, FIFOs and sockets are neither renamed nor replaced: KindNotPlain. A
	// folder does not fit into itself: KindBadName. KindUnsupported: nothing can be renamed from
	// here to there. Also KindNotFound, KindNotFolder when a slash means a folder and it is none,
	// and KindDenied for the root.
	Rename(from, to Name, o CommitOptions) error

	// Create begins an upload to the file n. Errors: KindNotFound without its folder,
	// KindNotPlain if anything but a file or a link has the name, KindExists with NoReplace.
	Create(n Name, o CreateOptions) (Upload, error)
	// Extend begins an upload that writes to the file n in place, from an offset on, or from its
	// end if that is AtEnd. It returns the offset. What the file had behind it is cut off when the
	// first bytes are written, or by Commit; without the file it is made. Commit and Abort both
	// keep what was written. Errors are those of Create, KindOffset when the offset is beyond the
	// end, and KindBusy while another extends the file.
	Extend(n Name, at int64, o CreateOptions) (Upload, int64, error)
	// StoreSmall stores data as the file n, atomically. Errors are those of Create and Upload.
	StoreSmall(n Name, data []byte, o CommitOptions) error
	// NewSyncer returns what commits uploads of this store durably, and does its work in the pool.
	NewSyncer(pool *Pool) Syncer

	// NewPart begins a resumable upload to the file n and returns its id, 16 hexadecimal digits:
	// whoever knows them may resume it. Nobody holds the part yet. Errors are those of Create;
	// KindTooMany when there are too many parts, and none of them is empty and was unused for a
	// minute, which makes room; KindCrossDevice when parts cannot become files there.
	NewPart(n Name, o PartOptions) (string, error)
	// OpenPart opens the part with that id to resume it. Errors: KindNotFound for an unknown id,
	// KindBusy while the part has another holder.
	OpenPart(id string) (Part, error)
	// Parts returns how many parts are kept, and how many of them are held.
	Parts() (kept, held int)
	// SweepParts removes parts that nobody holds and whose lifetime is over.
	SweepParts() (removed int, err error)
	// Sweep removes what a killed server left, and learns of the parts of earlier servers: call it
	// before the first OpenPart. What it cannot read or remove is skipped; err is the first such
	// error.
	Sweep() (removed int, err error)

	// Free returns how many bytes are left.
	Free() (int64, error)
	// Close closes the store, after the last file of it was closed.
	Close() error
}

// AtEnd as an offset of Extend is the end of the file.
const AtEnd int64 = -1

// EntryKind says what has a name.
type EntryKind uint8

// The kinds of entry.
const (
	EntryOther  EntryKind = iota // A device, a FIFO or a socket.
	EntryFile                    // A plain file.
	EntryFolder                  // A folder.
	EntryLink                    // A symbolic link.
)

// Entry describes what has a name. Entries fills Name and Kind, and with AllDetails the rest.
type Entry struct {
	Name    string // Its own name, without a folder; empty from Stat.
	Kind    EntryKind
	Mode    fs.FileMode // The permissions.
	Size    int64       // In bytes; 0 for a folder.
	ModTime time.Time
	// Device and Inode tell files apart, whatever their names. Both are 0 where the store cannot.
	Device, Inode uint64
	Target        string // Where a link points to; empty if that cannot be told.
}

// Details says whether Entries is asked for more than names and kinds.
type Details bool

// The choices.
const (
	NamesOnly  Details = false
	AllDetails Details = true
)

// Entries is a folder that is being read, by one goroutine at a time. A link is described as a
// link: Stat tells what it leads to. The names that the store keeps for itself are left out; all
// others are there, whatever bytes they hold.
type Entries interface {
	// Next fills the page, in no order, and returns the number of entries: at least one without an
	// error. At the end it returns 0 and io.EOF. Memory does not grow with the folder.
	Next(page []Entry) (int, error)
	Close()
}

// Meta is what SetMeta changes.
type Meta struct {
	ModTime time.Time   // The zero time changes none.
	Mode    fs.FileMode // The permissions: nine bits, no others.
	SetMode bool
}

// CreateOptions say how an upload begins. The zero value replaces an existing file.
type CreateOptions struct {
	// NoReplace refuses a name that is taken, with KindExists: at once if it is, and at Commit
	// if it has been taken meanwhile.
	NoReplace bool
}

// CommitOptions say how an upload ends. The zero value replaces an existing file.
type CommitOptions struct {
	NoReplace bool // Refuses a name that is taken, with KindExists.

	// Durable has Commit return once file and name are on disk. Where many commit at once, a
	// Syncer does that for all of them together. For Rename the store's own options decide.
	Durable bool
}

// PartOptions say how a part begins. The zero value lets it replace an existing file.
type PartOptions struct {
	// NoReplace refuses a name that is taken, with KindExists. Commit checks again if its own
	// NoReplace is set.
	NoReplace bool

	// Owner is who asked for the part, in any words, or empty. One owner has at most as many parts
	// as remain for others; NewPart refuses more with KindTooMany.
	Owner string
}

// Committable is an Upload or a Part.
type Committable interface {
	// Commit makes the file appear under its name, atomically, and ends the upload. An existing
	// file is replaced, or a link itself and never its target. After an error an Upload is gone
	// and a Part is kept; the file that had the name is as it was. If the operation of the error
	// is OpSyncFolder, then the file has its name, and a power cut may undo that. A further
	// Commit returns the same.
	Commit(o CommitOptions) error
}

// Writer is what an Upload and a Part have in common. One goroutine at a time uses it.
//
// A store may be far away, and so it may write behind: WriteAt copies data that it does not write
// at once, and an error may come from a later call, from Commit at the latest. A server writes
// consecutive ranges, so that a store can send them on while more arrives.
type Writer interface {
	Committable

	Name() Name // The name that the file will have.
	// WriteAt writes all of data at off. After an error Commit returns the same. A Part is only
	// written to at its end: KindOffset otherwise. KindTooLarge: beyond what the store takes.
	WriteAt(data []byte, off int64) (int, error)
	// SpliceFrom moves n bytes from the pipe to offset off of the file, and returns how many it
	// moved. It waits for storage, never for the pipe: ErrWouldBlock says that the pipe held
	// fewer. KindUnsupported says that the store does not splice: read the pipe and use WriteAt.
	SpliceFrom(pipe int, off int64, n int) (int, error)
	// Allocate sets space aside for the n bytes at off, so that writing them finds room. The size
	// stays. KindNoSpace says that there is none; a store that cannot do it returns nil. Space
	// that was not written to is given back at the end.
	Allocate(off, n int64) error
}

// Upload is a file that is being written, and has its name only after Commit.
type Upload interface {
	Writer
	// Abort discards the upload; what has the name stays as it is. After the end it does nothing.
	Abort() error
}

// Part is a resumable upload, held by one holder at a time. The holder ends it with Commit, Close
// or Drop. Its name is resolved when it commits: if a folder in it was renamed or removed, Commit
// fails with KindNotFound, "no such folder".
type Part interface {
	Writer
	Size() int64 // The number of bytes kept.
	// ReadAt reads the bytes that are kept, as io.ReaderAt does.
	ReadAt(p []byte, off int64) (int, error)
	// Close keeps the part for the next holder. An error says that bytes which were written may
	// be lost. After the end it does nothing.
	Close() error
	// Drop discards the part. After an error it is kept. After the end it does nothing.
	Drop() error
}

// Syncer commits uploads durably, for many at a time. It may be used by any number of goroutines.
type Syncer interface {
	// Commit ends c as its own Commit with Durable would, and calls done with what that returns,
	// once, on a worker. It does not wait. From then on c is the Syncer's.
	Commit(c Committable, o CommitOptions, done func(error))
}
