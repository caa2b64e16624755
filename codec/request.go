package codec

import (
	"bytes"
	"strconv"
)

// Request is a parsed command of the status exchange. The table arguments lists what each verb
// uses; other fields are zero.
type Request struct {
	Verb Verb
	// Long requests a listing with type, size and modification time.
	Long bool
	// Algo is the requested checksum.
	Algo Algo
	Part PartID
	// Offset and Length are a range in bytes; a Length of 0 means up to the end of the file.
	// Total is the size of the complete upload in bytes.
	Offset, Length, Total int64
	// Mechanism begins a login; it is 0 where Message continues one.
	Mechanism Mechanism
	// Message is the client's message of a login.
	Message []byte
	// Name is the unparsed name. It shares the text's memory.
	Name []byte
}

// RequestError says why a command is invalid. All values are predefined, so that invalid input does
// not allocate.
type RequestError struct {
	// Code is CodeUnknown, CodeArgument or CodeParameter.
	Code int
	// Reason is in lower case and does not repeat the input.
	Reason string
}

// Error implements error.
func (e *RequestError) Error() string { return strconv.Itoa(e.Code) + " " + e.Reason }

var (
	errUnknown = &RequestError{CodeUnknown, "unknown command"}
	errTooFew  = &RequestError{CodeArgument, "an argument is missing"}
	errTooMany = &RequestError{CodeArgument, "too many arguments"}
	errName    = &RequestError{CodeArgument, "a name is missing"}
	errNumber  = &RequestError{CodeArgument, "invalid number"}
	errPart    = &RequestError{CodeArgument, "a part is 16 hexadecimal digits"}
	errAlgo    = &RequestError{CodeArgument, "a checksum is xxh3 or sha256"}
	errVersion = &RequestError{CodeArgument, "this server speaks version 1"}
	errTotal   = &RequestError{CodeArgument, "the offset is beyond the total"}
)

// argument is the meaning of one argument of a command.
type argument uint8

const (
	argVersion argument = iota // the 1 of hello 1
	argAlgo
	argPart
	argOffset
	argLength
	argTotal
	argName    // the rest of the text, including spaces
	argListing // an optional -l, then an optional name
	argMessage // an optional mechanism, then a message in Base64
)

// arguments lists the arguments of each verb in order.
var arguments = [verbCount][]argument{
	VerbHello:      {argVersion},
	VerbGet:        {argName},
	VerbGetPart:    {argOffset, argLength, argName},
	VerbPut:        {argName},
	VerbNewPart:    {argName},
	VerbPutPart:    {argPart, argOffset, argTotal},
	VerbPartSize:   {argPart},
	VerbPartSum:    {argPart, argAlgo},
	VerbDropPart:   {argPart},
	VerbList:       {argListing},
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
	VerbAuth:       {argMessage},
}

// IsHello reports whether a session's first command selects the status exchange. (PROTOCOL.md,
// Hello.)
func IsHello(text []byte) bool {
	const hello = "hello 1"
	return len(text) == len(hello) && bytes.EqualFold(text, []byte(hello))
}

// ParseRequest parses a command of the status exchange. The error is a *RequestError; the request
// then still has its verb, unless that is unknown.
func ParseRequest(text []byte) (Request, error) {
	word, rest, more := bytes.Cut(text, []byte{' '})
	q := Request{Verb: verbOf(word)}
	if q.Verb == VerbUnknown {
		return q, errUnknown
	}
	for _, a := range arguments[q.Verb] {
		if err := q.parseArgument(a, &rest, &more); err != nil {
			return q, err
		}
	}
	if more {
		return q, errTooMany
	}
	if q.Verb == VerbPutPart && q.Offset > q.Total {
		return q, errTotal
	}
	return q, nil
}

// parseArgument reads one argument and advances rest; more is set if a space announced another one.
func (q *Request) parseArgument(a argument, rest *[]byte, more *bool) *RequestError {
	switch a {
	case argListing:
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
	case argMessage:
		return q.parseLogin(rest, more)
	default:
		if !*more {
			return errTooFew
		}
		var word []byte
		word, *rest, *more = bytes.Cut(*rest, []byte{' '})
		return q.parseWord(a, word)
	}
}

// longFlag requests a long listing. (PROTOCOL.md, Listings.)
const longFlag = "-l"

func (q *Request) parseWord(a argument, word []byte) *RequestError {
	ok := false
	switch a {
	case argVersion:
		if string(word) != "1" {
			return errVersion
		}
	case argAlgo:
		if q.Algo, ok = parseAlgo(word); !ok {
			return errAlgo
		}
	case argPart:
		if q.Part, ok = ParseKey(word); !ok {
			return errPart
		}
	case argOffset, argLength, argTotal:
		n, ok := parseNumber(word)
		if !ok {
			return errNumber
		}
		*q.number(a) = n
	default:
		panic("codec: unknown kind of argument")
	}
	return nil
}

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

// AppendRequest appends a request with its length. It fails if ParseRequest would not return the
// same request, or if the command is longer than CommandMax.
func AppendRequest(dst []byte, q Request) ([]byte, error) {
	if q.Verb == VerbUnknown || q.Verb >= verbCount {
		return dst, errUnknown
	}
	start := len(dst)
	out := append(dst, "0000000000"...)
	out = append(out, verbWords[q.Verb]...)
	for _, a := range arguments[q.Verb] {
		var err error
		if out, err = q.appendArgument(out, a); err != nil {
			return dst, err
		}
	}
	length := len(out) - start - FieldSize
	if length > CommandMax {
		return dst, lengthError(length)
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
		if _, ok := ParseKey(q.Part[:]); !ok {
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
	case argMessage:
		return q.appendLogin(dst)
	default: // argListing
		return q.appendListing(dst), nil
	}
}

// appendListing appends the arguments of ls. A name that looks like the flag gets ./ in front.
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
