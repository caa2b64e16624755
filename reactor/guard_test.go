package reactor

import (
	"errors"
	"testing"
	"time"

	"ferry/fsio"
	"ferry/fsio/mem"
	"ferry/reactor/login"
)

// guardedTree is a store in memory, and the same as a user has it with rights by path.
func guardedTree(t *testing.T) (all fsio.Store, g *guard, name func(string) fsio.Name) {
	t.Helper()
	store := mem.New(mem.Options{})
	name = func(text string) fsio.Name {
		n, err := fsio.Parser{}.Parse([]byte(text))
		check(t, err)
		return n
	}
	for _, folder := range []string{"pub", "in", "own", "own/secret"} {
		check(t, store.Mkdir(name(folder)))
		check(t, store.StoreSmall(name(folder+"/a"), []byte("abc"), fsio.CommitOptions{}))
	}
	rules, err := login.ParseRights("/pub:r /in:w /own:rw /own/secret:-")
	check(t, err)
	return store, &guard{store, rules}, name
}

// What a guard does with a call.
const (
	done    = "done"
	refused = "refused"
	missing = "missing"
)

// guardedCalls are calls for the file a of a folder, and what comes of them in each.
var guardedCalls = map[string]struct {
	call                 func(g *guard, n fsio.Name) error
	pub, in, own, secret string
}{
	"Open": {func(g *guard, n fsio.Name) error {
		var f fsio.File
		err := g.Open(&f, n)
		if err == nil {
			err = f.Close()
		}
		return err
	}, done, missing, done, missing},
	"OpenCached": {func(g *guard, n fsio.Name) error {
		var f fsio.File
		err := g.OpenCached(&f, n)
		if err == nil || errors.Is(err, fsio.ErrWouldBlock) {
			return f.Close()
		}
		return err
	}, done, missing, done, missing},
	"Stat": {func(g *guard, n fsio.Name) error {
		_, err := g.Stat(n)
		return err
	}, done, missing, done, missing},
	"SetMeta": {func(g *guard, n fsio.Name) error {
		err := g.SetMeta(n, fsio.Meta{ModTime: time.Unix(1, 0)})
		if fsio.KindOf(err) == fsio.KindUnsupported { // by a store in memory
			err = nil
		}
		return err
	}, refused, missing, done, missing},
	"Remove": {func(g *guard, n fsio.Name) error {
		return g.Remove(n)
	}, refused, missing, done, missing},
	"Rmdir": {func(g *guard, n fsio.Name) error {
		err := g.Rmdir(n)
		if fsio.KindOf(err) == fsio.KindNotFolder {
			err = nil
		}
		return err
	}, refused, missing, done, missing},
	"Mkdir": {func(g *guard, n fsio.Name) error {
		return g.Mkdir(fsio.Name{}.Join(n.String() + "new"))
	}, refused, done, done, missing},
	"Create": {func(g *guard, n fsio.Name) error {
		u, err := g.Create(fsio.Name{}.Join(n.String()+"new"), fsio.CreateOptions{})
		if err == nil {
			err = u.Abort()
		}
		return err
	}, refused, done, done, missing},
	"Create over": {func(g *guard, n fsio.Name) error {
		u, err := g.Create(n, fsio.CreateOptions{})
		if err == nil {
			err = u.Abort()
		}
		return err
	}, refused, refused, done, missing},
	"StoreSmall over": {func(g *guard, n fsio.Name) error {
		return g.StoreSmall(n, nil, fsio.CommitOptions{})
	}, refused, refused, done, missing},
	// A drop box takes a new file by Extend as by Create, and keeps what is there.
	"Extend": {func(g *guard, n fsio.Name) error {
		u, _, err := g.Extend(fsio.Name{}.Join(n.String()+"new"), fsio.AtEnd, fsio.CreateOptions{})
		if err == nil {
			err = u.Abort()
		}
		return err
	}, refused, done, done, missing},
	"Extend over": {func(g *guard, n fsio.Name) error {
		u, _, err := g.Extend(n, fsio.AtEnd, fsio.CreateOptions{})
		if err == nil {
			err = u.Abort()
		}
		return err
	}, refused, refused, done, missing},
	"NewPart over": {func(g *guard, n fsio.Name) error {
		_, err := g.NewPart(n, fsio.PartOptions{})
		return err
	}, refused, refused, done, missing},
	"OpenPart": {func(g *guard, n fsio.Name) error {
		id, err := g.Store.NewPart(n, fsio.PartOptions{})
		if err != nil {
			return err
		}
		p, err := g.OpenPart(id)
		if err == nil {
			err = p.Drop()
		}
		return err
	}, refused, done, done, missing},
	"Rename from": {func(g *guard, n fsio.Name) error {
		return g.Rename(n, fsio.Name{}.Join("own/new"), fsio.CommitOptions{})
	}, refused, missing, done, missing},
	"Rename to": {func(g *guard, n fsio.Name) error {
		from := fsio.Name{}.Join("own/b")
		if err := g.Store.StoreSmall(from, nil, fsio.CommitOptions{}); err != nil {
			return err
		}
		return g.Rename(from, n, fsio.CommitOptions{})
	}, refused, refused, done, missing},
}

// Each call needs its own rights: without them it is refused where the name may be seen, and told
// as missing elsewhere.
func TestGuardChecksEveryCall(t *testing.T) {
	for what, c := range guardedCalls {
		for folder, want := range map[string]string{
			"pub": c.pub, "in": c.in, "own": c.own, "own/secret": c.secret,
		} {
			_, g, name := guardedTree(t)
			err := c.call(g, name(folder+"/a"))
			got := done
			switch {
			case errors.Is(err, errNotHere), fsio.KindOf(err) == fsio.KindExists:
				got = refused
			case fsio.KindOf(err) == fsio.KindNotFound:
				got = missing
			case err != nil:
				got = err.Error()
			}
			if got != want {
				t.Errorf("%s in %s: %s, want %s", what, folder, got, want)
			}
		}
	}
}

// A folder whose rights differ beneath it cannot be moved, nor can anything become one.
func TestGuardKeepsFoldersWithRulesInPlace(t *testing.T) {
	_, g, name := guardedTree(t)
	check(t, g.Mkdir(name("own/d")))
	for _, names := range [][2]string{{"own", "own2"}, {"own/d", "own"}} {
		err := g.Rename(name(names[0]), name(names[1]), fsio.CommitOptions{})
		if err != errNotHere {
			t.Errorf("%s became %s (%v)", names[0], names[1], err)
		}
	}
	if err := g.Rmdir(name("own")); err != errNotHere {
		t.Errorf("own is removed (%v)", err)
	}
}

// Pages that hold nothing that the user may see are no end of the folder.
func TestGuardedEntriesSkipWholePages(t *testing.T) {
	all, g, name := guardedTree(t)
	for _, hidden := range []string{"b", "c", "d", "e", "z"} {
		check(t, all.Mkdir(name(hidden)))
	}
	e, err := g.Entries(name("/"), fsio.NamesOnly)
	check(t, err)
	defer e.Close()
	found := map[string]bool{}
	page := make([]fsio.Entry, 1)
	for {
		n, err := e.Next(page)
		if err != nil {
			break
		}
		for _, entry := range page[:n] {
			found[entry.Name] = true
		}
	}
	if len(found) != 3 || !found["pub"] || !found["in"] || !found["own"] {
		t.Errorf("found %v", found)
	}
}
