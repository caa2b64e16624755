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

// payload is a file's content: eight bytes that are its key, then the block, begun at a place that
// the key names. It is an io.Reader that hashes what it gives. Its worker owns it.
type payload struct {
	key    uint64
	size   int64
	at     int64
	digest xxh3.Hasher
}

// begin makes p the content of key, from its first byte.
func (p *payload) begin(key uint64, size int64) {
	p.key, p.size, p.at = key, size, 0
	p.digest.Reset()
}

// Read implements io.Reader.
func (p *payload) Read(b []byte) (int, error) {
	if p.at >= p.size {
		return 0, io.EOF
	}
	b = b[:min(int64(len(b)), p.size-p.at)]
	n := 0
	if p.at < 8 {
		var head [8]byte
		binary.LittleEndian.PutUint64(head[:], p.key)
		n = copy(b, head[p.at:])
	}
	bytes, start := block(), p.key%blockSize
	for n < len(b) {
		n += copy(b[n:], bytes[(start+uint64(p.at)+uint64(n))%blockSize:])
	}
	_, _ = p.digest.Write(b) // a hash takes everything
	p.at += int64(n)
	return n, nil
}

// sum is the hash of what was read.
func (p *payload) sum() xxh3.Uint128 { return p.digest.Sum128() }

// hashWriter hashes what is written to it.
type hashWriter struct{ digest xxh3.Hasher }

// Write implements io.Writer.
func (h *hashWriter) Write(b []byte) (int, error) { return h.digest.Write(b) }
