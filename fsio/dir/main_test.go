package dir

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"ferry/fsio"
)

func TestMain(m *testing.M) {
	before := descriptors()
	status := m.Run()
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	// Nobody may rely on finalizers, but a test may have dropped an *os.File of its own.
	runtime.GC()
	if after := descriptors(); len(after) > len(before) {
		fmt.Fprintf(os.Stderr, "descriptors leaked: %d before, %d after: %q\n",
			len(before), len(after), after)
		status = 1
	}
	os.Exit(status)
}

// descriptors lists what is open, as far as the system shows it, the runtime's own aside.
func descriptors() []string {
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var open []string
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err == nil && !strings.Contains(target, "anon_inode:") &&
			!strings.HasPrefix(target, "/proc/") {
			open = append(open, target)
		}
	}
	return open
}

// eachWay runs a test on every way that names are resolved in.
func eachWay(t *testing.T, test func(t *testing.T, open openFunc)) {
	t.Helper()
	t.Run("default", func(t *testing.T) { test(t, openDefault) })
	t.Run("portable", func(t *testing.T) {
		test(t, func(t testing.TB, dir string, o Options) *store {
			o.Portable = true
			return openDefault(t, dir, o)
		})
	})
	t.Run("fallback", func(t *testing.T) {
		test(t, func(t testing.TB, dir string, o Options) *store {
			r := openDefault(t, dir, o)
			if r.kernel == nil {
				t.Skip("this is the default here")
			}
			// As Open leaves it where openat2 is refused: everything else is still tried.
			sub, err := os.OpenRoot(dir)
			check(t, err)
			check(t, r.kernel.close())
			r.kernel, r.root = nil, sub
			return r
		})
	})
}

type openFunc func(t testing.TB, dir string, o Options) *store

func openDefault(t testing.TB, dir string, o Options) *store {
	t.Helper()
	r, err := Open(dir, o)
	check(t, err)
	t.Cleanup(func() { check(t, r.Close()) })
	return r.(*store)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t testing.TB, err error, want fsio.Kind) {
	t.Helper()
	if got := fsio.KindOf(err); got != want {
		t.Fatalf("got kind %q (%v), want %q", got, err, want)
	}
}

func name(t testing.TB, _ *store, text string) fsio.Name {
	t.Helper()
	n, err := parse(text)
	check(t, err)
	return n
}

func parse(text string) (fsio.Name, error) { return fsio.Parser{}.Parse([]byte(text)) }

// parseAny allows dotfiles.
func parseAny(text string) (fsio.Name, error) {
	parser := fsio.Parser{Dotfiles: true}
	return parser.Parse([]byte(text))
}

// list returns the entries of a folder that names reach, as ls of the base exchange shows them.
func list(r *store, n fsio.Name) ([]byte, error) { return listed(r, n, fsio.NamesOnly) }

// listLong returns kind, size, time and name of the same.
func listLong(r *store, n fsio.Name) ([]byte, error) { return listed(r, n, fsio.AllDetails) }

func listed(r *store, n fsio.Name, details fsio.Details) ([]byte, error) {
	l, err := r.Entries(n, details)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	var lines []string
	page := make([]fsio.Entry, 7)
	for {
		got, err := l.Next(page)
		if errors.Is(err, io.EOF) {
			slices.Sort(lines)
			return []byte(strings.Join(lines, "")), nil
		}
		if err != nil {
			return nil, err
		}
		for _, e := range page[:got] {
			name := e.Name
			if e.Kind == fsio.EntryLink {
				if e, err = r.Stat(n.Join(name)); err != nil {
					continue
				}
			}
			if !(fsio.Parser{}).Lists(n, name) || e.Kind == fsio.EntryOther {
				continue
			}
			if e.Kind == fsio.EntryFolder {
				name += "/"
			}
			if details {
				name += fmt.Sprint("\t", e.Size, e.ModTime.UTC())
			}
			lines = append(lines, name+"\n")
		}
	}
}

// scratch makes a folder `root` with a neighbour `secret` outside of it, and returns root's path.
func scratch(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	check(t, os.Mkdir(root, 0o777))
	write(t, filepath.Join(dir, "secret"), "secret")
	return root
}

// scratchInMemory is scratch where syncing costs nothing, if the system has such a place.
func scratchInMemory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "fsio") //nolint:usetesting // That is on the disk.
	if err != nil {
		return scratch(t)
	}
	t.Cleanup(func() { check(t, os.RemoveAll(dir)) })
	root := filepath.Join(dir, "root")
	check(t, os.Mkdir(root, 0o777))
	write(t, filepath.Join(dir, "secret"), "secret")
	return root
}

func write(t testing.TB, path, text string) {
	t.Helper()
	check(t, os.MkdirAll(filepath.Dir(path), 0o777))
	check(t, os.WriteFile(path, []byte(text), 0o666))
}

func link(t testing.TB, target, path string) {
	t.Helper()
	check(t, os.MkdirAll(filepath.Dir(path), 0o777))
	check(t, os.Symlink(target, path))
}

func content(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	check(t, err)
	return string(text)
}

// fetch opens a name and reads it to the end, as a server without any cache does.
func fetch(r *store, n fsio.Name) (string, error) {
	var f fsio.File
	if err := r.Open(&f, n); err != nil {
		return "", err
	}
	var text bytes.Buffer
	_, err := io.Copy(&text, io.NewSectionReader(&f, 0, f.Size()))
	return text.String(), errors.Join(err, f.Close())
}

// temporaries lists our temporary files anywhere beneath dir.
func temporaries(t testing.TB, dir string) []string {
	t.Helper()
	var found []string
	check(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && isTemporary(e.Name()) {
			found = append(found, path)
		}
		return err
	}))
	return found
}

func wantNoTemporaries(t testing.TB, dir string) {
	t.Helper()
	if found := temporaries(t, dir); len(found) > 0 {
		t.Fatalf("left behind: %q", found)
	}
}

type jobFunc func()

func (f jobFunc) Run() { f() }

// createSmall begins an upload that holds data.
func createSmall(r *store, n fsio.Name, data []byte) (fsio.Upload, error) {
	p, err := r.Create(n, fsio.CreateOptions{})
	if err != nil {
		return nil, err
	}
	if _, err = p.WriteAt(data, 0); err != nil {
		return nil, errors.Join(err, p.Abort())
	}
	return p, nil
}
