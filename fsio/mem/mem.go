// Package mem is an fsio.Store in memory, for tests: files and folders, no links. It behaves like
// a store that is far away: nothing is cached, and Options.Call is called where one would wait.
package mem

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"time"

	"ferry/fsio"
)

// Options say how a store behaves. The zero value never fails, and never waits.
type Options struct {
	// Call is called, by any goroutine, for each round trip to storage; an error that it returns
	// is used instead of the call.
	Call     func(op fsio.Op, n fsio.Name) error
	PartsMax int // At most, for all owners together; 0 means no limit.
}

type store struct {
	options Options

	mu    sync.Mutex
	root  *node
	inode uint64
	parts map[string]*part
	// extended are the names of the files that are written in place.
	extended map[string]bool
}

// node is a file, or a folder if entries is not nil. The data of a file never changes.
type node struct {
	fsio.Entry
	data    []byte
	entries map[string]*node
}

// New returns an empty store.
func New(o Options) fsio.Store {
	s := &store{options: o, parts: map[string]*part{}, extended: map[string]bool{}}
	s.root = s.newNode(fsio.EntryFolder, nil)
	return s
}

func (s *store) newNode(kind fsio.EntryKind, data []byte) *node {
	s.inode++
	n := &node{data: data, Entry: fsio.Entry{
		Kind: kind, Size: int64(len(data)), ModTime: time.Now(), Device: 1, Inode: s.inode,
	}}
	if kind == fsio.EntryFolder {
		n.entries = map[string]*node{}
	}
	return n
}

func (s *store) call(op fsio.Op, n fsio.Name, do func() fsio.Kind) error {
	if s.options.Call != nil {
		if err := s.options.Call(op, n); err != nil {
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

// at returns what has the name, which must be a file or a folder unless any will do.
func (s *store) at(n fsio.Name, want fsio.EntryKind) (*node, fsio.Kind) {
	if want == fsio.EntryFile && n.MeansFolder() {
		return nil, fsio.KindNotPlain
	}
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
	switch {
	case (n.MeansFolder() || want == fsio.EntryFolder) && at.entries == nil:
		return nil, fsio.KindNotFolder
	case want == fsio.EntryFile && at.entries != nil:
		return nil, fsio.KindNotPlain
	}
	return at, fsio.KindNone
}

const anything = fsio.EntryOther

// parent returns the folder that the name is in, and the last part.
func (s *store) parent(n fsio.Name) (*node, string, fsio.Kind) {
	above, base := n.Split()
	folder, kind := s.at(above, fsio.EntryFolder)
	return folder, base, kind
}

func (s *store) OpenCached(*fsio.File, fsio.Name) error { return fsio.ErrWouldBlock }

func (s *store) Open(f *fsio.File, n fsio.Name) error {
	f.WantClosed()
	return s.call(fsio.OpOpen, n, func() fsio.Kind {
		at, kind := s.at(n, fsio.EntryFile)
		if kind == fsio.KindNone {
			f.Opened(s, n, fsio.Held{
				Bytes: at.Size, Changed: at.ModTime, Descriptor: -1, Data: at.data,
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
		at, kind := s.at(n, fsio.EntryFolder)
		if kind == fsio.KindNone {
			all := &entries{s: s, name: n}
			for name, e := range at.entries {
				all.left = append(all.left, e.Entry)
				all.left[len(all.left)-1].Name = name
			}
			l = all
		}
		return kind
	})
	return l, err
}

// entries is a folder that is being read, as it was when it was opened.
type entries struct {
	s    *store
	name fsio.Name
	left []fsio.Entry
}

func (l *entries) Next(page []fsio.Entry) (int, error) {
	if err := l.s.call(fsio.OpList, l.name, nothing); err != nil {
		return 0, err
	}
	if len(l.left) == 0 {
		return 0, io.EOF
	}
	n := copy(page, l.left)
	l.left = l.left[n:]
	return n, nil
}

func (*entries) Close() {}

func (s *store) Stat(n fsio.Name) (e fsio.Entry, err error) {
	err = s.call(fsio.OpStat, n, func() fsio.Kind {
		at, kind := s.at(n, anything)
		if kind == fsio.KindNone {
			e = at.Entry
		}
		return kind
	})
	return e, err
}

func (s *store) SetMeta(n fsio.Name, _ fsio.Meta) error {
	return failure(fsio.OpMeta, n, fsio.KindUnsupported)
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
		at, kind := s.at(n, fsio.EntryFolder)
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
		if _, kind := s.at(n, fsio.EntryFile); kind != fsio.KindNone {
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
		moved, kind := s.at(from, anything)
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

func (*store) Sweep() (int, error)      { return 0, nil }
func (*store) SweepParts() (int, error) { return 0, nil }
func (*store) Close() error             { return nil }

func (*store) NewSyncer(pool *fsio.Pool) fsio.Syncer { return syncer{pool} }

type syncer struct{ pool *fsio.Pool }

func (s syncer) Commit(c fsio.Committable, o fsio.CommitOptions, done func(error)) {
	s.pool.Submit(job(func() { done(c.Commit(o)) }))
}

type job func()

func (j job) Run() { j() }
