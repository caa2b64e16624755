package shell

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"ferry/client"
)

// entry is a name in a folder of either side.
type entry struct {
	name   string
	folder bool
	// size is -1 and time zero where the server does not tell them.
	size int64
	time time.Time
	// special marks what is neither a plain file nor a folder, such as a symbolic link.
	special bool
}

func (e *entry) hidden() bool { return strings.HasPrefix(e.name, ".") }

// found is an entry of a tree; path is relative to the tree's root, with slashes.
type found struct {
	path string
	entry
}

// tree is the result of a walk, folders before their contents. skipped are hidden and special
// names, and folders that could not be read, which are in folders too.
type tree struct {
	folders, files, skipped []found
}

// hidden counts the skipped names that begin with a dot.
func (t *tree) hidden() (n int) {
	for _, f := range t.skipped {
		if f.hidden() {
			n++
		}
	}
	return n
}

// Limits of a remote tree: a server may list folders within folders without end.
const (
	depthMax = 100
	namesMax = 2_000_000
)

var (
	errTooDeep = fmt.Errorf("more than %d folders within each other", depthMax)
	errTooMany = fmt.Errorf("more than %d names", namesMax)
)

// entries lists a folder beneath a remote root. Names that no listing may hold are left out and
// reported as failures: names from a server are hostile until they are checked.
func (t *tally) entries(ctx context.Context, root, relative string) (list []entry, err error) {
	folder := join(root, relative)
	if strings.Count(relative, "/") >= depthMax {
		return nil, failure(folder, client.ErrTooLarge, errTooDeep)
	}
	err = t.shell.main.do(ctx, func(c *client.Client) error {
		list, err = listFolder(ctx, c, folder)
		return err
	})
	if errors.Is(err, client.ErrProtocol) && list != nil {
		// Unreadable lines are a failure, so that nothing is deleted because of them.
		t.fail(result{Command: "ls", Remote: folder}, err)
		err = nil
	}
	kept := list[:0]
	for _, e := range list {
		if e.name == "" || e.name == "." || e.name == ".." || strings.ContainsAny(e.name, "/\x00") {
			name := join(folder, e.name)
			t.fail(result{Command: "ls", Remote: name},
				failure(name, client.ErrName, errors.New("a listing may not name it")))
			continue
		}
		kept = append(kept, e)
	}
	return kept, err
}

// listFolder lists a folder, with sizes and times if the server has them.
func listFolder(ctx context.Context, c *client.Client, folder string) ([]entry, error) {
	if c.Exchange() == client.Status {
		long, err := c.ListLong(ctx, folder)
		list := make([]entry, 0, len(long))
		for _, e := range long {
			name := strings.TrimSuffix(e.Name, "/")
			list = append(list, entry{name: name, folder: e.Folder, size: e.Size, time: e.Modified})
		}
		return list, err
	}
	names, err := c.List(ctx, folder)
	list := make([]entry, 0, len(names))
	for _, name := range names {
		name, isFolder := strings.CutSuffix(name, "/")
		list = append(list, entry{name: name, folder: isFolder, size: -1})
	}
	return list, err
}

// join is the path of a name in a remote folder.
func join(folder, name string) string {
	switch {
	case folder == "":
		return name
	case name == "":
		return folder
	case strings.HasSuffix(folder, "/"):
		return folder + name
	}
	return folder + "/" + name
}

// walker reads a tree of either side.
type walker struct {
	// list lists a folder by its path beneath the root; report reports a failure.
	list   func(folder string) ([]entry, error)
	report func(folder string, err error)
	// all includes names that begin with a dot.
	all  bool
	tree tree
}

// walkRemote lists everything beneath a remote folder. Failing to list the root is an error; other
// folders that fail are reported and skipped.
func (t *tally) walkRemote(ctx context.Context, root string, all bool) (*tree, error) {
	w := t.remoteWalker(ctx, root, all)
	return &w.tree, w.walk("")
}

func (t *tally) remoteWalker(ctx context.Context, root string, all bool) *walker {
	return &walker{
		all:  all,
		list: func(folder string) ([]entry, error) { return t.entries(ctx, root, folder) },
		report: func(folder string, err error) {
			t.fail(result{Command: "ls", Remote: join(root, folder)}, err)
		},
	}
}

// walkLocal lists everything beneath a local folder, as walkRemote does. It follows no symbolic
// link.
func (t *tally) walkLocal(command, root string, all bool) (*tree, error) {
	w := &walker{
		all: all,
		list: func(folder string) ([]entry, error) {
			list, err := os.ReadDir(filepath.Join(root, filepath.FromSlash(folder)))
			if err != nil {
				return nil, failure(cmp.Or(folder, root), client.ErrLocal, err)
			}
			entries := make([]entry, len(list))
			for i, e := range list {
				entries[i] = localEntry(e)
			}
			return entries, nil
		},
		report: func(folder string, err error) {
			t.fail(result{Command: command, Local: folder}, err)
		},
	}
	return &w.tree, w.walk("")
}

// localEntry is an entry of a local folder. One that vanished since the folder was read is special.
func localEntry(e os.DirEntry) entry {
	info, err := e.Info()
	if err != nil {
		return entry{name: e.Name(), special: true}
	}
	return entry{
		name: e.Name(), folder: info.IsDir(), size: info.Size(), time: info.ModTime(),
		special: !info.IsDir() && !info.Mode().IsRegular(),
	}
}

func (w *walker) walk(folder string) error {
	list, err := w.list(folder)
	for i := 0; err == nil && i < len(list); i++ {
		err = w.add(found{join(folder, list[i].name), list[i]})
	}
	return err
}

// add adds a name to the tree, with everything beneath it.
func (w *walker) add(f found) error {
	switch {
	case len(w.tree.files)+len(w.tree.folders)+len(w.tree.skipped) >= namesMax:
		return failure(f.path, client.ErrTooLarge, errTooMany)
	case f.special || f.hidden() && !w.all:
		w.tree.skipped = append(w.tree.skipped, f)
		return nil
	case !f.folder:
		w.tree.files = append(w.tree.files, f)
		return nil
	}
	w.tree.folders = append(w.tree.folders, f)
	err := w.walk(f.path)
	if err == nil || endsAll(err) || errors.Is(err, errTooMany) {
		return err
	}
	w.report(f.path, err)
	w.tree.skipped = append(w.tree.skipped, f)
	return nil
}

// endsAll reports whether a command cannot continue after an error.
func endsAll(err error) bool {
	return isAny(err, client.ErrLost, client.ErrConnect, client.ErrGivenUp, client.ErrClosed)
}

// localPath is the local path of a path in a remote tree, beneath root. Each part must be a valid
// local name.
func localPath(root, relative string) (string, error) {
	for part := range strings.SplitSeq(relative, "/") {
		if _, err := client.LocalName(part); err != nil {
			var bad *client.Error
			if errors.As(err, &bad) {
				err = &client.Error{Name: relative, Kind: bad.Kind, Err: bad.Err}
			}
			return "", err
		}
	}
	return filepath.Join(root, filepath.FromSlash(relative)), nil
}

var errNotFolder = errors.New("not a folder")

// makeFolders makes the folders of a remote tree beneath root, and returns the files that can be
// fetched. It follows no symbolic link beneath root: that may lead anywhere.
func makeFolders(root string, from *tree, remote string, t *tally) []found {
	blocked := make(map[string]bool)
	for _, f := range from.folders {
		if blocked[path.Dir(f.path)] {
			blocked[f.path] = true
			continue
		}
		if err := makeFolder(root, f.path); err != nil {
			blocked[f.path] = true
			t.fail(result{Command: "get", Remote: join(remote, f.path)}, err)
		}
	}
	files, seen := from.files[:0], make(map[string]bool)
	for _, f := range from.files {
		if blocked[path.Dir(f.path)] {
			continue
		}
		_, err := localPath(root, f.path)
		if folded := strings.ToLower(f.path); err == nil && foldsCase {
			if seen[folded] {
				err = failure(f.path, client.ErrName,
					errors.New("another name differs only in case"))
			}
			seen[folded] = true
		}
		if err != nil {
			t.fail(result{Command: "get", Remote: join(remote, f.path)}, err)
			continue
		}
		files = append(files, f)
	}
	return files
}

// foldsCase means that a and A are one file, as on most disks of these systems.
const foldsCase = runtime.GOOS == "windows" || runtime.GOOS == "darwin"

func makeFolder(root, relative string) error {
	local, err := localPath(root, relative)
	if err != nil {
		return err
	}
	err = os.Mkdir(local, 0o777)
	if err == nil {
		return nil
	}
	info, seen := os.Lstat(local)
	switch {
	case seen != nil:
		return failure(local, client.ErrLocal, err)
	case info.Mode()&os.ModeSymlink != 0:
		return failure(local, client.ErrLocal,
			errors.New("a symbolic link, which a fetch does not follow"))
	case !info.IsDir():
		return failure(local, client.ErrLocal, errNotFolder)
	}
	return nil
}
