package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ferry/client"
)

// traced is one system call as strace writes it with -ff -y: thread, name, arguments.
type traced struct{ thread, name, args string }

var (
	traceLine  = regexp.MustCompile(`^([a-z0-9_]+)\((.*)$`)
	traceFile  = regexp.MustCompile(`^\d+<(/[^>]*)>`)
	traceNamed = regexp.MustCompile(`^(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"([^"]*)"`)
	// traceLooking are calls that resolve a name as far as the disk; openat2 is looked at apart.
	traceLooking = map[string]bool{
		"open": true, "openat": true, "creat": true, "stat": true, "lstat": true,
		"newfstatat": true, "fstatat64": true, "statx": true, "access": true, "faccessat": true,
		"faccessat2": true, "readlink": true, "readlinkat": true, "mkdir": true, "mkdirat": true,
		"rmdir": true, "chmod": true, "fchmodat": true, "getxattr": true, "chdir": true,
	}
	traceWriting = map[string]bool{
		"fsync": true, "fdatasync": true, "syncfs": true, "sync_file_range": true,
		"rename": true, "renameat": true, "renameat2": true, "unlink": true, "unlinkat": true,
		"link": true, "linkat": true, "ftruncate": true, "fallocate": true, "flock": true,
		"getdents64": true, "statfs": true, "fstatfs": true,
	}
)

// TestLoopNeverWaitsForADisk traces a server whose loop has a thread of its own: for a get from
// memory that thread opens nothing that is not cached, reads no file that could make it wait, and
// for a put it writes, syncs, renames and unlinks nothing.
func TestLoopNeverWaitsForADisk(t *testing.T) {
	h := hold(t, "--lock-thread")
	c := h.dial(t, "127.0.0.1")
	defer func() { _ = c.Close() }()
	content := h.writeTraced(t)
	wantLoopFree(t, h, func() { moveTraced(t, c, content) },
		[]string{"renameat"})
}

// TestLoopNeverWaitsForADiskInStatus does the same for every command of the status exchange, with
// answers that follow the disk's.
func TestLoopNeverWaitsForADiskInStatus(t *testing.T) {
	h := hold(t, "--lock-thread", "--durability", "commit")
	content := h.writeTraced(t)
	ctx := context.Background()
	c, err := client.Dial(ctx, h.Address, client.Options{
		Exchange: client.Status, NotesFolder: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	here := filepath.Join(t.TempDir(), "large")
	wantLoopFree(t, h, func() {
		moveTraced(t, c, content)
		for _, step := range []func() error{
			func() error { return c.Mkdir(ctx, "d") },
			func() error { return c.Noop(ctx) },
			func() error { _, err := c.Stat(ctx, "small"); return err },
			func() error { _, err := c.List(ctx, ""); return err },
			func() error { _, err := c.ListLong(ctx, ""); return err },
			func() error { _, err := c.Sum(ctx, client.XXH3, "large"); return err },
			func() error {
				_ = os.Remove(here) // a file that is whole is not fetched
				_, err := c.GetFileContinue(ctx, "large", here)
				return err
			},
			func() error { _, err := c.PutFileContinue(ctx, "d/part", here); return err },
			func() error { return c.Rename(ctx, "d/part", "whole") },
			func() error { return c.Remove(ctx, "whole") },
			func() error { return c.Rmdir(ctx, "d") },
		} {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Stat(ctx, "missing"); !errors.Is(err, client.ErrNotFound) {
			t.Fatal(err)
		}
	}, []string{"renameat", "mkdirat", "unlinkat", "fsync", "newfstatat", "getdents64", "pread64"})
}

// writeTraced makes the files that are moved, one of them large enough to be sent by the system,
// and returns their content by their names.
func (h *held) writeTraced(t *testing.T) map[string][]byte {
	t.Helper()
	content := map[string][]byte{
		"small": floorFile(), "large": bytes.Repeat([]byte("large"), 1<<20),
	}
	for name, text := range content {
		h.write(t, name, text)
	}
	return content
}

// moveTraced gets each file, and puts it under another name.
func moveTraced(t *testing.T, c *client.Client, content map[string][]byte) {
	t.Helper()
	ctx := context.Background()
	for name, text := range content {
		var got bytes.Buffer
		if _, err := c.Get(ctx, name, &got); err != nil || !bytes.Equal(got.Bytes(), text) {
			t.Fatalf("%s: %d bytes, %v", name, got.Len(), err)
		}
		stored, err := c.Put(ctx, "up-"+name, &got, int64(len(text)))
		if err != nil || stored != client.Confirmed {
			t.Fatal(stored, err)
		}
	}
}

// wantLoopFree fails the test if the loop's thread makes a call that could wait for a disk while
// work is done. The calls named by others have to be made by other threads meanwhile.
func wantLoopFree(t *testing.T, h *held, work func(), others []string) {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("strace is not here")
		}
		t.Skip("strace is not here")
	}
	work() // now all of it is in memory
	calls := trace(t, strace, h.PID, work)
	loop := loopOf(t, calls)
	seen, elsewhere := map[string]int{}, map[string]int{}
	for _, call := range calls {
		if call.thread != loop {
			elsewhere[call.name]++
			continue
		}
		seen[call.name]++
		if why := waits(call); why != "" {
			t.Errorf("the loop's thread %s: %s(%s", why, call.name, call.args)
		}
	}
	t.Logf("on the loop's thread: %v", seen)
	for _, name := range []string{"accept4", "openat2", "preadv2", "sendfile"} {
		if seen[name] == 0 {
			t.Errorf("the trace holds no %s of the loop's thread: it has shown nothing", name)
		}
	}
	for _, name := range others {
		if elsewhere[name] == 0 {
			t.Errorf("the trace holds no %s of another thread: it has shown nothing", name)
		}
	}
}

// waits says why a call on the loop's thread could wait for a disk.
func waits(call traced) string {
	file := traceFile.FindStringSubmatch(call.args)
	onFile := file != nil && !strings.HasPrefix(file[1], "/proc/")
	switch name := call.name; {
	case name == "openat2" && !strings.Contains(call.args, "RESOLVE_CACHED"):
		return "opens what may not be cached"
	case traceLooking[name] && resolves(call.args):
		return "looks a name up and may wait"
	case name == "preadv2" && !strings.Contains(call.args, "RWF_NOWAIT"):
		return "reads a file and may wait"
	case onFile && (name == "read" || name == "readv" || name == "pread64" || name == "preadv"):
		return "reads a file and may wait"
	case onFile && (strings.HasPrefix(name, "write") || strings.HasPrefix(name, "pwrite")):
		return "writes a file"
	case name == "splice" && strings.Count(call.args, "</") > 1:
		return "writes a file"
	case traceWriting[name]:
		return "changes or reads a folder or a disk"
	}
	return ""
}

// resolves says whether a call with these arguments looks up a name on a disk. An empty name is the
// open file itself, and so is a name in /proc/self/fd: what it leads to was looked up before.
func resolves(args string) bool {
	name := traceNamed.FindStringSubmatch(args)
	if name == nil {
		return true
	}
	folder, path := name[1], name[2]
	if !strings.HasPrefix(path, "/") && folder != "" {
		path = folder + "/" + path
	}
	return name[2] != "" && !strings.HasPrefix(path, "/proc/")
}

// TestTraceSeesWhatWaits: what the trace calls waiting is what would wait, as strace writes it.
func TestTraceSeesWhatWaits(t *testing.T) {
	waiting := []string{
		`openat(AT_FDCWD</srv>, "/srv/files/small", O_RDONLY|O_CLOEXEC) = 9</srv/files/small>`,
		`openat(7</srv/files>, "small", O_RDONLY|O_CLOEXEC) = 9</srv/files/small>`,
		`newfstatat(7</srv/files>, "small", {st_mode=S_IFREG|0644, st_size=1, ...}, 0) = 0`,
		`statx(AT_FDCWD</srv>, "files/small", 0, STATX_ALL, {...}) = 0`,
		`stat("/srv/files/small", {st_mode=S_IFREG|0644, st_size=1, ...}) = 0`,
		`openat2(7</srv/files>, "small", {flags=O_RDONLY, resolve=RESOLVE_BENEATH}, 24) = 9`,
		`preadv2(9</srv/files/small>, [{iov_base=""..., iov_len=9}], 1, 0, 0) = 9`,
		`read(9</srv/files/small>, ""..., 9) = 9`,
		`write(9</srv/files/small>, ""..., 9) = 9`,
		`fsync(9</srv/files/small>) = 0`,
	}
	fine := []string{
		`newfstatat(9</srv/files/small>, "", {...}, AT_EMPTY_PATH) = 0`,
		`openat(AT_FDCWD</srv>, "/proc/self/stat", O_RDONLY|O_CLOEXEC) = 9</proc/1/stat>`,
		`openat(7</proc/12/fd>, "85", O_RDONLY|O_CLOEXEC) = 88</srv/files/small>`,
		`openat2(7</srv/files>, "small", {flags=resolve=RESOLVE_BENEATH|RESOLVE_CACHED}, 24) = 9`,
		`preadv2(9</srv/files/small>, [{iov_base=""..., iov_len=9}], 1, 0, RWF_NOWAIT) = 9`,
		`read(8<socket:[123]>, ""..., 9) = 9`,
		`write(8<socket:[123]>, ""..., 9) = 9`,
	}
	for i, line := range append(waiting, fine...) {
		want := i < len(waiting)
		f := traceLine.FindStringSubmatch(line)
		if f == nil {
			t.Errorf("%s: not taken apart", line)
			continue
		}
		if why := waits(traced{"1", f[1], f[2]}); (why != "") != want {
			t.Errorf("%s: %q", line, why)
		}
	}
}

// trace runs work while strace looks on, and returns what it saw.
func trace(t *testing.T, strace string, pid int, work func()) []traced {
	t.Helper()
	out := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command(strace, "-ff", "-y", "-s", "0", "-o", out, "-p", strconv.Itoa(pid))
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	attached := false
	for !attached && lines.Scan() {
		attached = strings.Contains(lines.Text(), "attached")
	}
	if !attached {
		_ = cmd.Wait()
		t.Fatal("strace did not attach")
	}
	work()
	_ = cmd.Process.Signal(syscall.SIGINT)
	for lines.Scan() {
		continue // until it has detached
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	threads, err := filepath.Glob(out + ".*")
	if err != nil {
		t.Fatal(err)
	}
	var calls []traced
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if f := traceLine.FindStringSubmatch(strings.TrimSuffix(line, "\n")); f != nil {
				calls = append(calls, traced{filepath.Ext(thread), f[1], f[2]})
			}
		}
	}
	return calls
}

// loopOf is the thread that accepts data connections.
func loopOf(t *testing.T, calls []traced) string {
	t.Helper()
	thread := ""
	for _, call := range calls {
		if call.name != "accept4" {
			continue
		}
		if thread != "" && thread != call.thread {
			t.Fatal("more than one thread accepts")
		}
		thread = call.thread
	}
	if thread == "" {
		t.Fatalf("no thread accepts in %d calls", len(calls))
	}
	return thread
}
