package mem

import (
	"bytes"
	"fmt"

	"ferry/fsio"
)

// part is what is kept of an upload; open says that it has a holder.
type part struct {
	name fsio.Name
	data []byte
	open bool
}

// writer is an fsio.Upload, and an fsio.Part if it has an id.
type writer struct {
	s         *store
	name      fsio.Name
	noReplace bool
	data      []byte
	id        string
	// inPlace says that what was written is kept by every end. The data is cut off at cut when the
	// first bytes come.
	inPlace bool
	cut     int64
	ended   bool
	result  error // What Commit returns: the first write that failed, or how it ended.
}

var errNoFolder = fsio.Cause(fsio.KindNotFound, "no such folder")

func (s *store) Create(n fsio.Name, o fsio.CreateOptions) (fsio.Upload, error) {
	err := s.call(fsio.OpCreate, n, func() fsio.Kind { return s.writable(n, o.NoReplace) })
	if err != nil {
		return nil, err
	}
	return &writer{s: s, name: n, noReplace: o.NoReplace}, nil
}

func (s *store) Extend(
	n fsio.Name, at int64, o fsio.CreateOptions,
) (u fsio.Upload, begin int64, err error) {
	err = s.call(fsio.OpOpen, n, func() fsio.Kind {
		kind := s.writable(n, o.NoReplace)
		if kind != fsio.KindNone {
			return kind
		}
		var data []byte
		there, missing := s.at(n, fsio.EntryFile)
		if missing == fsio.KindNone {
			data = there.data
		}
		if begin = at; at == fsio.AtEnd {
			begin = int64(len(data))
		}
		switch {
		case s.extended[n.String()]:
			return fsio.KindBusy
		case begin > int64(len(data)):
			return fsio.KindOffset
		}
		if missing != fsio.KindNone {
			folder, base, _ := s.parent(n)
			folder.entries[base] = s.newNode(fsio.EntryFile, nil)
		}
		s.extended[n.String()] = true
		u = &writer{s: s, name: n, data: bytes.Clone(data), inPlace: true, cut: begin}
		return fsio.KindNone
	})
	return u, begin, err
}

func (s *store) StoreSmall(n fsio.Name, data []byte, o fsio.CommitOptions) error {
	w := writer{s: s, name: n, data: data}
	return w.Commit(o)
}

func (s *store) NewPart(n fsio.Name, o fsio.PartOptions) (id string, err error) {
	err = s.call(fsio.OpCreate, n, func() fsio.Kind {
		kind := s.writable(n, o.NoReplace)
		if kind == fsio.KindNone && s.options.PartsMax > 0 && len(s.parts) >= s.options.PartsMax {
			kind = fsio.KindTooMany
		}
		if kind == fsio.KindNone {
			s.inode++
			id = fmt.Sprintf("%016x", s.inode)
			s.parts[id] = &part{name: n}
		}
		return kind
	})
	return id, err
}

func (s *store) OpenPart(id string) (p fsio.Part, err error) {
	err = s.call(fsio.OpOpen, fsio.Name{}, func() fsio.Kind {
		kept := s.parts[id]
		switch {
		case kept == nil:
			return fsio.KindNotFound
		case kept.open:
			return fsio.KindBusy
		}
		kept.open = true
		p = &writer{s: s, name: kept.name, data: kept.data, id: id}
		return fsio.KindNone
	})
	return p, err
}

func (s *store) Parts() (kept, open int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.parts {
		if p.open {
			open++
		}
	}
	return len(s.parts), open
}

// writable says whether an upload may have the name.
func (s *store) writable(n fsio.Name, noReplace bool) fsio.Kind {
	if n.IsRoot() || n.MeansFolder() {
		return fsio.KindNotPlain
	}
	folder, base, kind := s.parent(n)
	if kind != fsio.KindNone {
		return kind
	}
	switch there := folder.entries[base]; {
	case there == nil:
	case there.entries != nil:
		kind = fsio.KindNotPlain
	case noReplace:
		kind = fsio.KindExists
	}
	return kind
}

func (w *writer) Name() fsio.Name             { return w.name }
func (w *writer) Size() int64                 { return int64(len(w.data)) }
func (w *writer) Allocate(int64, int64) error { return w.open(fsio.OpAllocate) }
func (w *writer) Drop() error                 { return w.end(true) }
func (w *writer) Close() error                { return w.end(false) }

func (w *writer) Abort() error {
	if w.inPlace && w.cut < 0 {
		return w.Commit(fsio.CommitOptions{})
	}
	return w.end(true)
}

// open makes a call while the writer has not ended.
func (w *writer) open(op fsio.Op) error {
	return w.s.call(op, w.name, func() fsio.Kind {
		if w.ended {
			return fsio.KindIO
		}
		return fsio.KindNone
	})
}

func (w *writer) WriteAt(data []byte, off int64) (int, error) {
	if w.id != "" && !w.ended && off != w.Size() {
		return 0, failure(fsio.OpWrite, w.name, fsio.KindOffset)
	}
	if err := w.open(fsio.OpWrite); err != nil {
		if !w.ended {
			w.result = err
		}
		return 0, err
	}
	w.cutOff()
	if more := int(off) + len(data) - len(w.data); more > 0 {
		w.data = append(w.data, make([]byte, more)...)
	}
	return copy(w.data[off:], data), nil
}

// cutOff cuts off what the file had behind the offset of an upload in place.
func (w *writer) cutOff() {
	if w.cut >= 0 && w.inPlace {
		w.data, w.cut = w.data[:w.cut], -1
	}
}

func (w *writer) SpliceFrom(int, int64, int) (int, error) {
	return 0, failure(fsio.OpWrite, w.name, fsio.KindUnsupported)
}

func (w *writer) ReadAt(p []byte, off int64) (int, error) {
	if err := w.open(fsio.OpRead); err != nil {
		return 0, err
	}
	return bytes.NewReader(w.data).ReadAt(p, off)
}

func (w *writer) Commit(o fsio.CommitOptions) error {
	if w.ended {
		return w.result
	}
	err := w.result
	if w.cutOff(); err == nil {
		err = w.s.call(fsio.OpRename, w.name, func() fsio.Kind {
			kind := w.s.writable(w.name, w.noReplace || o.NoReplace)
			if kind == fsio.KindNone {
				folder, base, _ := w.s.parent(w.name)
				folder.entries[base] = w.s.newNode(fsio.EntryFile, bytes.Clone(w.data))
			}
			return kind
		})
	}
	if w.id != "" && fsio.KindOf(err) == fsio.KindNotFound {
		err = fsio.NewError(fsio.OpFolder, w.name, errNoFolder)
	}
	_ = w.end(err == nil || w.id == "") // It cannot fail.
	w.result = err
	return err
}

// end ends the writer, and forgets or keeps what it holds of a part.
func (w *writer) end(forget bool) error {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if w.ended {
		return nil
	}
	w.ended, w.result = true, failure(fsio.OpRename, w.name, fsio.KindIO)
	if w.inPlace {
		delete(w.s.extended, w.name.String())
	}
	if p := w.s.parts[w.id]; p != nil {
		p.data, p.open = w.data, false
	}
	if forget {
		delete(w.s.parts, w.id)
	}
	return nil
}
