package codec

// KeySize is the length of a KEY and of a PART on the wire in bytes. (PROTOCOL, Status exchange:
// "KEY, 16 hexadecimal digits drawn at random".)
const KeySize = 16

// Key names an offer of the status exchange: the digits as we send them, in lower case. The zero
// Key is none.
type Key [KeySize]byte

// PartID names the kept beginning of an upload: digits as in a Key. The zero PartID is none.
type PartID [KeySize]byte

// NewKey returns the KEY for a number that the caller has drawn at random.
func NewKey(random uint64) Key { return Key(hexDigits(random)) }

// NewPartID returns the PART for a number that the caller has drawn at random.
func NewPartID(random uint64) PartID { return PartID(hexDigits(random)) }

// ParseKey reads a KEY: 16 hexadecimal digits, upper or lower case, and nothing else.
func ParseKey(text []byte) (Key, bool) {
	digits, ok := parseDigits(text)
	return Key(digits), ok
}

// ParsePartID reads a PART: 16 hexadecimal digits, upper or lower case, and nothing else.
func ParsePartID(text []byte) (PartID, bool) {
	digits, ok := parseDigits(text)
	return PartID(digits), ok
}

// String is the digits.
func (k Key) String() string { return string(k[:]) }

// String is the digits.
func (p PartID) String() string { return string(p[:]) }

const lowerHex = "0123456789abcdef"

func hexDigits(n uint64) (out [KeySize]byte) {
	for i := KeySize - 1; i >= 0; i-- {
		out[i] = lowerHex[n&15]
		n >>= 4
	}
	return out
}

func parseDigits(text []byte) (out [KeySize]byte, ok bool) {
	if len(text) != KeySize {
		return out, false
	}
	for i, b := range text {
		switch {
		case b >= '0' && b <= '9', b >= 'a' && b <= 'f':
			out[i] = b
		case b >= 'A' && b <= 'F':
			out[i] = b | 0x20
		default:
			return [KeySize]byte{}, false
		}
	}
	return out, true
}
