package fsio

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"sync"

	"github.com/zeebo/xxh3"
)

// Algo is a way to sum bytes up. The values are those of package codec.
type Algo uint8

// The sums.
const (
	AlgoXXH3   Algo = iota + 1 // XXH3 with 128 bits: some 10 GB a second, no proof against malice.
	AlgoSHA256                 // SHA-256: some 1.5 GB a second where the processor helps.
)

// Digest is a sum of bytes. It is compared with ==.
type Digest struct {
	// Size is how many bytes were summed up: fewer than asked for where the file ends earlier.
	Size int64
	// Hex is the sum in hexadecimal digits, in lower case: 32 of XXH3, in its canonical order, or
	// 64.
	Hex string
}

// ErrStopped is what a sum returns that was told to stop. It comes bare.
var ErrStopped error = &cause{KindBusy, "told to stop"}

// SumPiece is how much of a file is summed up between two looks at stop, and read at a time:
// 0.4 ms of work with SHA-256, and as much memory for each sum that runs; while stop keeps it
// waiting it has none.
const SumPiece = 512 << 10

var sumPieces = sync.Pool{New: func() any {
	b := make([]byte, SumPiece)
	return &b
}}

// Sum returns the checksum of n bytes at off of the file, or of all that follow off if n is
// negative. It takes long and belongs on a worker; before each piece of 512 KiB it asks stop,
// unless that is nil, and returns ErrStopped if that says so. It does not notice that the file
// changes meanwhile. Errors are those of File.ReadAt.
func Sum(stop func() bool, f *File, a Algo, off, n int64) (Digest, error) {
	return sum(stop, f, a, off, n)
}

// SumPart returns the checksum of all that is kept of a part, as Sum does. The part's holder calls
// it.
func SumPart(stop func() bool, p Part, a Algo) (Digest, error) {
	return sum(stop, p, a, 0, p.Size())
}

func sum(stop func() bool, r io.ReaderAt, a Algo, off, n int64) (Digest, error) {
	state, digits, err := newHash(a)
	if err != nil {
		return Digest{}, err
	}
	var d Digest
	for n < 0 || d.Size < n {
		if stop != nil && stop() {
			return Digest{}, ErrStopped
		}
		length := int64(SumPiece)
		if n >= 0 {
			length = min(length, n-d.Size)
		}
		got, err := add(state, r, off+d.Size, length)
		d.Size += int64(got)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Digest{}, err
		}
	}
	d.Hex = digits()
	return d, nil
}

func add(state io.Writer, r io.ReaderAt, off, n int64) (got int, err error) {
	buffer := sumPieces.Get().(*[]byte)
	defer sumPieces.Put(buffer)
	got, err = r.ReadAt((*buffer)[:n], off)
	_, _ = state.Write((*buffer)[:got]) // A hash never fails.
	return got, err
}

func newHash(a Algo) (state io.Writer, digits func() string, err error) {
	switch a {
	case AlgoXXH3:
		h := xxh3.New()
		return h, func() string {
			sum := h.Sum128().Bytes()
			return hex.EncodeToString(sum[:])
		}, nil
	case AlgoSHA256:
		h := sha256.New()
		return h, func() string { return hex.EncodeToString(h.Sum(nil)) }, nil
	default:
		return nil, nil, NewError(OpRead, Name{}, errUnsupported)
	}
}
