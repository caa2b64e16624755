package reactor

import (
	"errors"
	"time"

	"ferry/codec"
	"ferry/fsio"
)

// What a command of the status exchange is answered with.

// answer is a reply's code and text.
type answer struct {
	code int
	text []byte
}

// refusal is a reason of the server's own, with its code.
type refusal struct {
	code   int
	reason string
}

// Error implements error.
func (e *refusal) Error() string { return e.reason }

var (
	errNoRoom = &refusal{
		codec.CodeNoSpace, "not enough room under the reserve (--min-free)",
	}
	errReadOnly   = &refusal{codec.CodeNotAllowed, "this server is read-only"}
	errUploadOnly = &refusal{codec.CodeNotAllowed, "this server takes uploads only"}
	errUploadMax  = &refusal{codec.CodeTooLarge, "larger than the limit (--max-upload)"}
	// errTooLarge is a file that no field can announce.
	errTooLarge = &refusal{codec.CodeTooLarge, "too large for a field: use getpart"}
	// errShrank is a file that became shorter while it was sent. (PROTOCOL, Base exchange: "the
	// data connection is reset, never padded".)
	errShrank      = &refusal{codec.CodeLocal, "the file became shorter while it was sent"}
	errNoFolder    = &refusal{codec.CodeNoFile, "not a folder"}
	errBeyondEnd   = &refusal{codec.CodeArgument, "the offset is beyond the end"}
	errBeyondTotal = &refusal{codec.CodeArgument, "more than the total that was told"}
	errSumsHere    = &refusal{codec.CodeBusy, "too many checksums for this address at once"}
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
	outcomeUntaken: {codec.CodeNoConnection, []byte("nobody connected to the port in time")},
	outcomeBroken:  {codec.CodeAborted, []byte("the data connection was lost")},
	outcomeCut:     {codec.CodeAborted, []byte("the data connection ended too early")},
	outcomeStalled: {codec.CodeAborted, []byte("the data connection was too slow")},
	outcomeGivenUp: {codec.CodeAborted, []byte("aborted")},
	outcomeAborted: {codec.CodeTooBusy, []byte("the server is ending")},
}

// codeOf is the code of an error.
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

// answerOf is the answer to a transfer that has ended.
func (r *reactor) answerOf(t *transfer) answer {
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
	a := answerTo([]byte(t.name), t.err)
	if a.code == codec.CodeNoFile && fsio.KindOf(t.err) == fsio.KindExists &&
		r.server.options.NoOverwrite && t.verb != codec.VerbMkdir {
		a.code = codec.CodeNotAllowed
	}
	return a
}

// success is the answer to a transfer that is complete.
func (t *transfer) success() answer {
	code, n := codec.CodeComplete, t.send.size
	if t.isPut() {
		n = t.recv.total
	}
	if t.verb == codec.VerbPutPart && n < t.asked.Total {
		code = codec.CodeDone
	}
	return answer{code, codec.AppendSize(nil, n)}
}

// reply sends an answer.
func (r *reactor) reply(s *session, a answer) {
	if s.conn == nil {
		return
	}
	if r.gathering == s {
		r.gathered = codec.AppendReply(r.gathered, a.code, a.text)
		if len(r.gathered) >= gatherMax {
			r.flushReplies()
		}
		return
	}
	r.replies = codec.AppendReply(r.replies[:0], a.code, a.text)
	r.write(s, r.replies)
}

// gatherMax is how many bytes of replies leave in one write: those of hundreds of commands, so that
// a client that sends very many at once does not keep the loop with as many system calls.
const gatherMax = 16 << 10

// flushReplies sends what was gathered.
func (r *reactor) flushReplies() {
	out := r.gathered
	r.gathered = out[:0] // a write that fails may have more to say
	if s := r.gathering; s != nil && s.conn != nil && len(out) > 0 {
		r.write(s, out)
	}
}

// lastWords says why the server ends a session.
func (r *reactor) lastWords(s *session, out *output) {
	switch {
	case s.conn == nil || out.end == endClosed:
	case out.goodbye:
		r.reply(s, answer{codec.CodeGoodbye, []byte("goodbye")})
	case out.end == endViolation:
		r.reply(s, answer{codec.CodeArgument, []byte(out.end)})
	default:
		r.reply(s, answer{codec.CodeTooBusy, []byte(out.end)})
	}
	if r.gathering == s { // control may be closed next
		r.flushReplies()
	}
}

// statOf is what stat tells.
func statOf(i fsio.Entry) codec.Stat {
	return codec.Stat{
		Dir: i.Kind == fsio.EntryFolder, Size: i.Size,
		Time: listedTime(i.ModTime).Format(time.RFC3339),
	}
}
