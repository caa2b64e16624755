package shell

import (
	"context"
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

// fetchTree fetches everything beneath a remote folder into a local one. A mirror leaves out what
// is the same on both sides.
func (s *Shell) fetchTree(
	ctx context.Context, c *command, remote, root string, mirror bool,
) error {
	t, dry := new(tally), c.has["dry-run"]
	from, err := s.walkRemote(ctx, s.remote(remote), c.has["all"], t)
	if err != nil {
		return err
	}
	s.sayHidden(c, from, "fetches")
	var conflicts, surplus []found
	if c.has["delete"] && len(t.failed) == 0 && isFolder(root) {
		copied, err := s.walkLocal("mirror", root, false, t)
		if err != nil {
			return err
		}
		conflicts, surplus = from.surplus(copied)
	}
	if err := s.removeLocal(root, conflicts, dry, t); err != nil {
		return err
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
		if err != nil {
			s.addFailure(t, result{Command: "get", Remote: j.name}, err)
			continue
		}
		same := mirror && sameHere(local, f.entry)
		jobs = s.addJob(jobs, j, same, dry, t)
	}
	return s.finish(ctx, jobs, t, dry, func() error {
		return s.removeLocal(root, surplus, dry, t)
	})
}

// sayHidden tells how many hidden names a tree left out.
func (s *Shell) sayHidden(c *command, from *tree, does string) {
	if hidden := from.hidden(); hidden > 0 && !c.has["all"] {
		s.say("left out %s beginning with a dot; -a %s such names too",
			countText(hidden, "name", "names"), does)
	}
}

// addJob adds a file to the jobs of a tree, or reports it where there is nothing to do. People see
// only the number of files that both sides have.
func (s *Shell) addJob(jobs []job, j job, same, dry bool, t *tally) []job {
	r := result{Command: j.command, Remote: j.name, Local: j.local, Bytes: max(j.size, 0)}
	switch {
	case same:
		r.Outcome = outcomeSame
		if s.JSON {
			s.tell(&r)
		}
		t.same++
	case dry:
		r.Outcome, r.unsized = outcomePlanned, j.size < 0
		s.add(t, &r)
	default:
		jobs = append(jobs, j)
	}
	return jobs
}

// finish moves the files of a tree and then deletes what a mirror has beyond them, or says what a
// dry run found. Nothing is deleted after a failure.
func (s *Shell) finish(
	ctx context.Context, jobs []job, t *tally, dry bool, remove func() error,
) error {
	if !dry {
		if err := s.batch(ctx, jobs, t); err != nil {
			return err
		}
	}
	err := remove()
	if err == nil {
		err = s.verdict(t)
	}
	switch {
	case dry:
		s.say("%s", t.plan())
	case t.removed > 0:
		s.say("removed %s", countText(t.removed, "name", "names"))
	}
	return err
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
		if _, err := s.entries(ctx, s.remote(remote), "", &t); err == nil {
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

// storeTree stores everything beneath a local folder in a remote one.
func (s *Shell) storeTree(
	ctx context.Context, c *command, root, remote string, mirror bool,
) error {
	t, dry := new(tally), c.has["dry-run"]
	from, err := s.walkLocal("put", root, c.has["all"], t)
	if err != nil {
		return err
	}
	for _, f := range from.skipped {
		if f.special && (!f.hidden() || c.has["all"]) {
			s.add(t, &result{
				Command: "put", Outcome: outcomeSkipped, Local: f.path,
				Note: "neither a plain file nor a folder",
			})
		}
	}
	s.sayHidden(c, from, "stores")
	to := &remoteCopy{
		shell: s, tally: t, root: remote, dry: dry,
		delete: c.has["delete"] && len(t.failed) == 0,
	}
	if err := to.prepare(ctx, from); err != nil {
		return err
	}
	has := to.has.names()
	var jobs []job
	for _, f := range from.files {
		if to.blocked[path.Dir(f.path)] {
			continue // the folder's failure was told
		}
		name := join(remote, f.path)
		j := job{
			command: "put", remote: s.remote(name), name: name, size: f.size,
			local:  filepath.Join(root, filepath.FromSlash(f.path)),
			resume: c.has["continue"],
		}
		j.as = j.local
		there, known := has[folded(f.path)]
		same := mirror && known && sameThere(there, f.entry)
		jobs = s.addJob(jobs, j, same, dry, t)
	}
	return s.finish(ctx, jobs, t, dry, func() error { return to.remove(ctx, to.surplus) })
}
