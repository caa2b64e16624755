package bench

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"

	"github.com/zeebo/xxh3"
)

// The content of a file is its key in eight bytes, then the block, repeated, from an offset that
// the key determines.

// blockSize is not a multiple of any size in which a server may split a file, so a piece that is
// lost, repeated or moved changes the hash.
const blockSize = 1<<20 - 3

// block is random bytes from a fixed seed. They do not compress.
var block = sync.OnceValue(func() []byte {
	b := make([]byte, blockSize)
	_, _ = rand.NewChaCha8([32]byte{'f', 'e', 'r', 'r', 'y'}).Read(b)
	return b
})

// fill writes the content of key from offset at into b, and returns how many bytes it wrote, fewer
// than b holds at the content's end.
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

// sumOf is the hash of the content of key.
func sumOf(key uint64, size int64) xxh3.Uint128 {
	h := hasherPool.Get().(*xxh3.Hasher)
	defer func() {
		h.Reset()
		hasherPool.Put(h)
	}()
	var head [8]byte
	binary.LittleEndian.PutUint64(head[:], key)
	_, _ = h.Write(head[:min(8, size)]) // a hasher takes everything
	start := int64((key%blockSize + 8) % blockSize)
	for left := size - 8; left > 0; start = 0 {
		n, _ := h.Write(block()[start:min(start+left, blockSize)])
		left -= int64(n)
	}
	return h.Sum128()
}
