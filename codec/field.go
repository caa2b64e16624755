package codec

import "strconv"

// FieldSize is the length of a field in bytes. (PROTOCOL.md, Fields.)
const FieldSize = 10

// FieldMax is the largest number that a field can hold. Larger files need getpart and putpart.
const FieldMax = 9_999_999_999

// ProtocolError reports input that the protocol does not allow. It ends the connection.
type ProtocolError struct {
	// Offset is the position of the first invalid byte, counted from the start of this direction
	// of the connection. For input that ended too early it is the length of the input.
	Offset int64
	// Reason is in lower case and does not repeat the input.
	Reason string
}

// Error implements error.
func (e *ProtocolError) Error() string {
	return "protocol error at byte " + strconv.FormatInt(e.Offset, 10) + ": " + e.Reason
}

// AppendField appends n as a field, padded with zeros on the left. It panics unless n is from 0 to
// FieldMax; callers check sizes before they encode them.
func AppendField(dst []byte, n int64) []byte {
	if n < 0 || n > FieldMax {
		panic("codec: number outside a field: " + strconv.FormatInt(n, 10))
	}
	var b [FieldSize]byte
	for i := FieldSize - 1; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return append(dst, b[:]...)
}

// ParseField reads a complete field. The error is a *ProtocolError whose offset counts from the
// start of b.
func ParseField(b []byte) (int64, error) {
	var f fieldReader
	for i, c := range b {
		if i == FieldSize {
			return 0, &ProtocolError{FieldSize, reasonFieldLong}
		}
		if reason := f.add(c); reason != "" {
			return 0, &ProtocolError{int64(i), reason}
		}
	}
	if !f.complete() {
		return 0, &ProtocolError{int64(len(b)), reasonFieldCut}
	}
	return f.value, nil
}

const (
	reasonFieldByte  = "field contains a byte that is neither digit nor padding"
	reasonFieldEmpty = "field contains no digit"
	reasonFieldLong  = "field is longer than ten bytes"
	reasonFieldCut   = "input ended inside a field"
)

// fieldReader collects one field byte by byte. Its zero value is ready for the first byte.
type fieldReader struct {
	value   int64
	count   uint8
	section fieldSection
}

// fieldSection is the part of a field that the reader is in.
type fieldSection uint8

const (
	padLeft fieldSection = iota
	digits
	padRight
)

// add reads one byte. It returns the reason if the byte is not allowed here, otherwise "".
func (f *fieldReader) add(c byte) (reason string) {
	switch {
	case c >= '0' && c <= '9' && f.section != padRight:
		f.section = digits
		f.value = f.value*10 + int64(c-'0')
	case c == ' ' && f.section == padLeft:
	case (c == ' ' || c == 0) && f.section != padLeft:
		f.section = padRight
	default:
		return reasonFieldByte
	}
	f.count++
	if f.complete() && f.section == padLeft {
		return reasonFieldEmpty
	}
	return ""
}

func (f *fieldReader) complete() bool { return f.count == FieldSize }
