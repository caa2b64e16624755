package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ferry/codec"
)

func TestSegmentsMakeTheWholeFile(t *testing.T) {
	for _, size := range []int{0, 1, 2, 40, 1000} {
		for _, segments := range []int{1, 2, 3, 7, SegmentsMax} {
			r := newResuming(t, size)
			r.set(r.data)
			c := r.session(300)
			moved, err := c.GetSegments(t.Context(), "a", r.local, segments)
			if err != nil || moved.Size != int64(size) {
				t.Fatalf("%d in %d: %v, %v", size, segments, moved, err)
			}
			r.wantGot(t)
			hellos := r.asked("hello")
			if want := max(min(segments, size), 1); len(hellos) != want {
				t.Errorf("%d in %d: %d sessions, want %d", size, segments, len(hellos), want)
			}
			if err := c.Noop(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestSegmentThatFailsFailsTheFile: whichever it is, and nothing is left.
func TestSegmentThatFailsFailsTheFile(t *testing.T) {
	for i := range 4 {
		r := newResuming(t, 100)
		r.set(r.data)
		var all sync.WaitGroup
		all.Add(4)
		r.breaking = func(q codec.Request) (int64, breakage) {
			all.Done()
			all.Wait()
			if q.Offset == int64(25*i) {
				return 10, byReset
			}
			return -1, 0
		}
		c := r.session(300)
		_, err := c.GetSegments(t.Context(), "a", r.local, 4)
		if !errors.Is(err, ErrBroken) {
			t.Errorf("segment %d: %v", i, err)
		}
		wantFiles(t, r.dir, nil)
	}
}

func TestSegmentsOfDifferentFilesAreFound(t *testing.T) {
	for name, change := range map[string]func(r *resuming){
		"time": func(r *resuming) { r.set(r.data) },
		"bytes": func(r *resuming) {
			r.mu.Lock()
			defer r.mu.Unlock()
			other := random(100)
			other[0] ^= 1
			r.files["a"] = other
		},
	} {
		r := newResuming(t, 100)
		r.set(r.data)
		r.before = func(q codec.Request) {
			if q.Verb == codec.VerbStat && len(r.asked("stat")) == 2 || q.Verb == codec.VerbSum {
				change(r)
			}
		}
		_, err := r.session(300).GetSegments(t.Context(), "a", r.local, 2)
		if !errors.Is(err, ErrMismatch) && name == "bytes" {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			wantFiles(t, r.dir, nil)
		}
	}
}

func TestSegmentsNeedChecksums(t *testing.T) {
	r := newResuming(t, 100)
	r.set(r.data)
	for _, n := range []int{0, -1, SegmentsMax + 1} {
		_, err := r.session(300).GetSegments(t.Context(), "a", r.local, n)
		if err == nil || err.Error() != "a: segments are 1 to 32" {
			t.Errorf("%d segments: %v", n, err)
		}
	}
	r.features &^= codec.FeatureSum
	_, err := r.session(300).GetSegments(t.Context(), "a", r.local, 2)
	if !errors.Is(err, ErrUnsupported) || !strings.Contains(fmt.Sprint(err), "checksums") {
		t.Errorf("%v", err)
	}
	wantFiles(t, r.dir, nil)
}

func TestContextEndsAllSegments(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var begun atomic.Int32
	f := newStatusFake(t, func(s *session, q codec.Request) {
		switch q.Verb {
		case codec.VerbStat:
			s.reply(213, "file 90 2026-01-02T03:04:05Z")
		case codec.VerbGetPart:
			_ = s.offer(fmt.Sprint(q.Length, " 90"))
			if begun.Add(1) == 3 {
				cancel()
			}
			s.wantAbort()
		default:
			s.reply(200, "")
		}
	})
	c := f.dial(Options{Exchange: Status})
	c.segmentMin = 1
	dir := t.TempDir()
	_, err := c.GetSegments(ctx, "a", dir+"/a", 3)
	wantKind(t, err, ErrGivenUp)
	wantFiles(t, dir, nil)
	if err := c.Noop(t.Context()); err != nil {
		t.Error(err)
	}
}
