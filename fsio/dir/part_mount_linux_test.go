//go:build linux

package dir

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/fsio"
)

const mountChild = "FSIO_TEST_MOUNT"

// TestPartsAcrossMounts mounts another filesystem, and the root's own a second time, below the
// root. It runs in a process with a mount namespace of its own.
func TestPartsAcrossMounts(t *testing.T) {
	way := os.Getenv(mountChild)
	if way == "" {
		for _, way := range []string{"default", "portable"} {
			cmd := exec.Command(os.Args[0], "-test.run=^TestPartsAcrossMounts$", "-test.v")
			cmd.Env = append(os.Environ(), mountChild+"="+way)
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  unix.CLONE_NEWNS | unix.CLONE_NEWUSER,
				UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
			}
			out, err := cmd.CombinedOutput()
			switch {
			case cmd.ProcessState == nil:
				t.Skipf("no namespaces here: %v", err)
			case err != nil:
				t.Errorf("%s: %v:\n%s", way, err, out)
			}
		}
		return
	}
	dir := scratch(t)
	o := Options{Portable: way == "portable"}
	for _, path := range []string{"other", "same", "later"} {
		check(t, os.Mkdir(dir+"/"+path, 0o777))
	}
	mount := func(source, path, kind string, flags uintptr) {
		if err := unix.Mount(source, dir+"/"+path, kind, flags, ""); err != nil {
			t.Skipf("no mounts here: %v", err)
		}
		t.Cleanup(func() { check(t, unix.Unmount(dir+"/"+path, unix.MNT_DETACH)) })
	}
	mount("none", "other", "tmpfs", 0)
	mount(dir, "same", "", unix.MS_BIND)
	r := openDefault(t, dir, o)
	for _, text := range []string{"other/a", "same/a"} {
		_, err := r.NewPart(name(t, r, text), fsio.PartOptions{})
		wantKind(t, err, fsio.KindCrossDevice)
		wantNoParts(t, dir)
		check(t, r.StoreSmall(name(t, r, text), []byte("x"), fsio.CommitOptions{}))
	}
	id := keep(t, r, "later/a", "x")
	mount("none", "later", "tmpfs", 0)
	p, err := r.OpenPart(id)
	check(t, err)
	wantKind(t, p.Commit(fsio.CommitOptions{}), fsio.KindCrossDevice)
	if kept, held := r.Parts(); kept != 1 || held != 0 {
		t.Errorf("%d parts, %d held", kept, held)
	}
}
