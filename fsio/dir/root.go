package dir

import (
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"ferry/fsio"
)

// Options say how a folder is served. The zero value serves it for reading and writing, in the
// fastest way that the system has.
type Options struct {
	// ReadOnly refuses whatever would change something with KindDenied, and makes Sweep do nothing.
	ReadOnly bool

	// Portable asks for os.Root and plain reads and writes, even where the system has better.
	Portable bool

	// Durable has Mkdir, Rmdir, Remove and Rename bring the folders that they changed to the disk
	// before they return. An error of that has OpSyncFolder: what was asked for is done then, and
	// may not outlast a power cut. For uploads see CommitOptions.
	Durable bool

	// PartLifetime is how long after the last byte a part is kept: Sweep removes older ones. Zero
	// or less keeps them for ever.
	PartLifetime time.Duration

	// PartsMax is how many parts are kept at most; NewPart refuses more with KindTooMany. Zero or
	// less: 10,000.
	PartsMax int

	// Fault, when it is not nil, is asked before each system call of a kind; an error that it
	// returns is used instead of the call, a Short lets it move fewer bytes. It is for tests, and
	// is called by any goroutine. A close is made even if Fault replaces its outcome.
	Fault func(op fsio.Op, name fsio.Name) error
}

// Root is an fsio.Store: a folder and everything beneath it.
type Root struct {
	options Options
	kernel  *kernel  // Resolves names in the kernel; nil where os.Root does it.
	root    *os.Root // Nil where the kernel does it.

	parts partStore

	// noWait are the filesystems that refuse reads that do not wait.
	noWait deviceSet
	// noCachestat is set once the system has said that it does not know cachestat.
	noCachestat atomic.Bool
}

// Open opens the folder dir. It probes what the system offers and falls back by itself.
// Errors have KindNotFound, KindNotFolder or KindDenied, and do not repeat dir.
func Open(dir string, o Options) (*Root, error) {
	r := &Root{options: o}
	if err := r.fault(fsio.OpRoot, fsio.Name{}); err != nil {
		return nil, fsio.NewError(fsio.OpRoot, fsio.Name{}, err)
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, fsio.NewError(fsio.OpRoot, fsio.Name{}, err)
	}
	if !o.Portable {
		r.kernel, err = newKernel(dir)
		if err != nil {
			return nil, fsio.NewError(fsio.OpRoot, fsio.Name{}, err)
		}
	}
	if r.kernel == nil {
		r.root, err = os.OpenRoot(dir)
		if err != nil {
			return nil, fsio.NewError(fsio.OpRoot, fsio.Name{}, err)
		}
	}
	return r, nil
}

// Close closes the root's own descriptors. Files and pending files of it stay as they are.
func (r *Root) Close() error {
	if r.kernel != nil {
		return fsio.NewError(fsio.OpClose, fsio.Name{}, r.kernel.close())
	}
	return fsio.NewError(fsio.OpClose, fsio.Name{}, r.root.Close())
}

// Free returns how many bytes the root's filesystem has left for this process's user.
func (r *Root) Free() (int64, error) {
	if err := r.fault(fsio.OpFree, fsio.Name{}); err != nil {
		return 0, fsio.NewError(fsio.OpFree, fsio.Name{}, err)
	}
	if r.kernel != nil {
		n, err := r.kernel.free()
		return n, fsio.NewError(fsio.OpFree, fsio.Name{}, err)
	}
	f, err := r.root.Open(".")
	if err != nil {
		return 0, fsio.NewError(fsio.OpFree, fsio.Name{}, err)
	}
	defer closeRead(f)
	n, err := freeBytes(f)
	return n, fsio.NewError(fsio.OpFree, fsio.Name{}, err)
}

// deviceSet remembers a few filesystems. It only grows, and forgets those that find no room:
// they are asked anew every time.
type deviceSet struct {
	slots [8]atomic.Uint64 // Device number plus one; a root seldom holds more filesystems.
}

func (s *deviceSet) has(device uint64) bool {
	for i := range s.slots {
		switch s.slots[i].Load() {
		case device + 1:
			return true
		case 0:
			return false
		}
	}
	return false
}

func (s *deviceSet) add(device uint64) {
	for i := range s.slots {
		if s.slots[i].CompareAndSwap(0, device+1) || s.slots[i].Load() == device+1 {
			return
		}
	}
}
