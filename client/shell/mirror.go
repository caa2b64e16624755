package shell

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"ferry/client"
)

// names are all names of a tree by their path.
func (t *tree) names() map[string]entry {
	names := make(map[string]entry, len(t.files)+len(t.folders)+len(t.skipped))
	for _, f := range slices.Concat(t.files, t.folders, t.skipped) {
		names[folded(f.path)] = f.entry
	}
	return names
}

// folded is a path as the local disk compares it.
func folded(p string) string {
	if foldsCase {
		return strings.ToLower(p)
	}
	return p
}

// surplus lists what a mirror deletes from its copy: what the source, a tree that was read whole,
// lacks. Hidden names stay, and what the source skipped, with everything beneath it, and folders
// that hold something that stays. Contents come before their folder. conflicts are where the source
// has a name of the other kind.
func (t *tree) surplus(copied *tree) (conflicts, rest []found) {
	source, unread := t.names(), make(map[string]bool)
	for _, f := range copied.skipped {
		unread[f.path] = f.folder
	}
	kept := make(map[string]bool)
	list := slices.Concat(copied.files, copied.skipped)
	for _, f := range slices.Backward(copied.folders) {
		if !unread[f.path] {
			list = append(list, f)
		}
	}
	list = slices.DeleteFunc(list, func(f found) bool {
		have, there := source[folded(f.path)]
		stays := f.hidden() || unread[f.path] || kept[f.path] ||
			there && (f.special || have.folder == f.folder)
		in := false
		for at := path.Dir(f.path); at != "."; at = path.Dir(at) {
			above, there := source[folded(at)]
			stays = stays || above.special
			in = in || there && !above.folder
		}
		stays = stays || have.special
		if stays {
			for at := path.Dir(f.path); at != "."; at = path.Dir(at) {
				kept[at] = true
			}
		} else if there || in {
			conflicts = append(conflicts, f)
			return true
		}
		return stays
	})
	return conflicts, list
}

// remove deletes names of a mirror's copy, or reports in a dry run that it would. how returns the
// result of a name, and a function that deletes it.
func (t *tally) remove(list []found, dry bool, how func(found) (result, func() error)) error {
	for _, f := range list {
		r, remove := how(f)
		r.Outcome = outcomePlanned
		if !dry {
			r.Outcome = outcomeDone
			if err := remove(); err != nil {
				r.fail(err)
			}
		}
		t.add(&r)
		if r.err != nil && (endsAll(r.err) || errors.Is(r.err, client.ErrUnsupported)) {
			return &reportedError{r.err}
		}
	}
	return nil
}

// removeLocal deletes names beneath a local folder, wherever links in it lead.
func (t *tally) removeLocal(root string, list []found, dry bool) error {
	if len(list) == 0 {
		return nil
	}
	beneath, err := os.OpenRoot(root)
	if err != nil {
		return failure(root, client.ErrLocal, err)
	}
	defer func() { _ = beneath.Close() }()
	return t.remove(list, dry, func(f found) (result, func() error) {
		name := filepath.FromSlash(f.path)
		r := result{Command: "rm", Local: filepath.Join(root, name)}
		return r, func() error {
			if err := beneath.Remove(name); err != nil {
				return failure(r.Local, client.ErrLocal, err)
			}
			return nil
		}
	})
}
