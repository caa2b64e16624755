package ftp

import (
	"bytes"
	"math"
)

// Type is a representation type.
type Type uint8

const (
	// TypeASCII is what a session begins with: lines end in CR LF on the wire.
	TypeASCII Type = iota
	// TypeImage is the bytes as they are.
	TypeImage
)

// String is the letter of the type.
func (t Type) String() string {
	if t == TypeImage {
		return "I"
	}
	return "A"
}

// ParseType reads the argument of TYPE: A, A N, I or L 8. All else is ReplyParameter.
func ParseType(argument []byte) (Type, Reply) {
	switch {
	case equal(argument, "A"), equal(argument, "A N"):
		return TypeASCII, 0
	case equal(argument, "I"), equal(argument, "L 8"):
		return TypeImage, 0
	}
	return 0, ReplyParameter
}

// ParseMode reads the argument of MODE: S alone is implemented.
func ParseMode(argument []byte) Reply { return only(argument, "S") }

// ParseStru reads the argument of STRU: F alone is implemented.
func ParseStru(argument []byte) Reply { return only(argument, "F") }

func only(argument []byte, word string) Reply {
	if equal(argument, word) {
		return 0
	}
	return ReplyParameter
}

// ParseRest reads the argument of REST: a number of 63 bits (RFC 3659, section 5).
func ParseRest(argument []byte) (offset int64, r Reply) {
	n, ok := parseNumber(argument)
	if !ok {
		return 0, ReplyOffset
	}
	return n, 0
}

// ParseAllo reads the argument of ALLO: a size in bytes, and maybe `R` and a record size, which
// does not matter (RFC 959, section 4.1.3).
func ParseAllo(argument []byte) (size int64, r Reply) {
	first, rest, more := bytes.Cut(argument, []byte{' '})
	size, ok := parseNumber(first)
	if more {
		word, record, _ := bytes.Cut(rest, []byte{' '})
		_, good := parseNumber(record)
		ok = ok && good && equal(word, "R")
	}
	if !ok {
		return 0, ReplyArgument
	}
	return size, 0
}

// Option is what OPTS sets.
type Option uint8

const (
	// OptionUTF8 is OPTS UTF8, ON or OFF: names are what bytes they are either way.
	OptionUTF8 Option = iota + 1
	// OptionFacts is OPTS MLST: Facts become the session's.
	OptionFacts
	// OptionHash is OPTS HASH, with SHA-256 or without a value: the reply is `200 SHA-256`.
	OptionHash
)

// ParseOpts reads the argument of OPTS. Facts is set for OptionFacts; facts that no server of this
// package knows are left out, as RFC 3659 section 7.9 says.
func ParseOpts(argument []byte) (option Option, facts Facts, r Reply) {
	word, value, given := bytes.Cut(argument, []byte{' '})
	switch {
	case equal(word, "UTF8"), equal(word, "UTF-8"):
		if !given || equal(value, "ON") || equal(value, "OFF") || equal(value, "NLST") {
			return OptionUTF8, 0, 0
		}
	case equal(word, "MLST"):
		return OptionFacts, parseFacts(value), 0
	case equal(word, "HASH"):
		if !given || equal(value, "SHA-256") {
			return OptionHash, 0, 0
		}
	}
	return 0, 0, ReplyArgument
}

func parseFacts(value []byte) Facts {
	var facts Facts
	for len(value) > 0 {
		var name []byte
		name, value, _ = bytes.Cut(value, []byte{';'})
		for i, known := range factNames {
			if equal(name, known) {
				facts |= 1 << i
			}
		}
	}
	return facts
}

// Hash is the argument of XSHA256. HASH takes a name alone.
type Hash struct {
	Name []byte
	// Start and End delimit the bytes: Start to before End; End is -1 for the end of the file.
	Start, End int64
}

// ParseHash reads the argument of XSHA256: `name`, `name start end`, or the name in quotes. A name
// without quotes may end in numbers itself, so tries are given in order: the first of a name that
// exists is meant. The reply is for quotes that do not close and for bad numbers behind them.
func ParseHash(argument []byte) (tries [2]Hash, n int, r Reply) {
	if rest, quoted := bytes.CutPrefix(argument, []byte{'"'}); quoted {
		name, numbers, closed := bytes.Cut(rest, []byte{'"'})
		h := Hash{Name: name, End: -1}
		if len(numbers) > 0 {
			before, start, end, ok := cutRange(numbers)
			if !ok || len(before) > 0 {
				return tries, 0, ReplyArgument
			}
			h.Start, h.End = start, end
		}
		if !closed || len(name) == 0 {
			return tries, 0, ReplyArgument
		}
		tries[0] = h
		return tries, 1, 0
	}
	tries[0] = Hash{Name: argument, End: -1}
	name, start, end, ok := cutRange(argument)
	if !ok || len(name) == 0 {
		return tries, 1, 0
	}
	tries[1] = Hash{name, start, end}
	return tries, 2, 0
}

// cutRange cuts two numbers off the end of b, each with a space before it.
func cutRange(b []byte) (before []byte, start, end int64, ok bool) {
	last := bytes.LastIndexByte(b, ' ')
	if last < 0 {
		return nil, 0, 0, false
	}
	first := bytes.LastIndexByte(b[:last], ' ')
	if first < 0 {
		return nil, 0, 0, false
	}
	start, good := parseNumber(b[first+1 : last])
	end, ok = parseNumber(b[last+1:])
	return b[:first], start, end, good && ok && start <= end
}

// parseNumber reads digits, and nothing else, that do not exceed 63 bits.
func parseNumber(digits []byte) (n int64, ok bool) {
	for _, b := range digits {
		if b < '0' || b > '9' || n > (math.MaxInt64-int64(b-'0'))/10 {
			return 0, false
		}
		n = n*10 + int64(b-'0')
	}
	return n, len(digits) > 0
}

// equal compares without regard to the case of ASCII letters. The word is in its upper case.
func equal(b []byte, word string) bool {
	return len(b) == len(word) && bytes.EqualFold(b, []byte(word))
}
