package shell

import (
	"context"
	"errors"
	"strings"

	"ferry/client"
	"ferry/codec"
)

func failure(name string, kind, err error) *client.Error {
	return &client.Error{Name: name, Kind: kind, Err: err}
}

// usageError is an invalid command or argument.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// reportedError is an error that was reported already; only the status counts.
type reportedError struct{ error }

func (e *reportedError) Unwrap() error { return e.error }

// typedError is an error in the words of the command that a person typed.
type typedError struct {
	error
	text string
}

func (e *typedError) Error() string { return e.text }

func (e *typedError) Unwrap() error { return e.error }

// asTyped names a command in its error as it was typed: the protocol has other words, and the name
// of a file does not say what is not allowed.
func (s *Shell) asTyped(c *command, err error) error {
	var failed *client.Error
	var told *reportedError
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

func (c *command) withOptions() string {
	text := c.verb.words[0]
	for _, o := range c.verb.options {
		if c.has[o.name] {
			text += " " + o.short()
		}
	}
	return text
}

// canceledText is the client's text for a canceled context.
var canceledText = (&client.Error{Kind: client.ErrGivenUp, Err: context.Canceled}).Error()

// complain prints an error once, on a line.
func (s *Shell) complain(err error) {
	var told *reportedError
	if errors.As(err, &told) {
		return
	}
	s.screen.err(codec.Printable(errorText(err)) + "\n")
}

// errorText is an error for people: a local one needs no kind.
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

// refuse reports why a command cannot run, and returns the status.
func (s *Shell) refuse(word string, err error) int {
	s.failure = nil
	s.tellFailure(result{Command: word}, err)
	s.complain(err)
	return s.status(err)
}

// tellFailure reports a failure as an object, unless a part of the command has.
func (s *Shell) tellFailure(r result, err error) {
	var told *reportedError
	known := s.failure != nil && (errors.As(err, &told) || errors.Is(err, s.failure))
	if s.JSON && !known {
		r.fail(err)
		s.tell(&r)
	}
}

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
