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

// PartID identifies a part, in the same form. (PROTOCOL.md, Parts.)
type PartID = Key

// NewKey returns the key for a random number.
func NewKey(random uint64) (k Key) {
	var value [KeySize / 2]byte
	binary.BigEndian.PutUint64(value[:], random)
	hex.Encode(k[:], value[:])
	return k
}

// ParseKey reads a key. Upper case digits are accepted.
func ParseKey(text []byte) (k Key, ok bool) {
	var value [KeySize / 2]byte
	if len(text) != KeySize {
		return k, false
	}
	if _, err := hex.Decode(value[:], text); err != nil {
		return k, false
	}
	hex.Encode(k[:], value[:]) // in lower case
	return k, true
}

// String returns the digits.
func (k Key) String() string { return string(k[:]) }
