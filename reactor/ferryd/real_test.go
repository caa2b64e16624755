package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zeebo/xxh3"

	"ferry/client"
)

// full makes the tests with real input take all of it:
//
//	go test ./reactor/ferryd -run Real -full -v -timeout 1h
var full = flag.Bool("full", false, "real input in full: Go's source tree, 6 GiB, 50,000 names")

// amount is what a test takes of something: a little in every run, all of it with -full.
func amount[T any](little, all T) T {
	if *full {
		return all
	}
	return little
}

// serveFolder starts a server for a test, with flags, and returns the folder it works in.
func serveFolder(t *testing.T, flags ...string) (*process, string) {
	t.Helper()
	lookAtSources(t)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "root"), 0o777); err != nil {
		t.Fatal(err)
	}
	p, err := startServer(dir, flags...)
	if p != nil {
		t.Cleanup(func() {
			p.signal(syscall.SIGTERM)
			if status, err := p.wait(); err != nil || status != 0 {
				t.Errorf("ferryd ended with status %d: %v\n%s", status, err, p.log.text())
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return p, dir
}

// item is a file that travels.
type item struct {
	path string
	// name is the path in one word: base has no way to make a folder.
	name string
	size int64
	sum  xxh3.Uint128
}

const realClients = 100

// TestRealTreePutAndGot puts every file below Go's own source tree, and gets it again, by 100
// clients at once. Empty files are among them: base cannot tell one from a missing one, so that
// Get says that nothing was sent, and GetFile makes one because the listing names it.
func TestRealTreePutAndGot(t *testing.T) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(strings.TrimSpace(string(out)), "src")
	items, total := tree(t, filepath.Join(root, amount("crypto", ".")))
	p, dir := serveFolder(t)
	took := atOnce(t, p, items, func(ctx context.Context, c *client.Client, it *item) error {
		f, err := os.Open(it.path)
		if err != nil {
			return err
		}
		defer f.Close()
		digest := xxh3.New()
		stored, err := c.Put(ctx, it.name, io.TeeReader(f, digest), it.size)
		if it.sum = digest.Sum128(); err == nil && stored != client.Confirmed {
			err = errors.New("not confirmed")
		}
		return err
	})
	t.Logf("%d files of %d bytes in all put by %d clients in %.2f s", len(items), total,
		realClients, took.Seconds())
	// The one who put a file is hardly the one who gets it.
	slices.Reverse(items)
	scratch, empty := t.TempDir(), atomic.Int64{}
	took = atOnce(t, p, items, func(ctx context.Context, c *client.Client, it *item) error {
		digest := xxh3.New()
		n, err := c.Get(ctx, it.name, digest)
		if it.size == 0 {
			empty.Add(1)
			if !errors.Is(err, client.ErrNothingSent) {
				return fmt.Errorf("an empty file: %d bytes, %w", n, err)
			}
			n, err = c.GetFile(ctx, it.name, filepath.Join(scratch, it.name))
		}
		if err == nil && (n != it.size || digest.Sum128() != it.sum) {
			err = fmt.Errorf("%d bytes of another hash", n)
		}
		return err
	})
	t.Logf("got again and compared by hash in %.2f s; %d empty ones among them", took.Seconds(),
		empty.Load())
	if made, err := os.ReadDir(scratch); err != nil || int64(len(made)) != empty.Load() {
		t.Errorf("%d empty files were made of %d: %v", len(made), empty.Load(), err)
	}
	stored, err := os.ReadDir(filepath.Join(dir, "root"))
	if err != nil || len(stored) != len(items) {
		t.Errorf("the root holds %d names, not %d: %v", len(stored), len(items), err)
	}
	if empty.Load() == 0 {
		t.Error("no empty file was among them")
	}
}

// tree lists the plain files below a folder.
func tree(t *testing.T, root string) (items []*item, total int64) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		// No name begins with a dot then, and no two are the same.
		name = "src," + strings.ReplaceAll(name, string(filepath.Separator), ",")
		items = append(items, &item{path: path, name: name, size: info.Size()})
		total += info.Size()
		return nil
	})
	if err != nil || len(items) == 0 {
		t.Fatalf("%d files: %v", len(items), err)
	}
	return items, total
}

// atOnce has clients take items one after another, each in a session of its own.
func atOnce(t *testing.T, p *process, items []*item,
	do func(context.Context, *client.Client, *item) error,
) time.Duration {
	t.Helper()
	begin := time.Now()
	var next atomic.Int64
	var all sync.WaitGroup
	for range realClients {
		all.Go(func() {
			ctx := t.Context()
			c, err := client.Dial(ctx, p.address, client.Options{Exchange: client.Base})
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for i := next.Add(1) - 1; i < int64(len(items)); i = next.Add(1) - 1 {
				if err := do(ctx, c, items[i]); err != nil {
					t.Errorf("%s: %v", items[i].name, err)
					return
				}
			}
			if err := c.Quit(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	return time.Since(begin)
}

// TestRealLargeFileBothWays stores a file and fetches it with the real client. With -full it is of
// 6 GiB and needs 13 GiB of disk in the system's temporary folder.
func TestRealLargeFileBothWays(t *testing.T) {
	size := amount[int64](64<<20, 6<<30)
	p, dir := serveFolder(t)
	var free syscall.Statfs_t
	if err := syscall.Statfs(dir, &free); err != nil {
		t.Fatal(err)
	}
	if have := int64(free.Bavail) * int64(free.Bsize); have < 2*size+2<<30 {
		t.Skipf("%d bytes are free in %s, too few for two files of %d", have, dir, size)
	}
	sum := makeLarge(t, filepath.Join(dir, "large"), size)
	host, port, _ := strings.Cut(p.address, ":")
	for _, words := range [][]string{{"put", "large"}, {"get", "large", "got"}} {
		begin := time.Now()
		words = append([]string{host, port}, words...)
		cmd := exec.Command(filepath.Join(programs, "ferry"), words...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", words, err, out)
		}
		took := time.Since(begin)
		t.Logf("%s: %d bytes in %.2f s, %.0f MB/s", words[2], size, took.Seconds(),
			float64(size)/1e6/took.Seconds())
	}
	for _, name := range []string{"root/large", "got"} {
		digest := xxh3.New()
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(digest, f)
		_ = f.Close()
		if err != nil || n != size || digest.Sum128() != sum {
			t.Errorf("%s: %d bytes, not %d, or another hash (%v)", name, n, size, err)
		}
	}
}

// makeLarge makes a file in which a MiB of noise follows fifteen MiB of nothing, again and again to
// its end, and gives its hash.
func makeLarge(t *testing.T, path string, size int64) xxh3.Uint128 {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const hole, piece = 15 << 20, 1 << 20
	digest, nothing := xxh3.New(), make([]byte, piece)
	for at := int64(0); at < size; at += piece {
		if at%(hole+piece) < hole {
			_, _ = digest.Write(nothing)
			continue
		}
		b := noise(uint64(at), piece)
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
		_, _ = digest.Write(b)
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return digest.Sum128()
}

// TestRealFolderListed lists a folder of very many names.
func TestRealFolderListed(t *testing.T) {
	p, dir := serveFolder(t)
	want := make([]string, amount(1_000, 50_000))
	for i := range want {
		want[i] = fmt.Sprintf("name %07d with a word or two", i*7919%10_000_019)
		if err := os.WriteFile(filepath.Join(dir, "root", want[i]), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(want)
	c, err := client.Dial(t.Context(), p.address, client.Options{Exchange: client.Base})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	begin := time.Now()
	got, err := c.List(t.Context(), "")
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%d names, not the %d that there are: %v", len(got), len(want), err)
	}
	t.Logf("%d names listed in %.3f s", len(got), time.Since(begin).Seconds())
	host, port, _ := strings.Cut(p.address, ":")
	out, err := exec.Command(filepath.Join(programs, "ferry"), host, port, "ls").Output()
	if lines := bytes.Count(out, []byte{'\n'}); err != nil || lines != len(want) {
		t.Errorf("ferry printed %d lines, not %d: %v", lines, len(want), err)
	}
}
