package dir

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"ferry/fsio"
)

// furnish fills a root with one of everything.
func furnish(t *testing.T, dir string) {
	t.Helper()
	write(t, dir+"/plain", "plain")
	write(t, dir+"/other", "other")
	write(t, dir+"/full/inside", "inside")
	write(t, dir+"/full/sub/deep", "deep")
	check(t, os.Mkdir(dir+"/empty", 0o777))
	check(t, syscall.Mkfifo(dir+"/fifo", 0o666))
	link(t, "full", dir+"/tofull")
	link(t, "empty", dir+"/toempty")
	link(t, "plain", dir+"/toplain")
	link(t, "nowhere", dir+"/dangling")
	link(t, "../secret", dir+"/tosecret")
	link(t, "..", dir+"/up")
	write(t, dir+"/../outside/file", "outside")
}

// tree writes down everything beneath the folder that holds the root: a line each.
func tree(t testing.TB, dir string) []string {
	t.Helper()
	var lines []string
	base := os.DirFS(dir + "/..")
	check(t, fs.WalkDir(base, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		line := path + " " + e.Type().String()
		switch {
		case e.Type().IsRegular():
			text, err := fs.ReadFile(base, path)
			if err != nil {
				return err
			}
			line += " " + string(text)
		case e.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(dir + "/../" + path)
			if err != nil {
				return err
			}
			line += " " + target
		}
		lines = append(lines, line)
		return nil
	}))
	return lines
}

// changed says which lines went and which came.
func changed(before, after []string) []string {
	var lines []string
	for _, line := range before {
		if !slices.Contains(after, line) {
			lines = append(lines, "- "+line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			lines = append(lines, "+ "+line)
		}
	}
	return lines
}

// treeTests are commands of two names at most, each in a tree of its own: what comes back, and
// what it changes. A name stands for the whole line in the tree.
var treeTests = []struct {
	verb, name, to string
	want           fsio.Kind
	went, came     []string
}{
	{verb: "mkdir", name: "new", came: []string{"root/new d---------"}},
	{verb: "mkdir", name: "new/", came: []string{"root/new d---------"}},
	{verb: "mkdir", name: "full/new", came: []string{"root/full/new d---------"}},
	{verb: "mkdir", name: "tofull/new", came: []string{"root/full/new d---------"}},
	{verb: "mkdir", name: "", want: fsio.KindExists},
	{verb: "mkdir", name: "plain", want: fsio.KindExists},
	{verb: "mkdir", name: "empty", want: fsio.KindExists},
	{verb: "mkdir", name: "dangling", want: fsio.KindExists},
	{verb: "mkdir", name: "tosecret", want: fsio.KindExists},
	{verb: "mkdir", name: "missing/new", want: fsio.KindNotFound},
	{verb: "mkdir", name: "plain/new", want: fsio.KindNotFolder},
	{verb: "mkdir", name: "up/new", want: fsio.KindDenied},

	{verb: "rmdir", name: "empty", went: []string{"root/empty d---------"}},
	{verb: "rmdir", name: "empty/", went: []string{"root/empty d---------"}},
	{verb: "rmdir", name: "full", want: fsio.KindNotEmpty},
	{verb: "rmdir", name: "", want: fsio.KindDenied},
	{verb: "rmdir", name: "plain", want: fsio.KindNotFolder},
	{verb: "rmdir", name: "fifo", want: fsio.KindNotFolder},
	{verb: "rmdir", name: "toempty", want: fsio.KindNotFolder},
	{verb: "rmdir", name: "toempty/", want: fsio.KindNotFolder},
	{verb: "rmdir", name: "missing", want: fsio.KindNotFound},
	{verb: "rmdir", name: "up", want: fsio.KindNotFolder},
	{verb: "rmdir", name: "up/outside", want: fsio.KindDenied},

	{verb: "rm", name: "plain", went: []string{"root/plain ---------- plain"}},
	{verb: "rm", name: "tofull/inside", went: []string{"root/full/inside ---------- inside"}},
	{verb: "rm", name: "toplain", went: []string{"root/toplain L--------- plain"}},
	{verb: "rm", name: "tofull", went: []string{"root/tofull L--------- full"}},
	{verb: "rm", name: "tosecret", went: []string{"root/tosecret L--------- ../secret"}},
	{verb: "rm", name: "dangling", went: []string{"root/dangling L--------- nowhere"}},
	{verb: "rm", name: "empty", want: fsio.KindNotPlain},
	{verb: "rm", name: "plain/", want: fsio.KindNotPlain},
	{verb: "rm", name: "fifo", want: fsio.KindNotPlain},
	{verb: "rm", name: "", want: fsio.KindNotPlain},
	{verb: "rm", name: "missing", want: fsio.KindNotFound},
	{verb: "rm", name: "up/secret", want: fsio.KindDenied},

	{
		verb: "mv", name: "plain", to: "new",
		went: []string{"root/plain ---------- plain"}, came: []string{"root/new ---------- plain"},
	},
	{
		verb: "mv", name: "plain", to: "tofull/new",
		went: []string{"root/plain ---------- plain"},
		came: []string{"root/full/new ---------- plain"},
	},
	{
		verb: "mv", name: "plain", to: "other",
		went: []string{"root/other ---------- other", "root/plain ---------- plain"},
		came: []string{"root/other ---------- plain"},
	},
	{
		verb: "mv", name: "plain", to: "tosecret", // The link goes, the secret stays.
		went: []string{"root/plain ---------- plain", "root/tosecret L--------- ../secret"},
		came: []string{"root/tosecret ---------- plain"},
	},
	{
		verb: "mv", name: "toplain", to: "new",
		went: []string{"root/toplain L--------- plain"},
		came: []string{"root/new L--------- plain"},
	},
	{
		verb: "mv", name: "empty", to: "new/",
		went: []string{"root/empty d---------"}, came: []string{"root/new d---------"},
	},
	{
		verb: "mv", name: "full/sub", to: "sub",
		went: []string{"root/full/sub d---------", "root/full/sub/deep ---------- deep"},
		came: []string{"root/sub d---------", "root/sub/deep ---------- deep"},
	},
	{verb: "mv", name: "plain", to: "plain"},
	{verb: "mv", name: "full", to: "full"},
	{verb: "mv", name: "missing", to: "new", want: fsio.KindNotFound},
	{verb: "mv", name: "missing", to: "missing", want: fsio.KindNotFound},
	{verb: "mv", name: "plain", to: "missing/new", want: fsio.KindNotFound},
	{verb: "mv", name: "plain", to: "other/new", want: fsio.KindNotFolder},
	{verb: "mv", name: "plain/", to: "new", want: fsio.KindNotFolder},
	{verb: "mv", name: "plain", to: "new/", want: fsio.KindNotFolder},
	{verb: "mv", name: "plain", to: "empty", want: fsio.KindExists},
	{verb: "mv", name: "plain", to: "fifo", want: fsio.KindNotPlain},
	{verb: "mv", name: "fifo", to: "new", want: fsio.KindNotPlain},
	{verb: "mv", name: "empty", to: "plain", want: fsio.KindExists},
	{verb: "mv", name: "empty", to: "toplain", want: fsio.KindExists},
	{verb: "mv", name: "full", to: "empty", want: fsio.KindExists},
	{verb: "mv", name: "empty", to: "full", want: fsio.KindExists},
	{verb: "mv", name: "full", to: "full/sub/new", want: fsio.KindBadName},
	{verb: "mv", name: "full", to: "tofull/new", want: fsio.KindBadName},
	{verb: "mv", name: "", to: "new", want: fsio.KindDenied},
	{verb: "mv", name: "plain", to: "", want: fsio.KindExists},
	{verb: "mv", name: "up/secret", to: "new", want: fsio.KindDenied},
	{verb: "mv", name: "plain", to: "up/new", want: fsio.KindDenied},

	{
		verb: "mvnew", name: "plain", to: "new",
		went: []string{"root/plain ---------- plain"}, came: []string{"root/new ---------- plain"},
	},
	{
		verb: "mvnew", name: "toplain", to: "full/new",
		went: []string{"root/toplain L--------- plain"},
		came: []string{"root/full/new L--------- plain"},
	},
	{
		verb: "mvnew", name: "empty", to: "full/new",
		went: []string{"root/empty d---------"}, came: []string{"root/full/new d---------"},
	},
	{verb: "mvnew", name: "plain", to: "other", want: fsio.KindExists},
	{verb: "mvnew", name: "plain", to: "plain", want: fsio.KindExists},
	{verb: "mvnew", name: "plain", to: "dangling", want: fsio.KindExists},
	{verb: "mvnew", name: "plain", to: "empty", want: fsio.KindExists},
	{verb: "mvnew", name: "full", to: "empty", want: fsio.KindExists},
}

func runVerb(r *store, verb string, n, to fsio.Name) error {
	switch verb {
	case "mkdir":
		return r.Mkdir(n)
	case "rmdir":
		return r.Rmdir(n)
	case "rm":
		return r.Remove(n)
	case "mv":
		return r.Rename(n, to, fsio.CommitOptions{})
	default:
		return r.Rename(n, to, fsio.CommitOptions{NoReplace: true})
	}
}

func TestFileCommandsChangeWhatTheyNameAndNothingElse(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		for _, c := range treeTests {
			dir := scratchInMemory(t)
			furnish(t, dir)
			before := tree(t, dir)
			readOnly := open(t, dir, Options{ReadOnly: true})
			n, to := name(t, readOnly, c.name), name(t, readOnly, c.to)
			refused := runVerb(readOnly, c.verb, n, to)
			if refused == nil || len(changed(before, tree(t, dir))) > 0 {
				t.Errorf("%s %q %q: read-only: got %v", c.verb, c.name, c.to, refused)
			}
			err := runVerb(open(t, dir, Options{}), c.verb, n, to)
			if fsio.KindOf(err) != c.want {
				t.Errorf("%s %q %q: got %q (%v), want %q",
					c.verb, c.name, c.to, fsio.KindOf(err), err, c.want)
			}
			var want []string
			for _, line := range c.went {
				want = append(want, "- "+line)
			}
			for _, line := range c.came {
				want = append(want, "+ "+line)
			}
			if got := changed(before, tree(t, dir)); !slices.Equal(got, want) {
				t.Errorf("%s %q %q: changed %q, want %q", c.verb, c.name, c.to, got, want)
			}
		}
	})
}

func TestFileCommandsReachNoNameOfOurs(t *testing.T) {
	for _, own := range []string{
		temporaryName(1), fsio.ReservedParts, fsio.ReservedPrefix + hexadecimal(1) + ".part",
	} {
		for _, text := range []string{own, "a/" + own, own + "/a", strings.ToUpper(own)} {
			if _, err := parseAny(text); fsio.KindOf(err) != fsio.KindBadName {
				t.Errorf("%q: got %v", text, err)
			}
		}
	}
}

// TestFaultsOfFileCommandsChangeNothing lets each system call of each command fail in turn.
func TestFaultsOfFileCommandsChangeNothing(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		for _, c := range treeTests {
			if c.want != fsio.KindNone || len(c.went)+len(c.came) == 0 {
				continue
			}
			dir := scratchInMemory(t)
			furnish(t, dir)
			before := tree(t, dir)
			for failing := 0; ; failing++ {
				calls := 0
				r := open(t, dir, Options{Fault: func(op fsio.Op, _ fsio.Name) error {
					if op != fsio.OpRoot {
						calls++
					}
					if calls-1 == failing {
						return syscall.EDQUOT
					}
					return nil
				}})
				held := len(descriptors())
				err := runVerb(r, c.verb, name(t, r, c.name), name(t, r, c.to))
				if now := len(descriptors()); now != held {
					t.Fatalf("%s %q: %d descriptors, then %d", c.verb, c.name, held, now)
				}
				if calls <= failing {
					check(t, err)
					break
				}
				wantKind(t, err, fsio.KindNoSpace)
				if got := changed(before, tree(t, dir)); got != nil {
					t.Fatalf("%s %q: call %d failed, and changed %q", c.verb, c.name, failing, got)
				}
			}
		}
	})
}

func TestUploadsEndInAFolderThatWasRenamed(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratchInMemory(t)
		furnish(t, dir)
		r := open(t, dir, Options{})
		p, err := r.Create(name(t, r, "empty/file"), fsio.CreateOptions{})
		check(t, err)
		wantKind(t, r.Rmdir(name(t, r, "empty")), fsio.KindNotEmpty)
		check(t, r.Rename(name(t, r, "empty"), name(t, r, "full/moved"), fsio.CommitOptions{}))
		_, err = p.WriteAt([]byte("text"), 0)
		check(t, err)
		check(t, p.Commit(fsio.CommitOptions{}))
		if got := content(t, dir+"/full/moved/file"); got != "text" {
			t.Fatalf("the file holds %q", got)
		}
	})
}

func TestRenameBetweenFilesystemsIsUnsupported(t *testing.T) {
	for _, kind := range []fsio.EntryKind{fsio.EntryFile, fsio.EntryFolder} {
		err := explain(fsio.Name{}, fsio.Name{}, kind, syscall.EXDEV)
		if fsio.KindOf(err) != fsio.KindUnsupported {
			t.Errorf("got %v", err)
		}
	}
}
