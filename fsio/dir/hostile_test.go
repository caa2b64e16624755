package dir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"ferry/fsio"
)

// node is a file (text), a link (target) or a folder (entries) of the model's tree.
type node struct {
	text    string
	target  string
	entries map[string]*node
}

// resolve is the model of a name's way through the tree: parts one after the other, links in
// their place, never above the root. It is plain on purpose.
func resolve(root *node, path string, linksMax int) (*node, fsio.Kind) {
	way := []*node{root}
	parts := strings.Split(path, "/")
	for links := 0; len(parts) > 0; {
		part := parts[0]
		parts = parts[1:]
		here := way[len(way)-1]
		if here.entries == nil {
			return nil, fsio.KindNotFolder
		}
		switch part {
		case ".":
			continue
		case "..":
			if len(way) == 1 {
				return nil, fsio.KindDenied
			}
			way = way[:len(way)-1]
			continue
		}
		next := here.entries[part]
		switch {
		case next == nil:
			return nil, fsio.KindNotFound
		case strings.HasPrefix(next.target, "/"):
			return nil, fsio.KindDenied
		case next.target != "":
			if links++; links > linksMax {
				return nil, fsio.KindNotFound
			}
			parts = append(strings.Split(next.target, "/"), parts...)
		default:
			way = append(way, next)
		}
	}
	return way[len(way)-1], fsio.KindNone
}

// drawTree makes files, folders and links with the names a to d, three levels deep, whose links
// point anywhere: along, up, out, back in, to themselves.
func drawTree(t *rapid.T, outside string, depth int) *node {
	n := &node{entries: map[string]*node{}}
	for _, part := range []string{"a", "b", "c", "d"} {
		switch rapid.IntRange(0, 5).Draw(t, "what") {
		case 0, 1:
			n.entries[part] = &node{text: rapid.StringMatching(`inside [a-z]{8}`).Draw(t, "text")}
		case 2:
			if depth > 0 {
				n.entries[part] = drawTree(t, outside, depth-1)
			}
		case 3, 4:
			parts := rapid.SliceOfN(rapid.SampledFrom(
				[]string{"a", "b", "c", "d", "..", "..", ".", "root"}), 1, 4).Draw(t, "link")
			target := strings.Join(parts, "/")
			if rapid.IntRange(0, 5).Draw(t, "absolute") == 0 {
				target = outside + "/" + target
			}
			n.entries[part] = &node{target: target}
		}
	}
	return n
}

func (n *node) make(t rapid.TB, path string) {
	var err error
	switch {
	case n.entries != nil:
		err = os.Mkdir(path, 0o777)
		for part, entry := range n.entries {
			entry.make(t, path+"/"+part)
		}
	case n.target != "":
		err = os.Symlink(n.target, path)
	default:
		err = os.WriteFile(path, []byte(n.text), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// listing is the model of List.
func listing(root *node, path string, folder *node, linksMax int) string {
	var lines []string
	for part := range folder.entries {
		found, kind := resolve(root, path+"/"+part, linksMax)
		switch {
		case kind != fsio.KindNone:
		case found.entries != nil:
			lines = append(lines, part+"/\n")
		default:
			lines = append(lines, part+"\n")
		}
	}
	slices.Sort(lines) // No name here is the beginning of another: the slash changes nothing.
	return strings.Join(lines, "")
}

// TestNamesLeadWhereTheModelSays builds trees full of links, and asks for names in them. Outside
// the root lie files and folders with the same names, so that whoever got out would find some.
func TestNamesLeadWhereTheModelSays(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		base := t.TempDir()
		tries := 0
		rapid.Check(t, func(rt *rapid.T) {
			tries++
			outside := fmt.Sprintf("%s/%d", base, tries)
			dir := outside + "/root"
			tree := drawTree(rt, outside, 2)
			check(t, os.MkdirAll(outside+"/d", 0o777))
			for _, path := range []string{"a", "b", "c", "d/a", "d/b"} {
				write(t, outside+"/"+path, "outside")
			}
			tree.make(rt, dir)
			r := open(t, dir, Options{})
			for range 20 {
				path := strings.Join(rapid.SliceOfN(rapid.SampledFrom(
					[]string{"a", "b", "c", "d"}), 1, 4).Draw(rt, "path"), "/")
				wantAsModel(rt, r, tree, path)
			}
		})
	})
}

func wantAsModel(t *rapid.T, r *store, tree *node, path string) {
	n, err := parse(path)
	if err != nil {
		t.Fatal(err)
	}
	linksMax := 40 // The kernel's limit for the links on a name's way.
	if r.kernel == nil {
		linksMax = 8 // That of os.Root.
	}
	found, want := resolve(tree, path, linksMax)
	wantText, wantList, wantListKind := "", "", want
	switch {
	case want != fsio.KindNone:
	case found.entries != nil:
		want, wantList = fsio.KindNotPlain, listing(tree, path, found, linksMax)
	default:
		wantText, wantListKind = found.text, fsio.KindNotFolder
	}
	text, err := fetch(r, n)
	if text != wantText || fsio.KindOf(err) != want {
		t.Fatalf("get %q: got %q, %v; want %q, %v", path, text, err, wantText, want)
	}
	list, err := list(r, n)
	if string(list) != wantList || fsio.KindOf(err) != wantListKind {
		t.Fatalf("ls %q: got %q, %v; want %q, %v", path, list, err, wantList, wantListKind)
	}
	var f fsio.File
	switch err := r.OpenCached(&f, n); {
	case fsio.KindOf(err) == fsio.KindWouldBlock:
	case fsio.KindOf(err) != want:
		t.Fatalf("cached get %q: got %v, want %v", path, err, want)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestNothingOutsideIsReadOrWrittenWhileLinksSwap flips what names mean, between inside and
// outside, as fast as it can, while they are opened, listed and stored to.
func TestNothingOutsideIsReadOrWrittenWhileLinksSwap(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		outside := filepath.Dir(dir) + "/outside"
		write(t, dir+"/in/f", "inside")
		write(t, outside+"/f", "outside")
		write(t, outside+"/marker", "outside")
		link(t, "../../in/f", dir+"/deep/er/up") // Leaves the root when deep/er has moved up.
		write(t, filepath.Dir(dir)+"/in/f", "outside")
		stop := flip(t, dir, outside)
		r := open(t, dir, Options{})
		var opened, stored int
		for i := range 3000 {
			for _, path := range []string{"flip/f", "flop", "deep/er/up", "er/up"} {
				text, err := fetch(r, name(t, r, path))
				if err == nil && text != "inside" && text != "stored" {
					t.Fatalf("%s is %q", path, text)
				}
				if err == nil {
					opened++
				}
			}
			list, _ := list(r, name(t, r, "flip"))
			if strings.Contains(string(list), "marker") {
				t.Fatalf("listed outside: %q", list)
			}
			if i%10 == 0 {
				err := r.StoreSmall(name(t, r, "flip/g"), []byte("stored"), fsio.CommitOptions{})
				if err == nil {
					stored++
				}
				if _, err := r.Sweep(); err != nil {
					t.Fatal(err)
				}
			}
		}
		stop()
		t.Logf("%d opened, %d stored", opened, stored)
		entries, err := os.ReadDir(outside)
		check(t, err)
		if len(entries) != 2 || content(t, outside+"/f") != "outside" {
			t.Fatalf("outside: %v", entries)
		}
		if opened == 0 || stored == 0 {
			t.Fatal("nothing was ever inside")
		}
	})
}

// TestNothingOutsideChangesWhileLinksSwap runs every command that changes something through a
// link that leads in and out by turns.
func TestNothingOutsideChangesWhileLinksSwap(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		outside := filepath.Dir(dir) + "/outside"
		write(t, dir+"/in/f", "inside")
		write(t, dir+"/mine", "inside")
		for _, path := range []string{"f", "g", "full/x"} {
			write(t, outside+"/"+path, "outside")
		}
		check(t, os.Mkdir(outside+"/e", 0o777))
		outsideTree := func() (lines []string) {
			for _, line := range tree(t, dir) {
				if strings.HasPrefix(line, "outside") {
					lines = append(lines, line)
				}
			}
			return lines
		}
		stop := flip(t, dir, outside)
		r := open(t, dir, Options{})
		at := func(text string) fsio.Name { return name(t, r, text) }
		succeeded := 0
		for range 1500 {
			for _, err := range []error{
				r.Mkdir(at("flip/d")), r.Rmdir(at("flip/d")), r.Rmdir(at("flip/e")),
				r.Rename(at("mine"), at("flip/f"), fsio.CommitOptions{}),
				r.Rename(at("flip/f"), at("flip/h"), fsio.CommitOptions{NoReplace: true}),
				r.Rename(at("flip/h"), at("mine"), fsio.CommitOptions{}),
				r.Rename(at("flip/full"), at("full"), fsio.CommitOptions{}),
				r.StoreSmall(at("flip/s"), []byte("inside"), fsio.CommitOptions{}),
				uploadByParts(r, at("flip/s")),
				r.Remove(at("flip/s")), r.Remove(at("flip/g")), r.Remove(at("flop/x")),
			} {
				if err == nil {
					succeeded++
				}
			}
			info, err := r.Stat(at("flip/f"))
			if err == nil && info.Size != int64(len("inside")) {
				t.Fatalf("looked at outside: %v", info)
			}
			if list, _ := listLong(r, at("flip")); strings.Contains(string(list), "full") {
				t.Fatalf("listed outside: %q", list)
			}
		}
		stop()
		want := []string{
			"outside d---------", "outside/e d---------", "outside/f ---------- outside",
			"outside/full d---------", "outside/full/x ---------- outside",
			"outside/g ---------- outside",
		}
		if got := outsideTree(); !slices.Equal(got, want) {
			t.Fatalf("outside: %q", got)
		}
		if succeeded == 0 {
			t.Fatal("nothing was ever inside")
		}
		t.Logf("%d commands succeeded", succeeded)
	})
}

// uploadByParts stores a file in two pieces, its part reached by name each time.
func uploadByParts(r *store, n fsio.Name) error {
	id, err := r.NewPart(n, fsio.PartOptions{})
	for _, text := range []string{"ins", "ide"} {
		var p fsio.Part
		if err == nil {
			p, err = r.OpenPart(id)
		}
		if err != nil {
			return err
		}
		_, err = p.WriteAt([]byte(text), p.Size())
		if err = errors.Join(err, p.Close()); err != nil {
			return err
		}
	}
	p, err := r.OpenPart(id)
	if err != nil {
		return err
	}
	return p.Commit(fsio.CommitOptions{})
}

// flip swaps a link to a folder, a link to a file and a folder's place until stop is called, which
// the test's end does too.
func flip(t *testing.T, dir, outside string) (stop func()) {
	t.Helper()
	check(t, os.MkdirAll(dir+"/deep/er", 0o777))
	swap := func(target, path string) error {
		if err := os.Symlink(target, path+"~"); err != nil {
			return err
		}
		return os.Rename(path+"~", path)
	}
	var ended atomic.Bool
	var flipper sync.WaitGroup
	begin := make(chan struct{})
	flipper.Go(func() {
		for i := 0; !ended.Load(); i++ {
			targets := [][2]string{
				{"in", "in/f"},
				{"../outside", "../outside/f"},
				{outside, outside + "/f"},
			}[i%3]
			err := swap(targets[0], dir+"/flip")
			if err == nil {
				err = swap(targets[1], dir+"/flop")
			}
			if err == nil {
				err = os.Rename(dir+"/deep/er", dir+"/er")
			}
			if err == nil {
				err = os.Rename(dir+"/er", dir+"/deep/er")
			}
			if err != nil {
				t.Error(err)
			}
			if i == 0 {
				close(begin)
			}
		}
	})
	<-begin
	stop = func() {
		ended.Store(true)
		flipper.Wait()
	}
	t.Cleanup(stop)
	return stop
}
