package reactor

import (
	"syscall"

	"ferry/codec"
	"ferry/fsio"
	"ferry/reactor/login"
)

// guard is a store as a user with rights by path has it. Every face and every worker reaches files
// through it, so that none of them can forget to check. What the user may not see is told as
// missing, whether it exists or not. Links are followed: whoever made one meant it.
type guard struct {
	fsio.Store
	rules login.Rights
}

// need is what a call needs of the rules.
type need uint8

const (
	// toSee is to know that a name exists.
	toSee need = iota
	// toRead is to read a file.
	toRead
	// toEnter is to use a folder, which a drop box allows too.
	toEnter
	// toAdd is to make something new.
	toAdd
	// toChange is to replace or remove something.
	toChange
	// toMove is toChange for something that takes along what is beneath it.
	toMove
)

const readWrite = login.Read | login.Write

var errNotHere = &refusal{codec.CodeNotAllowed, "not allowed here"}

// allows reports whether the rules allow what a call needs.
func (g *guard) allows(n fsio.Name, what need) bool {
	at := n.String()
	mode := g.rules.At(at)
	switch what {
	case toSee:
		return g.rules.Sees(at)
	case toRead:
		return mode.Has(login.Read)
	case toEnter:
		return mode.Has(login.Write) || g.rules.Sees(at)
	case toAdd:
		return mode.Has(login.Write)
	case toChange:
		return mode.Has(readWrite)
	default:
		// Otherwise it would take a part of the tree away from its rules.
		return mode.Has(readWrite) && !g.rules.Divide(at)
	}
}

// needs returns nil where the rules allow a call.
func (g *guard) needs(op fsio.Op, n fsio.Name, what need) error {
	folder, _ := n.Split()
	switch {
	case g.allows(n, what):
		return nil
	case g.allows(n, toSee), what == toAdd && g.allows(folder, toSee):
		return errNotHere
	default:
		return fsio.NewError(op, n, syscall.ENOENT)
	}
}

// noReplace adds to an option that the user may replace nothing there.
func (g *guard) noReplace(n fsio.Name, was bool) bool {
	return was || !g.rules.At(n.String()).Has(readWrite)
}

func (g *guard) OpenCached(f *fsio.File, n fsio.Name) error {
	if err := g.needs(fsio.OpOpen, n, toRead); err != nil {
		return err
	}
	return g.Store.OpenCached(f, n)
}

func (g *guard) Open(f *fsio.File, n fsio.Name) error {
	if err := g.needs(fsio.OpOpen, n, toRead); err != nil {
		return err
	}
	return g.Store.Open(f, n)
}

// Stat describes what the user may see, and the folders in a drop box.
func (g *guard) Stat(n fsio.Name) (fsio.Entry, error) {
	if err := g.needs(fsio.OpStat, n, toEnter); err != nil {
		return fsio.Entry{}, err
	}
	e, err := g.Store.Stat(n)
	if err == nil && e.Kind != fsio.EntryFolder {
		err = g.needs(fsio.OpStat, n, toSee)
	}
	if err != nil {
		return fsio.Entry{}, err
	}
	return e, nil
}

func (g *guard) Entries(n fsio.Name, d fsio.Details) (fsio.Entries, error) {
	if err := g.needs(fsio.OpList, n, toEnter); err != nil {
		return nil, err
	}
	all, err := g.Store.Entries(n, d)
	if err != nil {
		return nil, err
	}
	return &guardedEntries{all, g.rules, n}, nil
}

// guardedEntries leaves out what the user may not see.
type guardedEntries struct {
	fsio.Entries
	rules  login.Rights
	folder fsio.Name
}

func (e *guardedEntries) Next(page []fsio.Entry) (int, error) {
	for {
		n, err := e.Entries.Next(page)
		if err != nil {
			return n, err
		}
		kept := 0
		for _, entry := range page[:n] {
			if e.rules.Sees(e.folder.Join(entry.Name).String()) {
				page[kept] = entry
				kept++
			}
		}
		if kept > 0 {
			return kept, nil
		}
	}
}

func (g *guard) SetMeta(n fsio.Name, m fsio.Meta) error {
	if err := g.needs(fsio.OpMeta, n, toChange); err != nil {
		return err
	}
	return g.Store.SetMeta(n, m)
}

func (g *guard) Mkdir(n fsio.Name) error {
	if err := g.needs(fsio.OpMkdir, n, toAdd); err != nil {
		return err
	}
	return g.Store.Mkdir(n)
}

func (g *guard) Rmdir(n fsio.Name) error {
	if err := g.needs(fsio.OpRmdir, n, toMove); err != nil {
		return err
	}
	return g.Store.Rmdir(n)
}

func (g *guard) Remove(n fsio.Name) error {
	if err := g.needs(fsio.OpUnlink, n, toChange); err != nil {
		return err
	}
	return g.Store.Remove(n)
}

func (g *guard) Rename(from, to fsio.Name, o fsio.CommitOptions) error {
	err := g.needs(fsio.OpRename, from, toMove)
	if err == nil {
		err = g.needs(fsio.OpRename, to, toAdd)
	}
	if err == nil && g.rules.Divide(to.String()) {
		err = errNotHere
	}
	if err != nil {
		return err
	}
	o.NoReplace = g.noReplace(to, o.NoReplace)
	return g.Store.Rename(from, to, o)
}

func (g *guard) Create(n fsio.Name, o fsio.CreateOptions) (fsio.Upload, error) {
	if err := g.needs(fsio.OpCreate, n, toAdd); err != nil {
		return nil, err
	}
	o.NoReplace = g.noReplace(n, o.NoReplace)
	return g.Store.Create(n, o)
}

func (g *guard) Extend(n fsio.Name, at int64, o fsio.CreateOptions) (fsio.Upload, int64, error) {
	if err := g.needs(fsio.OpCreate, n, toAdd); err != nil {
		return nil, 0, err
	}
	o.NoReplace = g.noReplace(n, o.NoReplace)
	return g.Store.Extend(n, at, o)
}

func (g *guard) StoreSmall(n fsio.Name, data []byte, o fsio.CommitOptions) error {
	if err := g.needs(fsio.OpCreate, n, toAdd); err != nil {
		return err
	}
	o.NoReplace = g.noReplace(n, o.NoReplace)
	return g.Store.StoreSmall(n, data, o)
}

func (g *guard) NewPart(n fsio.Name, o fsio.PartOptions) (string, error) {
	if err := g.needs(fsio.OpCreate, n, toAdd); err != nil {
		return "", err
	}
	o.NoReplace = g.noReplace(n, o.NoReplace)
	return g.Store.NewPart(n, o)
}

// OpenPart opens a part whose name the user may add.
func (g *guard) OpenPart(id string) (fsio.Part, error) {
	p, err := g.Store.OpenPart(id)
	if err != nil {
		return nil, err
	}
	if err = g.needs(fsio.OpOpen, p.Name(), toAdd); err != nil {
		_ = p.Close() // nothing was written to it
		return nil, err
	}
	return p, nil
}
