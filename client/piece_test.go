package client

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ferry/codec"
)

// TestLargeFilesGoInPieces: what would not fit a field, on a smaller scale.
func TestLargeFilesGoInPieces(t *testing.T) {
	r := newResuming(t, 1000)
	r.write(t)
	for _, piece := range []int64{1, 999, 1000, 1001, 300} {
		c := r.session(piece)
		if _, err := c.PutFileContinue(t.Context(), "a", r.local); err != nil {
			t.Fatal(err)
		}
		r.wantStored(t)
		pieces := (1000 + piece - 1) / piece
		if sent := r.asked("putpart"); int64(len(sent)) != pieces {
			t.Errorf("%d pieces, want %d", len(sent), pieces)
		}
		back := filepath.Join(r.dir, "back")
		if _, err := c.GetFileContinue(t.Context(), "a", back); err != nil {
			t.Fatal(err)
		}
		if got := r.asked("getpart"); int64(len(got)) != pieces {
			t.Errorf("%d pieces, want %d", len(got), pieces)
		}
		wantFiles(t, r.dir, map[string]string{"local": string(r.data), "back": string(r.data)})
		if err := os.Remove(back); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFileTooLargeForAFieldIsFetchedInPieces: get says 552, whatever wants the file.
func TestFileTooLargeForAFieldIsFetchedInPieces(t *testing.T) {
	r := newResuming(t, 1000)
	r.set(r.data)
	r.refuse = func(q codec.Request) int {
		return map[codec.Verb]int{codec.VerbGet: 552}[q.Verb]
	}
	c := r.session(300)
	wantGet(t, c, "a", string(r.data))
	n, err := c.GetFile(t.Context(), "a", filepath.Join(r.dir, "back"))
	if err != nil || n != 1000 {
		t.Errorf("%d, %v", n, err)
	}
	wantFiles(t, r.dir, map[string]string{"back": string(r.data)})
	// One that changes between two pieces is not put together from both.
	replace := func(size int) {
		r.change(func() {
			r.before = func(q codec.Request) {
				if q.Verb == codec.VerbGetPart && q.Offset == 600 {
					r.set(random(size))
				}
			}
		})
	}
	replace(1000)
	_, err = c.GetFile(t.Context(), "a", filepath.Join(r.dir, "back"))
	wantKind(t, err, ErrMismatch)
	replace(1100)
	_, err = c.GetFile(t.Context(), "a", filepath.Join(r.dir, "back"))
	wantKind(t, err, ErrMismatch)
	wantFiles(t, r.dir, map[string]string{"back": string(r.data)})
}

// TestReaderTooLargeForAFieldIsPutInPieces: as far as a test can go without 10 GB, the reader's end
// comes early, and nothing of it stays.
func TestReaderTooLargeForAFieldIsPutInPieces(t *testing.T) {
	r := newResuming(t, 0)
	c := r.session(300)
	text := strings.Repeat("x", 1000)
	_, err := c.Put(t.Context(), "a", strings.NewReader(text), codec.FieldMax+1)
	wantKind(t, err, ErrLocal)
	want := []string{"newpart a"}
	part := codec.NewKey(1)
	for at := 0; at < 900; at += 300 {
		want = append(want, fmt.Sprintf("putpart %s %d %d", part, at, int64(codec.FieldMax)+1))
	}
	want = append(want, "droppart "+part.String())
	got := r.asked("newpart", "putpart", "droppart")
	if fmt.Sprint(got) != fmt.Sprint(want) || len(r.parts) > 0 {
		t.Errorf("asked %q, want %q", got, want)
	}
}
