package codec

import (
	"bytes"
	"fmt"
	"strconv"
)

// Request is a command of the status exchange taken apart. Which fields a command has is in
// verbShapes; the others are zero.
type Request struct {
	Verb Verb
	// Long asks for a listing with type, size and modification time.
	Long bool
	// Algo is the checksum asked for.
	Algo Algo
	// Part is the upload that the command is about.
	Part PartID
	// Offset and Length are a range in bytes; a Length of 0 reaches to the end. Total is the
	// size of the whole upload in bytes.
	Offset, Length, Total int64
	// Name is the file or folder as it came. It shares the text's memory.
	Name []byte
}

// Algo is a checksum.
type Algo uint8

const (
	// AlgoXXH3 is xxh3 with 128 bits.
	AlgoXXH3 Algo = iota + 1
	// AlgoSHA256 is SHA-256.
	AlgoSHA256
)

var algoWords = [...]string{AlgoXXH3: "xxh3", AlgoSHA256: "sha256"}

// String is the checksum's word on the wire, or "none".
func (a Algo) String() string {
	if a == 0 || int(a) >= len(algoWords) {
		return "none"
	}
	return algoWords[a]
}

// ParseAlgo reads a checksum's word.
func ParseAlgo(word []byte) (Algo, bool) {
	for a := AlgoXXH3; int(a) < len(algoWords); a++ {
		if string(word) == algoWords[a] {
			return a, true
		}
	}
	return 0, false
}

// RequestError says why a text is no command. There are few of them, all made beforehand, so that
// a client's nonsense allocates nothing.
type RequestError struct {
	// Code is CodeUnknown or CodeArgument.
	Code int
	// Reason says what was wrong, in a few words.
	Reason string
}

// Error implements error.
func (e *RequestError) Error() string { return strconv.Itoa(e.Code) + " " + e.Reason }

var (
	errUnknown   = &RequestError{CodeUnknown, "unknown command"}
	errFewWords  = &RequestError{CodeArgument, "a word is missing"}
	errManyWords = &RequestError{CodeArgument, "this command takes no further words"}
	errName      = &RequestError{CodeArgument, "a name is missing"}
	errNumber    = &RequestError{CodeArgument, "a number is wrong"}
	errPart      = &RequestError{CodeArgument, "a part is 16 hexadecimal digits"}
	errAlgo      = &RequestError{CodeArgument, "a checksum is xxh3 or sha256"}
	errVersion   = &RequestError{CodeArgument, "this server speaks version 1"}
	errTotal     = &RequestError{CodeArgument, "an offset beyond the total"}
)

// argument is what a word of a command says.
type argument uint8

const (
	argNothing argument = iota
	argVersion          // the 1 of hello 1
	argAlgo
	argPart
	argOffset
	argLength
	argTotal
	argName  // all the rest, inner spaces included
	argNames // the same, or nothing, after an optional -l
)

// verbShapes are the words that stand behind each verb, in order.
var verbShapes = [verbCount][]argument{
	VerbHello:      {argVersion},
	VerbGet:        {argName},
	VerbGetPart:    {argOffset, argLength, argName},
	VerbPut:        {argName},
	VerbNewPart:    {argName},
	VerbPutPart:    {argPart, argOffset, argTotal},
	VerbPartSize:   {argPart},
	VerbPartSum:    {argPart, argAlgo},
	VerbDropPart:   {argPart},
	VerbList:       {argNames},
	VerbSum:        {argAlgo, argName},
	VerbSumPart:    {argAlgo, argOffset, argLength, argName},
	VerbStat:       {argName},
	VerbMkdir:      {argName},
	VerbRmdir:      {argName},
	VerbRemove:     {argName},
	VerbRenameFrom: {argName},
	VerbRenameTo:   {argName},
	VerbCd:         {argName},
	VerbPwd:        {},
	VerbNoop:       {},
	VerbAbort:      {},
	VerbQuit:       {},
}

// IsHello says whether a first command switches its session to the status exchange. (PROTOCOL,
// Status exchange: "The client's first command is hello 1".)
func IsHello(text []byte) bool {
	const hello = "hello 1"
	return len(text) == len(hello) && bytes.EqualFold(text, []byte(hello))
}

// ParseRequest takes a command of the status exchange apart. The error is a *RequestError; the
// request then still tells the verb, unless that is unknown.
func ParseRequest(text []byte) (Request, error) {
	word, rest, more := bytes.Cut(text, []byte{' '})
	q := Request{Verb: requestVerb(word)}
	if q.Verb == VerbUnknown {
		return q, errUnknown
	}
	shape := verbShapes[q.Verb]
	for _, a := range shape {
		if err := q.takeArgument(a, &rest, &more); err != nil {
			return q, err
		}
	}
	if more {
		return q, errManyWords
	}
	if q.Verb == VerbPutPart && q.Offset > q.Total {
		return q, errTotal
	}
	return q, nil
}

// takeArgument reads one argument off the text; more says whether a space announced any.
func (q *Request) takeArgument(a argument, rest *[]byte, more *bool) *RequestError {
	switch a {
	case argNames:
		if !*more {
			return nil
		}
		word, name, named := bytes.Cut(*rest, []byte{' '})
		if q.Long = string(word) == longFlag; q.Long {
			*rest, *more = name, named
		}
		q.Name, *more = *rest, false
		return nil
	case argName:
		if !*more || len(*rest) == 0 {
			return errName
		}
		q.Name, *more = *rest, false
		return nil
	default:
		if !*more {
			return errFewWords
		}
		var word []byte
		word, *rest, *more = bytes.Cut(*rest, []byte{' '})
		return q.takeWord(a, word)
	}
}

// longFlag asks for a long listing. (PROTOCOL, Status exchange: "A folder called -l is ./-l".)
const longFlag = "-l"

func (q *Request) takeWord(a argument, word []byte) *RequestError {
	ok := false
	switch a {
	case argVersion:
		if string(word) != "1" {
			return errVersion
		}
	case argAlgo:
		if q.Algo, ok = ParseAlgo(word); !ok {
			return errAlgo
		}
	case argPart:
		if q.Part, ok = ParsePartID(word); !ok {
			return errPart
		}
	case argOffset, argLength, argTotal:
		n, ok := parseNumber(word)
		if !ok {
			return errNumber
		}
		*q.number(a) = n
	default:
		panic("codec: an argument of no kind")
	}
	return nil
}

// number is where an argument's number lies.
func (q *Request) number(a argument) *int64 {
	switch a {
	case argOffset:
		return &q.Offset
	case argLength:
		return &q.Length
	default:
		return &q.Total
	}
}

// numberDigits bounds a decimal number of bytes: 18 digits always fit 63 bits.
const numberDigits = 18

// parseNumber reads a number from 0 to 999,999,999,999,999,999.
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

// requestVerb finds the verb of a word, upper or lower case.
func requestVerb(word []byte) Verb {
	if len(word) == 0 || len(word) > wordLongest {
		return VerbUnknown
	}
	var lower [wordLongest]byte
	for i, b := range word {
		if !isLetter(b) {
			return VerbUnknown
		}
		lower[i] = b | 0x20
	}
	for v := VerbGet; v < verbCount; v++ {
		if string(lower[:len(word)]) == verbWords[v] {
			return v
		}
	}
	return VerbUnknown
}

// AppendRequest appends field(length) and the request's text, ready for the wire. The error is for
// a request that ParseRequest would not give back, or that is longer than CommandMax.
func AppendRequest(dst []byte, q Request) ([]byte, error) {
	if q.Verb == VerbUnknown || q.Verb >= verbCount {
		return dst, errUnknown
	}
	start := len(dst)
	out := append(dst, "0000000000"...)
	out = append(out, verbWords[q.Verb]...)
	for _, a := range verbShapes[q.Verb] {
		var err error
		if out, err = q.appendArgument(out, a); err != nil {
			return dst, err
		}
	}
	length := len(out) - start - FieldSize
	if length > CommandMax {
		return dst, fmt.Errorf("a command of %d bytes: from 1 to %d are allowed",
			length, CommandMax)
	}
	if q.Verb == VerbPutPart && q.Offset > q.Total {
		return dst, errTotal
	}
	AppendField(out[:start], int64(length))
	return out, nil
}

func (q *Request) appendArgument(dst []byte, a argument) ([]byte, error) {
	switch a {
	case argVersion:
		return append(dst, " 1"...), nil
	case argAlgo:
		if q.Algo == 0 || int(q.Algo) >= len(algoWords) {
			return dst, errAlgo
		}
		return append(append(dst, ' '), algoWords[q.Algo]...), nil
	case argPart:
		if _, ok := ParsePartID(q.Part[:]); !ok {
			return dst, errPart
		}
		return append(append(dst, ' '), q.Part[:]...), nil
	case argOffset, argLength, argTotal:
		n := *q.number(a)
		if n < 0 || n > numberMax {
			return dst, errNumber
		}
		return strconv.AppendInt(append(dst, ' '), n, 10), nil
	case argName:
		if len(q.Name) == 0 {
			return dst, errName
		}
		return append(append(dst, ' '), q.Name...), nil
	default:
		return q.appendListing(dst), nil
	}
}

// numberMax is the largest number of bytes in a command: numberDigits nines.
const numberMax = 999_999_999_999_999_999

// appendListing appends what stands behind ls.
func (q *Request) appendListing(dst []byte) []byte {
	if q.Long {
		dst = append(dst, " "+longFlag...)
	}
	if len(q.Name) == 0 {
		return dst
	}
	dst = append(dst, ' ')
	if word, _, _ := bytes.Cut(q.Name, []byte{' '}); !q.Long && string(word) == longFlag {
		dst = append(dst, "./"...)
	}
	return append(dst, q.Name...)
}

// NextCommand finds the whole command that waiting input begins with, for whoever has to know what
// waits before its turn has come. n is how many bytes it takes with its length, 0 where it is not
// whole yet, or broken: then a Decoder says so in its turn. The text shares the input's memory.
func NextCommand(in []byte) (text []byte, n int) {
	if len(in) < FieldSize {
		return nil, 0
	}
	length, err := ParseField(in[:FieldSize])
	if err != nil || length == 0 || length > CommandMax || int64(len(in)-FieldSize) < length {
		return nil, 0
	}
	n = FieldSize + int(length)
	return in[FieldSize:n], n
}
