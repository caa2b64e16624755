package fsio

import (
	"slices"
	"strings"
)

// List returns the listing of the folder n as the base exchange sends it: a name a line, sorted
// bytewise, folders with `/`, every line ended by LF. It may block. Errors have KindNotFound,
// KindNotFolder, KindDenied, KindTooLarge when the names alone may take more than bytesMax, and
// others. What is returned occupies bytesMax at most.
//
// Left out are names with control characters, our own temporary files and parts, names with a
// dot at the beginning unless Options.Dotfiles, and whatever get could never serve: FIFOs,
// devices, sockets, links that lead nowhere or out of the root, and names that are too long with
// their folder's.
func (r *Root) List(n Name, bytesMax int64) ([]byte, error) {
	d, entries, err := r.entries(n, bytesMax)
	if err != nil {
		return nil, newError(OpList, n, err)
	}
	d.close()
	text := make([]byte, 0, listedBytes(entries))
	for _, e := range entries {
		if e.kind == typeLink {
			// The link is resolved from the root, as get would, not from its folder.
			if e.kind, err = r.follow(n.join(e.name)); err != nil {
				continue
			}
		}
		switch e.kind {
		case typePlain:
			text = append(append(text, e.name...), '\n')
		case typeFolder:
			text = append(append(text, e.name...), '/', '\n')
		case typeLink, typeOther:
		}
	}
	return text, nil
}

// listedBytes is how many bytes of a listing the entries take at most.
func listedBytes(entries []entry) (n int64) {
	for i := range entries {
		n += int64(len(entries[i].name) + len("/\n"))
	}
	return n
}

// entries opens the folder n, and returns it with those of its entries that may be listed, in their
// order. Without an error the caller closes the folder.
func (r *Root) entries(n Name, bytesMax int64) (folder, []entry, error) {
	d, err := r.openFolder(n, useListing)
	if err != nil {
		return nil, nil, err
	}
	var entries []entry
	if err = r.fault(OpList, n); err == nil {
		entries, err = d.entries(bytesMax)
	}
	if err != nil {
		d.close()
		return nil, nil, err
	}
	entries = slices.DeleteFunc(entries, func(e entry) bool { return !r.lists(n, e.name) })
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return d, entries, nil
}

// lists reports whether ParseName would take the entry's name, and take it as it is.
func (r *Root) lists(n Name, name string) bool {
	switch {
	case len(n.z)+len(name) > nameBytesMax, len(name) > partBytesMax:
		return false
	case name[0] == '.':
		return r.options.Dotfiles && !isOwn(name) && !hasControl(name)
	}
	return !hasControl(name)
}
