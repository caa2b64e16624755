//go:build linux || darwin || freebsd

package dir

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ferry/fsio"
)

// crashScript is what a server does for an upload in two pieces, and for one that is given up.
func crashScript(r *store, n fsio.Name, durable bool) error {
	id, err := r.NewPart(n, fsio.PartOptions{})
	if err != nil {
		return err
	}
	p, err := r.OpenPart(id)
	if err != nil {
		return err
	}
	_, err = p.WriteAt([]byte("hello "), 0)
	if err = errors.Join(err, p.Allocate(p.Size(), 1<<16), p.Close()); err != nil {
		return err
	}
	if p, err = r.OpenPart(id); err != nil {
		return err
	}
	_, err = p.WriteAt([]byte("world"), p.Size())
	if err = errors.Join(err, p.Commit(fsio.CommitOptions{Durable: durable})); err != nil {
		return err
	}
	if id, err = r.NewPart(n, fsio.PartOptions{}); err != nil {
		return err
	}
	if p, err = r.OpenPart(id); err != nil {
		return err
	}
	return p.Drop()
}

// putScript is what a server does for an upload in one go: with blocks set aside, or whole at once.
// Where nothing may be replaced the file may get its name in two steps.
func putScript(r *store, n fsio.Name, durable bool) error {
	p, err := r.Create(n, fsio.CreateOptions{})
	if err != nil {
		return err
	}
	_, err = p.WriteAt([]byte("hello "), 0)
	if err = errors.Join(err, p.Allocate(6, 1<<16)); err == nil {
		_, err = p.WriteAt([]byte("world"), 6)
	}
	if err = errors.Join(err, p.Commit(fsio.CommitOptions{Durable: durable})); err != nil {
		return err
	}
	if err = r.Remove(n); err != nil {
		return err
	}
	return r.StoreSmall(n, []byte("hello world"), fsio.CommitOptions{NoReplace: true})
}

// TestMain's process is killed at a call, from within, when these are set.
const (
	crashFolder = "FSIO_TEST_CRASH_FOLDER"
	crashAt     = "FSIO_TEST_CRASH_AT"
	crashWay    = "FSIO_TEST_CRASH_WAY"
	crashPut    = "FSIO_TEST_CRASH_PUT"
)

// TestCrashChild runs in a process of its own: see TestAKilledServerLeavesAPartOrNothing.
func TestCrashChild(t *testing.T) {
	dir := os.Getenv(crashFolder)
	if dir == "" {
		t.Skip("run by another test")
	}
	at, err := strconv.Atoi(os.Getenv(crashAt))
	check(t, err)
	calls := 0
	r, err := Open(dir, Options{
		Portable: os.Getenv(crashWay) == "portable",
		Fault: func(op fsio.Op, _ fsio.Name) error {
			if op == fsio.OpRoot {
				return nil
			}
			if calls++; calls > at {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
			return nil
		},
	})
	check(t, err)
	script := crashScript
	if os.Getenv(crashPut) != "" {
		script = putScript
	}
	s := r.(*store)
	check(t, script(s, name(t, s, "a"), true))
	check(t, r.Close())
}

// TestAKilledServerLeavesAPartOrNothing kills a process before each of its calls in turn, and then
// does what the next server would.
func TestAKilledServerLeavesAPartOrNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a hundred processes")
	}
	for _, way := range []string{"default", "portable"} {
		t.Run(way, func(t *testing.T) {
			for _, old := range []string{"", "old"} {
				killed := 0
				for crash(t, way, "", old, killed) {
					killed++
				}
				if killed < 25 {
					t.Fatalf("killed at %d calls only", killed)
				}
			}
		})
	}
}

// TestAKilledServerLeavesTheOldFileOrTheNew does the same for uploads in one go.
func TestAKilledServerLeavesTheOldFileOrTheNew(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts fifty processes")
	}
	for _, way := range []string{"default", "portable"} {
		t.Run(way, func(t *testing.T) {
			killed := 0
			for crash(t, way, "put", "", killed) {
				killed++
			}
			if killed < 15 {
				t.Fatalf("killed at %d calls only", killed)
			}
		})
	}
}

// crash reports whether the process was killed before it was done.
func crash(t *testing.T, way, put, old string, at int) bool {
	t.Helper()
	dir := scratchInMemory(t)
	if old != "" {
		write(t, dir+"/a", old)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestCrashChild$")
	cmd.Env = append(os.Environ(),
		crashFolder+"="+dir, crashWay+"="+way, crashPut+"="+put, crashAt+"="+strconv.Itoa(at))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	killed := errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
	if err != nil && !killed {
		t.Fatalf("%v:\n%s", err, out)
	}
	wantWhole(t, dir, old, at)
	r := openDefault(t, dir, Options{Portable: way == "portable"})
	_, err = r.Sweep()
	check(t, err)
	parts := partIDs(r)
	if len(parts) > 1 || put != "" && len(parts) > 0 {
		t.Fatalf("call %d: %d parts", at, len(parts))
	}
	for _, id := range parts {
		p, err := r.OpenPart(id)
		check(t, err)
		got := make([]byte, p.Size())
		if _, err := p.ReadAt(got, 0); err != nil && len(got) > 0 {
			t.Fatal(err)
		}
		const whole = "hello world"
		if !strings.HasPrefix(whole, string(got)) {
			t.Fatalf("call %d: the part holds %q", at, got)
		}
		_, err = p.WriteAt([]byte(whole[len(got):]), p.Size())
		check(t, err)
		check(t, p.Commit(fsio.CommitOptions{}))
		if got := content(t, dir+"/a"); got != whole {
			t.Fatalf("call %d: resumed to %q", at, got)
		}
	}
	wantNoParts(t, dir)
	return killed
}

// wantWhole wants what was there before, or the whole upload, under the name. Where nothing was
// there an empty file is neither.
func wantWhole(t *testing.T, dir, old string, at int) {
	t.Helper()
	got, err := os.ReadFile(dir + "/a")
	if os.IsNotExist(err) && old == "" {
		return
	}
	if err != nil {
		t.Fatalf("call %d: %v", at, err)
	}
	if string(got) != "hello world" && (old == "" || string(got) != old) {
		t.Fatalf("call %d: the file holds %q", at, got)
	}
}

// TestFaultsOfPartsLeaveAPartOrNothing lets each call of the same script fail in turn.
func TestFaultsOfPartsLeaveAPartOrNothing(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		for _, errno := range []syscall.Errno{syscall.EDQUOT, syscall.EMFILE, syscall.EIO} {
			for failing := 0; ; failing++ {
				dir := scratchInMemory(t)
				calls, failed := 0, fsio.Op("")
				r := open(t, dir, Options{Fault: func(op fsio.Op, _ fsio.Name) error {
					if op == fsio.OpRoot {
						return nil
					}
					if calls++; calls-1 == failing {
						failed = op
						return errno
					}
					return nil
				}})
				held := len(descriptors())
				err := crashScript(r, name(t, r, "a"), true)
				if now := len(descriptors()); now > held {
					t.Fatalf("%v failed: %d descriptors, then %d", failed, held, now)
				}
				wantWhole(t, dir, "", failing)
				// A folder that could not be removed is not worth an error.
				if failed != fsio.OpRmdir && failed != fsio.Op("") &&
					fsio.KindOf(err) != fsio.KindOf(errno) {
					t.Fatalf("%v failed: got %v", failed, err)
				}
				if _, held := r.Parts(); held != 0 {
					t.Fatalf("%v failed: %d parts are held", failed, held)
				}
				after := open(t, dir, Options{})
				_, err = after.Sweep()
				check(t, err)
				for _, id := range partIDs(after) {
					p, err := after.OpenPart(id)
					check(t, err)
					check(t, p.Drop())
				}
				wantNoParts(t, dir)
				if failed == fsio.Op("") {
					break
				}
			}
		}
	})
}
