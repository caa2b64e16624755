package shell

import (
	"cmp"
	"context"
	"errors"
	"path"

	"ferry/client"
)

// remoteCopy is a remote folder that receives a local tree.
type remoteCopy struct {
	shell *Shell
	tally *tally
	// root is the folder as the person names it.
	root string
	// dry changes nothing; delete deletes what the source lacks.
	dry, delete bool

	// has is what the server has in the folders of the source, and with delete in all of them.
	// surplus is what remains to delete of it.
	has     tree
	surplus []found
	// missing are folders that the server lacks; blocked are those that cannot be used.
	missing []string
	blocked map[string]bool
}

// prepare reads the remote folder, deletes what conflicts with a mirror, and makes the folders that
// the source needs.
func (r *remoteCopy) prepare(ctx context.Context, source *tree) error {
	r.blocked = make(map[string]bool)
	if err := r.read(ctx, source); err != nil {
		return err
	}
	if r.delete && len(r.tally.failed) == 0 {
		var conflicts []found
		conflicts, r.surplus = source.surplus(&r.has)
		if err := r.remove(ctx, conflicts); err != nil {
			return err
		}
	}
	for _, folder := range r.missing {
		if r.blocked[path.Dir(folder)] {
			r.blocked[folder] = true
			continue
		}
		if err := r.makeFolder(ctx, join(r.root, folder)); err != nil {
			if err := r.block(folder, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// block reports a folder that cannot be used. It returns the error if nothing else can continue.
func (r *remoteCopy) block(folder string, err error) error {
	if folder == "" || endsAll(err) {
		return err
	}
	r.blocked[folder] = true
	r.tally.fail(result{Command: "mkdir", Remote: join(r.root, folder)}, err)
	return nil
}

// read lists the source's folders on the server.
func (r *remoteCopy) read(ctx context.Context, source *tree) error {
	w := r.tally.remoteWalker(ctx, r.shell.remote(r.root), false)
	ours := source.names()
	missing, files := make(map[string]bool), make(map[string]bool)
	for _, f := range append([]found{{}}, source.folders...) {
		above := path.Dir(f.path)
		switch {
		case f.path != "" && r.blocked[above]:
			r.blocked[f.path] = true
			continue
		case f.path != "" && missing[above] || r.delete && files[f.path]:
			missing[f.path] = true
			r.missing = append(r.missing, f.path)
			continue
		}
		list, err := w.list(f.path)
		if isMissing(err) {
			missing[cmp.Or(f.path, ".")] = true
			r.missing = append(r.missing, f.path)
			continue
		}
		if err != nil {
			if err := r.block(f.path, err); err != nil {
				return err
			}
			continue
		}
		for _, e := range list {
			at := found{join(f.path, e.name), e}
			files[at.path] = !e.folder
			have, there := ours[folded(at.path)]
			if e.folder && (!r.delete || there && (have.folder || have.special)) {
				continue // it is read in its turn, or stays
			}
			if err := w.add(at); err != nil {
				return err
			}
		}
	}
	r.has = w.tree
	return nil
}

func isMissing(err error) bool {
	return errors.Is(err, client.ErrNoFolder) || errors.Is(err, client.ErrNotFound)
}

func (r *remoteCopy) makeFolder(ctx context.Context, name string) error {
	done := result{Command: "mkdir", Remote: name, Outcome: outcomePlanned}
	if !r.dry {
		done.Outcome = outcomeDone
		err := r.shell.main.change(ctx, func(c *client.Client) error {
			return c.Mkdir(ctx, r.shell.remote(name))
		})
		if errors.Is(err, client.ErrUnsupported) {
			err = errors.New("there is no such folder on the server, and it cannot make one")
			return &client.Error{Name: name, Kind: err}
		}
		if err != nil {
			return err
		}
	}
	r.tally.add(&done)
	return nil
}

// remove deletes names of the copy, contents first.
func (r *remoteCopy) remove(ctx context.Context, list []found) error {
	return r.tally.remove(list, r.dry, func(f found) (result, func() error) {
		done, remove := result{Command: "rm", Remote: join(r.root, f.path)}, (*client.Client).Remove
		if f.folder {
			done.Command, remove = "rmdir", (*client.Client).Rmdir
		}
		return done, func() error {
			return r.shell.main.change(ctx, func(c *client.Client) error {
				return remove(c, ctx, r.shell.remote(done.Remote))
			})
		}
	})
}
