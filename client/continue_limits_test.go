package client

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"

	"ferry/codec"
)

func TestHeldPartIsAwaited(t *testing.T) {
	r := newResuming(t, 40)
	r.write(t)
	r.once(20, byClose)
	_, _ = r.session(codec.FieldMax).PutFileContinue(t.Context(), "a", r.local)
	var held atomic.Int32
	held.Store(3)
	r.change(func() {
		r.refuse = func(q codec.Request) int {
			if q.Verb == codec.VerbPartSize && held.Add(-1) >= 0 {
				return 450
			}
			return 0
		}
	})
	c := r.session(codec.FieldMax)
	c.busyWait = patience
	moved, err := c.PutFileContinue(t.Context(), "a", r.local)
	if err != nil || moved.Kept != 20 {
		t.Errorf("%v, %v", moved, err)
	}
	// One that is held for good is not taken from whoever holds it.
	r.once(20, byClose)
	_, _ = r.session(codec.FieldMax).PutFileContinue(t.Context(), "b", r.local)
	held.Store(1 << 30)
	_, err = r.session(codec.FieldMax).PutFileContinue(t.Context(), "b", r.local)
	wantKind(t, err, ErrBusy)
	held.Store(0)
	moved, err = r.session(codec.FieldMax).PutFileContinue(t.Context(), "b", r.local)
	if err != nil || moved.Kept != 20 {
		t.Errorf("%v, %v", moved, err)
	}
}

// TestUploadRefusedAtCommitKeepsPart: something stands under the name that is in the way, until
// it does not.
func TestUploadRefusedAtCommitKeepsPart(t *testing.T) {
	for _, code := range []int{550, 553} {
		r := newResuming(t, 40)
		r.write(t)
		var refusing atomic.Bool
		refusing.Store(true)
		r.change(func() {
			r.refuse = func(q codec.Request) int {
				if q.Verb == codec.VerbPutPart && q.Offset > 20 && refusing.Load() {
					return code
				}
				return 0
			}
		})
		_, err := r.session(7).PutFileContinue(t.Context(), "a", r.local)
		var e *Error
		if !errors.As(err, &e) || e.Code != code || len(r.parts) != 1 {
			t.Fatalf("%v, %d parts", err, len(r.parts))
		}
		refusing.Store(false)
		moved, err := r.session(7).PutFileContinue(t.Context(), "a", r.local)
		if err != nil || moved.Kept != 21 {
			t.Errorf("%v, %v", moved, err)
		}
		r.wantStored(t)
	}
}

// refuseParts has the keeper refuse newpart with a code.
func (r *resuming) refuseParts(code int) {
	r.change(func() {
		r.refuse = func(q codec.Request) int {
			return map[codec.Verb]int{codec.VerbNewPart: code}[q.Verb]
		}
	})
}

// TestUploadWithoutPartsGoesInOnePiece: the server keeps no more parts, or none in that place.
func TestUploadWithoutPartsGoesInOnePiece(t *testing.T) {
	for _, code := range []int{450, 502, 504} {
		r := newResuming(t, 40)
		r.write(t)
		r.refuseParts(code)
		moved, err := r.session(codec.FieldMax).PutFileContinue(t.Context(), "a", r.local)
		if err != nil || moved.Kept != 0 || moved.Stored != Confirmed {
			t.Errorf("%d: %v, %v", code, moved, err)
		}
		r.wantStored(t)
		if asked := r.asked("put"); len(asked) != 1 {
			t.Errorf("%d: asked %q", code, asked)
		}
	}
}

// TestOtherRefusalOfAPartIsAnError: a plain put would be refused too.
func TestOtherRefusalOfAPartIsAnError(t *testing.T) {
	for code, kind := range map[int]error{
		452: ErrNoSpace, 501: ErrArgument, 530: ErrNotAllowed, 550: ErrNotDone, 553: ErrName,
	} {
		r := newResuming(t, 40)
		r.write(t)
		r.refuseParts(code)
		moved, err := r.session(codec.FieldMax).PutFileContinue(t.Context(), "a", r.local)
		wantKind(t, err, kind)
		if asked := r.asked("put"); len(asked) != 0 || moved.Stored != NotStored {
			t.Errorf("%d: %v, asked %q", code, moved, asked)
		}
	}
}

// TestLargeUploadWithoutPartsSaysSo: a file that fits no field needs parts.
func TestLargeUploadWithoutPartsSaysSo(t *testing.T) {
	r := newResuming(t, 40)
	r.write(t)
	r.refuseParts(504)
	c := r.session(39)
	_, one := c.PutFileContinue(t.Context(), "a", r.local)
	_, two := c.PutFile(t.Context(), "a", r.local)
	for _, err := range []error{one, two} {
		var e *Error
		wantKind(t, err, ErrTooLarge)
		if !errors.As(err, &e) || e.Code != 504 ||
			err.Error() != "a: too large for one piece, and the server keeps no parts there" {
			t.Errorf("%v", err)
		}
	}
	if asked := r.asked("put", "putpart"); len(asked) != 0 {
		t.Errorf("asked %q", asked)
	}
}

// TestBusyChecksumIsRetried: a server computes so many at once for an address.
func TestBusyChecksumIsRetried(t *testing.T) {
	r := newResuming(t, 40)
	r.write(t)
	r.once(20, byClose)
	_, _ = r.session(codec.FieldMax).PutFileContinue(t.Context(), "a", r.local)
	var busy atomic.Int32
	r.change(func() {
		r.refuse = func(q codec.Request) int {
			switch q.Verb {
			case codec.VerbPartSum, codec.VerbSumPart, codec.VerbSum:
				if busy.Add(1)%3 != 0 {
					return 450
				}
			default:
			}
			return 0
		}
	})
	moved, err := r.session(codec.FieldMax).PutFileContinue(t.Context(), "a", r.local)
	if err != nil || moved.Kept != 20 {
		t.Errorf("put: %v, %v", moved, err)
	}
	back := filepath.Join(r.dir, "back")
	r.once(20, byClose)
	_, _ = r.session(codec.FieldMax).GetFileContinue(t.Context(), "a", back)
	moved, err = r.session(codec.FieldMax).GetFileContinue(t.Context(), "a", back)
	if err != nil || moved.Kept != 20 {
		t.Errorf("get: %v, %v", moved, err)
	}
	if _, err := r.session(codec.FieldMax).GetSegments(t.Context(), "a", back, 2); err != nil {
		t.Errorf("segments: %v", err)
	}
}

// TestRefusedChecksumIsNoMismatch: what is known is said, and no more.
func TestRefusedChecksumIsNoMismatch(t *testing.T) {
	r := newResuming(t, 40)
	r.set(r.data)
	r.once(20, byClose)
	_, _ = r.session(codec.FieldMax).GetFileContinue(t.Context(), "a", r.local)
	r.change(func() {
		r.refuse = func(q codec.Request) int {
			return map[codec.Verb]int{codec.VerbSum: 552}[q.Verb]
		}
	})
	moved, err := r.session(codec.FieldMax).GetFileContinue(t.Context(), "a", r.local)
	if err != nil || moved.Kept != 20 {
		t.Errorf("get: %v, %v", moved, err)
	}
	_, err = r.session(codec.FieldMax).GetSegments(t.Context(), "a", r.local, 2)
	if !errors.Is(err, ErrTooLarge) || errors.Is(err, ErrMismatch) {
		t.Errorf("segments: %v", err)
	}
}

func TestContextKeepsThePart(t *testing.T) {
	r := newResuming(t, 3<<20)
	r.write(t)
	ctx, cancel := context.WithCancel(t.Context())
	c := r.dialStatus(Options{NotesFolder: r.notes, Progress: func(moved, _ int64) {
		if moved > 1<<20 {
			cancel()
		}
	}})
	_, err := c.PutFileContinue(ctx, "a", r.local)
	wantKind(t, err, ErrGivenUp)
	moved, err := r.session(codec.FieldMax).PutFileContinue(t.Context(), "a", r.local)
	if err != nil || moved.Kept < 1<<20 {
		t.Errorf("%v, %v", moved, err)
	}
	r.wantStored(t)
}

func TestSmallUploadUsesNoPart(t *testing.T) {
	r := newResuming(t, continueMin-1)
	r.write(t)
	c := r.dialStatus(Options{NotesFolder: r.notes})
	moved, err := c.PutFileContinue(t.Context(), "a", r.local)
	if err != nil || moved.Stored != Confirmed || len(r.asked("newpart")) > 0 {
		t.Errorf("%v, %v", moved, err)
	}
	// Nor are any where the server keeps none.
	r.change(func() { r.features &^= codec.FeatureParts })
	r.data = random(continueMin)
	r.write(t)
	c = r.dialStatus(Options{NotesFolder: r.notes})
	if _, err = c.PutFileContinue(t.Context(), "a", r.local); err != nil ||
		len(r.asked("newpart")) > 0 {
		t.Error(err)
	}
	r.wantStored(t)
}

// TestUploadSucceedsWithoutNotes: the upload itself goes well.
func TestUploadSucceedsWithoutNotes(t *testing.T) {
	r := newResuming(t, 40)
	r.write(t)
	r.notes = filepath.Join(r.local, "below", "a", "file")
	moved, err := r.session(7).PutFileContinue(t.Context(), "a", r.local)
	if err != nil || moved.Stored != Confirmed || !bytes.Equal(r.get("a"), r.data) {
		t.Errorf("%v, %v", moved, err)
	}
}
