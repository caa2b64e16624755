// Package mem is an fsio.Store in memory, for tests: files and folders, no links. It behaves like
// a store that is far away: nothing is cached, and Options.Trip is called where one would wait.
package mem

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"ferry/fsio"
)

// Options say how a store behaves. The zero value never fails, and never waits.
type Options struct {
	// Fault is asked before each call; an error that it returns is used instead of the call.
	Fault func(op fsio.Op, n fsio.Name) error
	// Trip is called, by any goroutine, for each round trip to storage.
	Trip     func(op fsio.Op)
	PartsMax int // At most, for all owners together; 0 means no limit.
}

type store struct {
	options Options

	mu    sync.Mutex
	root  *node
	inode uint64
	parts map[string]*part
}

// node is a file, or a folder if entries is not nil. The data of a file never changes.
type node struct {
	fsio.Entry
	data    []byte
	entries map[string]*node
}

// New returns an empty store.
func New(o Options) fsio.Store {
	s := &store{options: o, parts: map[string]*part{}}
	s.root = s.newNode(fsio.EntryFolder, nil)
	return s
}

func (s *store) newNode(kind fsio.EntryKind, data []byte) *node {
	s.inode++
	n := &node{data: data, Entry: fsio.Entry{
		Kind: kind, Size: int64(len(data)), ModTime: time.Now(), Mode: 0o644,
		Device: 1, Inode: s.inode,
	}}
	if kind == fsio.EntryFolder {
		n.entries, n.Mode = map[string]*node{}, 0o755
	}
	return n
}

// call makes one call on the tree.
func (s *store) call(op fsio.Op, n fsio.Name, do func() fsio.Kind) error {
	if s.options.Trip != nil {
		s.options.Trip(op)
	}
	if s.options.Fault != nil {
		if err := s.options.Fault(op, n); err != nil {
			return fsio.NewError(op, n, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return failure(op, n, do())
}

func failure(op fsio.Op, n fsio.Name, kind fsio.Kind) error {
	if kind == fsio.KindNone {
		return nil
	}
	return fsio.NewError(op, n, fsio.Cause(kind, string(kind)))
}

func nothing() fsio.Kind { return fsio.KindNone }

// find returns what has the name.
func (s *store) find(n fsio.Name) (*node, fsio.Kind) {
	at := s.root
	for part := range strings.SplitSeq(n.String(), "/") {
		switch {
		case part == "":
			continue
		case at.entries == nil:
			return nil, fsio.KindNotFolder
		}
		if at = at.entries[part]; at == nil {
			return nil, fsio.KindNotFound
		}
	}
	if n.MeansFolder() && at.entries == nil {
		return nil, fsio.KindNotFolder
	}
	return at, fsio.KindNone
}

// plain returns the plain file of that name.
func (s *store) plain(n fsio.Name) (*node, fsio.Kind) {
	if n.MeansFolder() {
		return nil, fsio.KindNotPlain
	}
	at, kind := s.find(n)
	if kind == fsio.KindNone && at.entries != nil {
		kind = fsio.KindNotPlain
	}
	return at, kind
}

// folder returns the folder of that name.
func (s *store) folder(n fsio.Name) (*node, fsio.Kind) {
	at, kind := s.find(n)
	if kind == fsio.KindNone && at.entries == nil {
		kind = fsio.KindNotFolder
	}
	return at, kind
}

// parent returns the folder that the name is in, and the last part.
func (s *store) parent(n fsio.Name) (*node, string, fsio.Kind) {
	above, base := n.Split()
	folder, kind := s.folder(above)
	return folder, base, kind
}

func (s *store) OpenCached(*fsio.File, fsio.Name) error { return fsio.ErrWouldBlock }

func (s *store) Open(f *fsio.File, n fsio.Name) error {
	f.WantClosed()
	return s.call(fsio.OpOpen, n, func() fsio.Kind {
		at, kind := s.plain(n)
		if kind == fsio.KindNone {
			f.Opened(s, n, fsio.Held{
				Bytes: at.Size, Seconds: at.ModTime.Unix(), Descriptor: -1, Data: at.data,
			})
		}
		return kind
	})
}

func (s *store) ReadAt(f *fsio.File, p []byte, off int64) (int, error) {
	if err := s.call(fsio.OpRead, f.Name(), nothing); err != nil {
		return 0, err
	}
	return bytes.NewReader(f.Data.([]byte)).ReadAt(p, off)
}

func (s *store) CloseFile(f *fsio.File) error { return s.call(fsio.OpClose, f.Name(), nothing) }

func (s *store) Entries(n fsio.Name, _ fsio.Details) (l fsio.Entries, err error) {
	err = s.call(fsio.OpList, n, func() fsio.Kind {
		at, kind := s.folder(n)
		if kind == fsio.KindNone {
			l = &entries{s, n, at, slices.Collect(maps.Keys(at.entries))}
		}
		return kind
	})
	return l, err
}

// entries is a folder that is being read.
type entries struct {
	s      *store
	name   fsio.Name
	folder *node
	left   []string
}

func (l *entries) Next(page []fsio.Entry) (n int, err error) {
	err = l.s.call(fsio.OpList, l.name, func() fsio.Kind {
		for ; n < len(page) && len(l.left) > 0; l.left = l.left[1:] {
			if e := l.folder.entries[l.left[0]]; e != nil { // Else it was removed meanwhile.
				page[n] = e.Entry
				page[n].Name = l.left[0]
				n++
			}
		}
		return fsio.KindNone
	})
	if err == nil && n == 0 {
		err = io.EOF
	}
	return n, err
}

func (*entries) Close() {}

func (s *store) Stat(n fsio.Name) (e fsio.Entry, err error) {
	err = s.call(fsio.OpStat, n, func() fsio.Kind {
		at, kind := s.find(n)
		if kind == fsio.KindNone {
			e = at.Entry
		}
		return kind
	})
	return e, err
}

func (s *store) SetMeta(n fsio.Name, m fsio.Meta) error {
	return s.call(fsio.OpMeta, n, func() fsio.Kind {
		at, kind := s.find(n)
		switch {
		case m.Mode&^fs.ModePerm != 0:
			return fsio.KindUnsupported
		case kind != fsio.KindNone:
			return kind
		}
		if m.SetMode {
			at.Mode = m.Mode
		}
		if !m.ModTime.IsZero() {
			at.ModTime = m.ModTime
		}
		return kind
	})
}

func (s *store) Mkdir(n fsio.Name) error {
	return s.call(fsio.OpMkdir, n, func() fsio.Kind {
		folder, base, kind := s.parent(n)
		switch {
		case kind != fsio.KindNone:
			return kind
		case base == "" || folder.entries[base] != nil:
			return fsio.KindExists
		}
		folder.entries[base] = s.newNode(fsio.EntryFolder, nil)
		return kind
	})
}

func (s *store) Rmdir(n fsio.Name) error {
	return s.call(fsio.OpRmdir, n, func() fsio.Kind {
		at, kind := s.folder(n)
		switch {
		case kind != fsio.KindNone:
			return kind
		case n.IsRoot():
			return fsio.KindDenied
		case len(at.entries) > 0:
			return fsio.KindNotEmpty
		}
		return s.unlink(n)
	})
}

func (s *store) Remove(n fsio.Name) error {
	return s.call(fsio.OpUnlink, n, func() fsio.Kind {
		if _, kind := s.plain(n); kind != fsio.KindNone {
			return kind
		}
		return s.unlink(n)
	})
}

func (s *store) unlink(n fsio.Name) fsio.Kind {
	folder, base, kind := s.parent(n)
	delete(folder.entries, base)
	return kind
}

func (s *store) Rename(from, to fsio.Name, o fsio.CommitOptions) error {
	return s.call(fsio.OpRename, from, func() fsio.Kind {
		moved, kind := s.find(from)
		folder, base, kindTo := s.parent(to)
		switch {
		case kind != fsio.KindNone:
			return kind
		case from.IsRoot():
			return fsio.KindDenied
		case base == "":
			return fsio.KindExists
		case kindTo != fsio.KindNone:
			return kindTo
		case moved.entries == nil && to.MeansFolder():
			return fsio.KindNotFolder
		case from.String() == to.String() && !o.NoReplace:
			return fsio.KindNone
		case strings.HasPrefix(to.String(), from.String()+"/"):
			return fsio.KindBadName
		}
		there := folder.entries[base]
		if there != nil && (o.NoReplace || moved.entries != nil || there.entries != nil) {
			return fsio.KindExists
		}
		folder.entries[base] = moved
		return s.unlink(from)
	})
}

func (s *store) Free() (int64, error) { return 1 << 40, s.call(fsio.OpFree, fsio.Name{}, nothing) }

func (s *store) Sweep() (int, error) { return 0, nil }

func (s *store) SweepParts() (int, error) { return 0, nil }

func (*store) Close() error { return nil }

func (*store) NewSyncer(pool *fsio.Pool) fsio.Syncer { return syncer{pool} }

type syncer struct{ pool *fsio.Pool }

func (s syncer) Commit(c fsio.Committable, o fsio.CommitOptions, done func(error)) {
	s.pool.Submit(job(func() { done(c.Commit(o)) }))
}

type job func()

func (j job) Run() { j() }
