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
// They are the server's words, and may hold anything but a line end.
func (c *Client) List(ctx context.Context, path string) ([]string, error) {
	if err := c.start(ctx, named(codec.VerbList, path)); err != nil {
		return nil, err
	}
	defer c.end()
	return c.list(ctx, path)
}

func (c *Client) list(ctx context.Context, path string) ([]string, error) {
	q := named(codec.VerbList, path)
	text, err := c.listing(ctx, q)
	if errors.Is(err, ErrNothingSent) {
		return nil, nil
	}
	if err == nil && c.exchange == Base {
		if kind := messageKind(text); kind != nil {
			err = failure(label(q), kind, nil)
		}
	}
	if err != nil {
		return nil, err
	}
	return names(text), nil
}

func (c *Client) listing(ctx context.Context, q codec.Request) (string, error) {
	var text strings.Builder
	to := sink{begin: func(n int64) (io.Writer, error) {
		if most := c.options.ListingMax; n > most {
			return nil, failure(label(q), ErrTooLarge, fmt.Errorf("a listing of %d bytes", n))
		}
		// The size is only the server's word: memory grows with what arrives.
		text.Grow(int(min(n, int64(c.options.BufferSize))))
		return &text, nil
	}}
	_, _, err := c.bring(ctx, q, &to)
	if lines := strings.Count(text.String(), "\n"); err == nil && lines > listingNamesMax {
		err = failure(label(q), ErrTooLarge, fmt.Errorf("a listing of %d names", lines))
	}
	return text.String(), err
}

// listingNamesMax bounds the names of a listing: short ones take far more memory than their text.
const listingNamesMax = 4_000_000

// messageKind recognizes the two messages that base sends in place of a listing.
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

// names splits a listing into its lines; empty ones do not count.
func names(text string) []string {
	list := make([]string, 0, strings.Count(text, "\n")+1)
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			list = append(list, line)
		}
	}
	return list
}
