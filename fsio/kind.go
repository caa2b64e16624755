package fsio

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// ErrWouldBlock says that the answer is not in memory, or that the system cannot say: the call
// that may block (Open, ReadAt, ReadAhead) has to be made in the pool. It is one static value,
// since it comes on the hot path.
var ErrWouldBlock error = &cause{KindWouldBlock, "would wait for the disk"}

// Kind is what went wrong, in the few words that a server has to tell apart. The set is closed.
type Kind string

// The kinds of error.
const (
	KindNone        Kind = ""
	KindNotFound    Kind = "not found"        // Or links lead nowhere or in a circle.
	KindNotPlain    Kind = "not a plain file" // A folder, a device, a FIFO, a socket.
	KindNotFolder   Kind = "not a folder"     // Or a part of the name before the last is none.
	KindDenied      Kind = "denied"           // Permissions, read-only, a link out of the root.
	KindBadName     Kind = "bad name"         // It breaks the rules of Parser or of the store.
	KindExists      Kind = "exists"           // It was not allowed to replace what has the name.
	KindOffset      Kind = "wrong offset"     // The part is not that long.
	KindNotEmpty    Kind = "not empty"        // The folder holds something, hidden or not.
	KindNoSpace     Kind = "no space"         // The disk is full, or a quota is used up.
	KindTooLarge    Kind = "too large"        // For the filesystem or for a limit.
	KindTooMany     Kind = "too many"         // Descriptors are open, or parts are kept.
	KindWouldBlock  Kind = "would block"      // ErrWouldBlock.
	KindBusy        Kind = "busy"             // In use, or changing too fast: later may do.
	KindUnsupported Kind = "unsupported"      // The system or the store does not do this.
	KindCrossDevice Kind = "across a mount"   // A part cannot become a file there.
	KindIO          Kind = "input/output"     // Anything else, a failing disk among it.
)

// Op is what was done when it went wrong: a kind of system call, or of work on a name.
type Op string

// The operations.
const (
	OpName       Op = "name"            // Parsing a name; no system call.
	OpRoot       Op = "root"            // Opening the root.
	OpOpen       Op = "open"            // Opening a plain file for reading.
	OpRead       Op = "read"            // Reading a file, or asking whether it is in memory.
	OpStat       Op = "stat"            // Looking at what has a name, or at an open file.
	OpFolder     Op = "folder"          // Opening a folder.
	OpList       Op = "list"            // Reading a folder.
	OpCreate     Op = "create"          // Making a temporary file.
	OpLock       Op = "lock"            // Locking a temporary file.
	OpWrite      Op = "write"           // Writing, splicing included.
	OpAllocate   Op = "allocate"        // Setting blocks aside.
	OpTruncate   Op = "truncate"        // Giving back blocks that were set aside and not used.
	OpRename     Op = "rename"          // Giving a file its name, or a file or folder another one.
	OpUnlink     Op = "unlink"          // Removing a file, ours or a user's.
	OpMkdir      Op = "mkdir"           // Making a folder.
	OpRmdir      Op = "rmdir"           // Removing a folder.
	OpMeta       Op = "meta"            // Changing times and permissions.
	OpSync       Op = "sync"            // Bringing a file to the disk.
	OpSyncFolder Op = "sync folder"     // Bringing a folder's names to the disk.
	OpSyncAll    Op = "sync filesystem" // Bringing a whole filesystem to the disk.
	OpClose      Op = "close"           // Closing.
	OpFree       Op = "free"            // Asking for the free space.
)

// Error is what every failing call of this package returns, ErrWouldBlock and io.EOF aside.
// Err never holds a path: it is a syscall.Errno or a few words of this package.
type Error struct {
	Op   Op
	Name Name // Beneath the root; the zero Name where none is concerned.
	Kind Kind
	Err  error
}

// Error says operation, quoted name and reason, for example `open "a/b": permission denied`.
func (e *Error) Error() string {
	text := string(e.Op)
	if !e.Name.IsRoot() {
		text += " " + strconv.Quote(e.Name.String())
	}
	return text + ": " + e.Err.Error()
}

// Unwrap returns the reason, so that errors.Is works with fs.ErrNotExist and the like.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of any error: that of an *Error, else that of the errno in it,
// else KindIO. It is KindNone for nil.
func KindOf(err error) Kind {
	if err == nil {
		return KindNone
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	var c *cause
	if errors.As(err, &c) {
		return c.kind
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return kindOfErrno(errno)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return KindNotFound
	case errors.Is(err, fs.ErrPermission):
		return KindDenied
	case errors.Is(err, fs.ErrExist):
		return KindExists
	case errors.Is(err, errors.ErrUnsupported):
		return KindUnsupported
	}
	return KindIO
}

// errnoKinds is the one place that turns an errno into a kind.
var errnoKinds = map[syscall.Errno]Kind{
	syscall.ENOENT:       KindNotFound,
	syscall.ELOOP:        KindNotFound,
	syscall.EISDIR:       KindNotPlain,
	syscall.ENXIO:        KindNotPlain,
	syscall.ENODEV:       KindNotPlain,
	syscall.ENOTDIR:      KindNotFolder,
	syscall.EACCES:       KindDenied,
	syscall.EPERM:        KindDenied,
	syscall.EROFS:        KindDenied,
	syscall.EXDEV:        KindDenied, // The word of openat2 for a name that would leave the root.
	syscall.ENAMETOOLONG: KindBadName,
	syscall.EILSEQ:       KindBadName,
	syscall.EEXIST:       KindExists,
	syscall.ENOTEMPTY:    KindNotEmpty,
	syscall.ENOSPC:       KindNoSpace,
	syscall.EDQUOT:       KindNoSpace,
	syscall.EMLINK:       KindNoSpace, // The folder takes no further folder.
	syscall.EFBIG:        KindTooLarge,
	syscall.EOVERFLOW:    KindTooLarge,
	syscall.EMFILE:       KindTooMany,
	syscall.ENFILE:       KindTooMany,
	syscall.EAGAIN:       KindWouldBlock,
	syscall.EBUSY:        KindBusy,
	syscall.ETXTBSY:      KindBusy,
	syscall.ENOMEM:       KindBusy,
	syscall.ENOLCK:       KindBusy,
	syscall.ESTALE:       KindNotFound, // A file server has removed it meanwhile.
}

func kindOfErrno(errno syscall.Errno) Kind {
	if kind, ok := errnoKinds[errno]; ok {
		return kind
	}
	// Two of the errnos for this are one and the same on some systems, which a table refuses.
	if errno.Is(errors.ErrUnsupported) {
		return KindUnsupported
	}
	return KindIO
}

// cause is a reason that the system has no errno for.
type cause struct {
	kind Kind
	text string
}

// Cause returns a reason of a store's own, for Error.Err.
func Cause(kind Kind, text string) error { return &cause{kind, text} }

func (c *cause) Error() string { return c.text }

// Is lets errors.Is(err, errors.ErrUnsupported) and its like work with our own reasons.
func (c *cause) Is(target error) bool {
	return c.kind == KindUnsupported && target == errors.ErrUnsupported ||
		c.kind == KindExists && target == fs.ErrExist ||
		c.kind == KindDenied && target == fs.ErrPermission
}

var (
	errEscapes     = &cause{KindDenied, "leads out of the served root"}
	errUnsupported = &cause{KindUnsupported, "not supported here"}
)

// NewError makes an *Error of whatever a system call, os or Fault returned. Errors of os name
// paths, so that only the errno in them is kept.
func NewError(op Op, n Name, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	err = strip(err)
	return &Error{Op: op, Name: n, Kind: KindOf(err), Err: err}
}

// strip takes the path off an error of package os.
func strip(err error) error {
	var c *cause
	if errors.As(err, &c) {
		return c
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		if errno == syscall.EXDEV {
			return errEscapes
		}
		return errno
	}
	var path *fs.PathError
	var link *os.LinkError
	if errors.As(err, &path) {
		err = path.Err
	} else if errors.As(err, &link) {
		err = link.Err
	}
	if err.Error() == "path escapes from parent" { // Package os does not export it.
		return errEscapes
	}
	return err
}
