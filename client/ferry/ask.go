package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"ferry/client"
)

// asker asks the person at a terminal.
type asker struct {
	in, out *os.File
	screen  *term.Terminal
}

// ask asks a question and returns the answer, which is not echoed if it is secret. Ctrl-C and the
// end of ctx are errors. The terminal is raw while it waits, so Ctrl-C sends no signal.
func (a *asker) ask(ctx context.Context, question string, secret bool) (string, error) {
	usual, err := term.MakeRaw(int(a.in.Fd()))
	if err != nil {
		return "", &client.Error{Kind: client.ErrLocal, Err: err}
	}
	defer func() { _ = term.Restore(int(a.in.Fd()), usual) }()
	if a.screen == nil { // one for all questions, since it keeps what was typed ahead
		a.screen = term.NewTerminal(struct {
			io.Reader
			io.Writer
		}{a.in, a.out}, "")
	}
	// The line editor supports prompts of one line only.
	if at := strings.LastIndexByte(question, '\n') + 1; at > 0 {
		if _, err := io.WriteString(a.screen, question[:at]); err != nil {
			return "", &client.Error{Kind: client.ErrLocal, Err: err}
		}
		question = question[at:]
	}
	if width, height, err := term.GetSize(int(a.in.Fd())); err == nil {
		_ = a.screen.SetSize(width, height)
	}
	var answer string
	done := make(chan error, 1)
	go func() {
		var err error
		if secret {
			answer, err = a.screen.ReadPassword(question)
		} else {
			a.screen.SetPrompt(question)
			answer, err = a.screen.ReadLine()
		}
		done <- err
	}()
	select {
	case err = <-done:
	case <-ctx.Done():
		return "", &client.Error{Kind: client.ErrGivenUp, Err: ctx.Err()}
	}
	if errors.Is(err, io.EOF) {
		err = &client.Error{Kind: client.ErrGivenUp, Err: context.Canceled}
	}
	return answer, err
}
