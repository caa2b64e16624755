package shell

import (
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"

	"ferry/client"
)

// getTree fetches a folder: into LOCAL/NAME where LOCAL is a folder, as LOCAL otherwise.
func (s *Shell) getTree(ctx context.Context, c *command) error {
	remote := strings.TrimRight(c.words[0], "/")
	if remote == "" && c.words[0] != "" {
		remote = "/"
	}
	name, err := treeName(remote)
	if err != nil {
		return err
	}
	root := filepath.Join(s.Dir, name)
	if len(c.words) > 1 {
		if root = s.local(c.words[1]); isFolder(root) {
			root = filepath.Join(root, name)
		}
	}
	return s.fetchTree(ctx, c, remote, root, false)
}

// treeName is the name that a remote folder gets on this side, "" for a root.
func treeName(remote string) (string, error) {
	switch path.Clean("/" + remote) {
	case "/":
		return "", nil
	}
	if base := path.Base(remote); base == ".." {
		return "", nil
	}
	return client.LocalName(path.Base(remote))
}

// fetchTree fetches what is beneath a remote folder to beneath a local one. A mirror leaves out
// what is the same on both sides, and removes what is only here if it is asked to.
func (s *Shell) fetchTree(
	ctx context.Context, c *command, remote, root string, mirror bool,
) error {
	t, dry := new(tally), c.has["dry-run"]
	from, err := s.walk(ctx, s.remote(remote), t)
	if err != nil {
		return err
	}
	complete := len(t.failed) == 0
	if !c.has["all"] {
		if hidden := from.leaveOutHidden(); hidden > 0 {
			s.say("left out %s beginning with a dot; -a fetches such names too",
				countText(hidden, "name", "names"))
		}
	}
	if !dry {
		if err := os.MkdirAll(root, 0o777); err != nil {
			return &client.Error{Name: root, Kind: client.ErrLocal, Err: err}
		}
		from.files = s.makeFolders(root, from, remote, t)
	}
	var jobs []job
	for _, f := range from.files {
		local, err := localPath(root, f.path)
		j := job{
			command: "get", remote: join(s.remote(remote), f.path), local: local,
			name: join(remote, f.path), size: f.size, resume: c.has["continue"], time: f.time,
		}
		switch {
		case err != nil:
			r := result{Command: "get", Remote: j.name}
			r.fail(err)
			s.add(t, &r)
		case mirror && sameHere(local, f.entry):
			s.addSame(t, &result{Command: "get", Remote: j.name, Local: local, Bytes: f.size})
		case dry:
			s.add(t, planned(j))
		default:
			jobs = append(jobs, j)
		}
	}
	return s.finish(ctx, c, jobs, t, complete, func() error {
		return s.deleteHere(root, from, dry, t)
	})
}

// finish moves the files of a tree and removes what a mirror has beyond them, or says what a dry
// run found.
func (s *Shell) finish(
	ctx context.Context, c *command, jobs []job, t *tally, complete bool, remove func() error,
) error {
	if !c.has["dry-run"] {
		if err := s.batch(ctx, jobs, t); err != nil || !c.has["delete"] || !complete {
			return err
		}
		err := remove()
		if t.removed > 0 {
			s.say("removed %s", countText(t.removed, "name", "names"))
		}
		return err
	}
	err := s.verdict(t)
	if c.has["delete"] && complete {
		err = remove()
	}
	s.say("%s", t.plan())
	return err
}

func planned(j job) *result {
	return &result{
		Command: j.command, Remote: j.name, Local: j.local, Outcome: outcomePlanned,
		Bytes: max(j.size, 0), unsized: j.size < 0,
	}
}

// addSame notes a file that is on both sides already. People see their number alone.
func (s *Shell) addSame(t *tally, r *result) {
	r.Outcome = outcomeSame
	if s.JSON {
		s.tell(r)
	}
	t.same++
}

// sameHere says whether a local file is what the server has, as far as size and time tell.
func sameHere(local string, there entry) bool {
	info, err := os.Lstat(local)
	return err == nil && info.Mode().IsRegular() && there.size == info.Size() &&
		!there.time.IsZero() && info.ModTime().Unix() == there.time.Unix()
}

// sameThere says whether the server has a local file: it cannot be given a time, so that one that
// is not older will do.
func sameThere(there entry, here entry) bool {
	return !there.folder && there.size == here.size && !there.time.IsZero() &&
		there.time.Unix() >= here.time.Unix()
}

// deleteHere removes beneath a local folder what a remote tree does not have. Names that begin with
// a dot stay: servers do not list theirs.
func (s *Shell) deleteHere(root string, keep *tree, dry bool, t *tally) error {
	wanted := make(map[string]bool)
	for _, f := range append(keep.folders, keep.files...) {
		wanted[f.path] = true
	}
	// What is removed lies beneath root, wherever links lead.
	beneath, err := os.OpenRoot(root)
	if err != nil {
		if dry && errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return &client.Error{Name: root, Kind: client.ErrLocal, Err: err}
	}
	defer func() { _ = beneath.Close() }()
	var visit func(folder string, all bool)
	visit = func(folder string, all bool) {
		list, err := os.ReadDir(filepath.Join(root, filepath.FromSlash(folder)))
		if err != nil {
			return
		}
		for _, e := range list {
			name := join(folder, e.Name())
			gone := all || !wanted[name]
			if strings.HasPrefix(e.Name(), ".") {
				continue
			}
			if e.IsDir() {
				visit(name, gone)
			}
			if !gone {
				continue
			}
			r := result{
				Command: "rm", Local: filepath.Join(root, filepath.FromSlash(name)),
				Outcome: outcomePlanned,
			}
			if !dry {
				r.Outcome = outcomeDone
				if err := beneath.Remove(filepath.FromSlash(name)); err != nil {
					r.fail(&client.Error{Name: r.Local, Kind: client.ErrLocal, Err: err})
				}
			}
			s.add(t, &r)
		}
	}
	visit("", false)
	return s.verdict(t)
}

// verdict is the error that failures beside a batch are.
func (s *Shell) verdict(t *tally) error {
	if t.first == nil {
		return nil
	}
	return &toldError{t.first}
}

// putTree stores a folder: into REMOTE/NAME where REMOTE is a folder, as REMOTE otherwise.
func (s *Shell) putTree(ctx context.Context, c *command, words []string) error {
	root := s.local(words[0])
	if !isFolder(root) {
		return &client.Error{Name: words[0], Kind: client.ErrLocal, Err: errNotFolder}
	}
	name := baseName(root)
	remote := name
	if len(words) > 1 {
		remote = strings.TrimRight(words[1], "/")
		var t tally
		if _, err := s.entries(ctx, s.remote(remote), &t); err == nil {
			remote = join(remote, name)
		} else if endsAll(err) {
			return err
		}
	}
	return s.storeTree(ctx, c, root, remote, false)
}

// baseName is what a local folder is called, "" for the root of a disk.
func baseName(folder string) string {
	whole, err := filepath.Abs(folder)
	if err != nil {
		whole = folder
	}
	if name := filepath.Base(whole); name != string(filepath.Separator) && name != "." {
		return name
	}
	return ""
}

// storeTree stores what is beneath a local folder beneath a remote one.
func (s *Shell) storeTree(
	ctx context.Context, c *command, root, remote string, mirror bool,
) error {
	t, dry := new(tally), c.has["dry-run"]
	from, hidden, err := s.localTree("put", root, c.has["all"], t)
	if err != nil {
		return err
	}
	complete := len(t.failed) == 0
	if hidden > 0 {
		s.say("left out %s beginning with a dot; -a stores such names too",
			countText(hidden, "name", "names"))
	}
	there, err := s.makeRemote(ctx, remote, from, dry, t)
	if err != nil {
		return err
	}
	var jobs []job
	for _, f := range from.files {
		name := join(remote, f.path)
		old, known := there.files[f.path]
		j := job{
			command: "put", remote: s.remote(name), name: name, size: f.size,
			local:  filepath.Join(root, filepath.FromSlash(f.path)),
			resume: c.has["continue"],
		}
		j.as = j.local
		switch {
		case there.blocked[path.Dir(f.path)]:
			// The folder's failure was told.
		case mirror && known && sameThere(old, f.entry):
			s.addSame(t, &result{Command: "put", Remote: name, Local: j.local, Bytes: f.size})
		case dry:
			s.add(t, planned(j))
		default:
			jobs = append(jobs, j)
		}
	}
	return s.finish(ctx, c, jobs, t, complete, func() error {
		return s.deleteThere(ctx, remote, there, dry, t)
	})
}

func (s *Shell) runMirror(ctx context.Context, c *command) error {
	words := c.words
	if c.has["reverse"] {
		root, remote := s.local("."), ""
		if len(words) > 0 {
			root = s.local(words[0])
			remote = baseName(root)
		}
		if len(words) > 1 {
			remote = strings.TrimRight(words[1], "/")
		}
		if !isFolder(root) {
			return &client.Error{Name: root, Kind: client.ErrLocal, Err: errNotFolder}
		}
		return s.storeTree(ctx, c, root, remote, true)
	}
	remote, root := "", s.local(".")
	if len(words) > 0 {
		if remote = strings.TrimRight(words[0], "/"); remote == "" {
			remote = "/"
		}
		name, err := treeName(remote)
		if err != nil {
			return err
		}
		root = filepath.Join(s.Dir, name)
	}
	if len(words) > 1 {
		root = s.local(words[1])
	}
	return s.fetchTree(ctx, c, remote, root, true)
}
