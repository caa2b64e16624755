//go:build linux

package dir

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/codec"
	"ferry/fsio"
)

// scarce is something that takes descriptors; at makes its names.
type scarce struct {
	verb string
	do   func(r *store, at func(string) fsio.Name) error
}

var scarces = []scarce{
	{"get", func(r *store, at func(string) fsio.Name) error {
		_, err := fetch(r, at("tofull/inside"))
		return err
	}},
	{"stat", func(r *store, at func(string) fsio.Name) error {
		_, err := r.Stat(at("tofull/inside"))
		return err
	}},
	{"ls", func(r *store, at func(string) fsio.Name) error {
		_, err := list(r, at("full"))
		return err
	}},
	{"ls -l", func(r *store, at func(string) fsio.Name) error {
		_, err := listLong(r, at("full"))
		return err
	}},
	{"mkdir", func(r *store, at func(string) fsio.Name) error { return r.Mkdir(at("full/new")) }},
	{"rmdir", func(r *store, at func(string) fsio.Name) error { return r.Rmdir(at("empty")) }},
	{"rm", func(r *store, at func(string) fsio.Name) error { return r.Remove(at("full/inside")) }},
	{"mv", func(r *store, at func(string) fsio.Name) error {
		return r.Rename(at("plain"), at("full/new"), fsio.CommitOptions{})
	}},
	{"mvnew", func(r *store, at func(string) fsio.Name) error {
		return r.Rename(at("plain"), at("full/new"), fsio.CommitOptions{NoReplace: true})
	}},
	{"put", func(r *store, at func(string) fsio.Name) error {
		return putScript(r, at("full/a"), true)
	}},
	{"putpart", func(r *store, at func(string) fsio.Name) error {
		return crashScript(r, at("full/a"), true)
	}},
	{"sum", func(r *store, at func(string) fsio.Name) error {
		var f fsio.File
		err := r.Open(&f, at("plain"))
		if err == nil {
			_, err = fsio.NewSumCache(1).Sum(nil, &f, codec.AlgoSHA256, 0, -1)
			err = errors.Join(err, f.Close())
		}
		return err
	}},
	{"sweep", func(r *store, _ func(string) fsio.Name) error { _, err := r.Sweep(); return err }},
	{"free", func(r *store, _ func(string) fsio.Name) error { _, err := r.Free(); return err }},
}

const scarceChild = "FSIO_TEST_SCARCE"

// TestWithoutDescriptorsNothingLeaks leaves a process so many descriptors, from none on, and does
// everything with them. The Fault seam stands before a step, and this fails within one.
func TestWithoutDescriptorsNothingLeaks(t *testing.T) {
	if way := os.Getenv(scarceChild); way != "" {
		testScarce(t, Options{Portable: way == "portable"})
		return
	}
	for _, way := range []string{"default", "portable"} {
		t.Run(way, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestWithoutDescriptorsNothingLeaks$")
			cmd.Env = append(os.Environ(), scarceChild+"="+way)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v:\n%s", err, out)
			}
		})
	}
}

func testScarce(t *testing.T, o Options) {
	for _, s := range scarces {
		for free := 0; ; free++ {
			dir := scratchInMemory(t)
			furnish(t, dir)
			r := openDefault(t, dir, o)
			at := func(text string) fsio.Name { return name(t, r, text) }
			held := len(descriptors())
			lift := leave(t, free)
			err := s.do(r, at)
			lift()
			if now := len(descriptors()); now != held {
				t.Fatalf("%s with %d: %d descriptors, then %d", s.verb, free, held, now)
			}
			if kind := fsio.KindOf(err); kind != fsio.KindNone && kind != fsio.KindTooMany {
				t.Fatalf("%s with %d: %v", s.verb, free, err)
			}
			wantNoTemporaries(t, dir)
			if err == nil {
				break
			}
			if free > 20 {
				t.Fatalf("%s with %d: %v", s.verb, free, err)
			}
		}
	}
}

// leave leaves the process so many descriptors, until lift is called.
func leave(t *testing.T, free int) (lift func()) {
	t.Helper()
	taken := map[int]bool{}
	entries, err := os.ReadDir("/proc/self/fd")
	check(t, err)
	for _, e := range entries {
		number, err := strconv.Atoi(e.Name())
		check(t, err)
		// The folder that was read to find out is closed again.
		if _, err := unix.FcntlInt(uintptr(number), unix.F_GETFD, 0); err == nil {
			taken[number] = true
		}
	}
	var before unix.Rlimit
	check(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &before))
	limit := before
	for limit.Cur = 0; free > 0 || taken[int(limit.Cur)]; limit.Cur++ {
		if !taken[int(limit.Cur)] {
			free--
		}
	}
	check(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
	return func() { check(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &before)) }
}
