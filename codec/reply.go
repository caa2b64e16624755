package codec

import "bytes"

// echoMax bounds how much of a client's own words a message repeats, in bytes. It is the longest
// name that can be asked for, so that no real name is cut.
const echoMax = CommandMax

// AppendUnknown appends the message for a command that is none: "500 NAME: unknown command" and
// LF, where NAME is the command's first word.
func AppendUnknown(dst, text []byte) []byte {
	word, _, _ := bytes.Cut(text, []byte{' '})
	dst = append(dst, "500 "...)
	dst = AppendPrintable(dst, word)
	return append(dst, ": unknown command\n"...)
}

// AppendNoFolder appends the message for a listing of what is no folder: "550 PATH: no such
// folder" and LF.
func AppendNoFolder(dst, path []byte) []byte {
	dst = append(dst, "550 "...)
	dst = AppendPrintable(dst, path)
	return append(dst, ": no such folder\n"...)
}

// AppendPrintable appends text with every control character replaced by a question mark, so that a
// client's words can be repeated on one line of a terminal or a log.
func AppendPrintable(dst, text []byte) []byte {
	for _, b := range text[:min(len(text), echoMax)] {
		if IsControl(b) {
			b = '?'
		}
		dst = append(dst, b)
	}
	return dst
}

// IsControl says whether b is an ASCII control character, DEL included. Names hold none.
func IsControl(b byte) bool { return b < 0x20 || b == 0x7f }
