package reactor

import (
	"errors"
	"time"

	"ferry/codec"
	"ferry/fsio"
)

// What a command of the status exchange is answered with.

type answer struct {
	code int
	text []byte
}

// refusal is a reason of the server's own, with its code.
type refusal struct {
	code   int
	reason string
}

func (e *refusal) Error() string { return e.reason }

var (
	errNoRoom = &refusal{
		codec.CodeNoSpace, "not enough room under the reserve (--min-free)",
	}
	errUploadMax = &refusal{codec.CodeTooLarge, "larger than the limit (--max-upload)"}
	// errTooLarge is a file that no field can announce.
	errTooLarge = &refusal{codec.CodeTooLarge, "too large for a field: use getpart"}
	// errShrank is a file that became shorter while it was sent. (PROTOCOL.md, Data connections.)
	errShrank      = &refusal{codec.CodeLocal, "the file became shorter while it was sent"}
	errNoFolder    = &refusal{codec.CodeNoFile, "not a folder"}
	errBeyondEnd   = &refusal{codec.CodeArgument, "the offset is beyond the end"}
	errBeyondTotal = &refusal{codec.CodeArgument, "more than the total that was told"}
	errSumsHere    = &refusal{codec.CodeBusy, "too many checksums for this address at once"}
	errSumsAll     = &refusal{codec.CodeBusy, "too many checksums at once"}
	errSumsMost    = &refusal{codec.CodeTooLarge, "too many bytes summed up for one session"}
	errNoRecord    = &refusal{codec.CodeAborted, "the data connection ended before its field"}
)

// kindCodes is the one table from what went wrong with a file to a reply's code.
var kindCodes = map[fsio.Kind]int{
	fsio.KindNotFound:    codec.CodeNoFile,
	fsio.KindNotPlain:    codec.CodeNoFile,
	fsio.KindNotFolder:   codec.CodeNoFile,
	fsio.KindDenied:      codec.CodeNoFile,
	fsio.KindExists:      codec.CodeNoFile,
	fsio.KindNotEmpty:    codec.CodeNoFile,
	fsio.KindBadName:     codec.CodeNameForbidden,
	fsio.KindNoSpace:     codec.CodeNoSpace,
	fsio.KindTooLarge:    codec.CodeTooLarge,
	fsio.KindTooMany:     codec.CodeBusy,
	fsio.KindOffset:      codec.CodePartSize,
	fsio.KindBusy:        codec.CodeBusy,
	fsio.KindWouldBlock:  codec.CodeLocal,
	fsio.KindUnsupported: codec.CodeLocal,
	fsio.KindCrossDevice: codec.CodeParameter,
	fsio.KindIO:          codec.CodeLocal,
}

// outcomeAnswers are the answers to outcomes that say enough by themselves.
var outcomeAnswers = map[outcome]answer{
	outcomeUnused:  {codec.CodeNoConnection, []byte("nobody connected to the port in time")},
	outcomeBroken:  {codec.CodeAborted, []byte("the data connection was lost")},
	outcomeCut:     {codec.CodeAborted, []byte("the data connection ended too early")},
	outcomeStalled: {codec.CodeAborted, []byte("the data connection was too slow")},
	outcomeGivenUp: {codec.CodeAborted, []byte("aborted")},
	outcomeAborted: {codec.CodeTooBusy, []byte("the server is ending")},
}

func codeOf(err error) int {
	var own *refusal
	if errors.As(err, &own) {
		return own.code
	}
	var request *codec.RequestError
	if errors.As(err, &request) {
		return request.Code
	}
	var violation *codec.ProtocolError
	if errors.As(err, &violation) {
		return codec.CodeArgument
	}
	if code, ok := kindCodes[fsio.KindOf(err)]; ok {
		return code
	}
	return codec.CodeLocal
}

// reasonOf is an error in a few words, without the name that the client gave.
func reasonOf(err error) string {
	var file *fsio.Error
	if errors.As(err, &file) {
		if file.Err == nil {
			return string(file.Kind)
		}
		return file.Err.Error()
	}
	var request *codec.RequestError
	if errors.As(err, &request) {
		return request.Reason
	}
	return err.Error()
}

// answerTo is the answer to a failure about what the client named.
func answerTo(name []byte, err error) answer {
	text := append([]byte(nil), name[:min(len(name), answerNameMax)]...)
	if len(text) > 0 {
		text = append(text, ": "...)
	}
	return answer{codeOf(err), append(text, reasonOf(err)...)}
}

// answerNameMax is how much of a client's words an answer repeats in bytes: whole names, not whole
// floods of them.
const answerNameMax = 1024

// answer is what a command that ended is answered with.
func (t *transfer) answer() answer {
	if t.outcome == outcomeComplete {
		return t.success()
	}
	var own *refusal
	if known, ok := outcomeAnswers[t.outcome]; ok && !errors.As(t.err, &own) {
		return known
	}
	if t.err == nil {
		return answer{codec.CodeLocal, []byte(t.outcome)}
	}
	a := answerTo([]byte(t.called), t.err)
	if a.code == codec.CodeNoFile && fsio.KindOf(t.err) == fsio.KindExists &&
		t.replace().NoReplace && t.Verb != codec.VerbMkdir {
		a.code = codec.CodeNotAllowed
	}
	return a
}

// success is the answer to a command that was carried out.
func (t *transfer) success() answer {
	f := &t.found
	switch t.Verb {
	case codec.VerbGet, codec.VerbGetPart, codec.VerbList:
		return answer{codec.CodeComplete, codec.AppendSize(nil, t.send.size)}
	case codec.VerbPut:
		return answer{codec.CodeComplete, codec.AppendSize(nil, t.recv.space.total)}
	case codec.VerbPutPart:
		code, n := codec.CodeComplete, t.recv.space.total
		if n < t.Total {
			code = codec.CodeDone
		}
		return answer{code, codec.AppendSize(nil, n)}
	case codec.VerbNewPart:
		return answer{codec.CodeDone, []byte(f.part)}
	case codec.VerbPartSize:
		return answer{codec.CodeStatus, codec.AppendSize(nil, f.partSize)}
	case codec.VerbSum, codec.VerbSumPart, codec.VerbPartSum:
		return f.sum.summed()
	case codec.VerbStat:
		return answer{codec.CodeStatus, codec.AppendStat(nil, statOf(f.info))}
	case codec.VerbCd:
		return answer{codec.CodeDone, pathOf(t.name)}
	case codec.VerbRenameFrom:
		return answer{codec.CodeMore, []byte("rnto is to follow")}
	default:
		return answer{codec.CodeDone, []byte("done")}
	}
}

func statOf(i fsio.Entry) codec.Stat {
	return codec.Stat{
		Dir: i.Kind == fsio.EntryFolder, Size: i.Size,
		Time: listedTime(i.ModTime).Format(time.RFC3339),
	}
}
