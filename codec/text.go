package codec

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// AppendUnknown appends base's message for an unknown command. (PROTOCOL.md, Base errors.)
func AppendUnknown(dst, command []byte) []byte {
	word, _, _ := bytes.Cut(command, []byte{' '})
	dst = append(dst, "500 "...)
	dst = AppendPrintable(dst, word)
	return append(dst, ": unknown command\n"...)
}

// AppendNoFolder appends base's message for a listing of something that is not a folder.
// (PROTOCOL.md, Base ls.)
func AppendNoFolder(dst, path []byte) []byte {
	dst = append(dst, "550 "...)
	dst = AppendPrintable(dst, path)
	return append(dst, ": no such folder\n"...)
}

// AppendPrintable appends text with control characters replaced by question marks, so that it stays
// on one line and cannot control a terminal.
func AppendPrintable(dst, text []byte) []byte {
	for _, b := range text {
		if IsControl(b) {
			b = '?'
		}
		dst = append(dst, b)
	}
	return dst
}

// IsControl reports whether b is an ASCII control character, DEL included. (PROTOCOL.md, Names.)
func IsControl(b byte) bool { return b < 0x20 || b == 0x7f }

// Printable returns text that is safe to show on a terminal or in a log: control characters,
// characters that change the direction of writing, and invalid UTF-8 appear as Go escapes.
func Printable(text string) string {
	if !strings.ContainsFunc(text, unprintable) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case unprintable(r):
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteString(text[i : i+size])
		}
		i += size
	}
	return b.String()
}

func unprintable(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) ||
		r == '\u2028' || r == '\u2029' || r == utf8.RuneError
}

// numberDigits is the maximum length of a number in a text: 18 digits always fit into an int64.
const numberDigits = 18

const numberMax = 999_999_999_999_999_999

func parseNumber(word []byte) (n int64, ok bool) {
	if len(word) == 0 || len(word) > numberDigits {
		return 0, false
	}
	for _, b := range word {
		if b < '0' || b > '9' {
			return 0, false
		}
		n = n*10 + int64(b-'0')
	}
	return n, true
}
