package dir

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/zeebo/xxh3"

	"ferry/codec"
	"ferry/fsio"
)

// noise returns n bytes that are the same in every run.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1, 2, 3}).Read(b)
	return b
}

// wholeSum sums up bytes that are in memory, by the libraries' calls for that.
func wholeSum(a fsio.Algo, b []byte) string {
	if a == codec.AlgoXXH3 {
		sum := xxh3.Hash128(b).Bytes()
		return hex.EncodeToString(sum[:])
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// openFile opens the file a for as long as the test runs.
func openFile(t testing.TB, r *store) *fsio.File {
	t.Helper()
	f := &fsio.File{}
	check(t, r.Open(f, name(t, r, "a")))
	t.Cleanup(func() { check(t, f.Close()) })
	return f
}

func TestSumsOfTheEmptyFileAreTheOnesThatEverybodyKnows(t *testing.T) {
	dir := scratch(t)
	write(t, dir+"/a", "")
	r := openDefault(t, dir, Options{})
	for a, want := range map[fsio.Algo]string{
		codec.AlgoXXH3:   "99aa06d3014798d86001c324468d497f",
		codec.AlgoSHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	} {
		d, err := fsio.Sum(nil, openFile(t, r), a, 0, -1)
		if err != nil || d.Hex != want || d.Size != 0 {
			t.Errorf("%v: got %s of %d bytes, %v; want %s", a, d.Hex, d.Size, err, want)
		}
	}
}

// TestSumsByPiecesAreSumsOfTheWhole also cuts reads short.
func TestSumsByPiecesAreSumsOfTheWhole(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		data := noise(3*fsio.SumPiece + 1000)
		write(t, dir+"/a", string(data))
		short := open(t, dir, Options{Fault: func(op fsio.Op, _ fsio.Name) error {
			if op == fsio.OpRead {
				return Short(100_003)
			}
			return nil
		}})
		for _, r := range []*store{open(t, dir, Options{}), short} {
			f := openFile(t, r)
			for _, c := range [][2]int{
				{0, len(data)},
				{0, -1},
				{0, 0},
				{0, 1},
				{1, 239},
				{17, 240},
				{0, 1 << 10},
				{5, fsio.SumPiece - 1},
				{5, fsio.SumPiece},
				{5, fsio.SumPiece + 1},
				{0, 2 * fsio.SumPiece},
				{fsio.SumPiece, fsio.SumPiece},
				{len(data) - 1, -1},
				{len(data), -1},
				{len(data), 5},
				{len(data) - 5, 100},
				{1 << 40, 10},
				{1, 3 * fsio.SumPiece},
			} {
				from := min(c[0], len(data))
				to := len(data)
				if c[1] >= 0 {
					to = min(from+c[1], to)
				}
				for _, a := range []fsio.Algo{codec.AlgoXXH3, codec.AlgoSHA256} {
					d, err := fsio.Sum(nil, f, a, int64(c[0]), int64(c[1]))
					want := wholeSum(a, data[from:to])
					if err != nil || d.Hex != want || d.Size != int64(to-from) {
						t.Errorf("%v of %v: got %s of %d bytes, %v; want %s of %d",
							a, c, d.Hex, d.Size, err, want, to-from)
					}
				}
			}
		}
	})
}

func TestPartsAreSummedUpAsFarAsTheyGo(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		r := open(t, dir, Options{})
		data := noise(fsio.SumPiece + 5)
		p, err := r.OpenPart(keep(t, r, "a", string(data)))
		check(t, err)
		d, err := fsio.Sum(nil, p, codec.AlgoSHA256, 0, -1)
		if err != nil || d.Hex != wholeSum(codec.AlgoSHA256, data) || d.Size != int64(len(data)) {
			t.Errorf("got %s, %v", d.Hex, err)
		}
		_, err = fsio.Sum(func() bool { return true }, p, codec.AlgoXXH3, 0, -1)
		if !errors.Is(err, fsio.ErrStopped) {
			t.Errorf("got %v", err)
		}
		check(t, p.Drop())
		_, err = fsio.Sum(nil, p, codec.AlgoXXH3, 0, -1)
		wantKind(t, err, fsio.KindIO)
	})
}

func TestSumsStopBetweenPieces(t *testing.T) {
	dir := scratch(t)
	write(t, dir+"/a", string(noise(5*fsio.SumPiece)))
	read := 0
	r := openDefault(t, dir, Options{Fault: func(op fsio.Op, _ fsio.Name) error {
		if op == fsio.OpRead {
			read++
		}
		return nil
	}})
	f := openFile(t, r)
	for pieces := range 5 {
		asked := 0
		read = 0
		d, err := fsio.Sum(func() bool { asked++; return asked > pieces }, f, codec.AlgoXXH3, 0, -1)
		if !errors.Is(err, fsio.ErrStopped) || d != (fsio.Digest{}) || read != pieces {
			t.Errorf("after %d pieces: %d read, %v", pieces, read, err)
		}
	}
}

func TestFaultsOfSumsReachTheCaller(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		data := noise(2*fsio.SumPiece + 1)
		write(t, dir+"/a", string(data))
		for failing := 0; ; failing++ {
			calls := 0
			r := open(t, dir, Options{Fault: func(op fsio.Op, _ fsio.Name) error {
				if op != fsio.OpRead && op != fsio.OpStat {
					return nil
				}
				if calls++; calls-1 == failing {
					return syscall.EIO
				}
				return nil
			}})
			c := fsio.NewSumCache(4096)
			d, err := c.Sum(nil, openFile(t, r), codec.AlgoXXH3, 0, -1)
			if calls <= failing {
				check(t, err)
				if failing < 4 { // A look, and three pieces.
					t.Fatalf("%d calls", failing)
				}
				return
			}
			// A look that fails costs the cache its entry, and nobody the sum.
			if err == nil && d.Hex != wholeSum(codec.AlgoXXH3, data) ||
				err != nil && d != (fsio.Digest{}) {
				t.Fatalf("call %d failed: got %v, %v", failing, d, err)
			}
			if err != nil {
				wantKind(t, err, fsio.KindIO)
			}
		}
	})
}

func TestSumsHoldNoFileInMemory(t *testing.T) {
	skipUnderRace(t)
	dir := scratch(t)
	write(t, dir+"/a", "")
	const size = 256 << 20
	check(t, os.Truncate(dir+"/a", size))
	r := openDefault(t, dir, Options{})
	f := openFile(t, r)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	d, err := fsio.Sum(nil, f, codec.AlgoXXH3, 0, -1)
	runtime.ReadMemStats(&after)
	if err != nil || d.Size != size {
		t.Fatalf("%d bytes, %v", d.Size, err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 8*fsio.SumPiece {
		t.Fatalf("took %d bytes of memory for %d", took, size)
	}
}

// later is a cache for which every file of the test is old.
func later(sumsMax int) *fsio.SumCache {
	c := fsio.NewSumCache(sumsMax)
	c.Now = func() time.Time { return time.Now().Add(time.Minute) }
	return c
}

func TestSumsAreKnownWhileTheFileIsTheSame(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		write(t, dir+"/a", "first")
		reads := 0
		r := open(t, dir, Options{Fault: func(op fsio.Op, _ fsio.Name) error {
			if op == fsio.OpRead {
				reads++
			}
			return nil
		}})
		c := later(4096)
		wantReads := func(what string, want int, off, n int64) fsio.Digest {
			t.Helper()
			reads = 0
			f := openFile(t, r)
			d, err := c.Sum(nil, f, codec.AlgoXXH3, off, n)
			if err != nil || min(reads, 1) != want {
				t.Fatalf("%s: %d reads, %v", what, reads, err)
			}
			known, ok := c.Known(f, codec.AlgoXXH3, off, n)
			if !ok || known != d {
				t.Fatalf("%s: known: %v, %t; want %v", what, known, ok, d)
			}
			return d
		}
		first := wantReads("new", 1, 0, -1)
		if wantReads("again", 0, 0, -1) != first {
			t.Fatal("another sum")
		}
		wantReads("another range", 1, 1, 2)
		if _, ok := c.Known(openFile(t, r), codec.AlgoSHA256, 0, -1); ok {
			t.Fatal("another algorithm is known")
		}
		// The same size and time, and other bytes: the inode's own time tells.
		info, err := os.Stat(dir + "/a")
		check(t, err)
		before, err := identify(openFile(t, r).Descriptor)
		check(t, err)
		write(t, dir+"/a", "other")
		for after := before; after.Changed == before.Changed; { // Until the clock has ticked.
			check(t, os.Chtimes(dir+"/a", info.ModTime(), info.ModTime()))
			after, err = identify(openFile(t, r).Descriptor)
			check(t, err)
		}
		if wantReads("changed and set back", 1, 0, -1) == first {
			t.Fatal("the old sum of a changed file")
		}
		check(t, r.StoreSmall(name(t, r, "a"), []byte("third"), fsio.CommitOptions{}))
		wantReads("replaced", 1, 0, -1)
	})
}

// TestFreshFilesAreNotBelieved changes a file without a change of its size or, as far as its
// filesystem tells, its time.
func TestFreshFilesAreNotBelieved(t *testing.T) {
	dir := scratch(t)
	write(t, dir+"/a", "first")
	r := openDefault(t, dir, Options{})
	f := openFile(t, r)
	c := fsio.NewSumCache(4096)
	_, err := c.Sum(nil, f, codec.AlgoXXH3, 0, -1)
	check(t, err)
	if _, ok := c.Known(f, codec.AlgoXXH3, 0, -1); ok {
		t.Fatal("a file that was written just now is believed")
	}
}

// TestFilesThatChangeWhileTheyAreSummedAreNotBelieved writes between two pieces.
func TestFilesThatChangeWhileTheyAreSummedAreNotBelieved(t *testing.T) {
	dir := scratch(t)
	write(t, dir+"/a", string(noise(2*fsio.SumPiece)))
	r := openDefault(t, dir, Options{})
	f := openFile(t, r)
	c := later(4096)
	asked := 0
	_, err := c.Sum(func() bool {
		if asked++; asked == 2 {
			g, err := os.OpenFile(dir+"/a", os.O_WRONLY, 0)
			check(t, err)
			_, err = g.WriteAt([]byte("x"), 0)
			check(t, errors.Join(err, g.Close()))
		}
		return false
	}, f, codec.AlgoXXH3, 0, -1)
	check(t, err)
	if _, ok := c.Known(f, codec.AlgoXXH3, 0, -1); ok {
		t.Fatal("believed")
	}
}

func TestSumCachesAreBounded(t *testing.T) {
	dir := scratch(t)
	write(t, dir+"/a", "0123456789")
	r := openDefault(t, dir, Options{})
	f := openFile(t, r)
	c := later(3)
	sum := func(off int64) {
		_, err := c.Sum(nil, f, codec.AlgoXXH3, off, 1)
		check(t, err)
	}
	for off := range int64(10) {
		sum(off)
		known := 0
		for k := range off + 1 {
			if _, ok := c.Known(f, codec.AlgoXXH3, k, 1); ok {
				known++
			}
		}
		if _, ok := c.Known(f, codec.AlgoXXH3, off, 1); !ok || known > 3 {
			t.Errorf("after sum %d: %t, %d are known", off, ok, known)
		}
	}
	var askers sync.WaitGroup
	for i := range 4 {
		askers.Go(func() {
			var f fsio.File
			if err := r.Open(&f, name(t, r, "a")); err != nil {
				t.Error(err)
				return
			}
			for k := range 200 {
				off := int64((i + k) % 10)
				d, err := c.Sum(nil, &f, codec.AlgoXXH3, off, 1)
				if err != nil || d.Hex != wholeSum(codec.AlgoXXH3, []byte{byte('0' + off)}) {
					t.Errorf("got %s, %v", d.Hex, err)
				}
			}
			_ = f.Close()
		})
	}
	askers.Wait()
}

func BenchmarkSum(b *testing.B) {
	dir := scratch(b)
	const size = 64 << 20
	write(b, dir+"/a", string(noise(size)))
	r := openDefault(b, dir, Options{})
	f := openFile(b, r)
	for name, a := range map[string]fsio.Algo{"xxh3": codec.AlgoXXH3, "sha256": codec.AlgoSHA256} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				_, err := fsio.Sum(nil, f, a, 0, -1)
				check(b, err)
			}
		})
	}
}
