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
type Kind uint8

// The kinds of error.
const (
	KindNone        Kind = iota // No error.
	KindNotFound                // Nothing has that name, or links lead nowhere or in a circle.
	KindNotPlain                // It is a folder, a device, a FIFO or a socket: no plain file.
	KindNotFolder               // It is no folder, or a part of the name before the last is none.
	KindDenied                  // Permissions, a read-only root, or a link that leaves the root.
	KindBadName                 // The name breaks the rules of ParseName or of the filesystem.
	KindExists                  // The name is taken, and replacing was not allowed.
	KindOffset                  // The part is not that long: bytes go to its end alone.
	KindNotEmpty                // It is a folder that holds something, hidden or not.
	KindNoSpace                 // The disk is full, or a quota is used up.
	KindTooLarge                // The file is larger than the filesystem or a limit allows.
	KindTooMany                 // Too many descriptors are open, or too many parts are kept.
	KindWouldBlock              // ErrWouldBlock.
	KindBusy                    // It is in use, or changing too fast: later may do.
	KindUnsupported             // The system or the filesystem does not do this.
	KindCrossDevice             // A mount lies between: what is there cannot be renamed here.
	KindIO                      // Anything else, a failing disk among it.
	kindCount
)

var kindNames = [kindCount]string{
	KindNone:        "none",
	KindNotFound:    "not found",
	KindNotPlain:    "not a plain file",
	KindNotFolder:   "not a folder",
	KindDenied:      "denied",
	KindBadName:     "bad name",
	KindExists:      "exists",
	KindOffset:      "wrong offset",
	KindNotEmpty:    "not empty",
	KindNoSpace:     "no space",
	KindTooLarge:    "too large",
	KindTooMany:     "too many",
	KindWouldBlock:  "would block",
	KindBusy:        "busy",
	KindUnsupported: "unsupported",
	KindCrossDevice: "across a mount",
	KindIO:          "input/output",
}

// String returns the kind's name in lower case.
func (k Kind) String() string {
	if k < kindCount {
		return kindNames[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// Op is a kind of system call, or of work on a name. Options.Fault is asked by it.
type Op uint8

// The operations.
const (
	OpNone       Op = iota
	OpName          // Parsing a name; no system call.
	OpRoot          // Opening the root.
	OpOpen          // Opening a plain file for reading.
	OpRead          // Reading a file, or asking whether it is in memory.
	OpStat          // Looking at what has a name, or at an open file.
	OpFolder        // Opening a folder.
	OpList          // Reading a folder.
	OpCreate        // Making a temporary file.
	OpLock          // Locking a temporary file.
	OpWrite         // Writing, splicing included.
	OpAllocate      // Setting blocks aside.
	OpTruncate      // Giving back blocks that were set aside and not used.
	OpRename        // Giving a file its name, or a file or folder another one.
	OpUnlink        // Removing a file, ours or a user's.
	OpMkdir         // Making a folder.
	OpRmdir         // Removing a folder.
	OpSync          // Bringing a file to the disk.
	OpSyncFolder    // Bringing a folder's names to the disk.
	OpSyncAll       // Bringing a whole filesystem to the disk.
	OpClose         // Closing.
	OpFree          // Asking for the free space.
	opCount
)

var opNames = [opCount]string{
	OpNone:       "none",
	OpName:       "name",
	OpRoot:       "root",
	OpOpen:       "open",
	OpRead:       "read",
	OpStat:       "stat",
	OpFolder:     "folder",
	OpList:       "list",
	OpCreate:     "create",
	OpLock:       "lock",
	OpWrite:      "write",
	OpAllocate:   "allocate",
	OpTruncate:   "truncate",
	OpRename:     "rename",
	OpUnlink:     "unlink",
	OpMkdir:      "mkdir",
	OpRmdir:      "rmdir",
	OpSync:       "sync",
	OpSyncFolder: "sync folder",
	OpSyncAll:    "sync filesystem",
	OpClose:      "close",
	OpFree:       "free",
}

// String returns the operation's name in lower case.
func (o Op) String() string {
	if o < opCount {
		return opNames[o]
	}
	return "op " + strconv.Itoa(int(o))
}

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
	text := e.Op.String()
	if !e.Name.IsRoot() {
		text += " " + strconv.Quote(e.Name.String())
	}
	if e.Err == nil {
		return text + ": " + e.Kind.String()
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

// wouldBlock tells an answer that has to be fetched in the pool, without allocating.
func wouldBlock(err error) bool {
	return errors.Is(err, ErrWouldBlock) || errors.Is(err, syscall.EAGAIN)
}

// cause is a reason of this package's own, where the system has no errno for it.
type cause struct {
	kind Kind
	text string
}

func (c *cause) Error() string { return c.text }

// Is lets errors.Is(err, errors.ErrUnsupported) and its like work with our own reasons.
func (c *cause) Is(target error) bool {
	return c.kind == KindUnsupported && target == errors.ErrUnsupported ||
		c.kind == KindExists && target == fs.ErrExist ||
		c.kind == KindDenied && target == fs.ErrPermission
}

var (
	errNotPlain    = &cause{KindNotPlain, "not a plain file"}
	errEscapes     = &cause{KindDenied, "leads out of the served root"}
	errListing     = &cause{KindTooLarge, "more names than a listing may hold"}
	errReadOnly    = &cause{KindDenied, "the root is read-only"}
	errTaken       = &cause{KindExists, "the name is taken"}
	errBusy        = &cause{KindBusy, "changing too fast"}
	errUnsupported = &cause{KindUnsupported, "not supported here"}
	errEnded       = &cause{KindIO, "already ended"}
	errRoot        = &cause{KindDenied, "the served root itself"}
	errFolderHere  = &cause{KindExists, "a folder has that name"}
	errOverFile    = &cause{KindExists, "a folder never replaces a file"}
	errIntoItself  = &cause{KindBadName, "a folder does not fit into itself"}
	errCrossDevice = &cause{KindCrossDevice, "no parts across a mount, use put"}
	errElsewhere   = &cause{KindUnsupported, "the names are on different filesystems"}
	errRefused     = &cause{KindBadName, "the filesystem does not take that name"}
)

// asCrossDevice tells a rename across a mount from a name that leads out of the root: both are
// EXDEV.
func asCrossDevice(err error) error {
	if errors.Is(err, syscall.EXDEV) {
		return errCrossDevice
	}
	return err
}

// newError makes an *Error of whatever a system call, os or Fault returned. Errors of os name
// paths, so that only the errno in them is kept.
func newError(op Op, n Name, err error) error {
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
	var (
		path *fs.PathError
		link *os.LinkError
	)
	switch {
	case errors.As(err, &path):
		err = path.Err
	case errors.As(err, &link):
		err = link.Err
	default:
		return err
	}
	// The error of os.Root for a name that leaves it is not exported.
	if err.Error() == "path escapes from parent" {
		return errEscapes
	}
	return err
}
