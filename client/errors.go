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
	// No control connection was made; the session is gone; Close or Quit ended it; the call's
	// context ended.
	ErrConnect = errors.New("cannot connect")
	ErrLost    = errors.New("connection lost")
	ErrClosed  = errors.New("session closed")
	ErrGivenUp = errors.New("given up")

	// ErrUntrusted means that the server's certificate is unknown or another one, or that it does
	// not know the user's password. ErrLogin means that the user's name or password is wrong. Both
	// come with ErrConnect.
	ErrUntrusted = errors.New("the server is not trusted")
	ErrLogin     = errors.New("login failed")

	// ErrNothingSent means that a base server announced a size of 0; ErrRefused that it reset an
	// upload, and stored nothing.
	ErrNothingSent = errors.New(
		"nothing sent: not found, not readable, or too large (this server does not say which)")
	ErrRefused = errors.New("not stored: the server reset the data connection")

	// ErrNotFound means that the server has no such plain file; ErrNoFolder no such folder.
	// ErrMessage is any other message that classic sends in place of a file.
	ErrNotFound       = errors.New("no such file")
	ErrNoFolder       = errors.New("no such folder")
	ErrMessage        = errors.New("a message instead of a file")
	ErrUnknownCommand = errors.New("unknown command")
	// ErrUnsupported means that the exchange has no such command. Nothing was sent.
	ErrUnsupported = errors.New("the classic exchange has none")

	// The data connection was not made; broke, or ended before the announced bytes; moved nothing
	// for too long.
	ErrNoData  = errors.New("no data connection")
	ErrBroken  = errors.New("transfer broken off")
	ErrStalled = errors.New("transfer stalled")

	// ErrProtocol means that the server sent what the exchange does not allow; ErrTooLarge that a
	// size does not fit a field, or a listing exceeds its limit; ErrName that a name cannot be
	// sent, or cannot be a local file; ErrLocal that reading or writing here failed.
	ErrProtocol = errors.New("the server broke the protocol")
	ErrTooLarge = errors.New("too large")
	ErrName     = errors.New("name not allowed")
	ErrLocal    = errors.New("local error")

	// Only status servers report these. ErrBusy may pass: the server is too busy or shuts down, or
	// somebody else holds what the command is about. ErrServer is a failure of its own files or
	// memory. ErrNotDone means that something is missing, of another type, or in the way.
	ErrBusy       = errors.New("busy")
	ErrServer     = errors.New("the server had an error")
	ErrNoSpace    = errors.New("no space left on the server")
	ErrArgument   = errors.New("bad argument")
	ErrNotAllowed = errors.New("not allowed here")
	ErrNotDone    = errors.New("not done")
	// ErrMismatch means that the bytes of both sides differ after a transfer, or that a file
	// changed meanwhile.
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
	// also is another kind that it is of, nil for none.
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
		text += ": " + codec.Printable(said.Error())
	} else if errors.As(e.Err, &said) {
		text = said.Error()
		if e.Code != 0 {
			// Servers begin their words with the name, as far as it can be printed, which stands
			// there already.
			named := codec.AppendPrintable(nil, []byte(e.Name))
			text = codec.Printable(strings.TrimPrefix(text, string(named)+": "))
		}
	} else if errors.As(e.Err, &put) {
		text = put.Error()
	} else if inner := (*Error)(nil); errors.As(e.Err, &inner) && inner.Name == e.Name {
		unnamed := *inner
		unnamed.Name = "" // name it once
		text += ": " + unnamed.Error()
	} else if e.Err != nil {
		text += ": " + causeText(e.Err)
	}
	if e.Name != "" {
		text = e.Name + ": " + text
	}
	return text
}

// Unwrap gives the kinds and the cause.
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
	var said *reworded
	switch {
	case errors.As(err, &said):
		return said.text
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
	var (
		op   *net.OpError
		path *fs.PathError
		link *os.LinkError
		call *os.SyscallError
	)
	for {
		switch {
		case errors.As(err, &op):
			err = op.Err
		case errors.As(err, &path):
			err = path.Err
		case errors.As(err, &link):
			err = link.Err
		case errors.As(err, &call):
			err = call.Err
		default:
			return err.Error()
		}
	}
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

const nobodyListens = "nobody listens there (connection refused)"

// dialError describes briefly why a connection could not be made.
func dialError(ctx context.Context, addr string, err error) error {
	if done := ctx.Err(); done != nil {
		return failure(addr, ErrGivenUp, done)
	}
	var untrusted *CertificateError
	var said *reworded
	switch {
	case errors.As(err, &untrusted):
		return &Error{Name: addr, Kind: ErrConnect, Err: err, also: ErrUntrusted}
	case errors.As(err, &said):
	case isRefused(err):
		err = &reworded{err, nobodyListens}
	case isReset(err):
		err = errors.New(errTurnedAway)
	}
	return failure(addr, ErrConnect, err)
}

// reworded is an error in other words.
type reworded struct {
	error
	text string
}

func (e *reworded) Error() string { return e.text }

func (e *reworded) Unwrap() error { return e.error }
