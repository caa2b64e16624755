package dir

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ferry/fsio"
)

// model is what a root and its parts should hold. It is plain on purpose.
type model struct {
	root     *node
	linksMax int
	parts    map[string]*modelPart
}

// modelPart is a part: the name that it commits under, and its bytes.
type modelPart struct{ path, text string }

// in returns the folder that the path is in, and the path's last part.
func (m *model) in(path string) (*node, string, fsio.Kind) {
	path = strings.TrimSuffix(path, "/")
	dir, base := ".", path
	if at := strings.LastIndexByte(path, '/'); at >= 0 {
		dir, base = path[:at], path[at+1:]
	}
	folder, kind := resolve(m.root, dir, m.linksMax)
	if kind == fsio.KindNone && folder.entries == nil {
		kind = fsio.KindNotFolder
	}
	return folder, base, kind
}

func (m *model) mkdir(path string) fsio.Kind {
	folder, base, kind := m.in(path)
	switch {
	case kind != fsio.KindNone:
		return kind
	case folder.entries[base] != nil:
		return fsio.KindExists
	}
	folder.entries[base] = &node{entries: map[string]*node{}}
	return fsio.KindNone
}

func (m *model) rmdir(path string) fsio.Kind {
	folder, base, kind := m.in(path)
	if kind != fsio.KindNone {
		return kind
	}
	found := folder.entries[base]
	switch {
	case found == nil:
		return fsio.KindNotFound
	case found.entries == nil:
		return fsio.KindNotFolder
	case len(found.entries) > 0:
		return fsio.KindNotEmpty
	}
	delete(folder.entries, base)
	return fsio.KindNone
}

func (m *model) remove(path string) fsio.Kind {
	folder, base, kind := m.in(path)
	switch {
	case strings.HasSuffix(path, "/"):
		return fsio.KindNotPlain
	case kind != fsio.KindNone:
		return kind
	case folder.entries[base] == nil:
		return fsio.KindNotFound
	case folder.entries[base].entries != nil:
		return fsio.KindNotPlain
	}
	delete(folder.entries, base)
	return fsio.KindNone
}

func (m *model) rename(from, to string, noReplace bool) fsio.Kind {
	source, base, kind := m.in(from)
	if kind != fsio.KindNone {
		return kind
	}
	target, targetBase, kind := m.in(to)
	if kind != fsio.KindNone {
		return kind
	}
	moved := source.entries[base]
	if moved == nil {
		return fsio.KindNotFound
	}
	isFolder := moved.entries != nil
	clean, cleanTo := strings.TrimSuffix(from, "/"), strings.TrimSuffix(to, "/")
	found := target.entries[targetBase]
	switch {
	case !isFolder && (clean != from || cleanTo != to):
		return fsio.KindNotFolder
	case clean == cleanTo && !noReplace:
		return fsio.KindNone
	case isFolder && strings.HasPrefix(cleanTo, clean+"/"):
		return fsio.KindBadName
	case found != nil && (noReplace || isFolder || found.entries != nil):
		return fsio.KindExists
	case isFolder && holds(moved, target):
		return fsio.KindBadName
	}
	delete(source.entries, base)
	target.entries[targetBase] = moved
	return fsio.KindNone
}

// holds reports whether a folder is the other, or is above it.
func holds(folder, other *node) bool {
	if folder == other {
		return true
	}
	for _, entry := range folder.entries {
		if entry.entries != nil && holds(entry, other) {
			return true
		}
	}
	return false
}

// writable says whether an upload may have the name.
func (m *model) writable(path string, noReplace bool) (*node, string, fsio.Kind) {
	if strings.HasSuffix(path, "/") {
		return nil, "", fsio.KindNotPlain
	}
	folder, base, kind := m.in(path)
	if kind == fsio.KindNone {
		found := folder.entries[base]
		switch {
		case found == nil:
		case found.entries != nil:
			kind = fsio.KindNotPlain
		case noReplace:
			kind = fsio.KindExists
		}
	}
	return folder, base, kind
}

func (m *model) store(path, text string, noReplace bool) fsio.Kind {
	folder, base, kind := m.writable(path, noReplace)
	if kind == fsio.KindNone {
		folder.entries[base] = &node{text: text}
	}
	return kind
}

func (m *model) newPart(id, path string) fsio.Kind {
	_, _, kind := m.writable(path, false)
	if kind == fsio.KindNone {
		m.parts[id] = &modelPart{path: path}
	}
	return kind
}

func (m *model) commitPart(id string, noReplace bool) fsio.Kind {
	p := m.parts[id]
	kind := m.store(p.path, p.text, noReplace)
	if kind == fsio.KindNone {
		delete(m.parts, id)
	}
	return kind
}

// lines writes the tree down.
func (n *node) lines(path string) (lines []string) {
	switch {
	case n.entries != nil:
		lines = append(lines, path+"/")
		for base, entry := range n.entries {
			lines = append(lines, entry.lines(path+"/"+base)...)
		}
		slices.Sort(lines)
	case n.target != "":
		lines = append(lines, path+" -> "+n.target)
	default:
		lines = append(lines, path+" "+n.text)
	}
	return lines
}

// linesOf writes down what is on the disk, in the same way.
func linesOf(t rapid.TB, dir string) (lines []string) {
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if fsio.IsReserved(e.Name()) {
			return filepath.SkipDir
		}
		line := strings.TrimPrefix(path, dir)
		switch {
		case e.IsDir():
			line += "/"
		case e.Type()&os.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " -> " + target
		default:
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += " " + string(text)
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return lines
}

// TestRootsDoWhatTheModelDoes runs commands drawn at random on a tree full of links, and on a
// model of it: every answer and, after every command, the whole tree have to agree.
func TestRootsDoWhatTheModelDoes(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		base := filepath.Dir(scratchInMemory(t))
		tries := 0
		rapid.Check(t, func(rt *rapid.T) {
			tries++
			outside := fmt.Sprintf("%s/%d", base, tries)
			dir := outside + "/root"
			m := &model{
				root: drawTree(rt, outside, 2), linksMax: 40, parts: map[string]*modelPart{},
			}
			check(t, os.MkdirAll(outside+"/d", 0o777))
			for _, path := range []string{"a", "b", "c", "d/a", "d/b"} {
				write(t, outside+"/"+path, "outside")
			}
			m.root.make(rt, dir)
			r := open(t, dir, Options{})
			if r.kernel == nil {
				m.linksMax = 8
			}
			for step := range rapid.IntRange(5, 25).Draw(rt, "steps") {
				(&stepper{t: rt, r: r, m: m, step: step}).run()
				want, got := m.root.lines(""), linesOf(rt, dir)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					rt.Fatalf("the disk holds %q, the model %q", got, want)
				}
			}
			for _, path := range []string{"a", "b", "c", "d/a", "d/b"} {
				if got := content(t, outside+"/"+path); got != "outside" {
					rt.Fatalf("outside: %s holds %q", path, got)
				}
			}
		})
	})
}

// stepper does one step on both.
type stepper struct {
	t    *rapid.T
	r    *store
	m    *model
	step int
}

// path draws a name: mostly one that is there, or one in a folder that is there.
func (s *stepper) path() (string, fsio.Name) {
	part := rapid.SampledFrom([]string{"a", "b", "c", "d"})
	path := strings.Join(rapid.SliceOfN(part, 1, 3).Draw(s.t, "path"), "/")
	if there := s.m.root.paths(""); len(there) > 0 && rapid.IntRange(0, 3).Draw(s.t, "there") > 0 {
		path = rapid.SampledFrom(there).Draw(s.t, "path")
		if rapid.IntRange(0, 2).Draw(s.t, "beneath") == 0 {
			path += "/" + part.Draw(s.t, "part")
		}
	}
	if rapid.IntRange(0, 9).Draw(s.t, "slash") == 9 {
		path += "/"
	}
	n, err := parse(path)
	if err != nil {
		s.t.Fatal(err)
	}
	return path, n
}

// paths lists the names of all that is beneath a folder, sorted.
func (n *node) paths(prefix string) (paths []string) {
	for base, entry := range n.entries {
		paths = append(paths, prefix+base)
		paths = append(paths, entry.paths(prefix+base+"/")...)
	}
	slices.Sort(paths)
	return paths
}

func (s *stepper) want(what string, err error, want fsio.Kind) {
	if fsio.KindOf(err) != want {
		s.t.Fatalf("%s: got %q (%v), want %q", what, fsio.KindOf(err), err, want)
	}
}

func (s *stepper) run() {
	path, n := s.path()
	text := fmt.Sprint("inside ", s.step)
	yes := rapid.Bool().Draw(s.t, "no replace")
	switch rapid.IntRange(0, 12).Draw(s.t, "command") {
	case 0, 10:
		s.want("mkdir "+path, s.r.Mkdir(n), s.m.mkdir(path))
	case 1:
		s.want("rmdir "+path, s.r.Rmdir(n), s.m.rmdir(path))
	case 2:
		s.want("rm "+path, s.r.Remove(n), s.m.remove(path))
	case 3, 4, 11, 12:
		to, target := s.path()
		err := s.r.Rename(n, target, fsio.CommitOptions{NoReplace: yes})
		s.want(fmt.Sprint("mv ", path, " ", to, yes), err, s.m.rename(path, to, yes))
	case 5:
		err := s.r.StoreSmall(n, []byte(text), fsio.CommitOptions{NoReplace: yes})
		s.want(fmt.Sprint("put ", path, yes), err, s.m.store(path, text, yes))
	case 6:
		id, err := s.r.NewPart(n, fsio.PartOptions{})
		s.want("newpart "+path, err, s.m.newPart(id, path))
	case 7, 8:
		s.goOn(yes)
	case 9:
		if _, err := s.r.Sweep(); err != nil {
			s.t.Fatal(err)
		}
	}
	s.look()
}

// goOn does something with one of the parts.
func (s *stepper) goOn(noReplace bool) {
	if len(s.m.parts) == 0 {
		return
	}
	var ids []string
	for id := range s.m.parts {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int { // Ids differ from run to run; texts do not.
		p, q := s.m.parts[a], s.m.parts[b]
		return strings.Compare(p.path+" "+p.text, q.path+" "+q.text)
	})
	id := rapid.SampledFrom(ids).Draw(s.t, "part")
	model := s.m.parts[id]
	p, err := s.r.OpenPart(id)
	if err != nil {
		s.t.Fatalf("part of %s: %v", model.path, err)
	}
	if p.Size() != int64(len(model.text)) {
		s.t.Fatalf("part of %s: %d bytes, want %q", model.path, p.Size(), model.text)
	}
	more := fmt.Sprint("more ", s.step, ".")
	if _, err := p.WriteAt([]byte(more), p.Size()); err != nil {
		s.t.Fatal(err)
	}
	model.text += more
	switch rapid.IntRange(0, 3).Draw(s.t, "end") {
	case 0:
		s.want("drop", p.Drop(), fsio.KindNone)
		delete(s.m.parts, id)
	case 1, 2:
		err := p.Commit(fsio.CommitOptions{NoReplace: noReplace})
		s.want("commit", err, s.m.commitPart(id, noReplace))
	default:
		s.want("close", p.Close(), fsio.KindNone)
	}
}

// look asks about a name in every way that changes nothing.
func (s *stepper) look() {
	path, n := s.path()
	found, want := resolve(s.m.root, strings.TrimSuffix(path, "/"), s.m.linksMax)
	slash := strings.HasSuffix(path, "/")
	wantInfo, wantText, wantGet, wantStat := fsio.Entry{}, "", want, want
	switch {
	case want != fsio.KindNone:
	case found.entries != nil:
		wantInfo.Kind, wantGet = fsio.EntryFolder, fsio.KindNotPlain
	case slash:
		wantStat = fsio.KindNotFolder
	default:
		wantInfo.Kind, wantInfo.Size = fsio.EntryFile, int64(len(found.text))
		wantText = found.text
	}
	if slash {
		wantGet, wantText = fsio.KindNotPlain, ""
	}
	info, err := s.r.Stat(n)
	s.want("stat "+path, err, wantStat)
	if info.Kind != wantInfo.Kind || info.Size != wantInfo.Size {
		s.t.Fatalf("stat %s: got %v, want %v", path, info, wantInfo)
	}
	text, err := fetch(s.r, n)
	if s.want("get "+path, err, wantGet); text != wantText {
		s.t.Fatalf("get %s: got %q, want %q", path, text, wantText)
	}
	wantList := want
	if want == fsio.KindNone && found.entries == nil {
		wantList = fsio.KindNotFolder
	}
	list, err := list(s.r, n)
	s.want("ls "+path, err, wantList)
	long, err := listLong(s.r, n)
	s.want("ls -l "+path, err, wantList)
	if wantList != fsio.KindNone {
		return
	}
	lines := listing(s.m.root, strings.TrimSuffix(path, "/"), found, s.m.linksMax)
	if string(list) != lines {
		s.t.Fatalf("ls %s: got %q, want %q", path, list, lines)
	}
	if strings.Count(string(long), "\n") != strings.Count(lines, "\n") {
		s.t.Fatalf("ls -l %s: got %q, want the names %q", path, long, lines)
	}
}
