package shell

import (
	"context"
	"errors"
	"path"
	"strings"

	"ferry/client"
)

// remoteVerbs are commands of the status exchange alone; a session of another says so.
func remoteVerbs() []verb {
	return []verb{
		{
			words: []string{"mkdir"}, usage: "FOLDER", least: 1, most: 1,
			says: "make a remote folder", takes: []kind{remoteFolder},
			connected: true, base: true, run: runFolder,
		},
		{
			words: []string{"rmdir"}, usage: "FOLDER", least: 1, most: 1,
			says: "remove an empty remote folder", takes: []kind{remoteFolder},
			connected: true, base: true, run: runFolder,
		},
		{
			words: []string{"rm", "delete"}, usage: "REMOTE", least: 1, most: 1,
			says: "remove a remote file", takes: []kind{remoteName},
			connected: true, base: true, run: runRm,
		},
		{
			words: []string{"mv", "rename"}, usage: "REMOTE REMOTE", least: 2, most: 2,
			says:     "rename or move a remote file or folder",
			examples: []string{"mv draft.txt final.txt", "mv final.txt archive/"},
			takes:    []kind{remoteName}, connected: true, base: true, run: runMv,
		},
		{
			words: []string{"stat"}, usage: "REMOTE", least: 1, most: 1,
			says: "show type, size and time of a remote name", takes: []kind{remoteName},
			connected: true, base: true, run: runStat,
		},
		{
			words: []string{"sum"}, usage: "REMOTE", least: 1, most: 1,
			options: []option{
				{letter: "x", name: "xxh3", says: "a fast one instead, XXH3 with 128 bits"},
			},
			says:  "show the SHA-256 of a remote file",
			more:  "The server computes it; sha256sum or shasum -a 256 compute it here.",
			takes: []kind{remoteName}, connected: true, base: true, run: runSum,
		},
	}
}

func runOpen(ctx context.Context, s *Shell, c *command) error {
	to := target{}
	if len(c.words) == 0 {
		if s.last.addr == "" {
			return &usageError{errors.New("no server yet: open HOST PORT")}
		}
		to = s.last
		if s.main != nil {
			to.folder = s.folder
		}
	} else {
		var rest []string
		var err error
		to, rest, err = s.parseTarget(c.words)
		switch {
		case err != nil:
			return err
		case len(rest) > 0:
			return noServer(strings.Join(c.words, " "))
		case to.file != "":
			return &usageError{errors.New("open takes a folder's URL, which ends with /")}
		}
	}
	if err := s.open(ctx, to); err != nil {
		return err
	}
	s.say("connected to %s", s.main.client.Addr())
	return nil
}

func runClose(ctx context.Context, s *Shell, _ *command) error {
	s.leave(ctx)
	return nil
}

func runQuit(ctx context.Context, s *Shell, _ *command) error {
	s.leave(ctx)
	s.quit = true
	return nil
}

func runList(ctx context.Context, s *Shell, c *command) error {
	name := c.word(0, "")
	if c.has["long"] {
		list, err := ask(ctx, s, func(c *client.Client) ([]client.Entry, error) {
			return c.ListLong(ctx, s.remote(name))
		})
		if err != nil {
			return err
		}
		return s.showEntries(list, false)
	}
	names, err := ask(ctx, s, func(c *client.Client) ([]string, error) {
		return c.List(ctx, s.remote(name))
	})
	if err != nil {
		return err
	}
	return s.showNames(result{Command: "ls", Remote: name}, names)
}

func runCd(ctx context.Context, s *Shell, c *command) error {
	if len(c.words) == 0 {
		s.folder = ""
		return nil
	}
	return s.enter(ctx, c.words[0])
}

// enter changes the remote folder, if it exists.
func (s *Shell) enter(ctx context.Context, word string) error {
	to := strings.TrimPrefix(path.Clean("/"+s.remote(word)), "/")
	if to != "" {
		if err := s.main.do(ctx, func(c *client.Client) error {
			return isRemoteFolder(ctx, c, to)
		}); err != nil {
			return err
		}
	}
	s.folder = to
	return nil
}

// isRemoteFolder is an error if there is no such folder.
func isRemoteFolder(ctx context.Context, c *client.Client, name string) error {
	if c.Exchange() != client.Status {
		_, err := c.List(ctx, name)
		return err
	}
	info, err := c.Stat(ctx, name)
	if err == nil && !info.Folder {
		err = &client.Error{Name: name, Kind: client.ErrNoFolder}
	}
	return err
}

func runPwd(_ context.Context, s *Shell, _ *command) error {
	if s.JSON {
		s.tell(&result{Command: "pwd", Remote: "/" + s.folder, Outcome: outcomeDone})
		return nil
	}
	where := s.paint("/" + s.folder)
	if s.Prompt && s.Terminal {
		// Scripts want only the folder.
		where += " on " + s.main.addr
	}
	return s.put(where + "\n")
}

var (
	errNoPlace    = errors.New("not connected: a bookmark keeps the server that is open")
	errNoBookmark = errors.New("no such bookmark")
)
