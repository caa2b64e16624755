package codec

import (
	"encoding/binary"
	"encoding/hex"
)

// KeySize is the length of a key and of a part's id in bytes. (PROTOCOL.md, Keys.)
const KeySize = 16

// Key identifies an offer of the status exchange: hexadecimal digits in lower case. The zero Key is
// invalid.
type Key [KeySize]byte

// PartID identifies a part, in the same form as a Key. (PROTOCOL.md, Parts.)
type PartID [KeySize]byte

// NewKey returns the key for a random number.
func NewKey(random uint64) Key { return Key(formatDigits(random)) }

// NewPartID returns the part id for a random number.
func NewPartID(random uint64) PartID { return PartID(formatDigits(random)) }

// ParseKey reads a key. Upper case digits are accepted.
func ParseKey(text []byte) (Key, bool) {
	digits, ok := parseDigits(text)
	return Key(digits), ok
}

// ParsePartID reads a part id. Upper case digits are accepted.
func ParsePartID(text []byte) (PartID, bool) {
	digits, ok := parseDigits(text)
	return PartID(digits), ok
}

// String returns the digits.
func (k Key) String() string { return string(k[:]) }

// String returns the digits.
func (p PartID) String() string { return string(p[:]) }

func formatDigits(n uint64) (out [KeySize]byte) {
	var value [KeySize / 2]byte
	binary.BigEndian.PutUint64(value[:], n)
	hex.Encode(out[:], value[:])
	return out
}

func parseDigits(text []byte) (out [KeySize]byte, ok bool) {
	var value [KeySize / 2]byte
	if len(text) != KeySize {
		return out, false
	}
	if _, err := hex.Decode(value[:], text); err != nil {
		return out, false
	}
	hex.Encode(out[:], value[:]) // in lower case
	return out, true
}
