//go:build linux && !ferryportable

package dir

import (
	"os"
	"testing"

	"ferry/fsio"
)

// inMemory counts which of the first n bytes' pages are in memory, or skips where nobody says.
func inMemory(t *testing.T, f *fsio.File, n int64) uint64 {
	t.Helper()
	pages, err := pagesInMemory(f.Descriptor, 0, n)
	if err != nil {
		t.Skipf("cachestat: %v", err)
	}
	return pages
}

// TestSumsLeaveMemoryAsItWas sums up a file of which a part is in memory.
func TestSumsLeaveMemoryAsItWas(t *testing.T) {
	dir := scratch(t)
	const size = 16 * fsio.SumPiece
	write(t, dir+"/a", string(noise(size)))
	r := openDefault(t, dir, Options{})
	f := openFile(t, r)
	drop(t, dir+"/a", 0, size)
	if inMemory(t, f, size) != 0 {
		t.Skip("this filesystem keeps everything in memory")
	}
	const warm = 4 * fsio.SumPiece
	check(t, f.ReadAhead(0, warm, make([]byte, fsio.SumPiece)))
	page := int64(os.Getpagesize())
	before := inMemory(t, f, size)
	for range 2 {
		d, err := fsio.Sum(nil, f, fsio.AlgoXXH3, 0, -1)
		check(t, err)
		if d.Hex() != wholeSum(fsio.AlgoXXH3, noise(size)) {
			t.Fatalf("got %s", d.Hex())
		}
		if got := inMemory(t, f, warm); got != uint64(warm/page) {
			t.Fatalf("%d pages of %d that were in memory are left", got, warm/page)
		}
		// What is read ahead at the warm piece's end may stay: it may be somebody's.
		if got := inMemory(t, f, size); got > before+2*uint64(fsio.SumPiece/page) {
			t.Fatalf("%d pages are in memory, %d were", got, before)
		}
	}
	// Nor does a sum that is stopped leave what it asked for.
	drop(t, dir+"/a", 0, size)
	asked := 0
	_, err := fsio.Sum(func() bool { asked++; return asked > 3 }, f, fsio.AlgoXXH3, 0, -1)
	if got := inMemory(t, f, size); got > 2*uint64(fsio.SumPiece/page) {
		t.Fatalf("%d pages are left, %v", got, err)
	}
}
