package dir

import (
	"errors"
	"syscall"

	"ferry/fsio"
)

var (
	errNotPlain    = fsio.Cause(fsio.KindNotPlain, "not a plain file")
	errReadOnly    = fsio.Cause(fsio.KindDenied, "the root is read-only")
	errTaken       = fsio.Cause(fsio.KindExists, "the name is taken")
	errBusy        = fsio.Cause(fsio.KindBusy, "changing too fast")
	errUnsupported = fsio.Cause(fsio.KindUnsupported, "not supported here")
	errEnded       = fsio.Cause(fsio.KindIO, "already ended")
	errRoot        = fsio.Cause(fsio.KindDenied, "the served root itself")
	errFolderHere  = fsio.Cause(fsio.KindExists, "a folder has that name")
	errOverFile    = fsio.Cause(fsio.KindExists, "a folder never replaces a file")
	errIntoItself  = fsio.Cause(fsio.KindBadName, "a folder does not fit into itself")
	errCrossDevice = fsio.Cause(fsio.KindCrossDevice, "no parts across a mount, use put")
	errElsewhere   = fsio.Cause(fsio.KindUnsupported, "the names are on different filesystems")
	errRefused     = fsio.Cause(fsio.KindBadName, "the filesystem does not take that name")
	errNoPart      = fsio.Cause(fsio.KindNotFound, "no such part")
	errNoFolder    = fsio.Cause(fsio.KindNotFound, "no such folder")
	errHeld        = fsio.Cause(fsio.KindBusy, "another session has the part")
	errPartsMax    = fsio.Cause(fsio.KindTooMany, "too many parts are kept")
	errPartsOne    = fsio.Cause(fsio.KindTooMany, "too many parts are kept for this address")
	errMode        = fsio.Cause(fsio.KindUnsupported, "only permissions can be set")
	errNotAtEnd    = fsio.Cause(fsio.KindOffset, "the part is not that long")
)

// asCrossDevice tells a rename across a mount from a name that leads out of the root: both are
// EXDEV.
func asCrossDevice(err error) error {
	if errors.Is(err, syscall.EXDEV) {
		return errCrossDevice
	}
	return err
}

// wouldBlock tells an answer that only a call that may block has, without allocating.
func wouldBlock(err error) bool {
	return errors.Is(err, fsio.ErrWouldBlock) || errors.Is(err, syscall.EAGAIN)
}

// Short is what Options.Fault returns to let one read or write go through with at most so many
// bytes, one at least. The rest is another call, which is asked for again. With other operations
// it is no fault.
type Short int

// Error says what it is.
func (Short) Error() string { return "short read or write" }

// fault asks Options.Fault.
func (r *Root) fault(op fsio.Op, n fsio.Name) error {
	_, err := r.allowance(op, n, 0)
	return err
}

// allowance asks Options.Fault about a call that moves up to n bytes, and returns how many it may.
func (r *Root) allowance(op fsio.Op, name fsio.Name, n int) (int, error) {
	if r.options.Fault == nil {
		return n, nil
	}
	err := r.options.Fault(op, name)
	var short Short
	if errors.As(err, &short) {
		return min(n, max(1, int(short))), nil
	}
	return n, err
}
