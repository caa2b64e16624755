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
	// Folder says that it is a folder.
	Folder bool
	// Size is in bytes; it says nothing of a folder.
	Size int64
	// Modified is when it was last written to, to the second; zero when the server tells no time
	// that can be read.
	Modified time.Time
}

// Stat returns what the server knows of a file or folder; ErrNotFound when there is none.
func (c *Client) Stat(ctx context.Context, name string) (Info, error) {
	if err := c.start(ctx, codec.VerbStat, name); err != nil {
		return Info{}, err
	}
	defer c.end()
	return c.stat(ctx, name)
}

func (c *Client) stat(ctx context.Context, name string) (Info, error) {
	q := codec.Request{Verb: codec.VerbStat, Name: []byte(name)}
	ev, err := c.simple(ctx, q, name, codec.CodeStatus)
	if err != nil {
		return Info{}, err
	}
	said, ok := codec.ParseStat(ev.Data)
	if !ok {
		return Info{}, c.strange(ctx, q.Verb, ev)
	}
	return Info{Folder: said.Dir, Size: said.Size, Modified: parseTime(said.Time)}, nil
}

// parseTime reads a modification time; one that is none is zero: the file is there all the same.
func parseTime(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// Mkdir makes a folder.
func (c *Client) Mkdir(ctx context.Context, name string) error {
	return c.change(ctx, codec.VerbMkdir, name)
}

// Rmdir removes an empty folder.
func (c *Client) Rmdir(ctx context.Context, name string) error {
	return c.change(ctx, codec.VerbRmdir, name)
}

// Remove removes a file.
func (c *Client) Remove(ctx context.Context, name string) error {
	return c.change(ctx, codec.VerbRemove, name)
}

// change runs a command that has a name and is answered by 250.
func (c *Client) change(ctx context.Context, verb codec.Verb, name string) error {
	if err := c.start(ctx, verb, name); err != nil {
		return err
	}
	defer c.end()
	q := codec.Request{Verb: verb, Name: []byte(name)}
	_, err := c.simple(ctx, q, name, codec.CodeDone)
	return err
}

// Rename gives a file or a folder another name. What stands under that name, a file, is replaced,
// if the server allows it.
func (c *Client) Rename(ctx context.Context, from, to string) error {
	if to == "" {
		return failure("", ErrName, errNoName)
	}
	if err := c.start(ctx, codec.VerbRenameFrom, from); err != nil {
		return err
	}
	defer c.end()
	q := codec.Request{Verb: codec.VerbRenameFrom, Name: []byte(from)}
	if _, err := c.simple(ctx, q, from, codec.CodeMore); err != nil {
		return err
	}
	q = codec.Request{Verb: codec.VerbRenameTo, Name: []byte(to)}
	_, err := c.simple(ctx, q, to, codec.CodeDone)
	return err
}

// Cd makes names relative to a folder, and returns that as the server calls it.
func (c *Client) Cd(ctx context.Context, path string) (string, error) {
	if err := c.start(ctx, codec.VerbCd, path); err != nil {
		return "", err
	}
	defer c.end()
	q := codec.Request{Verb: codec.VerbCd, Name: []byte(path)}
	ev, err := c.simple(ctx, q, path, codec.CodeDone)
	if err != nil {
		return "", err
	}
	c.folder = string(ev.Data)
	return c.folder, nil
}

// Pwd returns the folder that names are relative to, as the server calls it.
func (c *Client) Pwd(ctx context.Context) (string, error) {
	if err := c.start(ctx, codec.VerbPwd, ""); err != nil {
		return "", err
	}
	defer c.end()
	ev, err := c.simple(ctx, codec.Request{Verb: codec.VerbPwd}, "", codec.CodeFolder)
	if err != nil {
		return "", err
	}
	return string(ev.Data), nil
}

// Noop asks for nothing; the server's answer shows that the session stands.
func (c *Client) Noop(ctx context.Context) error {
	if err := c.start(ctx, codec.VerbNoop, ""); err != nil {
		return err
	}
	defer c.end()
	_, err := c.simple(ctx, codec.Request{Verb: codec.VerbNoop}, "", codec.CodeOkay)
	return err
}

// Abort sends abor on a session where nothing runs, which the server answers. A call that runs is
// ended by its context, and sends abor by itself.
func (c *Client) Abort(ctx context.Context) error {
	if err := c.start(ctx, codec.VerbAbort, ""); err != nil {
		return err
	}
	defer c.end()
	_, err := c.simple(ctx, codec.Request{Verb: codec.VerbAbort}, "", codec.CodeComplete)
	return err
}

// start begins a call of the status exchange. A verb that takes a name needs one.
func (c *Client) start(ctx context.Context, verb codec.Verb, name string) error {
	if err := c.has(verb); err != nil {
		return err
	}
	switch verb {
	case codec.VerbPwd, codec.VerbNoop, codec.VerbAbort, codec.VerbList:
	default:
		if name == "" {
			return failure("", ErrName, errNoName)
		}
	}
	return c.begin(ctx)
}

// Entry is a line of a long listing.
type Entry struct {
	// Name is the server's word: whoever shows or uses it has to expect anything but a line
	// end. No slash stands behind a folder's.
	Name string
	Info
}

// ListLong returns what is in a folder, "" being the current one, with types, sizes and times. A
// line that says something else than that is an ErrProtocol, which comes with the entries of all
// others, and leaves the session as it is. What is of a type that is not known here is no folder.
func (c *Client) ListLong(ctx context.Context, path string) ([]Entry, error) {
	if err := c.start(ctx, codec.VerbList, path); err != nil {
		return nil, err
	}
	defer c.end()
	text, err := c.listing(ctx, codec.Request{
		Verb: codec.VerbList, Long: true, Name: []byte(path),
	})
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

// parseEntry reads a line of a long listing. (PROTOCOL, Status exchange: "`-l`: type, size,
// modification time (RFC 3339, UTC), name, tab-separated".)
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
