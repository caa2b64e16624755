package dir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"ferry/fsio"
)

// The folder of parts holds two files for each part: ID with its bytes, locked while held, and
// ID.note. The bytes come last and go first, so that a note alone is a leftover, unless it is
// locked: then the bytes are about to come. The folder is made for the first part, and goes with
// the last.
const (
	partsFolderMode = 0o700
	// partsFolderTriesMax bounds how often it is made anew: each time another server has removed
	// it again, since it was empty.
	partsFolderTriesMax = 128
	noteSuffix          = ".note"
	noteFormat          = "ferry part\nowner %q\nname %q\n"
	// noteBytesMax is four times the longest name, as %q writes it, and room for the rest.
	noteBytesMax = 4*fsio.NameMax + 4096
)

// partsFolder opens the folder of parts, never by way of a link, and makes it if asked to.
func (r *store) partsFolder(n fsio.Name, create bool) (folder, error) {
	top, err := r.folder(fsio.Name{}, useNames)
	if err != nil {
		return folder{}, err
	}
	defer top.close()
	if err = r.fault(fsio.OpFolder, n); err != nil {
		return folder{}, err
	}
	for range partsFolderTriesMax {
		d, err := top.inner(fsio.ReservedParts)
		if !create || !errors.Is(err, fs.ErrNotExist) {
			return d, err
		}
		if err = r.fault(fsio.OpMkdir, n); err == nil {
			err = top.makeFolder(fsio.ReservedParts, partsFolderMode)
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return folder{}, err
		}
	}
	return folder{}, errBusy
}

// note is what is known of a part besides its bytes.
type note struct {
	name  fsio.Name
	owner string
}

// createNote writes a part's note, and returns it open and locked. fs.ErrNotExist says that a sweep
// took it in between. A note that was cut short does not parse, and counts as none.
func (r *store) createNote(kept folder, id string, c note) (*os.File, error) {
	f, err := kept.createLocked(r, c.name, id+noteSuffix)
	if err != nil {
		return nil, err
	}
	if err = r.fault(fsio.OpWrite, c.name); err == nil {
		_, err = fmt.Fprintf(f, noteFormat, c.owner, c.name.String())
	}
	if err != nil {
		closeRead(f)
		return nil, err
	}
	return f, nil
}

// readNote reads a part's note. fs.ErrNotExist says that there is none, or none that is whole and
// names a file.
func (r *store) readNote(kept folder, id string) (note, error) {
	if err := r.fault(fsio.OpOpen, fsio.Name{}); err != nil {
		return note{}, err
	}
	f, err := kept.openPlain(id+noteSuffix, os.O_RDONLY)
	if err != nil {
		return note{}, err
	}
	defer closeRead(f)
	text, err := io.ReadAll(io.LimitReader(f, noteBytesMax))
	if err != nil {
		return note{}, err
	}
	var name string
	var c note
	_, err = fmt.Sscanf(string(text), noteFormat, &c.owner, &name)
	if err != nil || text[len(text)-1] != '\n' {
		return note{}, syscall.ENOENT
	}
	parser := fsio.Parser{Dotfiles: true} // It was allowed when the part began.
	if c.name, err = parser.Parse([]byte(name)); err != nil {
		return note{}, syscall.ENOENT
	}
	return c, nil
}

// removeNote removes the note of a part that has ended, and the folder of parts after the last
// one. Whatever stays is swept.
func (r *store) removeNote(n fsio.Name, kept folder, id string) {
	if r.fault(fsio.OpRmdir, n) == nil {
		_ = kept.remove(id + noteSuffix)
	}
	r.removePartsFolder(n)
}

func (r *store) removePartsFolder(n fsio.Name) {
	if r.fault(fsio.OpRmdir, n) != nil {
		return
	}
	if top, err := r.folder(fsio.Name{}, useNames); err == nil {
		_ = top.removeFolder(fsio.ReservedParts)
		top.close()
	}
}

// SweepParts removes parts that nobody holds and that are older than Options.PartLifetime, and
// what a killed server left of others. It learns of parts that other servers of the folder made.
// It looks at every part, and nowhere else. It may block. Otherwise it does as Sweep does.
func (r *store) SweepParts() (removed int, err error) {
	if r.options.ReadOnly {
		return 0, nil
	}
	s := sweep{root: r}
	s.parts()
	return s.removed, s.err
}

func (s *sweep) parts() {
	began, found := time.Now(), map[string]bool{}
	kept, err := s.root.partsFolder(fsio.Name{}, false)
	if err == nil {
		defer kept.close()
		if !s.each(kept, fsio.Name{}, func(e fsio.Entry) {
			id, isNote := strings.CutSuffix(e.Name, noteSuffix)
			switch {
			case !fsio.IsID(id) || e.Kind != fsio.EntryFile: // Not ours.
			case isNote:
				s.leftNote(kept, id)
			default:
				found[id] = s.part(kept, id)
			}
		}) {
			return
		}
	} else if !gone(err) {
		s.note(fsio.OpFolder, fsio.Name{}, err)
		return
	}
	s.root.parts.keep(found, began)
	if err == nil {
		s.root.removePartsFolder(fsio.Name{})
	}
}

// leftNote removes a note without bytes.
func (s *sweep) leftNote(kept folder, id string) {
	alone := func(time.Time) bool {
		_, err := kept.lookup(id)
		return errors.Is(err, fs.ErrNotExist)
	}
	if alone(time.Time{}) {
		s.file(kept, fsio.Name{}, id+noteSuffix, alone)
	}
}

// part removes a part if it is too old or has no whole note, and else learns of it. It reports
// whether the part stays.
func (s *sweep) part(kept folder, id string) bool {
	c, err := s.root.readNote(kept, id)
	noted := !errors.Is(err, fs.ErrNotExist)
	if err == nil {
		err = s.root.fault(fsio.OpStat, c.name)
	}
	var m fsio.Entry
	if err == nil {
		m, err = kept.stat(id)
	}
	if noted && err != nil {
		s.note(fsio.OpStat, c.name, err)
		return !gone(err)
	}
	due := func(changed time.Time) bool { return !noted || s.root.expired(changed) }
	if due(m.ModTime) && s.file(kept, c.name, id, due) {
		s.note(fsio.OpUnlink, c.name, kept.remove(id+noteSuffix))
		s.removed++
		return false
	}
	if noted {
		s.root.parts.learn(id, c, m)
	}
	return noted
}

// expired reports whether a part that was last written to then is past its lifetime.
func (r *store) expired(changed time.Time) bool {
	return r.options.PartLifetime > 0 && time.Since(changed) > r.options.PartLifetime
}
