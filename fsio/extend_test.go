package fsio_test

import (
	"syscall"
	"testing"

	"ferry/fsio"
)

// extend begins an upload in place and demands where it begins.
func extend(t testing.TB, s fsio.Store, name string, from, begins int64) fsio.Upload {
	t.Helper()
	u, begin, err := s.Extend(at(t, name), from, fsio.CreateOptions{})
	check(t, err)
	if begin != begins || u.Name() != at(t, name) {
		t.Fatalf("%v begins at %d, want %d", u.Name(), begin, begins)
	}
	return u
}

func write(t testing.TB, u fsio.Upload, text string, off int64) {
	t.Helper()
	_, err := u.WriteAt([]byte(text), off)
	check(t, err)
}

func TestStoreExtendsFilesInPlace(t *testing.T) {
	eachStore(t, func(t *testing.T, k kit) {
		s := k.open(t, nil)
		put(t, s, "a", "0123456789")
		u := extend(t, s, "a", fsio.AtEnd, 10)
		check(t, u.Allocate(10, 100))
		write(t, u, "ab", 10)
		write(t, u, "cd", 12)
		check(t, u.Commit(fsio.CommitOptions{}))
		check(t, u.Commit(fsio.CommitOptions{}))
		wantTree(t, s, "a 0123456789abcd")
		u = extend(t, s, "a", 4, 4)
		wantTree(t, s, "a 0123456789abcd") // nothing is cut off before bytes come
		write(t, u, "xy", 4)
		check(t, u.Abort())
		check(t, u.Abort())
		wantTree(t, s, "a 0123xy") // what was written is kept
		u = extend(t, s, "a", 2, 2)
		check(t, u.Abort())
		wantTree(t, s, "a 0123xy")
		u = extend(t, s, "a", 2, 2)
		check(t, u.Commit(fsio.CommitOptions{}))
		wantTree(t, s, "a 01")
		_, err := u.WriteAt([]byte("x"), 2)
		want(t, err, fsio.KindIO)
		u = extend(t, s, "new", fsio.AtEnd, 0)
		write(t, u, "made", 0)
		check(t, u.Commit(fsio.CommitOptions{}))
		wantTree(t, s, "a 01", "new made")
	})
}

func TestStoreExtendsOnlyWhatItMay(t *testing.T) {
	eachStore(t, func(t *testing.T, k kit) {
		s := k.open(t, nil)
		check(t, s.Mkdir(at(t, "d")))
		put(t, s, "a", "old")
		for name, kind := range map[string]fsio.Kind{
			"": fsio.KindNotPlain, "d": fsio.KindNotPlain, "a/": fsio.KindNotPlain,
			"e/a": fsio.KindNotFound, "a/x": fsio.KindNotFolder,
		} {
			_, _, err := s.Extend(at(t, name), fsio.AtEnd, fsio.CreateOptions{})
			want(t, err, kind)
		}
		_, _, err := s.Extend(at(t, "a"), 4, fsio.CreateOptions{})
		want(t, err, fsio.KindOffset)
		_, _, err = s.Extend(at(t, "none"), 1, fsio.CreateOptions{})
		want(t, err, fsio.KindOffset)
		_, _, err = s.Extend(at(t, "a"), fsio.AtEnd, fsio.CreateOptions{NoReplace: true})
		want(t, err, fsio.KindExists)
		u := extend(t, s, "a", fsio.AtEnd, 3)
		_, _, err = s.Extend(at(t, "a"), fsio.AtEnd, fsio.CreateOptions{})
		want(t, err, fsio.KindBusy)
		check(t, u.Abort())
		check(t, extend(t, s, "a", fsio.AtEnd, 3).Abort())
		wantTree(t, s, "a old", "d/")
		if k.link == nil {
			return
		}
		check(t, k.link(s, "a", "to a"))
		_, _, err = s.Extend(at(t, "to a"), fsio.AtEnd, fsio.CreateOptions{})
		want(t, err, fsio.KindNotPlain)
		wantTree(t, s, "a old", "d/", "to a link")
	})
}

// Each call of an upload in place may fail: the file has what was there before, or a part of the
// new bytes behind it, and nothing else.
func TestStoreExtendFaultsKeepThePrefix(t *testing.T) {
	eachStore(t, func(t *testing.T, k kit) {
		for failing := 0; ; failing++ {
			calls, armed := 0, false
			s := k.open(t, func(fsio.Op, fsio.Name) error {
				if calls++; armed && calls-1 == failing {
					return syscall.ENOSPC
				}
				return nil
			})
			put(t, s, "a", "012345")
			calls, armed = 0, true
			u, _, err := s.Extend(at(t, "a"), 3, fsio.CreateOptions{})
			if err == nil {
				_, _ = u.WriteAt([]byte("new"), 3) // Commit returns the same.
				err = u.Commit(fsio.CommitOptions{})
			}
			made := calls
			armed = false
			got, readErr := get(s, at(t, "a"))
			check(t, readErr)
			if made <= failing {
				check(t, err)
				if got != "012new" {
					t.Fatalf("the file holds %q", got)
				}
				return
			}
			want(t, err, fsio.KindNoSpace)
			if got != "012345" && got != "012" && got != "012new" {
				t.Fatalf("the file holds %q", got)
			}
			check(t, extend(t, s, "a", fsio.AtEnd, int64(len(got))).Abort())
		}
	})
}
