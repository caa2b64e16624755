package codec

import (
	"bytes"
	"strconv"
)

// ReplyMax is the longest reply of the status exchange in bytes, its code included. (PROTOCOL,
// Status exchange: "no line end, at most 8,192 bytes".)
const ReplyMax = 8192

const (
	// codeDigits is the length of a reply's code in bytes.
	codeDigits = 3
	// greetingMax is where the first field of a server is a port of base and no length.
	greetingMax = 1000
)

// The codes of replies, RFC 959's.
const (
	CodeOffer         = 150 // connect to this port
	CodeOkay          = 200 // noop and hello
	CodeStatus        = 213 // what was asked for
	CodeGoodbye       = 221 // control closes
	CodeComplete      = 226 // everything is there
	CodeDone          = 250 // a file command was carried out, or a part is kept
	CodeFolder        = 257 // the current folder
	CodeMore          = 350 // a second command is due
	CodeTooBusy       = 421 // too busy, or shutting down
	CodeNoConnection  = 425 // nobody connected to the port in time
	CodeAborted       = 426 // data connection lost, transfer aborted
	CodeBusy          = 450 // another holds it
	CodeLocal         = 451 // the server's own error
	CodeNoSpace       = 452 // no space left
	CodeUnknown       = 500 // unknown command
	CodeArgument      = 501 // bad argument
	CodeOrder         = 503 // wrong order
	CodeParameter     = 504 // not for this name: no parts across a mount
	CodeNotAllowed    = 530 // not allowed here
	CodeNoFile        = 550 // no such file, or not a plain one
	CodeTooLarge      = 552 // over a size limit, or too large for a field
	CodeNameForbidden = 553 // name not allowed
	CodePartSize      = 554 // the part is not OFFSET bytes long
)

// AppendReply appends field(length) and "CODE SP text", ready for the wire. Control characters in
// the text become question marks, since a reply is one line, and what is over ReplyMax is cut off.
// It panics when code has not three digits.
func AppendReply(dst []byte, code int, text []byte) []byte {
	if code < 100 || code > 999 {
		panic("codec: a reply's code has three digits")
	}
	text = text[:min(len(text), ReplyMax-codeDigits-1)]
	dst = AppendField(dst, int64(codeDigits+1+len(text)))
	dst = strconv.AppendInt(dst, int64(code), 10)
	dst = append(dst, ' ')
	for _, b := range text {
		if IsControl(b) {
			b = '?'
		}
		dst = append(dst, b)
	}
	return dst
}

// parseReply takes "CODE SP text" apart; a code alone is a reply without text.
func parseReply(text []byte) (code int, rest []byte, ok bool) {
	for _, b := range text[:codeDigits] {
		if b < '0' || b > '9' {
			return 0, nil, false
		}
		code = code*10 + int(b-'0')
	}
	rest = text[codeDigits:]
	if code < 100 || len(rest) > 0 && rest[0] != ' ' {
		return 0, nil, false
	}
	return code, bytes.TrimPrefix(rest, []byte{' '}), true
}

// words reads a reply's text word by word. (PROTOCOL, Status exchange: "a client ignores words that
// it does not know": those behind the ones that are read.)
type words struct {
	rest []byte
	bad  bool
}

func (w *words) next() []byte {
	var word []byte
	word, w.rest, _ = bytes.Cut(w.rest, []byte{' '})
	w.bad = w.bad || len(word) == 0
	return word
}

func (w *words) number() int64 {
	n, ok := parseNumber(w.next())
	w.bad = w.bad || !ok
	return n
}

// Offer is the text of a CodeOffer reply: where to connect, what to say there, and what comes.
type Offer struct {
	Port uint16
	Key  Key
	// Size is the bytes that will be sent, -1 where the client sends. Total is the size of the
	// whole file where Size is that of a piece, -1 otherwise.
	Size, Total int64
}

// AppendOffer appends the text: "PORT KEY", "PORT KEY SIZE" or "PORT KEY PIECE TOTAL".
func AppendOffer(dst []byte, o Offer) []byte {
	dst = strconv.AppendUint(dst, uint64(o.Port), 10)
	dst = append(append(dst, ' '), o.Key[:]...)
	if o.Size >= 0 {
		dst = strconv.AppendInt(append(dst, ' '), o.Size, 10)
		if o.Total >= 0 {
			dst = strconv.AppendInt(append(dst, ' '), o.Total, 10)
		}
	}
	return dst
}

const (
	// offerPortMin keeps a server from having its clients connect to what a system's own services
	// listen on. (PROTOCOL, Ports: "1024 or more".)
	offerPortMin = 1024
	offerPortMax = 65535
)

// ParseOffer reads the text of an offer in answer to v, which says how many words it has.
func ParseOffer(v Verb, text []byte) (Offer, bool) {
	w := words{rest: text}
	o := Offer{Size: -1, Total: -1}
	port := w.number()
	key, ok := ParseKey(w.next())
	o.Key = key
	if v == VerbGet || v == VerbGetPart || v == VerbList {
		o.Size = w.number()
	}
	if v == VerbGetPart {
		o.Total = w.number()
	}
	if w.bad || !ok || port < offerPortMin || port > offerPortMax {
		return Offer{}, false
	}
	o.Port = uint16(port)
	return o, true
}

// AppendSize appends a size in bytes: the text of most CodeComplete and CodeStatus replies.
func AppendSize(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

// ParseSize reads the size that a text begins with.
func ParseSize(text []byte) (int64, bool) {
	w := words{rest: text}
	n := w.number()
	return n, !w.bad
}

// Sum is the text of a CodeStatus reply to sum, sumpart and partsum.
type Sum struct {
	// Hex is the checksum in lower-case hexadecimal digits.
	Hex string
	// Size is how many bytes it is of.
	Size int64
}

// AppendSum appends the text: "HEX SIZE".
func AppendSum(dst []byte, s Sum) []byte {
	dst = append(append(dst, s.Hex...), ' ')
	return strconv.AppendInt(dst, s.Size, 10)
}

// ParseSum reads it.
func ParseSum(text []byte) (Sum, bool) {
	w := words{rest: text}
	hex := bytes.ToLower(w.next())
	s := Sum{Hex: string(hex), Size: w.number()}
	for _, b := range hex {
		w.bad = w.bad || bytes.IndexByte([]byte(lowerHex), b) < 0
	}
	if w.bad {
		return Sum{}, false
	}
	return s, true
}

// Stat is the text of a CodeStatus reply to stat.
type Stat struct {
	// Dir says that it is a folder.
	Dir bool
	// Size is in bytes; for a folder it says nothing.
	Size int64
	// Time is the modification time as 2006-01-02T15:04:05Z: RFC 3339, UTC.
	Time string
}

// AppendStat appends the text: "TYPE SIZE MTIME".
func AppendStat(dst []byte, s Stat) []byte {
	kind := "file "
	if s.Dir {
		kind = "dir "
	}
	dst = strconv.AppendInt(append(dst, kind...), s.Size, 10)
	return append(append(dst, ' '), s.Time...)
}

// ParseStat reads it. A type that is not known here is none.
func ParseStat(text []byte) (Stat, bool) {
	w := words{rest: text}
	kind := string(w.next())
	s := Stat{Dir: kind == "dir", Size: w.number(), Time: string(w.next())}
	if w.bad || kind != "file" && kind != "dir" {
		return Stat{}, false
	}
	return s, true
}
