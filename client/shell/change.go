package shell

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"ferry/client"
)

// change runs a command that changes the server's files, and reports it.
func (s *Shell) change(ctx context.Context, r result, f func(c *client.Client) error) error {
	r.Outcome = outcomeDone
	err := s.main.change(ctx, f)
	if err != nil {
		r.fail(err)
	}
	s.tell(&r)
	return err
}

func runFolder(ctx context.Context, s *Shell, c *command) error {
	verb, name := c.verb.words[0], c.words[0]
	return s.change(ctx, result{Command: verb, Remote: name}, func(c *client.Client) error {
		if verb == "mkdir" {
			return c.Mkdir(ctx, trimFolder(s.remote(name)))
		}
		return c.Rmdir(ctx, trimFolder(s.remote(name)))
	})
}

// trimFolder removes the slash that completion and listings append to folders.
func trimFolder(name string) string {
	if strings.HasSuffix(name, "/") {
		return cmp.Or(strings.TrimRight(name, "/"), "/")
	}
	return name
}

func runRm(ctx context.Context, s *Shell, c *command) error {
	name := c.words[0]
	return s.change(ctx, result{Command: "rm", Remote: name}, func(c *client.Client) error {
		err := c.Remove(ctx, s.remote(name))
		if errors.Is(err, client.ErrNotFound) && !errors.Is(err, client.ErrLost) {
			if info, known := c.Stat(ctx, s.remote(name)); known == nil && info.Folder {
				err = fmt.Errorf("%w; rmdir removes folders", err)
			}
		}
		return err
	})
}

func runMv(ctx context.Context, s *Shell, c *command) error {
	from, to := trimFolder(c.words[0]), c.words[1]
	if strings.HasSuffix(to, "/") {
		to += path.Base(from)
	}
	r := result{Command: "mv", Remote: from, To: to, as: to}
	return s.change(ctx, r, func(c *client.Client) error {
		return c.Rename(ctx, s.remote(from), s.remote(to))
	})
}

func runStat(ctx context.Context, s *Shell, c *command) error {
	name := c.words[0]
	info, err := ask(ctx, s, func(c *client.Client) (client.Info, error) {
		return c.Stat(ctx, trimFolder(s.remote(name)))
	})
	if err != nil {
		return err
	}
	if s.JSON {
		r := result{Command: "stat", Remote: name, Outcome: outcomeDone}
		r.describe(info)
		s.tell(&r)
		return nil
	}
	what := bytesText(info.Size)
	if info.Folder {
		what = "folder"
	}
	return s.put(fmt.Sprintf("%s: %s, changed %s\n", s.paint(name), what,
		info.Modified.Local().Format(time.DateTime)))
}

func runSum(ctx context.Context, s *Shell, c *command) error {
	name, algo := c.words[0], client.SHA256
	if c.has["xxh3"] {
		algo = client.XXH3
	}
	sum, err := ask(ctx, s, func(c *client.Client) (client.Sum, error) {
		return c.Sum(ctx, algo, s.remote(name))
	})
	if err != nil {
		return err
	}
	if s.JSON {
		s.tell(&result{
			Command: "sum", Remote: name, Outcome: outcomeDone, Bytes: sum.Size,
			Algo: algo.String(), Sum: sum.Hex,
		})
		return nil
	}
	return s.put(sum.Hex + "  " + s.paint(name) + "\n")
}
