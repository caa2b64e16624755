package client

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"

	"ferry/codec"
)

// The kinds of failure. Every error of this package is an [*Error] of one of these kinds, which
// errors.Is finds.
var (
	// ErrConnect means that no control connection came about.
	ErrConnect = errors.New("cannot connect")
	// ErrLost means that the control connection is gone, and the session with it.
	ErrLost = errors.New("connection lost")
	// ErrClosed means that Close or Quit ended the session.
	ErrClosed = errors.New("session closed")
	// ErrNothingSent means that the server announced a size of 0.
	ErrNothingSent = errors.New(
		"nothing sent: missing, unreadable or too large (this server cannot say)")
	// ErrRefused means that the server reset an upload: it stored nothing.
	ErrRefused = errors.New("not stored: the server reset the data connection")
	// ErrNotFound means that the server said so, in the classic exchange or in the status one:
	// there is no such file, or it is no plain one.
	ErrNotFound = errors.New("no such file")
	// ErrMessage means that the server sent a message instead of a file, in the classic
	// exchange: a message of another meaning than ErrNotFound and ErrUnknownCommand.
	ErrMessage = errors.New("a message instead of a file")
	// ErrUnsupported means that the session's exchange has no such command. Nothing was sent.
	ErrUnsupported = errors.New("the classic exchange has none")
	// ErrNoFolder means that the server knows no folder of that name.
	ErrNoFolder = errors.New("no such folder")
	// ErrUnknownCommand means that the server does not know the command.
	ErrUnknownCommand = errors.New("unknown command")
	// ErrNoData means that the data connection could not be made.
	ErrNoData = errors.New("no data connection")
	// ErrBroken means that the data connection broke, or ended before the announced bytes.
	ErrBroken = errors.New("transfer broken off")
	// ErrStalled means that the server took or sent nothing for too long.
	ErrStalled = errors.New("transfer stalled")
	// ErrProtocol means that the server sent what the exchange does not allow.
	ErrProtocol = errors.New("the server broke the protocol")
	// ErrTooLarge means that a size does not fit a field, or a listing exceeds the limit.
	ErrTooLarge = errors.New("too large")
	// ErrName means that a name cannot be sent, or cannot be a local file.
	ErrName = errors.New("name not allowed")
	// ErrLocal means that reading or writing on this side failed.
	ErrLocal = errors.New("local error")
	// ErrGivenUp means that the call's context ended.
	ErrGivenUp = errors.New("given up")
)

// The kinds that the status exchange alone tells.
var (
	// ErrBusy means that the server is too busy, shuts down, or that somebody else holds what
	// the command is about: the same may go well later.
	ErrBusy = errors.New("busy")
	// ErrServer means that the server's own files or memory failed it.
	ErrServer = errors.New("the server had an error")
	// ErrNoSpace means that the server has no room for the file.
	ErrNoSpace = errors.New("no space left on the server")
	// ErrArgument means that the server takes no such argument, or not now.
	ErrArgument = errors.New("bad argument")
	// ErrNotAllowed means that the server does not do this for anybody, or not for this client.
	ErrNotAllowed = errors.New("not allowed here")
	// ErrNotDone means that a file command cannot be carried out: there is no such thing, it is
	// of another type, or something is in its way.
	ErrNotDone = errors.New("not done")
	// ErrMismatch means that the bytes of two sides differ although all of them were moved, or
	// that a file changed on the way.
	ErrMismatch = errors.New("the two sides differ")
)

// Error says what failed.
type Error struct {
	// Name is the file, folder or address concerned, or empty.
	Name string
	// Kind is one of the package's kinds.
	Kind error
	// Code is the server's reply code in the status exchange, 0 where there was none.
	Code int
	// Err is the cause, or nil when the kind says it all.
	Err error
	// also is the kind that base has for the same, nil when there is none: its users ask for it.
	also error
}

// failure is an error without a code.
func failure(name string, kind, cause error) *Error {
	return &Error{Name: name, Kind: kind, Err: cause}
}

// Error is one line: the name, the kind, the cause. A server's own message stands for the last two;
// its control characters are escaped in the status exchange.
func (e *Error) Error() string {
	text := e.Kind.Error()
	var said serverMessage
	var put wording
	if errors.Is(e.Kind, ErrLost) && e.Code != 0 && errors.As(e.Err, &said) {
		text += ": " + printable(said.Error())
	} else if errors.As(e.Err, &said) {
		text = said.Error()
		if e.Code != 0 {
			// Servers begin their words with the name, as far as it can be printed, which
			// stands there already.
			named := codec.AppendPrintable(nil, []byte(e.Name))
			text = printable(strings.TrimPrefix(text, string(named)+": "))
		}
	} else if errors.As(e.Err, &put) {
		text = put.Error()
	} else if inner := (*Error)(nil); errors.As(e.Err, &inner) && inner.Name == e.Name {
		unnamed := *inner
		unnamed.Name = "" // it is told once
		text += ": " + unnamed.Error()
	} else if e.Err != nil {
		text += ": " + causeText(e.Err)
	}
	if e.Name != "" {
		text = e.Name + ": " + text
	}
	return text
}

// Unwrap gives the kind, what base would have told, and the cause.
func (e *Error) Unwrap() []error {
	all := []error{e.Kind}
	if e.also != nil {
		all = append(all, e.also)
	}
	if e.Err != nil {
		all = append(all, e.Err)
	}
	return all
}

// wording says what happened better than the kind does.
type wording string

func (w wording) Error() string { return string(w) }

// causeText leaves out what packages net and os repeat: operation, addresses, paths.
func causeText(err error) string {
	var port *portError
	var nobody *nobodyListens
	switch {
	case errors.As(err, &nobody):
		return nobody.Error()
	case errors.As(err, &port):
		return port.Error()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer for too long"
	case errors.Is(err, io.EOF):
		return "the server closed it"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "out of time"
	}
	var lookup *net.DNSError
	if errors.As(err, &lookup) {
		return lookup.Err
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	var link *os.LinkError
	if errors.As(err, &link) {
		err = link.Err
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	return err.Error()
}

// transferError turns what a data connection returned into an error about name. A context that
// ended explains whatever followed it.
func transferError(ctx context.Context, name string, err error) error {
	if done := ctx.Err(); done != nil {
		return failure(name, ErrGivenUp, done)
	}
	var violation *codec.ProtocolError
	switch {
	case errors.As(err, &violation):
		return failure(name, ErrProtocol, err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return failure(name, ErrStalled, nil)
	case errors.Is(err, net.ErrClosed):
		return failure(name, ErrClosed, nil)
	}
	return failure(name, ErrBroken, err)
}

// isNetwork says whether an error of a copy between socket and file is the socket's.
func isNetwork(err error) bool {
	var timeout net.Error
	return isReset(err) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, net.ErrClosed) || errors.As(err, &timeout) && timeout.Timeout()
}

// dialError says in a few words why nobody answered.
func dialError(ctx context.Context, addr string, err error) error {
	if done := ctx.Err(); done != nil {
		return failure(addr, ErrGivenUp, done)
	}
	if isRefused(err) {
		return failure(addr, ErrConnect, &nobodyListens{err})
	}
	if isReset(err) {
		err = errors.New(errTurnedAway)
	}
	return failure(addr, ErrConnect, err)
}

// nobodyListens puts "connection refused" into words of its own.
type nobodyListens struct{ error }

// Error says what was refused.
func (e *nobodyListens) Error() string { return "nobody listens there (connection refused)" }

// Unwrap gives the refusal itself.
func (e *nobodyListens) Unwrap() error { return e.error }
