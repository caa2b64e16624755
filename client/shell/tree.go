package shell

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"ferry/client"
)

// entry is a name in a remote folder or in a local one.
type entry struct {
	name   string
	folder bool
	// size is -1 and time zero where the server does not tell them.
	size int64
	time time.Time
}

// found is an entry of a tree; path is relative to the tree's root, with slashes.
type found struct {
	path string
	entry
}

// tree is what a walk found, folders before what is in them.
type tree struct {
	folders, files []found
}

// A server may list folders within folders for ever.
const (
	depthMax = 100
	namesMax = 2_000_000
)

var (
	errTooDeep = fmt.Errorf("more than %d folders within each other", depthMax)
	errTooMany = fmt.Errorf("more than %d names", namesMax)
	errNotHere = errors.New("a listing may not name it")
)

// entries lists a remote folder. What a listing must not hold is left out and told to the tally:
// names are hostile until they are known to be names.
func (s *Shell) entries(ctx context.Context, folder string, t *tally) (list []entry, err error) {
	err = s.main.do(ctx, func(c *client.Client) error {
		list, err = s.list(ctx, c, folder)
		return err
	})
	if errors.Is(err, client.ErrProtocol) && list != nil {
		// What cannot be read is missing here and there at the server, so that nothing may be
		// removed for its lack.
		r := result{Command: "ls", Remote: folder}
		r.fail(err)
		s.add(t, &r)
		err = nil
	}
	kept := list[:0]
	for _, e := range list {
		if e.name == "" || e.name == "." || e.name == ".." || strings.ContainsAny(e.name, "/\x00") {
			r := result{Command: "ls", Remote: join(folder, e.name)}
			r.fail(&client.Error{Name: r.Remote, Kind: client.ErrName, Err: errNotHere})
			s.add(t, &r)
			continue
		}
		kept = append(kept, e)
	}
	return kept, err
}

// list asks for a folder's entries, with sizes and times if the server has them.
func (s *Shell) list(ctx context.Context, c *client.Client, folder string) ([]entry, error) {
	if c.Exchange() == client.Status {
		long, err := c.ListLong(ctx, folder)
		list := make([]entry, 0, len(long))
		for _, e := range long {
			name := strings.TrimSuffix(e.Name, "/")
			list = append(list, entry{name, e.Folder, e.Size, e.Modified})
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

// join is a name in a remote folder.
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

// walk finds everything beneath a remote folder. A folder that cannot be listed is a failure in the
// tally, the first one an error.
func (s *Shell) walk(ctx context.Context, root string, t *tally) (*tree, error) {
	found := new(tree)
	top, err := s.entries(ctx, root, t)
	if err != nil {
		return nil, err
	}
	return found, s.descend(ctx, root, "", top, found, t)
}

func (s *Shell) descend(
	ctx context.Context, root, folder string, list []entry, into *tree, t *tally,
) error {
	for _, e := range list {
		f := found{join(folder, e.name), e}
		if len(into.files)+len(into.folders) == namesMax {
			return &client.Error{Name: root, Kind: client.ErrTooLarge, Err: errTooMany}
		}
		if !e.folder {
			into.files = append(into.files, f)
			continue
		}
		into.folders = append(into.folders, f)
		remote := join(root, f.path)
		below, err := s.entries(ctx, remote, t)
		if err == nil && strings.Count(f.path, "/") >= depthMax {
			err = &client.Error{Name: remote, Kind: client.ErrTooLarge, Err: errTooDeep}
		}
		if err == nil {
			err = s.descend(ctx, root, f.path, below, into, t)
		}
		if err != nil {
			if endsAll(err) {
				return err
			}
			r := result{Command: "ls", Remote: remote}
			r.fail(err)
			s.add(t, &r)
		}
	}
	return nil
}

// leaveOutHidden takes names that begin with a dot out, with all beneath them, and says how many
// names those are. A server that lists .ssh or .profile is not to write them into a home folder
// unasked.
func (t *tree) leaveOutHidden() (hidden int) {
	out := func(f found) bool {
		if !strings.HasPrefix(f.path, ".") && !strings.Contains(f.path, "/.") {
			return false
		}
		if strings.HasPrefix(f.name, ".") {
			hidden++
		}
		return true
	}
	t.folders = slices.DeleteFunc(t.folders, out)
	t.files = slices.DeleteFunc(t.files, out)
	return hidden
}

// endsAll says whether an error is the end of whatever a command still has before it.
func endsAll(err error) bool {
	return errors.Is(err, client.ErrLost) || errors.Is(err, client.ErrConnect) ||
		errors.Is(err, client.ErrGivenUp) || errors.Is(err, client.ErrClosed)
}

// localPath is where a path of a remote tree lies on this side, beneath root. Each part of it has
// to be a name here.
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

var (
	errLink      = errors.New("a symbolic link, which a fetch does not follow")
	errNotFolder = errors.New("not a folder")
	errTwins     = errors.New("another name is the same here but for its letters' case")
)

// makeFolders makes the folders of a remote tree beneath root, and leaves files out that cannot be
// there. No symbolic link beneath root is followed: one that stands where a folder belongs may lead
// anywhere.
func (s *Shell) makeFolders(root string, from *tree, remote string, t *tally) []found {
	blocked := make(map[string]bool)
	for _, f := range from.folders {
		if blocked[path.Dir(f.path)] {
			blocked[f.path] = true
			continue
		}
		if err := makeFolder(root, f.path); err != nil {
			blocked[f.path] = true
			r := result{Command: "get", Remote: join(remote, f.path)}
			r.fail(err)
			s.add(t, &r)
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
				err = &client.Error{Name: f.path, Kind: client.ErrName, Err: errTwins}
			}
			seen[folded] = true
		}
		if err != nil {
			r := result{Command: "get", Remote: join(remote, f.path)}
			r.fail(err)
			s.add(t, &r)
			continue
		}
		files = append(files, f)
	}
	return files
}

// foldsCase says that a and A are one file, as they are on most disks of these systems.
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
		return &client.Error{Name: local, Kind: client.ErrLocal, Err: err}
	case info.Mode()&os.ModeSymlink != 0:
		return &client.Error{Name: local, Kind: client.ErrLocal, Err: errLink}
	case !info.IsDir():
		return &client.Error{Name: local, Kind: client.ErrLocal, Err: errNotFolder}
	}
	return nil
}

// localTree finds everything beneath a local folder. Symbolic links are not followed; they and
// what is no plain file are told as skipped, names that begin with a dot counted, unless all is
// wanted.
func (s *Shell) localTree(command, root string, all bool, t *tally) (*tree, int, error) {
	into, hidden := new(tree), 0
	var visit func(folder string) error
	visit = func(folder string) error {
		list, err := os.ReadDir(filepath.Join(root, filepath.FromSlash(folder)))
		if err != nil {
			return err
		}
		for _, e := range list {
			f := found{join(folder, e.Name()), entry{name: e.Name(), folder: e.IsDir()}}
			info, err := e.Info()
			switch {
			case !all && strings.HasPrefix(f.name, "."):
				hidden++
			case err != nil:
				// It went away since the folder was read.
			case f.folder:
				into.folders = append(into.folders, f)
				if err := visit(f.path); err != nil {
					r := result{Command: command, Local: f.path}
					r.fail(&client.Error{Name: f.path, Kind: client.ErrLocal, Err: err})
					s.add(t, &r)
				}
			case !e.Type().IsRegular():
				s.add(t, &result{
					Command: command, Outcome: outcomeSkipped,
					Local: f.path, Note: "neither a plain file nor a folder",
				})
			default:
				f.size, f.time = info.Size(), info.ModTime()
				into.files = append(into.files, f)
			}
		}
		return nil
	}
	if err := visit(""); err != nil {
		return nil, 0, &client.Error{Name: root, Kind: client.ErrLocal, Err: err}
	}
	return into, hidden, nil
}
