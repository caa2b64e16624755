package dir

import (
	"errors"
	"math"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

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

// wouldBlock tells an answer that only a call that may block has, without allocating.
func wouldBlock(err error) bool {
	return errors.Is(err, fsio.ErrWouldBlock) || errors.Is(err, syscall.EAGAIN)
}

// Short is what Options.Fault returns to let one read or write go through with at most so many
// bytes, one at least. The rest is another call, which is asked for again. With other operations
// it is no fault.
type Short int

func (Short) Error() string { return "short read or write" }

func (r *store) fault(op fsio.Op, n fsio.Name) error {
	_, err := r.allowance(op, n, 0)
	return err
}

// do makes a call, unless Options.Fault has another outcome for it.
func (r *store) do(op fsio.Op, n fsio.Name, call func() error) error {
	err := r.fault(op, n)
	if err == nil {
		err = call()
	}
	return fsio.NewError(op, n, err)
}

// allowance asks Options.Fault about a call that moves up to n bytes, and returns how many it may.
func (r *store) allowance(op fsio.Op, name fsio.Name, n int) (int, error) {
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

const openPlainFlags = os.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY

// tryLock locks the file for this open of it, and reports false when another has it locked. The
// lock ends with the descriptor, so that a killed server leaves none behind.
func tryLock(f *os.File) (bool, error) {
	defer runtime.KeepAlive(f)
	err := retry(func() error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// retry makes a call again when a signal interrupted it.
func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// closeCopy closes a second descriptor of the same open file: what that returns is what closing
// the file would, while the file and its lock stay. Most filesystems have nothing to tell.
func closeCopy(fd int) error {
	again, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(again)
}

// freeBytes returns what is left on a filesystem for this user. One that claims more than an int64
// holds has all of that.
func freeBytes(fd int) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return 0, err
	}
	blocks, size := int64(st.Bavail), blockSize(&st)
	switch {
	case blocks <= 0 || size <= 0:
		return 0, nil
	case blocks > math.MaxInt64/size:
		return math.MaxInt64, nil
	}
	return blocks * size, nil
}

// identify says which file is open, and what would change if its content did.
func identify(f int) (fsio.Identity, error) {
	var st unix.Stat_t
	if err := unix.Fstat(f, &st); err != nil {
		return fsio.Identity{}, err
	}
	return fsio.Identity{
		Device: uint64(st.Dev), Inode: st.Ino, Links: uint64(st.Nlink), Size: st.Size,
		Modified: st.Mtim.Nano(), Changed: st.Ctim.Nano(),
	}, nil
}
