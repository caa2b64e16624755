// Package dir is an fsio.Store: a folder on this machine, with everything beneath it.
//
// On Linux the kernel keeps every name beneath the root, symbolic links included: openat2 with
// RESOLVE_BENEATH. Where that call is not available (an old kernel, a sandbox, another system)
// os.Root does the same in user space, with more system calls. Open finds out which;
// Options.Portable, and the build tag ferryportable, ask for os.Root anyway.
//
// By default nothing is forced to the disk. CommitOptions.Durable forces one file and its folder, a
// Syncer those of all that commit at the same time.
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

	// Durable has Mkdir, Rmdir, Remove and Rename sync the folders that they changed before they
	// return. After an error with OpSyncFolder the change is made, and a power cut may undo it.
	// For uploads see fsio.CommitOptions.
	Durable bool

	// PartLifetime is how long after the last byte a part is kept: Sweep removes older ones. Zero
	// or less keeps them for ever.
	PartLifetime time.Duration

	// PartsMax is how many parts are kept at most; NewPart refuses more with KindTooMany. Zero or
	// less: 10,000.
	PartsMax int

	// Fault is for tests. Unless it is nil it is asked before each system call of a kind, by any
	// goroutine; an error that it returns is used instead of the call, and a Short lets it move
	// fewer bytes. A close is made even if Fault replaces its outcome.
	Fault func(op fsio.Op, name fsio.Name) error
}

type store struct {
	options Options
	kernel  *kernel  // Resolves names in the kernel; nil where os.Root does it.
	root    *os.Root // Nil where the kernel does it.

	parts partStore

	// noWait is the filesystem that last refused reads that do not wait.
	noWait atomic.Uint64
	// noCachestat is set once the system has said that it does not know cachestat.
	noCachestat atomic.Bool
}

// Open opens a folder. It probes what the system offers and falls back by itself. Errors have
// KindNotFound, KindNotFolder or KindDenied, and do not repeat the path.
func Open(path string, o Options) (fsio.Store, error) {
	r := &store{options: o, parts: partStore{parts: map[string]*partEntry{}}}
	err := r.do(fsio.OpRoot, fsio.Name{}, func() error {
		info, err := os.Stat(path)
		if err == nil && !info.IsDir() {
			err = syscall.ENOTDIR
		}
		if err == nil && !o.Portable {
			r.kernel, err = newKernel(path)
		}
		if err == nil && r.kernel == nil {
			r.root, err = os.OpenRoot(path)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Close leaves open files and uploads as they are.
func (r *store) Close() error {
	if r.kernel != nil {
		return fsio.NewError(fsio.OpClose, fsio.Name{}, r.kernel.close())
	}
	return fsio.NewError(fsio.OpClose, fsio.Name{}, r.root.Close())
}

// Free returns what is left for this process's user.
func (r *store) Free() (bytes int64, err error) {
	err = r.do(fsio.OpFree, fsio.Name{}, func() error {
		d, err := r.folder(fsio.Name{}, useNames)
		if err == nil {
			bytes, err = freeBytes(d.fd)
			d.close()
		}
		return err
	})
	return bytes, err
}
