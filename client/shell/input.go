package shell

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"ferry/client"
)

// lineSource gives a line at a time, and io.EOF behind the last.
type lineSource func(context.Context) (string, error)

// LineEditor reads a person's lines, with history and completion.
type LineEditor interface {
	// ReadLine shows a prompt and returns what was typed. It returns io.EOF when the person
	// wants to leave, and ErrAborted when a line was given up.
	ReadLine(prompt string) (string, error)
	// Complete sets what completes a line: what stands before the candidates, they, and what
	// stands behind them.
	Complete(func(line string, pos int) (head string, candidates []string, tail string))
	// Close gives the terminal back as it was.
	Close() error
}

// ErrAborted means that a person gave a line up.
var ErrAborted = errors.New("line given up")

// lineMax is the longest line read in bytes: two names of the longest kind, and quotes.
const lineMax = 64 << 10

// input is where lines come from without a script.
func (s *Shell) input() lineSource {
	if !s.Prompt {
		return readLines(s.In)
	}
	if s.Editor != nil {
		s.Editor.Complete(s.complete)
		return s.typed
	}
	next := readLines(s.In)
	return func(ctx context.Context) (string, error) {
		s.screen.prompt(prompt)
		line, err := next(ctx)
		if errors.Is(err, io.EOF) {
			s.screen.prompt("\n")
		}
		return line, err
	}
}

// typed reads a line by the editor. A line that is given up is followed by another prompt; a
// context that ends, ends the wait, and the editor with it.
func (s *Shell) typed(ctx context.Context) (string, error) {
	type read struct {
		line string
		err  error
	}
	for {
		done := make(chan read, 1)
		go func() {
			line, err := s.Editor.ReadLine(prompt)
			done <- read{line, err}
		}()
		select {
		case <-ctx.Done():
			_ = s.Editor.Close()
			s.screen.prompt("\n")
			return "", io.EOF
		case r := <-done:
			switch {
			case errors.Is(r.err, ErrAborted):
				continue
			case errors.Is(r.err, io.EOF):
				s.screen.prompt("\n")
			}
			return r.line, r.err
		}
	}
}

// readLines reads a line at a time. A context that ends, ends the wait for a line: who reads then
// goes on until the program ends, since nothing wakes it, and no further line may be asked for.
func readLines(r io.Reader) lineSource {
	type read struct {
		line string
		err  error
	}
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, lineMax)
	done := make(chan read, 1)
	return func(ctx context.Context) (string, error) {
		go func() {
			if scanner.Scan() {
				done <- read{scanner.Text(), nil}
				return
			}
			done <- read{"", cmp.Or(scanner.Err(), io.EOF)}
		}()
		select {
		case <-ctx.Done():
			return "", io.EOF
		case r := <-done:
			return r.line, r.err
		}
	}
}

// lineList gives the lines of a list.
func lineList(lines []string) lineSource {
	return func(context.Context) (string, error) {
		if len(lines) == 0 {
			return "", io.EOF
		}
		line := lines[0]
		lines = lines[1:]
		return line, nil
	}
}

// script runs the lines of a file. Its name is the program's own argument, so that it starts from
// the current folder and not from Dir.
func (s *Shell) script(ctx context.Context, path string) int {
	if path == "-" {
		return s.lines(ctx, readLines(s.In), false)
	}
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		err = &usageError{failure(path, client.ErrLocal, err)}
		s.complain(err)
		return s.status(err)
	}
	defer func() { _ = f.Close() }()
	return s.lines(ctx, readLines(f), false)
}
