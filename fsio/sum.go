package fsio

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strconv"
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

var algoNames = [...]string{AlgoXXH3: "xxh3", AlgoSHA256: "sha256"}

// String returns the word of the protocol.
func (a Algo) String() string {
	if a >= AlgoXXH3 && int(a) < len(algoNames) {
		return algoNames[a]
	}
	return "algo " + strconv.Itoa(int(a))
}

// Digest is a sum of bytes. It is compared with ==.
type Digest struct {
	Algo Algo
	// Size is how many bytes were summed up: fewer than asked for where the file ends earlier.
	Size int64

	sum [sha256.Size]byte
}

// Bytes returns the sum: 16 bytes (XXH3 in its canonical order, the first byte being the most
// significant one) or 32.
func (d *Digest) Bytes() []byte {
	if d.Algo == AlgoXXH3 {
		return d.sum[:16]
	}
	return d.sum[:]
}

// Hex returns the sum as hexadecimal digits in lower case, twice as many as Bytes.
func (d *Digest) Hex() string { return hex.EncodeToString(d.Bytes()) }

// ErrStopped is what a sum returns that was told to stop. It comes bare.
var ErrStopped error = &cause{KindBusy, "told to stop"}

// sumPiece is how much of a file is summed up between two looks at stop, and read at a time:
// 0.4 ms of work with SHA-256, and as much memory for each sum that runs; while stop keeps it
// waiting it has none.
const sumPiece = 512 << 10

var sumPieces = sync.Pool{New: func() any {
	b := make([]byte, sumPiece)
	return &b
}}

// Sum sums up n bytes at off of the file, or all that follow off if n is negative. It takes long
// and belongs into a pool; before each piece of 512 KiB it asks stop, if that is not nil, and
// returns ErrStopped if that says so. What it had to bring into memory it puts out again, as far
// as the system tells and lets: a sum over a large file does not push out what others read. It
// does not notice that the file changes meanwhile. Errors are those of File.ReadAt.
func Sum(stop func() bool, f *File, a Algo, off, n int64) (Digest, error) {
	s := summing{
		read: f.ReadAt, cold: f.cold,
		advise: !f.root.options.Portable, fd: f.FD(),
	}
	return s.run(stop, a, off, n)
}

// Sum sums up all that is kept, in the way of the function of that name. It may be called until
// the part ends, by its owner.
func (p *Part) Sum(stop func() bool, a Algo) (Digest, error) {
	d := &p.draft
	if d.ended {
		return Digest{}, newError(OpRead, d.name, errEnded)
	}
	s := summing{read: d.read, cold: func(int64, int64) bool { return false }, fd: d.descriptor()}
	return s.run(stop, a, 0, p.size)
}

// read is ReadAt for a file that is being written.
func (d *draft) read(p []byte, off int64) (int, error) {
	f := File{root: d.root, name: d.name, portable: d.file}
	return f.ReadAt(p, off)
}

// summing is a sum that runs.
type summing struct {
	read   func(p []byte, off int64) (int, error)
	cold   func(off, n int64) bool
	advise bool
	fd     int
}

func (s *summing) run(stop func() bool, a Algo, off, n int64) (Digest, error) {
	state, err := newHash(a)
	if err != nil {
		return Digest{}, err
	}
	d := Digest{Algo: a}
	cold := s.cold(off, sumPiece)
	for n < 0 || d.Size < n {
		if stop != nil && stop() {
			if s.advise && cold {
				adviseDontNeed(s.fd, off, sumPiece) // It was asked for already.
			}
			return Digest{}, ErrStopped
		}
		length := int64(sumPiece)
		if n >= 0 {
			length = min(length, n-d.Size)
		}
		// To look at the next piece comes first: reading this one brings in some of that.
		next := off + sumPiece
		nextCold := s.cold(next, sumPiece)
		if s.advise && nextCold && (n < 0 || d.Size+sumPiece < n) {
			adviseWillNeed(s.fd, next, sumPiece) // The disk works while we do.
		}
		got, err := s.add(state, off, length)
		d.Size += int64(got)
		if s.advise && cold {
			adviseDontNeed(s.fd, off, int64(got))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Digest{}, err
		}
		off, cold = next, nextCold
	}
	finishHash(state, &d)
	return d, nil
}

// add sums up a piece of n bytes.
func (s *summing) add(state hash.Hash, off, n int64) (got int, err error) {
	buffer := sumPieces.Get().(*[]byte)
	defer sumPieces.Put(buffer)
	got, err = s.read((*buffer)[:n], off)
	_, _ = state.Write((*buffer)[:got]) // A hash never fails.
	return got, err
}

func newHash(a Algo) (hash.Hash, error) {
	switch a {
	case AlgoXXH3:
		return xxh3.New(), nil
	case AlgoSHA256:
		return sha256.New(), nil
	default:
		return nil, newError(OpRead, Name{}, errUnsupported)
	}
}

func finishHash(state hash.Hash, d *Digest) {
	if h, ok := state.(*xxh3.Hasher); ok {
		sum := h.Sum128().Bytes()
		copy(d.sum[:], sum[:])
		return
	}
	state.Sum(d.sum[:0])
}

// cold reports whether none of the n bytes at off is in memory, as far as the system says.
func (f *File) cold(off, n int64) bool {
	r := f.root
	if r.options.Portable || off >= f.size {
		return false
	}
	n = min(n, f.size-off)
	if !r.noCachestat.Load() {
		pages, err := pagesInMemory(f.fd, off, n)
		if err == nil {
			return pages == 0
		}
	}
	// The system does not say, or not to us, whose file it is not. The first byte tells, nearly.
	var first [1]byte
	if r.noWait.has(f.device) {
		return false
	}
	_, err := readNoWait(f.fd, first[:], off)
	return wouldBlock(err)
}

// identify says which content the open file has now.
func (f *File) identify() (identity, error) {
	if err := f.root.fault(OpStat, f.name); err != nil {
		return identity{}, err
	}
	return identify(f.fd)
}
