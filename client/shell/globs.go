package shell

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"ferry/client"
)

var (
	errNoMatch = errors.New("nothing matches")
	errTaken   = errors.New("another file of this command has that name")
)

// matches are the files that patterns found, each once.
type matches struct {
	jobs    []match
	folders int
	seen    map[string]bool
}

// match is a file by its path beneath the folder that its pattern begins with.
type match struct {
	found
	folder string
}

// matchAll finds the files of all patterns. beneath gives access to the folder that a pattern
// begins with.
func matchAll(patterns []string, beneath func(folder string) finder) (*matches, error) {
	m := &matches{seen: make(map[string]bool)}
	for _, text := range patterns {
		text = filepath.ToSlash(text)
		if !doublestar.ValidatePattern(text) {
			return nil, &usageError{failure(text, client.ErrName,
				errors.New("a pattern has * ? [a-z] {a,b} within names and ** for any folders"))}
		}
		folder, below := doublestar.SplitPattern(text)
		if folder == "." {
			folder = ""
		}
		files, folders := 0, 0
		in := beneath(folder)
		options := append(in.options, doublestar.WithNoFollow(), doublestar.WithNoHidden())
		names, err := doublestar.Glob(in.FS, below, options...)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			info, err := in.stat(name)
			switch {
			case err != nil:
			case info.IsDir() && !strings.HasSuffix(below, "**"):
				folders++
			case info.Mode().IsRegular():
				files++
				m.add(match{found{name, entry{name: path.Base(name), size: info.Size()}}, folder})
			}
		}
		if files == 0 {
			return nil, noMatch(text, folders)
		}
		m.folders += folders
	}
	return m, nil
}

// finder looks for names beneath a folder.
type finder struct {
	fs.FS
	stat    func(name string) (fs.FileInfo, error)
	options []doublestar.GlobOption
}

func (m *matches) add(j match) {
	if whole := join(j.folder, j.path); !m.seen[whole] {
		m.seen[whole] = true
		m.jobs = append(m.jobs, j)
	}
}

func noMatch(text string, folders int) error {
	err := errNoMatch
	if folders > 0 {
		err = errors.New("only folders match; get -r and put -r move a folder")
	}
	failed := failure(text, client.ErrNotFound, err)
	return &typedError{failed, text + ": " + err.Error()}
}

// remoteFS is a remote folder as patterns see it. It keeps each listing.
type remoteFS struct {
	list  func(folder string) ([]entry, error)
	lists map[string][]fs.DirEntry
}

// Open fails: patterns need listings alone.
func (r *remoteFS) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
}

// ReadDir lists a folder.
func (r *remoteFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if list, there := r.lists[name]; there {
		return list, nil
	}
	entries, err := r.list(strings.TrimPrefix(name, "."))
	if err != nil {
		return nil, err
	}
	list := make([]fs.DirEntry, len(entries))
	for i := range entries {
		list[i] = &entries[i]
	}
	r.lists[name] = list
	return list, nil
}

// Stat finds a name in the listing of its folder.
func (r *remoteFS) Stat(name string) (fs.FileInfo, error) {
	if name == "." {
		return &entry{name: name, folder: true}, nil
	}
	list, err := r.ReadDir(path.Dir(name))
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		if e.Name() == path.Base(name) {
			return e.Info()
		}
	}
	return nil, fs.ErrNotExist
}

// An entry is an fs.DirEntry and an fs.FileInfo for patterns.

func (e *entry) Name() string               { return e.name }
func (e *entry) IsDir() bool                { return e.folder }
func (e *entry) Type() fs.FileMode          { return e.Mode().Type() }
func (e *entry) Info() (fs.FileInfo, error) { return e, nil }
func (e *entry) Size() int64                { return e.size }
func (e *entry) ModTime() time.Time         { return e.time }
func (e *entry) Sys() any                   { return nil }

func (e *entry) Mode() fs.FileMode {
	if e.folder {
		return fs.ModeDir
	}
	return 0
}

// tree is the matches as a tree: their folders, parents first, and the files.
func (m *matches) tree() *tree {
	t, seen := new(tree), map[string]bool{".": true}
	var above func(folder string)
	above = func(folder string) {
		if !seen[folder] {
			seen[folder] = true
			above(path.Dir(folder))
			t.folders = append(t.folders, found{folder, entry{folder: true}})
		}
	}
	for _, j := range m.jobs {
		above(path.Dir(j.path))
		t.files = append(t.files, j.found)
	}
	return t
}

func runMget(ctx context.Context, s *Shell, c *command) error {
	t := &tally{shell: s}
	m, err := matchAll(c.words, func(folder string) finder {
		r := &remoteFS{lists: make(map[string][]fs.DirEntry)}
		r.list = func(below string) ([]entry, error) {
			return t.entries(ctx, s.remote(folder), below)
		}
		return finder{r, r.Stat, []doublestar.GlobOption{doublestar.WithFailOnIOErrors()}}
	})
	if err != nil {
		return err
	}
	if m.folders > 0 {
		s.say("left out %s; get -r fetches a folder", countText(m.folders, "folder"))
	}
	root, here := s.local("."), make(map[string]bool)
	for _, f := range makeFolders(root, m.tree(), "", t) {
		here[f.path] = true
	}
	return s.batch(ctx, s.distinct("get", m, t, func(j *job, m match) bool {
		j.local = filepath.Join(root, filepath.FromSlash(m.path))
		j.name = join(m.folder, m.path)
		return here[m.path]
	}, c), t)
}

func runMput(ctx context.Context, s *Shell, c *command) error {
	m, err := matchAll(c.words, func(folder string) finder {
		root := s.local(filepath.FromSlash(folder))
		return finder{FS: os.DirFS(root), stat: func(name string) (fs.FileInfo, error) {
			return os.Stat(filepath.Join(root, filepath.FromSlash(name)))
		}}
	})
	if err != nil {
		return err
	}
	to := &remoteCopy{shell: s, tally: &tally{shell: s}}
	if from := m.tree(); len(from.folders) > 0 {
		if err := to.prepare(ctx, &tree{folders: from.folders}); err != nil {
			return err
		}
	}
	return s.batch(ctx, s.distinct("put", m, to.tally, func(j *job, m match) bool {
		j.local = filepath.Join(s.local(filepath.FromSlash(m.folder)), filepath.FromSlash(m.path))
		j.name, j.as = m.path, j.local
		return !to.blocked[path.Dir(m.path)]
	}, c), to.tally)
}

// distinct makes jobs of matches and lets finish complete them. It leaves out files whose name
// another pattern's file has taken.
func (s *Shell) distinct(
	verb string, m *matches, t *tally, finish func(*job, match) bool, c *command,
) (jobs []job) {
	taken := make(map[string]bool)
	for _, m := range m.jobs {
		if taken[m.path] {
			name := join(m.folder, m.path)
			t.fail(result{Command: verb, Remote: name},
				failure(name, client.ErrName, errTaken))
			continue
		}
		taken[m.path] = true
		j := job{command: verb, size: m.size, resume: c.has[resume.name]}
		if finish(&j, m) {
			j.remote = s.remote(j.name)
			jobs = append(jobs, j)
		}
	}
	return jobs
}
