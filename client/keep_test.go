package client

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ferry/codec"
)

// wantGot fails the test unless the folder holds the file, and nothing of its way.
func (r *resuming) wantGot(t *testing.T) {
	t.Helper()
	wantFiles(t, r.dir, map[string]string{"local": string(r.data)})
}

// TestDownloadResumesFromEveryByte: broken at each byte, in each way, and with each size of pieces.
func TestDownloadResumesFromEveryByte(t *testing.T) {
	const size = 40
	for how := range breakages {
		for _, piece := range []int64{7, codec.FieldMax} {
			for after := range int64(min(size, piece)) {
				r := newResuming(t, size)
				r.set(r.data)
				r.once(after, how)
				_, err := r.session(piece).GetFileContinue(t.Context(), "a", r.local)
				if !errors.Is(err, ErrBroken) && !errors.Is(err, ErrLost) {
					t.Fatalf("broken %d at %d: %v", how, after, err)
				}
				if _, err := os.Stat(r.local); !errors.Is(err, os.ErrNotExist) {
					t.Fatalf("a part has the file's name: %v", err)
				}
				moved, err := r.session(piece).GetFileContinue(t.Context(), "a", r.local)
				if err != nil || moved.Size != size {
					t.Fatalf("broken %d at %d: %v, %v", how, after, moved, err)
				}
				// What a reset meets on its way may be lost.
				if moved.Kept > after || how == byClose && moved.Kept != after {
					t.Errorf("broken %d at %d: %d were kept", how, after, moved.Kept)
				}
				r.wantGot(t)
			}
		}
	}
}

func TestDownloadArrivesDespiteRepeatedBreaks(t *testing.T) {
	r := newResuming(t, 300_000)
	r.set(r.data)
	writeFile(t, r.dir, "local", "what was there")
	r.always(30_000, 5)
	for tries := 0; ; tries++ {
		moved, err := r.session(codec.FieldMax).GetFileContinue(t.Context(), "a", r.local)
		if err == nil {
			if moved.Kept < 200_000 || tries < 5 {
				t.Errorf("%d kept after %d tries", moved.Kept, tries)
			}
			break
		}
		if old, _ := os.ReadFile(r.local); string(old) != "what was there" {
			t.Fatalf("a part has the file's name: %.20q", old)
		}
		if tries > 1000 {
			t.Fatal(err)
		}
	}
	r.wantGot(t)
}

// TestDownloadRestartsOnDifferentPrefix: what a resume by size alone would corrupt.
func TestDownloadRestartsOnDifferentPrefix(t *testing.T) {
	for name, spoil := range map[string]func(r *resuming, hidden string){
		"other bytes here": func(_ *resuming, hidden string) {
			b, _ := os.ReadFile(hidden)
			b[3] ^= 1
			_ = os.WriteFile(hidden, b, 0o600)
		},
		"too long here": func(r *resuming, hidden string) {
			_ = os.WriteFile(hidden, append(slices.Clone(r.data), 'x'), 0o600)
		},
		"another file there": func(r *resuming, _ string) {
			r.data = random(41)
			r.files["a"] = r.data
		},
		"a newer file there": func(r *resuming, _ string) {
			r.times["a"] = r.times["a"].Add(time.Second)
		},
		"other bytes there": func(r *resuming, _ string) {
			// As old as before, and as long: sums alone tell.
			r.data = append([]byte{r.data[0] ^ 1}, r.data[1:]...)
			r.files["a"] = r.data
		},
		"no sums": func(r *resuming, _ string) { r.features &^= codec.FeatureSum },
		"no note": func(_ *resuming, hidden string) { _ = os.Remove(hidden + noteEnd) },
		"bad note": func(_ *resuming, hidden string) {
			_ = os.WriteFile(hidden+noteEnd, nil, 0o600)
		},
		"sums refused": func(r *resuming, _ string) {
			r.refuse = func(q codec.Request) int {
				return map[codec.Verb]int{codec.VerbSumPart: 530}[q.Verb]
			}
		},
	} {
		r := newResuming(t, 40)
		r.set(r.data)
		r.once(20, byClose)
		_, err := r.session(codec.FieldMax).GetFileContinue(t.Context(), "a", r.local)
		wantKind(t, err, ErrBroken)
		r.change(func() { spoil(r, keptPath(r.local)) })
		moved, err := r.session(codec.FieldMax).GetFileContinue(t.Context(), "a", r.local)
		if err != nil || moved.Kept != 0 {
			t.Errorf("%s: %v, %v", name, moved, err)
		}
		r.wantGot(t)
	}
}

// TestResumeRefusesFileFromOtherServer: whatever its bytes are.
func TestResumeRefusesFileFromOtherServer(t *testing.T) {
	r := newResuming(t, 40)
	r.set(r.data)
	r.once(20, byClose)
	_, _ = r.session(codec.FieldMax).GetFileContinue(t.Context(), "a", r.local)
	c := r.dialStatus(Options{ServerName: "another"})
	moved, err := c.GetFileContinue(t.Context(), "a", r.local)
	if err != nil || moved.Kept != 0 {
		t.Errorf("%v, %v", moved, err)
	}
	r.wantGot(t)
}

// TestFileChangedDuringDownloadIsMismatch: in size, in time, or in bytes alone.
func TestFileChangedDuringDownloadIsMismatch(t *testing.T) {
	for name, change := range map[string]func(r *resuming){
		"size": func(r *resuming) { r.set(random(41)) },
		"time": func(r *resuming) { r.set(random(40)) },
		"bytes": func(r *resuming) {
			r.mu.Lock()
			defer r.mu.Unlock()
			other := random(40)
			other[0] ^= 1
			r.files["a"] = other
		},
	} {
		r := newResuming(t, 40)
		r.set(r.data)
		r.once(6, byClose)
		_, err := r.session(7).GetFileContinue(t.Context(), "a", r.local)
		wantKind(t, err, ErrBroken)
		r.change(func() {
			r.before = func(q codec.Request) {
				if q.Verb == codec.VerbGetPart && q.Offset == 13 {
					change(r)
				}
			}
		})
		_, err = r.session(7).GetFileContinue(t.Context(), "a", r.local)
		if !errors.Is(err, ErrMismatch) {
			t.Errorf("%s: %v", name, err)
		}
		wantFiles(t, r.dir, nil)
	}
}

func TestMissingFileLeavesNothing(t *testing.T) {
	r := newResuming(t, 40)
	_, err := r.session(7).GetFileContinue(t.Context(), "a", r.local)
	wantKind(t, err, ErrNotFound)
	_, err = r.session(7).GetFileContinue(t.Context(), "", r.local)
	wantKind(t, err, ErrName)
	_, err = r.session(7).GetFileContinue(t.Context(), "a", r.dir)
	wantKind(t, err, ErrLocal)
	_, err = r.session(7).GetSegments(t.Context(), "a", r.local, 3)
	wantKind(t, err, ErrNotFound)
	wantFiles(t, r.dir, nil)
}

func TestEmptyFileCanBeResumed(t *testing.T) {
	r := newResuming(t, 0)
	r.set(r.data)
	moved, err := r.session(7).GetFileContinue(t.Context(), "a", r.local)
	if err != nil || moved.Size != 0 {
		t.Errorf("%v, %v", moved, err)
	}
	r.wantGot(t)
	moved, err = r.session(7).PutFileContinue(t.Context(), "b", r.local)
	if err != nil || moved.Stored != Confirmed || len(r.get("b")) != 0 {
		t.Errorf("%v, %v", moved, err)
	}
}

// TestOversizedPieceIsRefused: what is too much would fill the disk, or be written over what
// another segment fetched.
func TestOversizedPieceIsRefused(t *testing.T) {
	const size = 40
	f := newStatusFake(t, func(s *session, q codec.Request) {
		switch q.Verb {
		case codec.VerbStat:
			s.reply(213, "file 40 2026-01-02T03:04:05Z")
		case codec.VerbGetPart:
			conn := s.offer("41 40")
			finish(conn, record(string(random(size+1))))
			s.reply(226, "41")
		default:
			s.reply(554, "not here")
		}
	})
	local := filepath.Join(t.TempDir(), "a")
	c := f.dial(Options{Exchange: Status, NotesFolder: t.TempDir()})
	_, err := c.GetFileContinue(t.Context(), "a", local)
	wantKind(t, err, ErrProtocol)
	if !strings.Contains(err.Error(), "41 bytes are offered where 40 were asked for") {
		t.Error(err)
	}
	if _, there := os.Stat(local); there == nil || KeptOf(local) > 0 {
		t.Errorf("there is a file, or %d bytes of it", KeptOf(local))
	}
}

// TestConcurrentDownloadToPathIsBusy: and the other says so.
func TestConcurrentDownloadToPathIsBusy(t *testing.T) {
	r := newResuming(t, 40)
	r.set(r.data)
	var once atomic.Bool
	r.before = func(q codec.Request) {
		if q.Verb != codec.VerbGetPart || once.Swap(true) {
			return
		}
		_, err := r.session(7).GetFileContinue(t.Context(), "a", r.local)
		wantKind(t, err, ErrBusy)
	}
	if _, err := r.session(7).GetFileContinue(t.Context(), "a", r.local); err != nil {
		t.Error(err)
	}
	r.wantGot(t)
}

// TestHiddenNameIsNotFollowed: a link there leads nowhere.
// TestHiddenNamesAreReserved: neither a server nor somebody else here puts another file
// where a download grows.
func TestHiddenNamesAreReserved(t *testing.T) {
	r := newResuming(t, 40)
	r.set(r.data)
	hidden := keptPath(r.local)
	for _, text := range []string{
		filepath.Base(hidden), strings.ToUpper(filepath.Base(hidden)) + noteEnd, ".ferry-part-X",
	} {
		_, err := LocalName("folder/" + text)
		wantKind(t, err, ErrName)
		_, err = r.session(7).GetFile(t.Context(), "a", filepath.Join(r.dir, text))
		wantKind(t, err, ErrName)
	}
	r.change(func() {
		r.before = func(q codec.Request) {
			if q.Verb == codec.VerbGetPart && q.Offset > 0 {
				other := filepath.Join(r.dir, "other")
				err := os.WriteFile(other, []byte("another's"), 0o600)
				if err == nil {
					err = os.Rename(other, hidden)
				}
				if err != nil {
					t.Error(err)
				}
			}
		}
	})
	_, err := r.session(7).GetFileContinue(t.Context(), "a", r.local)
	wantKind(t, err, ErrLocal)
	if text, err := os.ReadFile(r.local); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%q, %v", text, err)
	}
}

// TestDownloadOverReadOnlyFileResumes: the old file's mode is for who reads it.
func TestDownloadOverReadOnlyFileResumes(t *testing.T) {
	r := newResuming(t, 40)
	r.set(r.data)
	writeFile(t, r.dir, "local", "old")
	if err := os.Chmod(r.local, 0o444); err != nil {
		t.Fatal(err)
	}
	r.once(20, byClose)
	_, err := r.session(codec.FieldMax).GetFileContinue(t.Context(), "a", r.local)
	wantKind(t, err, ErrBroken)
	// Whoever runs the test may be somebody who can write to everything.
	info, err := os.Stat(keptPath(r.local))
	if err != nil || info.Mode().Perm()&ownerMode != ownerMode {
		t.Fatalf("%v, %v", info, err)
	}
	moved, err := r.session(codec.FieldMax).GetFileContinue(t.Context(), "a", r.local)
	if err != nil || moved.Kept != 20 {
		t.Fatalf("%v, %v", moved, err)
	}
	if info, err = os.Stat(r.local); err != nil || info.Mode().Perm() != 0o444 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestHiddenNameIsNotFollowed(t *testing.T) {
	r := newResuming(t, 40)
	r.set(r.data)
	outside := filepath.Join(t.TempDir(), "target")
	if err := os.WriteFile(outside, []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, keptPath(r.local)); err != nil {
		t.Skip(err)
	}
	_, err := r.session(7).GetFileContinue(t.Context(), "a", r.local)
	wantKind(t, err, ErrLocal)
	wantFiles(t, filepath.Dir(outside), map[string]string{"target": "outside"})
}

// TestHiddenNameMakesNothingElsewhere: nor does a link to what is not there have it made.
func TestHiddenNameMakesNothingElsewhere(t *testing.T) {
	if noFollow == 0 {
		t.Skip("links are followed here")
	}
	r := newResuming(t, 40)
	r.set(r.data)
	elsewhere := t.TempDir()
	hidden := keptPath(r.local)
	if err := os.Symlink(filepath.Join(elsewhere, "made"), hidden); err != nil {
		t.Skip(err)
	}
	_, err := r.session(7).GetFileContinue(t.Context(), "a", r.local)
	wantKind(t, err, ErrLocal)
	wantFiles(t, elsewhere, nil)
}

// TestReplacedDownloadIsNotCommitted: neither a file that somebody puts there, nor a name that a
// server lists.
func TestReplacedDownloadIsNotCommitted(t *testing.T) {
	r := newResuming(t, 40)
	r.set(r.data)
	hidden := keptPath(r.local)
	r.before = func(q codec.Request) {
		if q.Verb == codec.VerbGetPart && q.Offset == 14 {
			other := filepath.Join(t.TempDir(), "other")
			if err := os.WriteFile(other, []byte("another's"), 0o600); err != nil {
				t.Error(err)
			}
			if err := os.Rename(other, hidden); err != nil {
				t.Error(err)
			}
		}
	}
	_, err := r.session(7).GetFileContinue(t.Context(), "a", r.local)
	if !errors.Is(err, ErrLocal) && !errors.Is(err, ErrMismatch) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(r.local); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it has the name: %v", err)
	}
	for _, name := range []string{filepath.Base(hidden), keptPrefix + "x", ".Ferry-Part-X"} {
		if _, err := LocalName("pub/" + name); !errors.Is(err, ErrName) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestReadOnlyFileIsFetchedAfterBreak: what grows can be written whatever mode the old file has.
func TestReadOnlyFileIsFetchedAfterBreak(t *testing.T) {
	r := newResuming(t, 40)
	r.set(r.data)
	if err := os.WriteFile(r.local, []byte("old"), 0o400); err != nil {
		t.Fatal(err)
	}
	r.once(6, byClose)
	_, err := r.session(7).GetFileContinue(t.Context(), "a", r.local)
	wantKind(t, err, ErrBroken)
	info, err := os.Stat(keptPath(r.local))
	if err != nil || info.Mode().Perm()&0o200 == 0 {
		t.Fatalf("%v, %v", info, err)
	}
	if _, err = r.session(7).GetFileContinue(t.Context(), "a", r.local); err != nil {
		t.Fatal(err)
	}
	if info, err = os.Stat(r.local); err != nil || info.Mode().Perm() != 0o400 {
		t.Errorf("%v, %v", info, err)
	}
	r.wantGot(t)
}

func TestLongestLocalNameCanBeResumed(t *testing.T) {
	r := newResuming(t, 40)
	r.set(r.data)
	r.once(20, byClose)
	local := filepath.Join(r.dir, strings.Repeat("n", 255))
	_, err := r.session(codec.FieldMax).GetFileContinue(t.Context(), "a", local)
	wantKind(t, err, ErrBroken)
	moved, err := r.session(codec.FieldMax).GetFileContinue(t.Context(), "a", local)
	if err != nil || moved.Kept != 20 {
		t.Errorf("%v, %v", moved, err)
	}
}

func TestDownloadKeepsMode(t *testing.T) {
	r := newResuming(t, 40)
	r.set(r.data)
	writeFile(t, r.dir, "local", "old")
	if _, err := r.session(7).GetFileContinue(t.Context(), "a", r.local); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(r.local); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
