package client

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"

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
	// ErrNotFound means that the server said so, in the classic exchange.
	ErrNotFound = errors.New("no such file")
	// ErrMessage means that the server sent a message instead of a file, in the classic
	// exchange: a message of another meaning than ErrNotFound and ErrUnknownCommand.
	ErrMessage = errors.New("a message instead of a file")
	// ErrUnsupported means that the classic exchange has no such command. Nothing was sent.
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

// Error says what failed.
type Error struct {
	// Name is the file, folder or address concerned, or empty.
	Name string
	// Kind is one of the package's kinds.
	Kind error
	// Err is the cause, or nil when the kind says it all.
	Err error
}

// Error is one line: the name, the kind, the cause. A server's own message stands for the last two.
func (e *Error) Error() string {
	text := e.Kind.Error()
	var said serverMessage
	if errors.As(e.Err, &said) {
		text = said.Error()
	} else if e.Err != nil {
		text += ": " + causeText(e.Err)
	}
	if e.Name != "" {
		text = e.Name + ": " + text
	}
	return text
}

// Unwrap gives the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

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
