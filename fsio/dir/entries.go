package dir

import (
	"errors"
	"io"
	"io/fs"
	"syscall"
	"time"

	"ferry/fsio"
)

func (r *store) Entries(n fsio.Name, details fsio.Details) (fsio.Entries, error) {
	d, err := r.openFolder(n, useListing)
	if err != nil {
		return nil, fsio.NewError(fsio.OpList, n, err)
	}
	var l *lister
	if err = r.fault(fsio.OpList, n); err == nil {
		l, err = d.list()
	}
	if err != nil {
		d.close()
		return nil, fsio.NewError(fsio.OpList, n, err)
	}
	return &entries{root: r, name: n, folder: d, lister: l, details: details}, nil
}

// entries is a folder that is being read.
type entries struct {
	root    *store
	name    fsio.Name
	folder  folder
	lister  *lister
	details fsio.Details
}

func (l *entries) Next(page []fsio.Entry) (int, error) {
	for {
		n, err := l.lister.next(page)
		if errors.Is(err, io.EOF) {
			return 0, io.EOF
		}
		left := 0
		for i := 0; i < n && err == nil; i++ {
			if fsio.IsReserved(page[i].Name) {
				continue
			}
			if left < i {
				page[left] = page[i]
			}
			if l.details {
				err = l.describe(&page[left])
			}
			switch {
			case err == nil:
				left++
			case gone(err):
				err = nil // It was removed meanwhile.
			}
		}
		if err != nil {
			return 0, fsio.NewError(fsio.OpList, l.name, err)
		}
		if left > 0 {
			return left, nil
		}
	}
}

func (l *entries) describe(e *fsio.Entry) error {
	if err := l.root.fault(fsio.OpStat, l.name); err != nil {
		return err
	}
	name := e.Name
	var err error
	if *e, err = l.folder.stat(name); err != nil {
		return err
	}
	if e.Name = name; e.Kind == fsio.EntryLink {
		e.Target, _ = l.folder.readlink(name) // It may be gone, or another link's.
	}
	return nil
}

func (l *entries) Close() {
	l.lister.close()
	l.folder.close()
}

func (r *store) Stat(n fsio.Name) (fsio.Entry, error) {
	e, err := r.stat(n)
	switch {
	case err != nil:
	case e.Kind == fsio.EntryFolder:
	case e.Kind != fsio.EntryFile:
		err = errNotPlain
	case n.MeansFolder():
		err = syscall.ENOTDIR
	}
	if err != nil {
		return fsio.Entry{}, fsio.NewError(fsio.OpStat, n, err)
	}
	return e, nil
}

func (r *store) stat(n fsio.Name) (fsio.Entry, error) {
	if err := r.fault(fsio.OpStat, n); err != nil {
		return fsio.Entry{}, err
	}
	if r.kernel != nil {
		return r.kernel.stat(n)
	}
	info, err := r.root.Stat(local(n))
	if err != nil {
		return fsio.Entry{}, err
	}
	e := fsio.Entry{
		Size: info.Size(), ModTime: info.ModTime(), Mode: info.Mode().Perm(),
	}
	switch {
	case info.Mode().IsRegular():
		e.Kind = fsio.EntryFile
	case info.IsDir():
		e.Kind, e.Size = fsio.EntryFolder, 0
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		e.Device, e.Inode = uint64(st.Dev), st.Ino
	}
	return e, nil
}

func (r *store) SetMeta(n fsio.Name, m fsio.Meta) error {
	switch {
	case r.options.ReadOnly:
		return fsio.NewError(fsio.OpMeta, n, errReadOnly)
	case m.Mode&^fs.ModePerm != 0:
		return fsio.NewError(fsio.OpMeta, n, errMode)
	case m.SetMode && n.IsRoot(): // nobody would reach anything any more
		return fsio.NewError(fsio.OpMeta, n, errRoot)
	}
	if _, err := r.Stat(n); err != nil {
		return err
	}
	return r.do(fsio.OpMeta, n, func() error {
		if r.kernel != nil {
			return r.kernel.setMeta(n, m)
		}
		if m.SetMode {
			if err := r.root.Chmod(local(n), m.Mode); err != nil {
				return err
			}
		}
		if m.ModTime.IsZero() {
			return nil
		}
		return r.root.Chtimes(local(n), time.Time{}, m.ModTime)
	})
}
