package codec

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"strconv"

	"github.com/zeebo/xxh3"
)

// Algo is a checksum algorithm. (PROTOCOL.md, Checksums.)
type Algo uint8

const (
	// AlgoXXH3 is XXH3 with 128 bits.
	AlgoXXH3 Algo = iota + 1
	// AlgoSHA256 is SHA-256.
	AlgoSHA256
)

var algoWords = [...]string{AlgoXXH3: "xxh3", AlgoSHA256: "sha256"}

// String returns the algorithm's word on the wire, or "none".
func (a Algo) String() string {
	if a == 0 || int(a) >= len(algoWords) {
		return "none"
	}
	return algoWords[a]
}

func parseAlgo(word []byte) (Algo, bool) {
	for a := AlgoXXH3; int(a) < len(algoWords); a++ {
		if string(word) == algoWords[a] {
			return a, true
		}
	}
	return 0, false
}

// New returns a hash that computes the algorithm's checksum.
func (a Algo) New() hash.Hash {
	switch a {
	case AlgoXXH3:
		return hash128{xxh3.New()}
	case AlgoSHA256:
		return sha256.New()
	default:
		panic("codec: unknown checksum algorithm")
	}
}

// hash128 is XXH3 with 128 bits; as a hash.Hash, xxh3.Hasher has only 64.
type hash128 struct{ *xxh3.Hasher }

func (h hash128) Sum(dst []byte) []byte {
	sum := h.Sum128().Bytes()
	return append(dst, sum[:]...)
}

func (h hash128) Size() int { return 16 }

// Sum is the text of a CodeStatus reply to sum, sumpart and partsum.
type Sum struct {
	// Hex is the checksum in lower-case hexadecimal digits.
	Hex string
	// Size is the number of bytes summed.
	Size int64
}

// AppendSum appends the text: "HEX SIZE".
func AppendSum(dst []byte, s Sum) []byte {
	dst = append(append(dst, s.Hex...), ' ')
	return strconv.AppendInt(dst, s.Size, 10)
}

// ParseSum reads such a text.
func ParseSum(text []byte) (Sum, bool) {
	w := words{rest: text}
	hex := bytes.ToLower(w.next())
	s := Sum{Hex: string(hex), Size: w.number()}
	if w.bad || len(bytes.Trim(hex, "0123456789abcdef")) > 0 {
		return Sum{}, false
	}
	return s, true
}
