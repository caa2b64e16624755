package dir

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ferry/fsio"
)

// Sweep removes temporary files of ours anywhere beneath the root that nobody has locked, and what
// SweepParts removes. Links are not followed. It walks the whole tree, and may take as long. On a
// read-only root it does nothing.
func (r *store) Sweep() (removed int, err error) {
	if r.options.ReadOnly {
		return 0, nil
	}
	s := sweep{root: r}
	s.parts()
	// A name each instead of a descriptor each, however deep they are.
	for folders := []fsio.Name{{}}; len(folders) > 0; {
		n := folders[len(folders)-1]
		folders = append(folders[:len(folders)-1], s.folder(n)...)
	}
	return s.removed, s.err
}

// sweep is one walk of the tree, or one look at the parts.
type sweep struct {
	root    *store
	removed int
	err     error // The first one.
}

// note keeps the first error, except those that only say that somebody else was faster.
func (s *sweep) note(op fsio.Op, n fsio.Name, err error) {
	if err != nil && !gone(err) && !errors.Is(err, errBusy) && s.err == nil {
		s.err = fsio.NewError(op, n, err)
	}
}

// folder removes the leftovers in a folder, and returns the folders in it.
func (s *sweep) folder(n fsio.Name) (inner []fsio.Name) {
	d, err := s.root.openFolder(n, useSweep)
	if err != nil {
		s.note(fsio.OpFolder, n, err)
		return nil
	}
	defer d.close()
	s.each(d, n, func(e fsio.Entry) {
		switch {
		case e.Kind == fsio.EntryFolder && len(n.String())+1+len(e.Name) <= fsio.NameMax &&
			e.Name != fsio.ReservedParts:
			inner = append(inner, n.Join(e.Name))
		case e.Kind == fsio.EntryFile && isTemporary(e.Name):
			if s.file(d, n.Join(e.Name), e.Name, func(time.Time) bool { return true }) {
				s.removed++
			}
		}
	})
	return inner
}

// each reads an open folder, and reports whether it could.
func (s *sweep) each(d folder, n fsio.Name, do func(fsio.Entry)) bool {
	var l *lister
	err := s.root.do(fsio.OpList, n, func() (err error) {
		l, err = d.list()
		return err
	})
	if err == nil {
		defer l.close()
	}
	page := make([]fsio.Entry, 64)
	for err == nil {
		var got int
		got, err = l.next(page)
		for _, e := range page[:got] {
			do(e)
		}
	}
	if errors.Is(err, io.EOF) {
		return true
	}
	s.note(fsio.OpList, n, err)
	return false
}

// file removes a file if nobody has it locked and due agrees, given the time of its last change.
// The lock is held until the name is gone, so that a server that has just created the file
// notices: see createLocked.
func (s *sweep) file(d folder, n fsio.Name, base string, due func(changed time.Time) bool) bool {
	var f *os.File
	err := s.root.do(fsio.OpOpen, n, func() (err error) {
		f, err = d.openPlain(base, os.O_RDONLY)
		return err
	})
	if err != nil {
		s.note(fsio.OpOpen, n, err)
		return false
	}
	defer closeRead(f)
	err = s.root.do(fsio.OpLock, n, func() error {
		locked, err := tryLock(f)
		if err == nil && !locked {
			err = errBusy // Somebody has it.
		}
		return err
	})
	var id fsio.Identity
	if err == nil {
		id, err = identify(int(f.Fd()))
	}
	if err == nil && !due(time.Unix(0, id.Modified)) {
		return false
	}
	// A server may have committed it between our open and our lock: then it has another name.
	if err == nil {
		err = s.root.do(fsio.OpUnlink, n, func() error { return d.remove(base) })
	}
	s.note(fsio.OpLock, n, err)
	return err == nil
}

// gone reports whether an error only says that somebody else was faster.
func gone(err error) bool {
	kind := fsio.KindOf(err)
	return kind == fsio.KindNotFound || kind == fsio.KindNotFolder || kind == fsio.KindNotPlain
}

// isTemporary tells the names of our temporary files: random, so that servers may share a folder.
func isTemporary(base string) bool {
	return fsio.IsReserved(base) && strings.EqualFold(filepath.Ext(base), temporarySuffix)
}

const temporarySuffix = ".tmp"

func temporaryName(random uint64) string {
	return fsio.ReservedPrefix + hexadecimal(random) + temporarySuffix
}

func hexadecimal(number uint64) string { return fmt.Sprintf("%016x", number) }
