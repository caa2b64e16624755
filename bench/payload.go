package bench

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"sync"

	"github.com/zeebo/xxh3"
)

// blockSize is the length of the bytes that every payload repeats. It is no multiple of anything
// that a server might cut a file by, so a piece that is lost, doubled or moved shows in the hash.
const blockSize = 1<<20 - 3

// block gives bytes drawn once from a fixed seed. They do not compress.
var block = sync.OnceValue(func() []byte {
	b := make([]byte, blockSize)
	_, _ = rand.NewChaCha8([32]byte{'f', 'e', 'r', 'r', 'y'}).Read(b)
	return b
})

// A content is eight bytes that are its key, then the block again and again, begun at a place that
// the key names.

// fill puts into b what stands at a place of the content of key, and returns how much of b lies
// before the content's end.
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
		_, _ = s.digest.Write(s.bytes[:n]) // a hash takes everything
		at += int64(n)
	}
	return s.digest.Sum128()
}

// payload is a content as an io.Reader.
type payload struct {
	key      uint64
	size, at int64
}

// Read implements io.Reader.
func (p *payload) Read(b []byte) (int, error) {
	if p.at >= p.size {
		return 0, io.EOF
	}
	n := fill(b, p.key, p.size, p.at)
	p.at += int64(n)
	return n, nil
}

// hashWriter hashes what is written to it.
type hashWriter struct{ digest xxh3.Hasher }

// Write implements io.Writer.
func (h *hashWriter) Write(b []byte) (int, error) { return h.digest.Write(b) }
