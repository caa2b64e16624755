package shell

import (
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"ferry/client"
)

var (
	errPattern = errors.New("a pattern has * ? [a-z] {a,b} within names and ** for any folders")
	errBraces  = errors.New("no / and no ** may stand within { } or [ ]")
	errNoMatch = errors.New("nothing matches")
	errTaken   = errors.New("another file of this command has that name")
)

// pattern is a glob taken apart: the folder that it begins with, and what each part below has to
// match.
type pattern struct {
	text   string
	folder string
	parts  []string
}

// parsePattern takes a glob apart. Slashes separate its parts, on every system.
func parsePattern(text string) (*pattern, error) {
	if !doublestar.ValidatePattern(text) {
		return nil, &usageError{&client.Error{Name: text, Kind: client.ErrName, Err: errPattern}}
	}
	folder, rest := "", text
	if dir, below := doublestar.SplitPattern(text); dir != "." {
		folder, rest = dir, below
	}
	p := &pattern{text: text, folder: folder, parts: strings.Split(rest, "/")}
	for _, part := range p.parts {
		if strings.Count(part, "{") != strings.Count(part, "}") ||
			strings.Contains(part, "{") && strings.Contains(part, "**") ||
			!doublestar.ValidatePattern(part) {
			return nil, &usageError{&client.Error{Name: text, Kind: client.ErrName, Err: errBraces}}
		}
	}
	return p, nil
}

// matchPart says whether a name matches one part. As in any shell a leading dot has to be named.
func matchPart(part, name string) bool {
	if strings.HasPrefix(name, ".") && !strings.HasPrefix(part, ".") {
		return false
	}
	ok, err := doublestar.Match(part, name)
	return ok && err == nil
}

// glob finds the remote files beneath folder that match the parts; into has them by their path
// beneath the pattern's folder.
func (s *Shell) glob(
	ctx context.Context, p *pattern, relative string, parts []string, into *matches, t *tally,
) error {
	list, err := s.entries(ctx, s.remote(p.folder), relative, t)
	if err != nil {
		return err
	}
	for _, e := range list {
		at := join(relative, e.name)
		for _, below := range nextParts(parts, e.name) {
			switch {
			case !e.folder && len(below) == 0:
				into.add(p, found{at, e})
			case e.folder && len(below) == 0 && parts[0] != "**":
				into.folders++
			case e.folder && len(below) == 0:
				// What is in it matches too, and is found by itself.
			case e.folder:
				if err := s.glob(ctx, p, at, below, into, t); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// nextParts are the ways in which a name may be matched by the first of the parts: what is left of
// them behind each. A part ** stands for any number of folders.
func nextParts(parts []string, name string) (ways [][]string) {
	if len(parts) == 0 {
		return nil
	}
	if parts[0] != "**" {
		if matchPart(parts[0], name) {
			ways = append(ways, parts[1:])
		}
		return ways
	}
	if !strings.HasPrefix(name, ".") {
		// The name is one of its folders; or, as the last part, whatever it is.
		ways = append(ways, parts)
		if len(parts) == 1 {
			ways = append(ways, nil)
		}
	}
	return append(ways, nextParts(parts[1:], name)...)
}

// matches are the files that patterns found, each once.
type matches struct {
	seen    map[string]bool
	jobs    []match
	folders int
	// hits counts files as often as they matched.
	hits int
}

type match struct {
	found
	pattern *pattern
}

func (m *matches) add(p *pattern, f found) {
	m.hits++
	whole := join(p.folder, f.path)
	if m.seen == nil {
		m.seen = make(map[string]bool)
	}
	if !m.seen[whole] {
		m.seen[whole] = true
		m.jobs = append(m.jobs, match{f, p})
	}
}

// tree is what the matches are as a tree: their folders, those above first.
func (m *matches) tree() *tree {
	t, seen := new(tree), map[string]bool{".": true}
	var above func(folder string)
	above = func(folder string) {
		if seen[folder] {
			return
		}
		seen[folder] = true
		above(path.Dir(folder))
		t.folders = append(t.folders, found{folder, entry{folder: true}})
	}
	for _, j := range m.jobs {
		above(path.Dir(j.path))
		t.files = append(t.files, j.found)
	}
	return t
}

func (s *Shell) runMget(ctx context.Context, c *command) error {
	var all matches
	t := new(tally)
	for _, text := range c.words {
		p, err := parsePattern(text)
		if err != nil {
			return err
		}
		before := all.hits
		if err := s.glob(ctx, p, "", p.parts, &all, t); err != nil {
			return err
		}
		if all.hits == before {
			return s.noMatch(text, all.folders)
		}
	}
	if all.folders > 0 {
		s.say("left out %s; get -r fetches a folder",
			countText(all.folders, "folder", "folders"))
	}
	root := s.local(".")
	kept := make(map[string]bool)
	for _, f := range s.makeFolders(root, all.tree(), "", t) {
		kept[f.path] = true
	}
	var jobs []job
	for _, m := range s.distinct("get", &all, t) {
		local, err := localPath(root, m.path)
		if err != nil || !kept[m.path] {
			continue
		}
		name := join(m.pattern.folder, m.path)
		jobs = append(jobs, job{
			command: "get", remote: s.remote(name), local: local, name: name, size: m.size,
			resume: c.has["continue"],
		})
	}
	return s.batch(ctx, jobs, t)
}

// distinct leaves out matches that would take the place of another: those of two patterns may have
// one name.
func (s *Shell) distinct(command string, all *matches, t *tally) (kept []match) {
	taken := make(map[string]bool)
	for _, m := range all.jobs {
		if taken[m.path] {
			name := join(m.pattern.folder, m.path)
			s.addFailure(t, result{Command: command, Remote: name},
				&client.Error{Name: name, Kind: client.ErrName, Err: errTaken})
			continue
		}
		taken[m.path] = true
		kept = append(kept, m)
	}
	return kept
}

func (s *Shell) noMatch(text string, folders int) error {
	err := errNoMatch
	if folders > 0 {
		err = errors.New("only folders match; get -r and put -r move a folder")
	}
	failed := &client.Error{Name: text, Kind: client.ErrNotFound, Err: err}
	return &typedError{failed, text + ": " + err.Error()}
}

func (s *Shell) runMput(ctx context.Context, c *command) error {
	var all matches
	t := new(tally)
	for _, text := range c.words {
		p, err := parsePattern(filepath.ToSlash(text))
		if err != nil {
			return err
		}
		before := all.hits
		if err := s.globHere(p, &all); err != nil {
			return err
		}
		if all.hits == before {
			return s.noMatch(text, all.folders)
		}
	}
	from := all.tree()
	to := new(remoteCopy)
	if len(from.folders) > 0 {
		to = &remoteCopy{shell: s, tally: t}
		if err := to.prepare(ctx, &tree{folders: from.folders}); err != nil {
			return err
		}
	}
	var jobs []job
	for _, m := range s.distinct("put", &all, t) {
		if to.blocked[path.Dir(m.path)] {
			continue
		}
		local := filepath.Join(s.local(filepath.FromSlash(m.pattern.folder)),
			filepath.FromSlash(m.path))
		jobs = append(jobs, job{
			command: "put", remote: s.remote(m.path), local: local, name: m.path, as: local,
			size: m.size, resume: c.has["continue"],
		})
	}
	return s.batch(ctx, jobs, t)
}

// globHere finds the local plain files that match.
func (s *Shell) globHere(p *pattern, into *matches) error {
	root := s.local(filepath.FromSlash(p.folder))
	whole := strings.Join(p.parts, "/")
	names, err := doublestar.Glob(os.DirFS(root), whole,
		doublestar.WithNoFollow(), doublestar.WithNoHidden())
	if err != nil {
		return &client.Error{Name: p.text, Kind: client.ErrLocal, Err: err}
	}
	for _, name := range names {
		info, err := os.Stat(filepath.Join(root, filepath.FromSlash(name)))
		switch {
		case err != nil:
		case info.IsDir():
			into.folders++
		case info.Mode().IsRegular():
			into.add(p, found{name, entry{name: path.Base(name), size: info.Size()}})
		}
	}
	return nil
}
