package shell

import (
	"context"
	"errors"
	"strings"

	"ferry/client"
)

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
	text := err.Error()
	if errors.Is(err, context.Canceled) {
		// It was the person's own doing.
		text = strings.Replace(text, canceledText, "interrupted", 1)
	}
	s.screen.err(client.Printable(text) + "\n")
}
