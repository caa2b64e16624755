package fsio

import (
	"os"
	"strings"
	"testing"
	"time"
)

// wantParts wants so many parts to count, and as many to be on the disk.
func wantParts(t testing.TB, r *Root, dir string, want int) {
	t.Helper()
	there := 0
	for _, line := range tree(t, dir) {
		if strings.Contains(line, partSuffix+"/") {
			there++
		}
	}
	if kept, held := r.Parts(); kept != want || held != 0 || there != want {
		t.Fatalf("%d parts count, %d are held, %d are there, want %d", kept, held, there, want)
	}
}

// age makes a part one that expires within the hour's lifetime of a test.
func age(t testing.TB, path, id string) {
	t.Helper()
	i := strings.LastIndexByte(path, '/')
	long := time.Now().Add(-time.Hour - time.Minute)
	check(t, os.Chtimes(path[:i+1]+partFolder(id)+path[i:], long, long))
}

// TestPartsDeeperThanAPathExpire puts a folder with parts into folders until no path reaches it.
func TestPartsDeeperThanAPathExpire(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		o := Options{PartLifetime: time.Hour}
		r := open(t, dir, o)
		check(t, os.Mkdir(dir+"/d", 0o777))
		young := keep(t, r, "d/young", "x")
		for _, text := range []string{"d/a", "d/b"} {
			age(t, dir+"/"+text, keep(t, r, text, "x"))
		}
		// Each hides what the one before it hid, some 2,000 bytes further down.
		long := "/" + strings.Repeat(strings.Repeat("l", 250)+"/", 8)
		last := "d"
		for _, next := range []string{"A", "B", "C", "D", "E"} {
			check(t, os.MkdirAll(dir+"/"+next+long, 0o777))
			check(t, r.Rename(name(t, r, last), name(t, r, next+long+last), CommitOptions{}))
			last = next
		}
		if kept, _ := r.Parts(); kept != 3 {
			t.Fatalf("%d parts count", kept)
		}
		_, err := r.OpenPart(young)
		wantKind(t, err, KindNotFound)
		if n, err := r.SweepParts(); n != 2 || err != nil {
			t.Fatalf("%d removed, %v", n, err)
		}
		// A restarted server finds it as well.
		again := open(t, dir, o)
		_, err = again.Sweep()
		check(t, err)
		for _, s := range []*Root{r, again} {
			if kept, _ := s.Parts(); kept != 1 {
				t.Fatalf("%d parts count", kept)
			}
		}
		for _, inner := range []string{"D", "C", "B", "A", "d"} {
			check(t, r.Rename(name(t, r, last+long+inner), name(t, r, inner), CommitOptions{}))
			last = inner
		}
		_, err = r.SweepParts()
		check(t, err)
		wantParts(t, r, dir, 1)
		finish(t, r, young, "x", "y")
	})
}

func TestPartsMadeThroughALinkAreNotLost(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		r := open(t, dir, Options{PartLifetime: time.Hour, PartsMax: 3})
		check(t, os.MkdirAll(dir+"/real/sub", 0o777))
		link(t, "real", dir+"/l0")
		ids := []string{keep(t, r, "l0/0", "x"), keep(t, r, "l0/sub/1", "x")}
		check(t, r.Rename(name(t, r, "l0"), name(t, r, "l1"), CommitOptions{}))
		finish(t, r, ids[1], "x", "y")
		ids[1] = keep(t, r, "l1/1", "x")
		ids = append(ids, keep(t, r, "real/2", "x"))
		// There it leads nowhere.
		check(t, r.Rename(name(t, r, "l1"), name(t, r, "real/sub/l"), CommitOptions{}))
		for _, id := range ids[:2] {
			_, err := r.OpenPart(id)
			wantKind(t, err, KindNotFound)
		}
		_, err := r.NewPart(name(t, r, "x"), PartOptions{})
		wantKind(t, err, KindTooMany)
		wantParts(t, r, dir, 3)
		age(t, dir+"/real/1", ids[1])
		if n, err := r.SweepParts(); n != 1 || err != nil {
			t.Fatalf("%d removed, %v", n, err)
		}
		wantParts(t, r, dir, 2)
		finish(t, r, ids[0], "x", "y")
		finish(t, r, ids[2], "x", "y")
		wantNoParts(t, dir)
	})
}

func TestPartsThatAreGoneDoNotCount(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		r := open(t, dir, Options{PartLifetime: time.Hour})
		check(t, os.MkdirAll(dir+"/a/b", 0o777))
		keep(t, r, "a/b/whole", "x")
		id := keep(t, r, "part", "x")
		keep(t, r, "stays", "x")
		check(t, os.RemoveAll(dir+"/a/b"))
		check(t, os.RemoveAll(dir+"/"+partFolder(id)))
		n, err := r.SweepParts()
		if n != 0 || err != nil {
			t.Fatalf("%d removed, %v", n, err)
		}
		wantParts(t, r, dir, 1)
	})
}

// TestPartsBegunWhileTheirFolderIsRenamed renames the folder after NewPart has opened it.
func TestPartsBegunWhileTheirFolderIsRenamed(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		for _, again := range []bool{false, true} {
			dir := scratch(t)
			var r *Root
			during := OpMkdir
			o := Options{PartLifetime: time.Hour, Fault: func(op Op, n Name) error {
				if op == during && n.String() == "d/new" {
					during = OpFree // once
					check(t, r.Rename(name(t, r, "d"), name(t, r, "moved"), CommitOptions{}))
					if again {
						check(t, r.Mkdir(name(t, r, "d")))
					}
				}
				return nil
			}}
			r = open(t, dir, o)
			check(t, os.Mkdir(dir+"/d", 0o777))
			id, err := r.NewPart(name(t, r, "d/new"), PartOptions{})
			if !again {
				wantKind(t, err, KindNotFound)
				wantParts(t, r, dir, 0)
				wantNoParts(t, dir)
				continue
			}
			check(t, err)
			wantParts(t, r, dir, 1)
			finish(t, r, id, "", "x")
			if got := content(t, dir+"/d/new"); got != "x" {
				t.Fatalf("got %q", got)
			}
			wantNoParts(t, dir)
		}
	})
}

// TestPartsAreOpenedWhileTheirFolderIsRenamed renames it after the part's name was looked up.
func TestPartsAreOpenedWhileTheirFolderIsRenamed(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		var r *Root
		armed := false
		r = open(t, dir, Options{Fault: func(op Op, _ Name) error {
			if armed && op == OpFolder {
				armed = false
				return r.Rename(name(t, r, "d"), name(t, r, "moved"), CommitOptions{})
			}
			return nil
		}})
		check(t, os.Mkdir(dir+"/d", 0o777))
		id := keep(t, r, "d/new", "x")
		armed = true
		finish(t, r, id, "x", "y")
		if got := content(t, dir+"/moved/new"); got != "xy" {
			t.Fatalf("got %q", got)
		}
	})
}

// TestPartsThatCannotBeTakenBackCount is the same where the part's file cannot be removed.
func TestPartsThatCannotBeTakenBackCount(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		var r *Root
		renamed := false
		r = open(t, dir, Options{PartLifetime: time.Hour, Fault: func(op Op, n Name) error {
			switch {
			case op == OpMkdir && !renamed:
				renamed = true
				return r.Rename(name(t, r, "d"), name(t, r, "moved"), CommitOptions{})
			case op == OpUnlink && n.String() == "d/new":
				return os.ErrPermission
			}
			return nil
		}})
		check(t, os.Mkdir(dir+"/d", 0o777))
		_, err := r.NewPart(name(t, r, "d/new"), PartOptions{})
		wantKind(t, err, KindNotFound)
		wantParts(t, r, dir, 1)
		for id := range r.parts.all() {
			age(t, dir+"/moved/new", id)
		}
		if n, err := r.SweepParts(); n != 1 || err != nil {
			t.Fatalf("%d removed, %v", n, err)
		}
		wantParts(t, r, dir, 0)
	})
}

// TestPartsThatAreCarriedPastASweepCount moves a folder with a part from where a sweep has not been
// to where it was.
func TestPartsThatAreCarriedPastASweepCount(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		var r *Root
		first, armed := "", false
		r = open(t, dir, Options{PartLifetime: time.Hour, Fault: func(op Op, n Name) error {
			second := n.String()
			switch {
			case !armed || op != OpFolder || second != "p" && second != "q":
			case first == "":
				first = second
			default:
				armed = false
				check(t, r.Rename(
					name(t, r, second+"/sub"), name(t, r, first+"/carried"), CommitOptions{}))
			}
			return nil
		}})
		ids := []string{}
		for _, text := range []string{"p", "q"} {
			check(t, os.MkdirAll(dir+"/"+text+"/sub", 0o777))
			ids = append(ids, keep(t, r, text+"/sub/f", "x"))
		}
		armed = true
		_, err := r.Sweep()
		check(t, err)
		if armed {
			t.Fatal("nothing was moved")
		}
		wantParts(t, r, dir, 2)
		for _, id := range ids {
			finish(t, r, id, "x", "y")
		}
		wantNoParts(t, dir)
	})
}
