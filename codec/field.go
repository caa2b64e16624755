package codec

import "strconv"

// FieldSize is the length of a field on the wire in bytes. (PROTOCOL, Fields: "A field is exactly
// ten bytes that hold one decimal number".)
const FieldSize = 10

// FieldMax is the largest number that a field can hold: ten nines. A file of more bytes cannot be
// announced in one field.
const FieldMax = 9_999_999_999

// ProtocolError says that the peer sent something that its exchange does not allow. It ends the
// connection it came from.
type ProtocolError struct {
	// Offset is the place of the byte at fault, counted from the first byte of that direction
	// of the connection. For input that ended too early it is the length of the input.
	Offset int64
	// Reason says what was wrong, in lower case and without the offending bytes.
	Reason string
}

// Error implements error.
func (e *ProtocolError) Error() string {
	return "protocol error at byte " + strconv.FormatInt(e.Offset, 10) + ": " + e.Reason
}

// AppendField appends n as a field, padded with zeros on the left. It panics when n is outside 0
// to FieldMax: what may be announced is checked before it is encoded.
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

// ParseField reads a whole field: spaces, digits, then spaces or NULs, ten bytes in all with at
// least one digit. The error is a *ProtocolError whose offset counts from the start of b.
func ParseField(b []byte) (int64, error) {
	var f fieldReader
	for i, c := range b {
		if i == FieldSize {
			return 0, &ProtocolError{FieldSize, "more than ten bytes in a field"}
		}
		if reason := f.take(c); reason != "" {
			return 0, &ProtocolError{int64(i), reason}
		}
	}
	if !f.whole() {
		return 0, &ProtocolError{int64(len(b)), reasonFieldCut}
	}
	return f.value, nil
}

const (
	reasonFieldByte  = "a field holds something other than digits and padding"
	reasonFieldEmpty = "a field holds no digit"
	reasonFieldCut   = "input ended inside a field"
)

// fieldReader gathers one field byte by byte. Its zero value waits for a first byte.
type fieldReader struct {
	value int64
	taken uint8
	part  fieldPart
}

// fieldPart is where in a field the reader stands. (PROTOCOL, Fields: "We accept zeros or spaces
// on the left, spaces or NULs on the right").
type fieldPart uint8

const (
	padLeft fieldPart = iota
	digits
	padRight
)

// take adds one byte, and returns why it cannot stand there, or nothing.
func (f *fieldReader) take(c byte) (reason string) {
	switch {
	case c >= '0' && c <= '9' && f.part != padRight:
		f.part = digits
		f.value = f.value*10 + int64(c-'0')
	case c == ' ' && f.part == padLeft:
	case (c == ' ' || c == 0) && f.part != padLeft:
		f.part = padRight
	default:
		return reasonFieldByte
	}
	f.taken++
	if f.taken == FieldSize && f.part == padLeft {
		return reasonFieldEmpty
	}
	return ""
}

// whole says whether all ten bytes are there.
func (f *fieldReader) whole() bool { return f.taken == FieldSize }
