package shell

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"ferry/client"
)

// failure is an error of the client's kinds.
func failure(name string, kind, err error) *client.Error {
	return &client.Error{Name: name, Kind: kind, Err: err}
}

// usageError is a command or an argument that cannot be.
type usageError struct{ error }

// Unwrap gives what is wrong.
func (e *usageError) Unwrap() error { return e.error }

// toldError is an error that was said already, kept for the status alone.
type toldError struct{ error }

// Unwrap gives the error.
func (e *toldError) Unwrap() error { return e.error }

// typedError is an error in the words of the command that a person typed.
type typedError struct {
	error
	text string
}

// Error is the error's one line.
func (e *typedError) Error() string { return e.text }

// Unwrap gives the error.
func (e *typedError) Unwrap() error { return e.error }

// asTyped has an error that is about the command itself name it as it was typed: the protocol has
// other words, and a file's name says nothing of what may not be done.
func (s *Shell) asTyped(c *command, err error) error {
	var failed *client.Error
	var told *toldError
	if !errors.As(err, &failed) || errors.As(err, &told) {
		return err
	}
	why := strings.TrimPrefix(failed.Error(), failed.Name)
	switch {
	case errors.Is(err, client.ErrUnsupported):
		if s.Options.Exchange == client.Base {
			why = forcedBase
		}
		if c.has[resume.name] {
			why += "; without -c it goes from its beginning"
		}
		return &typedError{err, c.withOptions() + why}
	case errors.Is(err, client.ErrNotAllowed) && failed.Code != 0:
		named := strings.Join(append([]string{c.withOptions()}, c.words...), " ")
		return &typedError{err, named + why}
	}
	return err
}

const forcedBase = ": not by --exchange base, which knows get, put and ls alone"

// withOptions is a command's word with the options that were given.
func (c *command) withOptions() string {
	text := c.verb.words[0]
	for _, o := range c.verb.options {
		if c.has[o.name] {
			text += " " + o.short()
		}
	}
	return text
}

// canceledText is how the client says that a context ended.
var canceledText = (&client.Error{Kind: client.ErrGivenUp, Err: context.Canceled}).Error()

// complain prints an error's one line, once.
func (s *Shell) complain(err error) {
	var told *toldError
	if errors.As(err, &told) {
		return
	}
	s.screen.err(client.Printable(errorText(err)) + "\n")
}

// errorText is an error as people read it: what is wrong on this side needs no kind before it.
func errorText(err error) string {
	text := err.Error()
	if errors.Is(err, context.Canceled) {
		// It was the person's own doing.
		text = strings.Replace(text, canceledText, "interrupted", 1)
	}
	if errors.Is(err, client.ErrLocal) {
		text = strings.Replace(text, client.ErrLocal.Error()+": ", "", 1)
	}
	return text
}

// refuse says what keeps a command from being run, and returns the status.
func (s *Shell) refuse(word string, err error) int {
	s.failure = nil
	s.tellFailure(result{Command: word}, err)
	s.complain(err)
	return s.status(err)
}

// tellFailure tells a command's failure as an object, unless that of a part of it says the same.
func (s *Shell) tellFailure(r result, err error) {
	var told *toldError
	known := s.failure != nil && (errors.As(err, &told) || errors.Is(err, s.failure))
	if s.JSON && !known {
		r.fail(err)
		s.tell(&r)
	}
}

// failing is a command as the object of its failure has it.
func (c *command) failing() result {
	r := result{Command: c.verb.words[0]}
	if len(c.words) == 0 || len(c.verb.takes) == 0 {
		return r
	}
	switch c.verb.takes[0] {
	case remoteName, remoteFolder:
		r.Remote = c.words[0]
	case localName, localFolder:
		r.Local = c.words[0]
	case nothing, verbName:
	case serverName:
		r.Remote = strings.Join(c.words, " ")
	}
	return r
}

// classicHint is for whoever meets a server of the classic exchange with another.
const classicHint = "; a server of the classic exchange needs ferry --classic"

// hinted adds to the error of a session with the classic port what may be behind it: such a server
// closes or says nothing when it is spoken to in another exchange.
func (l *link) hinted(err error) error {
	if l == nil || l.status || l.shell.Options.Exchange == client.Classic ||
		!strings.HasSuffix(l.addr, ":"+strconv.Itoa(client.ClassicPort)) ||
		strings.HasSuffix(err.Error(), classicHint) || errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	var told *toldError
	if !errors.As(err, &told) && isAny(err, client.ErrConnect, client.ErrLost, client.ErrStalled,
		client.ErrNoData, client.ErrProtocol, client.ErrGivenUp) {
		return fmt.Errorf("%w%s", err, classicHint)
	}
	return err
}
