package reactor

import (
	"errors"
	"io"
	"slices"
	"strings"

	"ferry/codec"
	"ferry/codec/ftp"
	"ferry/fsio"
)

// ftpLister reads folders for FTP's listings. It runs on a worker, and has all that it needs of the
// session, which may go on meanwhile.
type ftpLister struct {
	*rights
	format ftp.Listing
	// folder is what names are relative to.
	folder fsio.Name
	// bytesMax bounds the text.
	bytesMax int64
}

// lister returns what lists for a session. It is called on the loop.
func (f *ftpFace) lister(s *session) *ftpLister {
	return &ftpLister{
		rights: s.rights, folder: f.folder,
		format: ftp.Listing{Now: f.server.options.FTP.now().Unix(), Facts: f.facts},
	}
}

// ftpRights are what a session may do at a name, in FTP's terms.
func (g *rights) ftpRights(n fsio.Name) (r ftp.Right) {
	rules, guarded := g.store.(*guard)
	for _, row := range [...]struct {
		has   codec.Features
		needs need
		right ftp.Right
	}{
		{codec.FeatureList, toEnter, ftp.RightList},
		{codec.FeatureGet, toRead, ftp.RightRead},
		{codec.FeaturePut, toAdd, ftp.RightWrite},
		{codec.FeatureMkdir, toAdd, ftp.RightMkdir},
		{codec.FeaturePut | codec.FeatureReplace, toChange, ftp.RightReplace},
		{codec.FeatureChange, toChange, ftp.RightPurge},
		{codec.FeatureChange, toMove, ftp.RightDelete | ftp.RightRename},
	} {
		if g.may.Has(row.has) && (!guarded || rules.allows(n, row.needs)) {
			r |= row.right
		}
	}
	if n.IsRoot() {
		r &^= ftp.RightDelete | ftp.RightRename
	}
	return r
}

// list is LIST, NLST and MLSD.
func (x ftpCommand) list() decision {
	l, verb := x.f.lister(x.s), x.c.Verb
	argument := append([]byte(nil), x.c.Argument...)
	t, refusal := x.begin(nil)
	if t == nil {
		return sayRaw(refusal)
	}
	t.called = string(argument)
	t.render = func(bytesMax int64) ([]byte, error) {
		l.bytesMax = bytesMax
		if verb == ftp.VerbMlsd {
			return l.machine(argument)
		}
		appendEntry := l.format.AppendLIST
		if verb == ftp.VerbNlst {
			appendEntry = l.format.AppendNLST
		}
		return l.list(argument, appendEntry)
	}
	return x.start(t)
}

// statPath is STAT of a path, whose listing goes over control.
func (x ftpCommand) statPath() decision {
	l := x.f.lister(x.s)
	l.bytesMax = statBytesMax
	argument := append([]byte(nil), x.c.Argument...)
	t, refusal := x.begin(nil)
	if t == nil {
		return sayRaw(refusal)
	}
	t.called = string(argument)
	t.call = func(fsio.Store) ([]byte, error) {
		text, err := l.list(argument, l.format.AppendSTAT)
		if err != nil {
			return nil, err
		}
		b := ftp.AppendFirst(nil, codec.CodeStatus, "Status of "+t.called+":")
		return ftp.AppendReply(append(b, text...), codec.CodeStatus, "End of status."), nil
	}
	return x.start(t)
}

// statBytesMax bounds a listing on control: half of what may wait there.
const statBytesMax = 32 << 10

// facts is MLST, of the current folder without an argument.
func (x ftpCommand) facts() decision {
	l := x.f.lister(x.s)
	return x.call(x.c.Argument, func(store fsio.Store, t *transfer) ([]byte, error) {
		e, err := store.Stat(t.name)
		if err != nil {
			return nil, err
		}
		entry := l.entry(&e, t.name)
		entry.Name = string(pathOf(t.name))
		return l.format.AppendMLST(nil, &entry), nil
	})
}

// machine lists a folder for MLSD.
func (l *ftpLister) machine(argument []byte) ([]byte, error) {
	name, err := l.names.ParseIn(l.folder, argument)
	if err != nil {
		return nil, err
	}
	e, err := l.store.Stat(name)
	if err != nil {
		return nil, err
	}
	if e.Kind != fsio.EntryFolder {
		return nil, errMLSDFile
	}
	return l.entries(name, nil, l.format.AppendMLSD)
}

// errMLSDFile is MLSD of a file. (RFC 3659, section 7.2: 501.)
var errMLSDFile = &refusal{codec.CodeUnknown, "MLSD is for folders"}

// list lists what an argument of LIST or NLST means: flags, a name, or a pattern.
func (l *ftpLister) list(
	argument []byte, appendEntry func([]byte, *ftp.Entry) []byte,
) ([]byte, error) {
	parsed := ftp.ParseList(argument)
	var missing error
	for _, try := range parsed.Tries() {
		if try.Pattern {
			text, matched, err := l.pattern(try.Name, appendEntry)
			if err != nil || matched {
				return text, err
			}
			continue
		}
		name, err := l.names.ParseIn(l.folder, try.Name)
		var e fsio.Entry
		if err == nil {
			e, err = l.store.Stat(name)
		}
		switch {
		case err != nil:
			if missing == nil {
				missing = err
			}
		case e.Kind == fsio.EntryFolder:
			l.prefix(try.Name)
			return l.entries(name, nil, appendEntry)
		default:
			entry := l.entry(&e, name)
			entry.Name = string(try.Name)
			return appendEntry(nil, &entry), nil
		}
	}
	return nil, missing
}

// prefix has NLST give names that can be used as they are. (RFC 1123, section 4.1.2.7.)
func (l *ftpLister) prefix(folder []byte) {
	if len(folder) == 0 || string(folder) == "." {
		return
	}
	l.format.Prefix = strings.TrimSuffix(string(folder), "/") + "/"
}

// pattern lists the names that match. It reports whether any did.
func (l *ftpLister) pattern(
	text []byte, appendEntry func([]byte, *ftp.Entry) []byte,
) (listing []byte, matched bool, err error) {
	p, ok := ftp.ParsePattern(text)
	if !ok {
		return nil, false, nil
	}
	name, err := l.names.ParseIn(l.folder, []byte(p.Folder))
	if err != nil {
		return nil, false, nil //nolint:nilerr // a folder that cannot be named matches nothing
	}
	l.format.Prefix = p.Folder
	listing, err = l.entries(name, p.Match, appendEntry)
	if fsio.KindOf(err) == fsio.KindNotFound || fsio.KindOf(err) == fsio.KindNotFolder {
		return nil, false, nil
	}
	return listing, len(listing) > 0, err
}

// entries lists a folder: all names that can be reached, or those that match.
func (l *ftpLister) entries(
	folder fsio.Name, match func(string) bool, appendEntry func([]byte, *ftp.Entry) []byte,
) ([]byte, error) {
	opened, err := l.store.Entries(folder, fsio.AllDetails)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	var all []ftp.Entry
	page := make([]fsio.Entry, listingPage)
	most, perEntry := int64(0), int64(entryBytes+len(l.format.Prefix))
	for {
		n, err := opened.Next(page)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		for i := range page[:n] {
			e := &page[i]
			if !l.names.Lists(folder, e.Name) || match != nil && !match(e.Name) {
				continue
			}
			entry, ok := l.listed(folder, e)
			if !ok {
				continue
			}
			if most += perEntry + int64(len(e.Name)+len(e.Target)); most > l.bytesMax {
				return nil, fsio.NewError(fsio.OpList, folder, errListing)
			}
			all = append(all, entry)
		}
	}
	slices.SortFunc(all, func(a, b ftp.Entry) int { return strings.Compare(a.Name, b.Name) })
	text := make([]byte, 0, most)
	for i := range all {
		text = appendEntry(text, &all[i])
	}
	return text, nil
}

// entryBytes is roughly the longest line of a listing without its name.
const entryBytes = 160

// listed is what is listed of an entry: of a link, what it leads to.
func (l *ftpLister) listed(folder fsio.Name, e *fsio.Entry) (ftp.Entry, bool) {
	found, name := *e, folder.Join(e.Name)
	if e.Kind == fsio.EntryLink {
		var err error
		if found, err = l.store.Stat(name); err != nil {
			return ftp.Entry{}, false
		}
	}
	if found.Kind != fsio.EntryFile && found.Kind != fsio.EntryFolder {
		return ftp.Entry{}, false
	}
	entry := l.entry(&found, name)
	entry.Name, entry.Target = e.Name, e.Target
	return entry, true
}

// entry is what has a name, in FTP's terms.
func (l *ftpLister) entry(e *fsio.Entry, n fsio.Name) ftp.Entry {
	entry := ftp.Entry{
		Name: e.Name, Size: e.Size, Modified: e.ModTime.Unix(), Mode: uint32(e.Mode.Perm()),
		Device: e.Device, Inode: e.Inode, Rights: l.ftpRights(n),
	}
	if e.Kind == fsio.EntryFolder {
		entry.Kind = ftp.KindFolder
	}
	return entry
}
