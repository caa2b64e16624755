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
	if err := c.start(ctx, named(codec.VerbList, path)); err != nil {
		return nil, err
	}
	defer c.end()
	return c.list(ctx, path)
}

func (c *Client) list(ctx context.Context, path string) ([]string, error) {
	text, err := c.listing(ctx, named(codec.VerbList, path))
	if err != nil {
		if errors.Is(err, ErrNothingSent) {
			return nil, nil
		}
		return nil, err
	}
	if c.exchange == Base {
		if kind := messageKind(text); kind != nil {
			return nil, failure(listed(path), kind, nil)
		}
	}
	return names(text), nil
}

// listing fetches a listing's text.
func (c *Client) listing(ctx context.Context, q codec.Request) (string, error) {
	path := string(q.Name)
	var text strings.Builder
	to := sink{begin: func(n int64) (io.Writer, error) {
		if most := c.options.ListingMax; n > most {
			return nil, failure(listed(path), ErrTooLarge,
				fmt.Errorf("a listing of %d bytes", n))
		}
		// The size is the server's word alone: memory grows with what arrives.
		text.Grow(int(min(n, int64(c.options.BufferSize))))
		return &text, nil
	}}
	_, _, err := c.bring(ctx, q, listed(path), &to)
	if lines := strings.Count(text.String(), "\n"); err == nil && lines > listingNamesMax {
		err = failure(listed(path), ErrTooLarge, fmt.Errorf("a listing of %d names", lines))
	}
	return text.String(), err
}

// listingNamesMax is how many names a listing may have: with what is kept of each it takes far more
// memory than its text, where they are short.
const listingNamesMax = 4_000_000

// listed is what errors about a listing name.
func listed(path string) string {
	if path == "" {
		return codec.VerbList.String()
	}
	return path
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
