package codec

import (
	"bytes"
	"encoding/base64"
)

// Mechanism is a way to log in. (PROTOCOL.md, Login.)
type Mechanism uint8

// The mechanisms. PLUS is bound to the TLS connection by its tls-exporter value.
const (
	MechanismScram Mechanism = iota + 1
	MechanismScramPlus
)

// mechanismWords are the mechanisms' words. Each has a dash, which Base64 has not.
var mechanismWords = [...]string{
	MechanismScram: "SCRAM-SHA-256", MechanismScramPlus: "SCRAM-SHA-256-PLUS",
}

// String returns the mechanism's word, empty for none.
func (m Mechanism) String() string {
	if int(m) >= len(mechanismWords) {
		return ""
	}
	return mechanismWords[m]
}

var (
	errMechanism = &RequestError{
		CodeParameter, "a mechanism is SCRAM-SHA-256 or SCRAM-SHA-256-PLUS",
	}
	errMessage = &RequestError{CodeArgument, "the message is not Base64"}
)

func (q *Request) parseLogin(rest *[]byte, more *bool) *RequestError {
	if !*more {
		return errTooFew
	}
	var word []byte
	word, *rest, *more = bytes.Cut(*rest, []byte{' '})
	if bytes.IndexByte(word, '-') >= 0 {
		for m := MechanismScram; int(m) < len(mechanismWords); m++ {
			if string(word) == mechanismWords[m] {
				q.Mechanism = m
			}
		}
		switch {
		case q.Mechanism == 0:
			return errMechanism
		case !*more:
			return errTooFew
		}
		word, *rest, *more = bytes.Cut(*rest, []byte{' '})
	}
	message, ok := ParseMessage(word)
	if !ok {
		return errMessage
	}
	q.Message = message
	return nil
}

func (q *Request) appendLogin(dst []byte) ([]byte, error) {
	switch {
	case int(q.Mechanism) >= len(mechanismWords):
		return dst, errMechanism
	case len(q.Message) == 0:
		return dst, errMessage
	}
	if q.Mechanism != 0 {
		dst = append(append(dst, ' '), q.Mechanism.String()...)
	}
	return AppendMessage(append(dst, ' '), q.Message), nil
}

// AppendMessage appends a message of a login, the text of CodeChallenge and CodeLoggedIn.
func AppendMessage(dst, message []byte) []byte {
	return base64.StdEncoding.AppendEncode(dst, message)
}

// ParseMessage reads such a text. A message is not empty.
func ParseMessage(text []byte) ([]byte, bool) {
	if bytes.ContainsAny(text, "\r\n") { // which the decoder skips
		return nil, false
	}
	message, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
	return message, err == nil && len(message) > 0
}
