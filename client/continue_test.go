package client

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ferry/codec"
)

// random is n bytes that repeat nowhere.
func random(n int) []byte {
	b := make([]byte, n)
	source := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range b {
		b[i] = byte(source.Uint32())
	}
	return b
}

// resuming is a keeper, and a folder with a local file of size bytes, that sessions put or get.
type resuming struct {
	*keeper
	notes, dir, local string
	data              []byte
}

func newResuming(t *testing.T, size int) *resuming {
	r := &resuming{keeper: newKeeper(t), notes: t.TempDir(), dir: t.TempDir()}
	r.local = filepath.Join(r.dir, "local")
	r.data = random(size)
	return r
}

// session is a new one, that makes parts of all files, and pieces of piece bytes.
func (r *resuming) session(piece int64) *Client {
	c := r.dialStatus(Options{NotesFolder: r.notes, BufferSize: 512})
	c.pieceMax, c.continueMin, c.busyWait, c.segmentMin = piece, 0, time.Millisecond, 1
	return c
}

func (r *resuming) write(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(r.local, r.data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// once has the next transfer break after so many bytes, and no other.
func (r *resuming) once(after int64, how breakage) {
	var done atomic.Bool
	r.change(func() {
		r.breaking = func(codec.Request) (int64, breakage) {
			if done.Swap(true) {
				return -1, 0
			}
			return after, how
		}
	})
}

// always has each transfer break after less than most bytes.
func (r *resuming) always(most int64, seed uint64) {
	var mu sync.Mutex
	steps := rand.New(rand.NewPCG(seed, seed))
	r.change(func() {
		r.breaking = func(codec.Request) (int64, breakage) {
			mu.Lock()
			defer mu.Unlock()
			return steps.Int64N(most), breakage(steps.IntN(int(breakages)))
		}
	})
}

// wantStored fails the test unless the server has the file a, and nothing is left of its way.
func (r *resuming) wantStored(t *testing.T) {
	t.Helper()
	if !bytes.Equal(r.get("a"), r.data) {
		t.Errorf("the server has other %d bytes", len(r.get("a")))
	}
	if entries, _ := os.ReadDir(r.notes); len(entries) > 0 {
		t.Errorf("notes left: %v", entries)
	}
	if len(r.parts) > 0 {
		t.Errorf("%d parts left", len(r.parts))
	}
}

// TestUploadResumesFromEveryByte: broken at each byte, in each way, and with each size of pieces.
func TestUploadResumesFromEveryByte(t *testing.T) {
	const size = 40
	for how := range breakages {
		for _, piece := range []int64{7, codec.FieldMax} {
			for after := range int64(min(size, piece)) + 1 {
				r := newResuming(t, size)
				r.write(t)
				r.once(after, how)
				_, err := r.session(piece).PutFileContinue(t.Context(), "a", r.local)
				kind := ErrBroken
				if how == withControl {
					kind = ErrLost
				}
				if !errors.Is(err, kind) {
					t.Fatalf("broken %d at %d: %v", how, after, err)
				}
				r.asked()
				moved, err := r.session(piece).PutFileContinue(t.Context(), "a", r.local)
				if err != nil || moved.Stored != Confirmed || moved.Size != size {
					t.Fatalf("broken %d at %d: %v, %v", how, after, moved, err)
				}
				if moved.Kept != after {
					t.Errorf("broken %d at %d: %d were kept", how, after, moved.Kept)
				}
				if begun := r.asked("newpart"); len(begun) > 0 {
					t.Errorf("broken %d at %d: begun anew: %q", how, after, begun)
				}
				r.wantStored(t)
			}
		}
	}
}

// TestUploadResumesAfterSessionLostAtEveryByte: control breaks within each reply and between all,
// of an upload, of one that goes on, and of downloads alike. Many at once, since a client that is
// left at hello waits a while for what the server does next.
func TestUploadResumesAfterSessionLostAtEveryByte(t *testing.T) {
	for _, verb := range []codec.Verb{codec.VerbPutPart, codec.VerbGetPart} {
		var broken atomic.Int64 // where the next one breaks
		var whole atomic.Bool   // one was done before it broke
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				for !whole.Load() && !t.Failed() {
					if left := goOnAfter(t, verb, broken.Add(1)-1); left >= 0 {
						whole.Store(true)
					}
				}
			})
		}
		all.Wait()
	}
}

// goOnAfter moves a file over sessions, the first of which breaks after so many bytes on control,
// and says how many were left of these, less than none if it broke.
func goOnAfter(t *testing.T, verb codec.Verb, after int64) int64 {
	const size = 40
	r := newResuming(t, size)
	transfer := func() (Moved, error) {
		c, err := Dial(t.Context(), r.addr, Options{
			NotesFolder: r.notes, HelloWait: patience, ServerName: "s",
		})
		if err != nil || c.Exchange() == Base {
			return Moved{}, errors.Join(err, ErrLost)
		}
		defer c.Close()
		c.pieceMax, c.continueMin, c.busyWait = 15, 0, time.Millisecond
		if verb == codec.VerbPutPart {
			return c.PutFileContinue(t.Context(), "a", r.local)
		}
		return c.GetFileContinue(t.Context(), "a", r.local)
	}
	if verb == codec.VerbPutPart {
		r.write(t)
	} else {
		r.set(r.data)
	}
	r.once(17, byClose)
	r.budget.Store(after)
	tries := 1
	for ; tries < 5; tries++ {
		if _, err := transfer(); err == nil {
			break
		}
	}
	if verb == codec.VerbPutPart {
		// A part whose number was lost on the way dies of age.
		r.change(func() { delete(r.parts, codec.NewKey(1)) })
		r.wantStored(t)
	} else {
		r.wantGot(t)
	}
	if tries == 5 {
		t.Errorf("%v: after %d bytes, %d tries", verb, after, tries)
	}
	return r.budget.Load()
}

// TestUploadArrivesDespiteRepeatedBreaks: each session brings a few bytes more.
func TestUploadArrivesDespiteRepeatedBreaks(t *testing.T) {
	r := newResuming(t, 300_000)
	r.write(t)
	r.always(30_000, 3)
	for tries := 0; ; tries++ {
		moved, err := r.session(codec.FieldMax).PutFileContinue(t.Context(), "a", r.local)
		if err == nil {
			if moved.Kept < 200_000 || tries < 5 {
				t.Errorf("%d kept after %d tries", moved.Kept, tries)
			}
			break
		}
		if tries > 1000 {
			t.Fatal(err)
		}
	}
	r.wantStored(t)
}

// TestUploadRestartsOnDifferentPart: what a resume by size alone would corrupt.
func TestUploadRestartsOnDifferentPart(t *testing.T) {
	for name, spoil := range map[string]func(*resuming, *keptUpload){
		"other bytes": func(_ *resuming, p *keptUpload) { p.data[3] ^= 1 },
		"too long":    func(r *resuming, p *keptUpload) { p.data = append(r.data, 'x') },
		"no sums":     func(r *resuming, _ *keptUpload) { r.features &^= codec.FeaturePartSum },
		"sums refused": func(r *resuming, _ *keptUpload) {
			r.refuse = func(q codec.Request) int {
				return map[codec.Verb]int{codec.VerbPartSum: 530}[q.Verb]
			}
		},
		"dropped": func(r *resuming, _ *keptUpload) { clear(r.parts) },
		"note spoilt": func(r *resuming, _ *keptUpload) {
			entries, _ := os.ReadDir(r.notes)
			_ = os.WriteFile(filepath.Join(r.notes, entries[0].Name()), []byte("x"), 0o600)
		},
	} {
		r := newResuming(t, 40)
		r.write(t)
		r.once(20, byReset)
		_, err := r.session(codec.FieldMax).PutFileContinue(t.Context(), "a", r.local)
		wantKind(t, err, ErrBroken)
		r.change(func() {
			for _, p := range r.parts {
				spoil(r, p)
			}
		})
		moved, err := r.session(codec.FieldMax).PutFileContinue(t.Context(), "a", r.local)
		if err != nil || moved.Kept != 0 || moved.Stored != Confirmed {
			t.Errorf("%s: %v, %v", name, moved, err)
		}
		if !bytes.Equal(r.get("a"), r.data) {
			t.Errorf("%s: the server has something else", name)
		}
	}
}

// TestChangedLocalFileIsAnotherUpload: by its size, or its time alone.
func TestChangedLocalFileIsAnotherUpload(t *testing.T) {
	for _, change := range []string{"size", "time"} {
		r := newResuming(t, 40)
		r.write(t)
		r.once(20, byClose)
		_, _ = r.session(codec.FieldMax).PutFileContinue(t.Context(), "a", r.local)
		if change == "size" {
			r.data = random(41)
			r.write(t)
		} else if err := os.Chtimes(r.local, time.Time{}, time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		moved, err := r.session(codec.FieldMax).PutFileContinue(t.Context(), "a", r.local)
		if err != nil || moved.Kept != 0 || !bytes.Equal(r.get("a"), r.data) {
			t.Errorf("%s: %v, %v", change, moved, err)
		}
	}
}

// TestOtherNamesAndFoldersAreOtherUploads: names count from the served root.
func TestOtherNamesAndFoldersAreOtherUploads(t *testing.T) {
	r := newResuming(t, 40)
	r.write(t)
	r.once(20, byClose)
	_, _ = r.session(codec.FieldMax).PutFileContinue(t.Context(), "/d/a", r.local)
	moved, err := r.session(codec.FieldMax).PutFileContinue(t.Context(), "a", r.local)
	if err != nil || moved.Kept != 0 {
		t.Errorf("a in the root: %v, %v", moved, err)
	}
	moved, err = r.session(codec.FieldMax).PutFileContinue(t.Context(), "d/a", r.local)
	if err != nil || moved.Kept != 20 {
		t.Errorf("a in d: %v, %v", moved, err)
	}
}

// TestLostFinalReplyCausesNoSecondUpload: the file was stored, and the reply lost.
func TestLostFinalReplyCausesNoSecondUpload(t *testing.T) {
	for _, same := range []bool{true, false} {
		r := newResuming(t, 40)
		r.write(t)
		var cut atomic.Bool
		r.lastCut = func(codec.Request) bool { return !cut.Swap(true) }
		_, err := r.session(codec.FieldMax).PutFileContinue(t.Context(), "a", r.local)
		wantKind(t, err, ErrLost)
		if !same {
			other := random(40)
			other[39] ^= 1
			r.set(other)
		}
		r.asked()
		moved, err := r.session(codec.FieldMax).PutFileContinue(t.Context(), "a", r.local)
		if err != nil || moved.Stored != Confirmed || (moved.Kept == 40) != same {
			t.Errorf("%v, %v", moved, err)
		}
		if sent := r.asked("putpart", "newpart"); (len(sent) == 0) != same {
			t.Errorf("sent: %q", sent)
		}
		r.wantStored(t)
	}
}

// TestWholePartIsCommitted: all bytes are there, and the server died before the last reply.
func TestWholePartIsCommitted(t *testing.T) {
	r := newResuming(t, 40)
	r.write(t)
	r.once(40, withControl)
	_, err := r.session(codec.FieldMax).PutFileContinue(t.Context(), "a", r.local)
	wantKind(t, err, ErrLost)
	moved, err := r.session(codec.FieldMax).PutFileContinue(t.Context(), "a", r.local)
	if err != nil || moved.Kept != 40 || moved.Stored != Confirmed {
		t.Errorf("%v, %v", moved, err)
	}
	r.wantStored(t)
}

// TestChangedPartIsQueriedAgain: 554, and a part that goes between two commands.
func TestChangedPartIsQueriedAgain(t *testing.T) {
	for name, change := range map[string]func(r *resuming){
		"longer": func(r *resuming) {
			for _, p := range r.parts {
				p.data = r.data[:30]
			}
		},
		"gone": func(r *resuming) { clear(r.parts) },
	} {
		r := newResuming(t, 40)
		r.write(t)
		r.once(20, byClose)
		_, _ = r.session(codec.FieldMax).PutFileContinue(t.Context(), "a", r.local)
		var changed atomic.Bool
		r.change(func() {
			r.before = func(q codec.Request) {
				if q.Verb == codec.VerbPutPart && !changed.Swap(true) {
					r.change(func() { change(r) })
				}
			}
		})
		want := map[string]int64{"longer": 30, "gone": 0}[name]
		moved, err := r.session(codec.FieldMax).PutFileContinue(t.Context(), "a", r.local)
		if err != nil || moved.Kept != want {
			t.Errorf("%s: %v, %v", name, moved, err)
		}
		r.wantStored(t)
	}
}

func TestFileChangedDuringUploadIsMismatch(t *testing.T) {
	r := newResuming(t, 40)
	r.write(t)
	r.before = func(q codec.Request) {
		if q.Verb == codec.VerbPutPart && q.Offset == 14 {
			_ = os.Chtimes(r.local, time.Time{}, time.Now().Add(time.Hour))
		}
	}
	moved, err := r.session(7).PutFileContinue(t.Context(), "a", r.local)
	if !errors.Is(err, ErrMismatch) || moved.Stored != Confirmed {
		t.Errorf("%v, %v", moved, err)
	}
}
