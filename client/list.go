package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"ferry/codec"
)

// List returns the names in a folder, "" being the served root; names of folders end with a slash.
// They are the server's words: whoever shows or uses them has to expect anything but a line end.
// ErrNoFolder and ErrUnknownCommand are the server's two messages.
func (c *Client) List(ctx context.Context, path string) ([]string, error) {
	if err := c.baseOnly(codec.VerbList); err != nil {
		return nil, err
	}
	if err := c.begin(ctx); err != nil {
		return nil, err
	}
	defer c.end()
	return c.list(ctx, path)
}

func (c *Client) list(ctx context.Context, path string) ([]string, error) {
	shown := path
	if shown == "" {
		shown = codec.VerbList.String()
	}
	var text strings.Builder
	_, err := c.fetch(ctx, codec.VerbList, path, &sink{begin: func(n int64) (io.Writer, error) {
		if most := c.options.ListingMax; n > most {
			return nil, failure(shown, ErrTooLarge, fmt.Errorf("a listing of %d bytes", n))
		}
		// The size is the server's word alone: memory grows with what arrives.
		text.Grow(int(min(n, int64(c.options.BufferSize))))
		return &text, nil
	}})
	if err != nil {
		if errors.Is(err, ErrNothingSent) {
			return nil, nil
		}
		return nil, err
	}
	if kind := messageKind(text.String()); kind != nil {
		return nil, failure(shown, kind, nil)
	}
	return names(text.String()), nil
}

// messageKind is the error that a listing is instead of names, or nil. (PROTOCOL, Base exchange:
// "`550 PATH: no such folder` and LF where there is none", "`500 NAME: unknown command` and LF".)
func messageKind(text string) error {
	line := strings.TrimRight(text, "\r\n")
	switch {
	case strings.ContainsRune(line, '\n'):
		return nil
	case strings.HasPrefix(line, "550 ") && strings.HasSuffix(line, ": no such folder"):
		return ErrNoFolder
	case strings.HasPrefix(line, "500 ") && strings.HasSuffix(line, ": unknown command"):
		return ErrUnknownCommand
	}
	return nil
}

// names takes a listing apart; a last line without its end counts, empty lines do not.
func names(text string) []string {
	list := make([]string, 0, strings.Count(text, "\n")+1)
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			list = append(list, line)
		}
	}
	return list
}
