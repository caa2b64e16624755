package shell

import (
	"context"
	"errors"
	"path"

	"ferry/client"
)

// there is what a server has where a local tree goes.
type there struct {
	// files are by their path beneath the folder; blocked are folders that could not be made.
	files   map[string]entry
	extra   []found
	blocked map[string]bool
}

var errNoMkdir = errors.New("there is no such folder on the server, and it cannot make one")

// makeRemote makes the folders that a local tree needs beneath a remote folder, and finds what is
// in those that were there.
func (s *Shell) makeRemote(
	ctx context.Context, remote string, from *tree, dry bool, t *tally,
) (*there, error) {
	have := &there{files: make(map[string]entry), blocked: make(map[string]bool)}
	ours := make(map[string]bool)
	for _, f := range append(from.folders, from.files...) {
		ours[f.path] = true
	}
	fresh := make(map[string]bool)
	folders := append([]found{{path: "."}}, from.folders...)
	for _, f := range folders {
		relative := f.path
		if relative == "." {
			relative = ""
		} else if have.blocked[path.Dir(relative)] {
			have.blocked[relative] = true
			continue
		}
		name := join(remote, relative)
		err := error(&client.Error{Name: name, Kind: client.ErrNoFolder})
		var list []entry
		if relative == "" || !fresh[path.Dir(relative)] {
			list, err = s.entries(ctx, s.remote(name), t)
		}
		if isMissing(err) {
			fresh[f.path] = true
			err = s.makeOne(ctx, name, dry, t)
		}
		if err != nil {
			if relative == "" || endsAll(err) {
				return nil, err
			}
			have.blocked[relative] = true
			r := result{Command: "mkdir", Remote: name}
			r.fail(err)
			s.add(t, &r)
			continue
		}
		for _, e := range list {
			at := join(relative, e.name)
			if !e.folder {
				have.files[at] = e
			}
			if !ours[at] {
				have.extra = append(have.extra, found{at, e})
			}
		}
	}
	return have, nil
}

// isMissing says whether an error means that there is no such folder.
func isMissing(err error) bool {
	return errors.Is(err, client.ErrNoFolder) || errors.Is(err, client.ErrNotFound)
}

// makeOne makes a remote folder, or says that the server cannot.
func (s *Shell) makeOne(ctx context.Context, name string, dry bool, t *tally) error {
	r := result{Command: "mkdir", Remote: name, Outcome: outcomePlanned}
	if !dry {
		r.Outcome = outcomeDone
		err := s.main.change(ctx, func(c *client.Client) error {
			return c.Mkdir(ctx, s.remote(name))
		})
		if errors.Is(err, client.ErrUnsupported) {
			return &client.Error{Name: name, Kind: errNoMkdir}
		}
		if err != nil {
			return err
		}
	}
	s.add(t, &r)
	return nil
}

// deleteThere removes beneath a remote folder what a local tree does not have.
func (s *Shell) deleteThere(
	ctx context.Context, remote string, have *there, dry bool, t *tally,
) error {
	for _, f := range have.extra {
		if err := s.removeThere(ctx, remote, f, dry, t); err != nil {
			return err
		}
	}
	return s.verdict(t)
}

// removeThere removes a remote name, and what is beneath it first.
func (s *Shell) removeThere(
	ctx context.Context, remote string, f found, dry bool, t *tally,
) error {
	name, command := join(remote, f.path), "rm"
	if f.folder {
		command = "rmdir"
		list, err := s.entries(ctx, s.remote(name), t)
		if err != nil && endsAll(err) {
			return err
		}
		for _, e := range list {
			err := s.removeThere(ctx, remote, found{join(f.path, e.name), e}, dry, t)
			if err != nil {
				return err
			}
		}
	}
	r := result{Command: command, Remote: name, Outcome: outcomePlanned}
	if !dry {
		r.Outcome = outcomeDone
		if err := s.main.change(ctx, func(c *client.Client) error {
			if f.folder {
				return c.Rmdir(ctx, s.remote(name))
			}
			return c.Remove(ctx, s.remote(name))
		}); err != nil {
			r.fail(err)
		}
	}
	s.add(t, &r)
	if r.err != nil && (endsAll(r.err) || errors.Is(r.err, client.ErrUnsupported)) {
		return &toldError{r.err}
	}
	return nil
}
