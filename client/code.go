package client

import (
	"cmp"
	"strings"

	"ferry/codec"
)

// codeKinds is the kind of failure that a code means for every command.
var codeKinds = map[int64]error{
	codec.CodeTooBusy:       ErrBusy,
	codec.CodeNoConnection:  ErrNoData,
	codec.CodeAborted:       ErrBroken,
	codec.CodeBusy:          ErrBusy,
	codec.CodeLocal:         ErrServer,
	codec.CodeNoSpace:       ErrNoSpace,
	codec.CodeUnknown:       ErrUnknownCommand,
	codec.CodeArgument:      ErrArgument,
	codec.CodeOrder:         ErrArgument,
	codec.CodeNotAllowed:    ErrNotAllowed,
	codec.CodeLoginFailed:   ErrLogin,
	codec.CodeTooLarge:      ErrTooLarge,
	codec.CodeNameForbidden: ErrName,
	codec.CodePartSize:      ErrMismatch,
}

// noFileKinds is what "no such file, or not a plain file" means for a command; others: ErrNotDone.
var noFileKinds = map[codec.Verb]error{
	codec.VerbGet:      ErrNotFound,
	codec.VerbGetPart:  ErrNotFound,
	codec.VerbSum:      ErrNotFound,
	codec.VerbSumPart:  ErrNotFound,
	codec.VerbStat:     ErrNotFound,
	codec.VerbRemove:   ErrNotFound,
	codec.VerbPutPart:  ErrNotFound,
	codec.VerbPartSize: ErrNotFound,
	codec.VerbPartSum:  ErrNotFound,
	codec.VerbDropPart: ErrNotFound,
	codec.VerbList:     ErrNoFolder,
}

// replyError is the error about name that a reply of 400 or more is.
func replyError(q codec.Request, ev codec.Event) *Error {
	kind := codeKinds[ev.N]
	switch {
	case ev.N == codec.CodeNoFile:
		if kind = noFileKinds[q.Verb]; kind == nil {
			kind = ErrNotDone
		}
	case kind != nil:
	case ev.N < 500:
		// Of unknown codes the first digit counts: 4xx may pass, 5xx will not.
		kind = ErrBusy
	default:
		kind = ErrNotDone
	}
	e := failure(cmp.Or(label(q), q.Verb.String()), kind, nil)
	e.Code = int(ev.N)
	text := string(ev.Data)
	if ev.N == codec.CodeNotAllowed {
		// The protocol's verb says less than the name.
		text = strings.TrimPrefix(text, q.Verb.String()+": ")
	}
	if text != "" {
		e.Err = serverMessage(text)
	}
	return e
}
