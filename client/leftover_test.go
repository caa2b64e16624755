package client

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"ferry/codec"
)

// leave breaks a download to a name off, and makes what it left so old.
func (r *resuming) leave(t *testing.T, name string, age time.Duration) string {
	t.Helper()
	r.once(20, byClose)
	path := filepath.Join(r.dir, name)
	c := r.session(codec.FieldMax)
	c.options.KeptLifetime = -1
	_, err := c.GetFileContinue(t.Context(), "a", path)
	wantKind(t, err, ErrBroken)
	hidden := keptPath(path)
	at := time.Now().Add(-age)
	if err := os.Chtimes(hidden, at, at); err != nil {
		t.Fatal(err)
	}
	return hidden
}

func TestLeftoversDescribeDownloads(t *testing.T) {
	r := newResuming(t, 40)
	r.set(r.data)
	hidden := r.leave(t, "one", time.Hour)
	writeFile(t, r.dir, keptPrefix+"X", "abc")
	writeFile(t, r.dir, "other", "abc")
	list, err := Leftovers(r.dir)
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	slices.SortFunc(list, func(a, b Leftover) int { return int(b.Size - a.Size) })
	got := list[0]
	if since := time.Since(got.Changed); since < 59*time.Minute || since > 61*time.Minute {
		t.Errorf("it is %v old", since)
	}
	got.Changed = time.Time{}
	want := Leftover{
		Path: hidden, Bytes: 20, Local: "one", Server: r.addr, Name: "/a", Size: 40,
	}
	if got != want || KeptOf(filepath.Join(r.dir, "one")) != 20 {
		t.Errorf("%+v, want %+v", got, want)
	}
	if list[1].Local != "" || list[1].Bytes != 3 {
		t.Errorf("%+v", list[1])
	}
	for _, l := range list {
		if err := l.Drop(); err != nil {
			t.Error(err)
		}
	}
	wantFiles(t, r.dir, map[string]string{"other": "abc"})
	if KeptOf(filepath.Join(r.dir, "one")) != 0 {
		t.Error("something is kept")
	}
	_, err = Leftovers(filepath.Join(r.dir, "nowhere"))
	wantKind(t, err, ErrLocal)
}

// TestOldLeftoversAreRemoved: with the next download into the folder, and nothing else with them.
func TestOldLeftoversAreRemoved(t *testing.T) {
	r := newResuming(t, 40)
	r.set(r.data)
	const month = 31 * 24 * time.Hour
	old, fresh := r.leave(t, "old", month), r.leave(t, "fresh", month-2*24*time.Hour)
	busy := r.leave(t, "busy", month)
	writeFile(t, r.dir, keptPrefix+"X", "abc")
	at := time.Now().Add(-month)
	if err := os.Chtimes(filepath.Join(r.dir, keptPrefix+"X"), at, at); err != nil {
		t.Fatal(err)
	}
	held := download{path: filepath.Join(r.dir, "busy")}
	if err := held.open(); err != nil {
		t.Fatal(err)
	}
	defer held.file.Close()
	c := r.dialStatus(Options{KeptLifetime: -1})
	if _, err := c.GetFile(t.Context(), "a", r.local); err != nil {
		t.Fatal(err)
	}
	wantLeft(t, r.dir, []string{old, fresh, busy}, 4)
	if _, err := r.session(codec.FieldMax).GetFile(t.Context(), "a", r.local); err != nil {
		t.Fatal(err)
	}
	wantLeft(t, r.dir, []string{fresh, busy}, 2)
	if _, err := os.Stat(old + noteEnd); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its note is there: %v", err)
	}
}

// wantLeft fails the test unless a folder has so many leftovers, and these among them.
func wantLeft(t *testing.T, dir string, paths []string, n int) {
	t.Helper()
	list, err := Leftovers(dir)
	if err != nil || len(list) != n {
		t.Errorf("%d left, want %d: %v", len(list), n, err)
	}
	for _, path := range paths {
		if !slices.ContainsFunc(list, func(l Leftover) bool { return l.Path == path }) {
			t.Errorf("%s is gone", path)
		}
	}
}
