package bench

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"

	"github.com/zeebo/xxh3"
)

// A content is its key in eight bytes, then the block over and over from a place that the key
// determines.

// blockSize is no multiple of anything a server might cut a file by, so that a piece that is lost,
// repeated or moved changes the hash.
const blockSize = 1<<20 - 3

// block is random bytes from a fixed seed. They do not compress.
var block = sync.OnceValue(func() []byte {
	b := make([]byte, blockSize)
	_, _ = rand.NewChaCha8([32]byte{'f', 'e', 'r', 'r', 'y'}).Read(b)
	return b
})

// fill writes the content of key from a place on into b, and returns how many bytes precede the
// content's end.
func fill(b []byte, key uint64, size, at int64) int {
	if at >= size {
		return 0
	}
	b = b[:min(int64(len(b)), size-at)]
	n := 0
	if at < 8 {
		var head [8]byte
		binary.LittleEndian.PutUint64(head[:], key)
		n = copy(b, head[at:])
	}
	bytes, start := block(), key%blockSize
	for n < len(b) {
		n += copy(b[n:], bytes[(start+uint64(at)+uint64(n))%blockSize:])
	}
	return n
}

// sums lends what sumOf needs.
var sums = sync.Pool{New: func() any { return new(summing) }}

type summing struct {
	digest xxh3.Hasher
	bytes  [64 << 10]byte
}

// sumOf is the hash of the content of key.
func sumOf(key uint64, size int64) xxh3.Uint128 {
	s := sums.Get().(*summing)
	defer sums.Put(s)
	if size <= int64(len(s.bytes)) {
		return xxh3.Hash128(s.bytes[:fill(s.bytes[:], key, size, 0)])
	}
	s.digest.Reset()
	for at := int64(0); at < size; {
		n := fill(s.bytes[:], key, size, at)
		_, _ = s.digest.Write(s.bytes[:n]) // a hasher takes everything
		at += int64(n)
	}
	return s.digest.Sum128()
}
