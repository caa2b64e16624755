package client

import (
	"bytes"
	"os"
	"testing"
	"time"

	"ferry/codec"
)

// fetched is what the client asked for to move bytes.
func (r *resuming) fetched() []string { return r.asked("get", "getpart") }

// TestWholeFileIsNotFetchedAgain: its checksum is asked for, and nothing else is done to it.
func TestWholeFileIsNotFetchedAgain(t *testing.T) {
	for _, size := range []int{0, 40} {
		r := newResuming(t, size)
		r.set(r.data)
		r.write(t)
		past := time.Now().Add(-time.Hour).Truncate(time.Second)
		if err := os.Chtimes(r.local, past, past); err != nil {
			t.Fatal(err)
		}
		moved, err := r.session(7).GetFileContinue(t.Context(), "a", r.local)
		if err != nil || moved.Kept != int64(size) || moved.Size != int64(size) {
			t.Errorf("%d bytes: %v, %v", size, moved, err)
		}
		if sent := r.fetched(); len(sent) > 0 {
			t.Errorf("%d bytes: %q", size, sent)
		}
		if info, err := os.Stat(r.local); err != nil || !info.ModTime().Equal(past) {
			t.Errorf("%d bytes: %v, %v", size, info, err)
		}
		r.wantGot(t)
	}
}

// TestUnverifiedFileIsFetched: whatever its size and time say.
func TestUnverifiedFileIsFetched(t *testing.T) {
	for name, spoil := range map[string]func(r *resuming){
		"other bytes": func(r *resuming) {
			r.data = append([]byte{r.data[0] ^ 1}, r.data[1:]...)
			r.files["a"] = r.data
		},
		"longer there": func(r *resuming) {
			r.data = append(bytes.Clone(r.data), 'x')
			r.files["a"] = r.data
		},
		"no sums": func(r *resuming) { r.features &^= codec.FeatureSum },
		"sums refused": func(r *resuming) {
			r.refuse = func(q codec.Request) int {
				return map[codec.Verb]int{codec.VerbSum: 552}[q.Verb]
			}
		},
	} {
		r := newResuming(t, 40)
		r.set(r.data)
		r.write(t)
		r.change(func() { spoil(r) })
		moved, err := r.session(7).GetFileContinue(t.Context(), "a", r.local)
		if err != nil || moved.Kept != 0 || moved.Size != int64(len(r.data)) {
			t.Errorf("%s: %v, %v", name, moved, err)
		}
		if sent := r.fetched(); len(sent) == 0 {
			t.Errorf("%s: nothing was fetched", name)
		}
		r.wantGot(t)
	}
}

// TestCompleteFileDropsPartialDownload: what an earlier try left beside it goes.
func TestCompleteFileDropsPartialDownload(t *testing.T) {
	r := newResuming(t, 40)
	r.set(r.data)
	r.once(20, byClose)
	_, err := r.session(codec.FieldMax).GetFileContinue(t.Context(), "a", r.local)
	wantKind(t, err, ErrBroken)
	r.write(t)
	moved, err := r.session(codec.FieldMax).GetFileContinue(t.Context(), "a", r.local)
	if err != nil || moved.Kept != 40 {
		t.Errorf("%v, %v", moved, err)
	}
	r.wantGot(t)
}
