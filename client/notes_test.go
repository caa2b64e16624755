package client

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ferry/codec"
)

var (
	aNote = note{Server: "host:1", Name: "/a b", Size: 5, Modified: 1234567890123456789}
	aPart = codec.NewKey(77)
)

func TestNotesAreFoundAndForgotten(t *testing.T) {
	n := notes{filepath.Join(t.TempDir(), "not", "there", "yet"), time.Hour}
	now := time.Now()
	if _, ok := n.load(aNote, now); ok {
		t.Error("a note before any")
	}
	if err := n.save(aNote, aPart, now); err != nil {
		t.Fatal(err)
	}
	if part, ok := n.load(aNote, now); !ok || part != aPart {
		t.Errorf("%v, %v", part, ok)
	}
	for _, other := range []note{
		{Server: "host:2", Name: "/a b", Size: 5, Modified: aNote.Modified},
		{Server: "host:1", Name: "/a", Size: 5, Modified: aNote.Modified},
		{Server: "host:1", Name: "/a b", Size: 6, Modified: aNote.Modified},
		{Server: "host:1", Name: "/a b", Size: 5, Modified: aNote.Modified + 1},
	} {
		if _, ok := n.load(other, now); ok {
			t.Errorf("%v was found", other)
		}
	}
	// Another process has begun anew: its note stays.
	n.forget(aNote, codec.NewKey(78))
	if _, ok := n.load(aNote, now); !ok {
		t.Error("another's note was forgotten")
	}
	n.forget(aNote, aPart)
	if _, ok := n.load(aNote, now); ok {
		t.Error("a forgotten note was found")
	}
	if entries, _ := os.ReadDir(n.folder); len(entries) > 0 {
		t.Errorf("left: %v", entries)
	}
}

func TestNotesExpire(t *testing.T) {
	n := notes{t.TempDir(), time.Hour}
	now := time.Now()
	left := filepath.Join(n.folder, noteBegin+"123-"+filepath.Base(n.path(aNote)))
	foreign := []string{
		"letter.txt", "other.json", ".note-mine", noteBegin + "1-x.json",
		strings.Repeat("g", 32) + noteEnd, strings.Repeat("a", 32),
	}
	for i, name := range foreign {
		foreign[i] = filepath.Join(n.folder, name)
	}
	for _, path := range append(foreign, left) {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.save(aNote, aPart, now); err != nil {
		t.Fatal(err)
	}
	late := now.Add(time.Hour + time.Minute)
	if _, ok := n.load(aNote, late); ok {
		t.Error("an old note was found")
	}
	other := aNote
	other.Name = "/other"
	if err := n.save(other, aPart, late); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(n.path(aNote)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old note is there: %v", err)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was left of a note is there: %v", err)
	}
	for _, path := range foreign {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("somebody else's file: %v", err)
		}
	}
}

// TestNotesLiveOnWithTheirPart: a lifetime counts from the last that was sent.
func TestNotesLiveOnWithTheirPart(t *testing.T) {
	n := notes{t.TempDir(), time.Hour}
	now := time.Now()
	if err := n.save(aNote, aPart, now); err != nil {
		t.Fatal(err)
	}
	n.renew(aNote, codec.NewKey(78), now.Add(50*time.Minute)) // another's
	late := now.Add(90 * time.Minute)
	if _, ok := n.load(aNote, late); ok {
		t.Error("an old note was found")
	}
	n.renew(aNote, aPart, now.Add(50*time.Minute))
	if part, ok := n.load(aNote, late); !ok || part != aPart {
		t.Errorf("%v, %v", part, ok)
	}
	notes{lifetime: time.Hour}.renew(aNote, aPart, now)
}

func TestNotesCanBeSwitchedOff(t *testing.T) {
	c := Client{control: control{
		options: Options{NotesLifetime: -1, NotesFolder: t.TempDir()},
	}}
	n := c.notes()
	if err := n.save(aNote, aPart, time.Now()); err != nil {
		t.Error(err)
	}
	if _, ok := n.load(aNote, time.Now()); ok || n.folder != "" {
		t.Error("a note was taken")
	}
	n.forget(aNote, aPart)
}

func TestConcurrentWritersLeaveValidNotes(t *testing.T) {
	n := notes{t.TempDir(), time.Hour}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 50 {
				if err := n.save(aNote, codec.NewKey(uint64(i+1)), time.Now()); err != nil {
					t.Error(err)
				}
				if part, ok := n.load(aNote, time.Now()); !ok || part[0] != '0' {
					t.Errorf("half a note: %v, %v", part, ok)
				}
			}
		})
	}
	all.Wait()
	if entries, _ := os.ReadDir(n.folder); len(entries) != 1 {
		t.Errorf("left: %v", entries)
	}
}

func TestStateFolderFollowsXDG(t *testing.T) {
	for _, test := range []struct{ xdg, home, want string }{
		{"", "/home/ann", "/home/ann/.local/state/ferry"},
		{"/s", "/home/ann", "/s/ferry"},
		{"s", "/home/ann", "/home/ann/.local/state/ferry"},
		{"", "", ""},
	} {
		t.Setenv("XDG_STATE_HOME", test.xdg)
		t.Setenv("HOME", test.home)
		if got := StateFolder(); filepath.ToSlash(got) != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}

func TestInvalidNotesAreIgnored(t *testing.T) {
	n := notes{t.TempDir(), time.Hour}
	if err := n.save(aNote, aPart, time.Now()); err != nil {
		t.Fatal(err)
	}
	path := n.path(aNote)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// All but the line's end belongs to it.
	for cut := range len(whole) - 1 {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, ok := n.load(aNote, time.Now()); ok {
			t.Errorf("%q is a note", whole[:cut])
		}
	}
	for _, bad := range []string{
		"null", "[]", "{}", `{"server":1}`, strings.Repeat(" ", noteMost+1),
	} {
		if _, err := parseNote([]byte(bad)); err == nil {
			t.Errorf("%.20q is a note", bad)
		}
	}
}

func FuzzNote(f *testing.F) {
	f.Add([]byte(`{"server":"h:1","name":"/a","size":1,"modified":2,"part":"0123456789abcdef"}`))
	f.Add([]byte(`{"server":"h:1","name":"/a","size":-1}`))
	f.Add([]byte(`{`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := parseNote(text)
		if err != nil {
			return
		}
		// What was read is written and read again as it is.
		path := filepath.Join(dir, "note")
		file, err := os.Create(path + noteNew)
		if err != nil {
			t.Fatal(err)
		}
		if err := writeNote(file, path, n); err != nil {
			t.Fatal(err)
		}
		again, err := readNote(path)
		if len(text) < noteMost/8 && (err != nil || again != n) {
			t.Errorf("%v became %v, %v", n, again, err)
		}
	})
}

func FuzzEntry(f *testing.F) {
	f.Add("file\t12\t2026-01-02T03:04:05Z\ta b")
	f.Add("dir\t0\t2026-01-02T03:04:05+01:00\t\t")
	f.Add("dir\t0\t2026-01-02T03:04:05Z\ta/")
	f.Fuzz(func(t *testing.T, line string) {
		e, ok := parseEntry(line)
		if !ok {
			return
		}
		if e.Name == "" || e.Size < 0 || !strings.Contains(line, "\t"+e.Name) {
			t.Errorf("%q became %v", line, e)
		}
		at := e.Modified.UTC()
		if at.Year() < 0 || at.Year() > 9999 { // an offset has put it there
			return
		}
		again := fmt.Sprintf("file\t%d\t%s\t%s", e.Size, at.Format(time.RFC3339Nano), e.Name)
		if e.Folder {
			again = strings.Replace(again, "file", "dir", 1) + "/"
		}
		if back, ok := parseEntry(again); !ok || back.Name != e.Name || back.Size != e.Size ||
			back.Folder != e.Folder || !back.Modified.Equal(e.Modified) {
			t.Errorf("%q became %v, told as %q, and that %v, %v", line, e, again, back, ok)
		}
	})
}
