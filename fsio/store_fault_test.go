package fsio_test

import (
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"

	"ferry/fsio"
)

// TestStoreFaultsChangeNothing lets each call of a few commands fail in turn.
func TestStoreFaultsChangeNothing(t *testing.T) {
	commands := map[string]func(s fsio.Store, n, to fsio.Name) error{
		"put": func(s fsio.Store, n, _ fsio.Name) error {
			return s.StoreSmall(n, []byte("new"), fsio.CommitOptions{})
		},
		"upload": func(s fsio.Store, n, _ fsio.Name) error {
			u, err := s.Create(n, fsio.CreateOptions{})
			if err == nil {
				_, _ = u.WriteAt([]byte("new"), 0) // Commit returns the same.
				err = u.Commit(fsio.CommitOptions{})
			}
			return err
		},
		"rm":    func(s fsio.Store, n, _ fsio.Name) error { return s.Remove(n) },
		"mkdir": func(s fsio.Store, _, to fsio.Name) error { return s.Mkdir(to) },
		"mv": func(s fsio.Store, n, to fsio.Name) error {
			return s.Rename(n, to, fsio.CommitOptions{})
		},
	}
	eachStore(t, func(t *testing.T, k kit) {
		for _, do := range commands {
			for failing := 0; ; failing++ {
				calls, armed := 0, false
				s := k.open(t, func(fsio.Op, fsio.Name) error {
					if !armed {
						return nil
					}
					if calls++; calls-1 == failing {
						return syscall.ENOSPC
					}
					return nil
				})
				put(t, s, "a", "old")
				armed = true
				err := do(s, at(t, "a"), at(t, "b"))
				armed = false
				if calls <= failing {
					check(t, err)
					break
				}
				want(t, err, fsio.KindNoSpace)
				wantTree(t, s, "a old")
			}
		}
	})
}

func TestStoreSyncerCommits(t *testing.T) {
	eachStore(t, func(t *testing.T, k kit) {
		s := k.open(t, nil)
		pool := fsio.NewPool(2)
		syncer := s.NewSyncer(pool)
		var mu sync.Mutex
		var told []error
		var uploads []fsio.Upload
		for i := range 6 {
			u, err := s.Create(at(t, fmt.Sprint(i%5)), fsio.CreateOptions{NoReplace: true})
			check(t, err)
			_, err = u.WriteAt([]byte{'x'}, 0)
			check(t, err)
			uploads = append(uploads, u)
		}
		for _, u := range uploads {
			syncer.Commit(u, fsio.CommitOptions{}, func(err error) {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, err)
			})
		}
		pool.Close()
		refused := slices.DeleteFunc(slices.Clone(told), func(err error) bool { return err == nil })
		if len(told) != 6 || len(refused) != 1 || fsio.KindOf(refused[0]) != fsio.KindExists {
			t.Errorf("told %v", told)
		}
		wantTree(t, s, "0 x", "1 x", "2 x", "3 x", "4 x")
	})
}
