package shell

import (
	"cmp"
	"context"
	"os"
	"path"
	"path/filepath"
	"strings"

	"ferry/client"
)

// treeCopy is a folder that is copied from one side to the other.
type treeCopy struct {
	*Shell
	tally *tally
	// local and remote are the two folders, the latter as the person names it.
	local, remote string
	// mirror leaves out what both sides have; delete deletes what the source lacks; dry only tells
	// what would be done.
	mirror, delete, dry bool
	// all copies hidden names too; resume continues interrupted transfers.
	all, resume bool
	jobs        []job
}

func (s *Shell) newTreeCopy(c *command, local, remote string) *treeCopy {
	return &treeCopy{
		Shell: s, tally: &tally{shell: s}, local: local, remote: remote,
		mirror: c.verb.words[0] == "mirror", delete: c.has["delete"], dry: c.has["dry-run"],
		all: c.has[all.name], resume: c.has[resume.name],
	}
}

// getTree fetches a folder: into LOCAL/NAME where LOCAL is a folder, as LOCAL otherwise.
func (s *Shell) getTree(ctx context.Context, c *command) error {
	remote := trimFolder(c.words[0])
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
	return s.newTreeCopy(c, root, remote).fetch(ctx)
}

// putTree stores a folder: into REMOTE/NAME where REMOTE is a folder, as REMOTE otherwise.
func (s *Shell) putTree(ctx context.Context, c *command) error {
	root := s.local(c.words[0])
	if !isFolder(root) {
		return failure(c.words[0], client.ErrLocal, errNotFolder)
	}
	name := baseName(root)
	remote := name
	if len(c.words) > 1 {
		remote = strings.TrimRight(c.words[1], "/")
		if _, err := (&tally{shell: s}).entries(ctx, s.remote(remote), ""); err == nil {
			remote = join(remote, name)
		} else if endsAll(err) {
			return err
		}
	}
	return s.newTreeCopy(c, root, remote).store(ctx)
}

func runMirror(ctx context.Context, s *Shell, c *command) error {
	if c.has["reverse"] {
		root := s.local(c.word(0, "."))
		remote := ""
		if len(c.words) > 0 {
			remote = strings.TrimRight(c.word(1, baseName(root)), "/")
		}
		if !isFolder(root) {
			return failure(root, client.ErrLocal, errNotFolder)
		}
		return s.newTreeCopy(c, root, remote).store(ctx)
	}
	remote := trimFolder(c.word(0, ""))
	name, err := treeName(remote)
	if err != nil && len(c.words) > 0 {
		return err
	}
	return s.newTreeCopy(c, s.local(c.word(1, cmp.Or(name, "."))), remote).fetch(ctx)
}

// treeName is the local name of a remote folder, "" for a root.
func treeName(remote string) (string, error) {
	if path.Clean("/"+remote) == "/" || path.Base(remote) == ".." {
		return "", nil
	}
	return client.LocalName(path.Base(remote))
}

// baseName is the name of a local folder, "" for the root of a disk.
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

// fetch copies everything beneath the remote folder to the local one.
func (y *treeCopy) fetch(ctx context.Context) error {
	t, root := y.tally, y.local
	from, err := t.walkRemote(ctx, y.Shell.remote(y.remote), y.all)
	if err != nil {
		return err
	}
	y.sayHidden(from, "fetches")
	var conflicts, surplus []found
	if y.delete && len(t.failed) == 0 && isFolder(root) {
		copied, err := t.walkLocal("mirror", root, false)
		if err != nil {
			return err
		}
		if len(t.failed) == 0 {
			conflicts, surplus = from.surplus(copied)
		}
	}
	if err := t.removeLocal(root, conflicts, y.dry); err != nil {
		return err
	}
	if !y.dry {
		if err := os.MkdirAll(root, 0o777); err != nil {
			return failure(root, client.ErrLocal, err)
		}
		from.files = makeFolders(root, from, y.remote, t)
	}
	for _, f := range from.files {
		local, err := localPath(root, f.path)
		name := join(y.remote, f.path)
		if err != nil {
			t.fail(result{Command: "get", Remote: name}, err)
			continue
		}
		y.addJob(job{
			command: "get", remote: y.Shell.remote(name), local: local, name: name, size: f.size,
			time: f.time,
		}, y.mirror && sameHere(local, f.entry))
	}
	return y.finish(ctx, func() error { return t.removeLocal(root, surplus, y.dry) })
}

// store copies everything beneath the local folder to the remote one.
func (y *treeCopy) store(ctx context.Context) error {
	t := y.tally
	from, err := t.walkLocal("put", y.local, y.all)
	if err != nil {
		return err
	}
	for _, f := range from.skipped {
		if f.special && (!f.hidden() || y.all) {
			r := result{Command: "put", Outcome: outcomeSkipped, Local: f.path, Note: notPlainNote}
			t.add(&r)
		}
	}
	y.sayHidden(from, "stores")
	to := &remoteCopy{
		shell: y.Shell, tally: t, root: y.remote, dry: y.dry,
		delete: y.delete && len(t.failed) == 0,
	}
	if err := to.prepare(ctx, from); err != nil {
		return err
	}
	has := to.has.names()
	for _, f := range from.files {
		if to.blocked[path.Dir(f.path)] {
			continue // the folder's failure was reported
		}
		name, local := join(y.remote, f.path), filepath.Join(y.local, filepath.FromSlash(f.path))
		there, known := has[folded(f.path)]
		y.addJob(job{
			command: "put", remote: y.Shell.remote(name), name: name, size: f.size,
			local: local, as: local,
		}, y.mirror && known && sameThere(there, f.entry))
	}
	return y.finish(ctx, func() error { return to.remove(ctx, to.surplus) })
}

const notPlainNote = "neither a plain file nor a folder"

// sayHidden tells how many hidden names the copy leaves out.
func (y *treeCopy) sayHidden(from *tree, does string) {
	if hidden := from.hidden(); hidden > 0 && !y.all {
		y.say("left out %s beginning with a dot; -a %s such names too",
			countText(hidden, "name"), does)
	}
}

// addJob adds a file, or reports it if there is nothing to do. People see only the number of files
// that both sides have.
func (y *treeCopy) addJob(j job, same bool) {
	r := result{Command: j.command, Remote: j.name, Local: j.local, Bytes: max(j.size, 0)}
	switch {
	case same:
		r.Outcome = outcomeSame
		if y.JSON {
			y.tell(&r)
		}
		y.tally.same++
	case y.dry:
		r.Outcome = outcomePlanned
		y.tally.add(&r)
	default:
		j.resume = y.resume
		y.jobs = append(y.jobs, j)
	}
}

// finish moves the files and then deletes the surplus of a mirror, or sums up a dry run. Nothing is
// deleted after a failure.
func (y *treeCopy) finish(ctx context.Context, remove func() error) error {
	t := y.tally
	if !y.dry {
		if err := y.batch(ctx, y.jobs, t); err != nil {
			return err
		}
	}
	err := remove()
	if err == nil {
		err = t.verdict()
	}
	switch {
	case y.dry:
		y.say("%s", t.plan())
	case t.removed > 0:
		y.say("removed %s", countText(t.removed, "name"))
	}
	return err
}

// sameHere reports whether a local file has the remote one's size and time.
func sameHere(local string, there entry) bool {
	info, err := os.Lstat(local)
	return err == nil && info.Mode().IsRegular() && there.size == info.Size() &&
		!there.time.IsZero() && info.ModTime().Unix() == there.time.Unix()
}

// sameThere reports whether a remote file has the local one's size. Its time cannot be set, so any
// later one will do.
func sameThere(there entry, here entry) bool {
	return !there.folder && there.size == here.size && !there.time.IsZero() &&
		there.time.Unix() >= here.time.Unix()
}
