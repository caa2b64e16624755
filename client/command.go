package client

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ferry/codec"
)

// The commands of the status exchange that move no file. In base and in classic they are an
// ErrUnsupported, and nothing is sent.

// Info is what a server knows of a file or folder.
type Info struct {
	Folder bool
	// Size is in bytes; it means nothing for a folder.
	Size int64
	// Modified is the modification time to the second; zero if the server tells no readable one.
	Modified time.Time
}

// Stat returns what the server knows of a file or folder; ErrNotFound if there is none.
func (c *Client) Stat(ctx context.Context, name string) (Info, error) {
	if err := c.start(ctx, named(codec.VerbStat, name)); err != nil {
		return Info{}, err
	}
	defer c.end()
	return c.stat(ctx, name)
}

func (c *Client) stat(ctx context.Context, name string) (Info, error) {
	ev, err := c.simple(ctx, named(codec.VerbStat, name), codec.CodeStatus)
	if err != nil {
		return Info{}, err
	}
	said, ok := codec.ParseStat(ev.Data)
	if !ok {
		return Info{}, c.unexpected(ctx, codec.VerbStat, ev)
	}
	return Info{Folder: said.Dir, Size: said.Size, Modified: parseTime(said.Time)}, nil
}

// statFile is stat of what must be a file.
func (c *Client) statFile(ctx context.Context, name string) (Info, error) {
	info, err := c.stat(ctx, name)
	if err == nil && info.Folder {
		err = failure(name, ErrNotFound, wording("it is a folder"))
	}
	return info, err
}

// parseTime reads a modification time; an invalid one is zero: the file exists all the same.
func parseTime(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// Mkdir makes a folder.
func (c *Client) Mkdir(ctx context.Context, name string) error {
	_, err := c.call(ctx, named(codec.VerbMkdir, name), codec.CodeDone)
	return err
}

// Rmdir removes an empty folder.
func (c *Client) Rmdir(ctx context.Context, name string) error {
	_, err := c.call(ctx, named(codec.VerbRmdir, name), codec.CodeDone)
	return err
}

// Remove removes a file.
func (c *Client) Remove(ctx context.Context, name string) error {
	_, err := c.call(ctx, named(codec.VerbRemove, name), codec.CodeDone)
	return err
}

// Rename renames a file or a folder. A file of the new name is replaced if the server allows it.
func (c *Client) Rename(ctx context.Context, from, to string) error {
	if to == "" {
		return failure("", ErrName, errNoName)
	}
	if err := c.start(ctx, named(codec.VerbRenameFrom, from)); err != nil {
		return err
	}
	defer c.end()
	_, err := c.simple(ctx, named(codec.VerbRenameFrom, from), codec.CodeMore)
	if err == nil {
		_, err = c.simple(ctx, named(codec.VerbRenameTo, to), codec.CodeDone)
	}
	return err
}

// Noop does nothing; the server's answer shows that the session stands.
func (c *Client) Noop(ctx context.Context) error {
	_, err := c.call(ctx, codec.Request{Verb: codec.VerbNoop}, codec.CodeOkay)
	return err
}

// Entry is a line of a long listing.
type Entry struct {
	// Name is the server's word and may hold anything but a line end. A folder's has no slash.
	Name string
	Info
}

// ListLong returns what is in a folder, "" being the current one, with types, sizes and times. An
// unreadable line is an ErrProtocol, which comes with the entries of all others and leaves the
// session as it is.
func (c *Client) ListLong(ctx context.Context, path string) ([]Entry, error) {
	q := codec.Request{Verb: codec.VerbList, Long: true, Name: []byte(path)}
	if err := c.start(ctx, q); err != nil {
		return nil, err
	}
	defer c.end()
	text, err := c.listing(ctx, q)
	if err != nil {
		return nil, err
	}
	entries, strange := make([]Entry, 0, strings.Count(text, "\n")+1), error(nil)
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		e, ok := parseEntry(line)
		switch {
		case ok:
			entries = append(entries, e)
		case strange == nil:
			strange = failure(path, ErrProtocol, fmt.Errorf("a line of its listing is %q", line))
		}
	}
	return entries, strange
}

// parseEntry reads a line of a long listing: type, size, time and name, with tabs between them. A
// type that is not known here is no folder.
func parseEntry(line string) (Entry, bool) {
	kind, rest, _ := strings.Cut(line, "\t")
	size, rest, _ := strings.Cut(rest, "\t")
	at, name, ok := strings.Cut(rest, "\t")
	n, bad := strconv.ParseUint(size, 10, 63)
	if !ok || bad != nil || name == "" || kind == "" {
		return Entry{}, false
	}
	folder := kind == "dir"
	if folder {
		name = strings.TrimSuffix(name, "/")
	}
	return Entry{name, Info{Folder: folder, Size: int64(n), Modified: parseTime(at)}}, name != ""
}
