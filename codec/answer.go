package codec

import (
	"bytes"
	"strconv"
)

// ReplyMax is the maximum length of a reply in bytes, including its code. (PROTOCOL.md, Replies.)
const ReplyMax = 8192

const (
	// codeDigits is the length of a reply's code in bytes.
	codeDigits = 3
	// greetingMax separates a reply's length from a port in a server's first field.
	// (PROTOCOL.md, Hello.)
	greetingMax = 1000
)

// The reply codes. (PROTOCOL.md, Reply codes.)
const (
	CodeOffer         = 150 // an offer follows
	CodeOkay          = 200 // hello or noop
	CodeStatus        = 213 // the requested information
	CodeGoodbye       = 221 // control closes
	CodeComplete      = 226 // transfer complete
	CodeLoggedIn      = 230 // login complete
	CodeDone          = 250 // file command done, or part kept
	CodeFolder        = 257 // the current folder
	CodeChallenge     = 334 // the server's message of a login
	CodeMore          = 350 // rnto expected
	CodeTooBusy       = 421 // too busy, or shutting down
	CodeNoConnection  = 425 // nobody connected in time
	CodeAborted       = 426 // data connection lost, or aborted
	CodeBusy          = 450 // in use, or a limit per address
	CodeLocal         = 451 // the server's own error
	CodeNoSpace       = 452 // no space left
	CodeUnknown       = 500 // unknown command
	CodeArgument      = 501 // bad argument
	CodeOrder         = 503 // wrong order
	CodeParameter     = 504 // not for this name: no parts across a mount
	CodeNotAllowed    = 530 // not allowed here
	CodeLoginFailed   = 535 // wrong name or password
	CodeNoFile        = 550 // no such file, or not a plain one
	CodeTooLarge      = 552 // above a size limit, or too large for a field
	CodeNameForbidden = 553 // name not allowed
	CodePartSize      = 554 // the part does not have OFFSET bytes
)

// TLSRequired is the text of the CodeTooBusy that answers hello without TLS. (PROTOCOL.md, TLS.)
const TLSRequired = "TLS is required"

// AppendReply appends a reply with its length. It replaces control characters in the text with
// question marks and cuts off a text that is too long. It panics unless code has three digits.
func AppendReply(dst []byte, code int, text []byte) []byte {
	if code < 100 || code > 999 {
		panic("codec: reply code without three digits")
	}
	text = text[:min(len(text), ReplyMax-codeDigits-1)]
	dst = AppendField(dst, int64(codeDigits+1+len(text)))
	dst = strconv.AppendInt(dst, int64(code), 10)
	return AppendPrintable(append(dst, ' '), text)
}

// parseReply splits "CODE SP text". A code alone is valid too.
func parseReply(text []byte) (code int64, rest []byte, ok bool) {
	code, ok = parseNumber(text[:codeDigits])
	rest = text[codeDigits:]
	if !ok || code < 100 || len(rest) > 0 && rest[0] != ' ' {
		return 0, nil, false
	}
	return code, bytes.TrimPrefix(rest, []byte{' '}), true
}

// words reads a reply's text word by word. Further words are ignored, since later servers may add
// some.
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

// Offer is the text of a CodeOffer reply.
type Offer struct {
	Port uint16
	Key  Key
	// Size is the number of bytes that the server will send, -1 for an upload. Total is the size
	// of the whole file if Size is that of a piece, otherwise -1.
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
	// offerPortMin keeps a server from sending its clients to the ports of system services.
	// (PROTOCOL.md, Data ports.)
	offerPortMin = 1024
	offerPortMax = 65535
)

// ParseOffer reads the text of an offer. The verb that it answers determines the number of words.
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

// AppendSize appends a size in bytes, the text of most CodeComplete and CodeStatus replies.
func AppendSize(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

// ParseSize reads the size at the beginning of a text.
func ParseSize(text []byte) (int64, bool) {
	w := words{rest: text}
	n := w.number()
	return n, !w.bad
}

// Stat is the text of a CodeStatus reply to stat.
type Stat struct {
	// Dir is set for a folder.
	Dir bool
	// Size is in bytes, 0 for a folder.
	Size int64
	// Time is the modification time in UTC by RFC 3339: 2006-01-02T15:04:05Z.
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

// ParseStat reads such a text. An unknown type is an error.
func ParseStat(text []byte) (Stat, bool) {
	w := words{rest: text}
	kind := string(w.next())
	s := Stat{Dir: kind == "dir", Size: w.number(), Time: string(w.next())}
	if w.bad || kind != "file" && kind != "dir" {
		return Stat{}, false
	}
	return s, true
}
