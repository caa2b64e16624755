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

// lineSource returns a line at a time, and io.EOF after the last.
type lineSource func(context.Context) (string, error)

// errAborted means that the person gave up a line.
var errAborted = errors.New("line given up")

// lineMax is the longest line in bytes: two of the longest names, and quotes.
const lineMax = 64 << 10

// input is the source of lines without a script.
func (s *Shell) input() lineSource {
	if !s.Prompt {
		return readLines(s.In)
	}
	if s.Editor != nil {
		s.Editor.complete(s.complete)
		return s.typed
	}
	next := readLines(s.In)
	return func(ctx context.Context) (string, error) {
		s.screen.out(prompt)
		line, err := next(ctx)
		if errors.Is(err, io.EOF) {
			s.screen.out("\n")
		}
		return line, err
	}
}

// typed reads a line by the editor. A line that is given up is followed by another prompt; the end
// of the context closes the editor.
func (s *Shell) typed(ctx context.Context) (string, error) {
	for {
		line, err := await(ctx, func() (string, error) { return s.Editor.readLine(prompt) })
		if errors.Is(err, errAborted) {
			continue
		}
		if ctx.Err() != nil {
			_ = s.Editor.Close()
		}
		if errors.Is(err, io.EOF) {
			s.screen.out("\n")
		}
		return line, err
	}
}

// await reads a line. It returns io.EOF when the context ends; the read goes on then until the
// program ends, since nothing wakes it, and nothing may be read any more.
func await(ctx context.Context, read func() (string, error)) (string, error) {
	done := make(chan struct{})
	var text string
	var fault error
	go func() {
		defer close(done)
		text, fault = read()
	}()
	select {
	case <-ctx.Done():
		return "", io.EOF
	case <-done:
		return text, fault
	}
}

// readLines reads a line at a time.
func readLines(r io.Reader) lineSource {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, lineMax)
	return func(ctx context.Context) (string, error) {
		return await(ctx, func() (string, error) {
			if scanner.Scan() {
				return scanner.Text(), nil
			}
			return "", cmp.Or(scanner.Err(), io.EOF)
		})
	}
}

// script runs the lines of a file, whose name is relative to the current folder and not to Dir.
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
