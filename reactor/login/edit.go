package login

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// fileMode keeps verifiers from other users of the machine: passwords can be guessed from them.
const fileMode = 0o600

// Add adds a user to a users file, which is created if it does not exist.
func Add(file, name, password string, rights Rights) error {
	if err := CheckName(name); err != nil {
		return err
	}
	return edit(file, func(u *Users, lines []string) ([]string, error) {
		if u.User(name) != nil {
			return nil, fmt.Errorf("user %s exists already", name)
		}
		v, err := NewVerifier(name, password)
		return append(lines, join(name, v, rights.String())), err
	})
}

// SetPassword changes a user's password.
func SetPassword(file, name, password string) error {
	return edit(file, func(u *Users, lines []string) ([]string, error) {
		user, err := u.editable(name)
		if err != nil {
			return nil, err
		}
		v, err := NewVerifier(name, password)
		lines[user.line] = join(name, v, user.written[2])
		return lines, err
	})
}

// Remove removes a user.
func Remove(file, name string) error {
	return edit(file, func(u *Users, lines []string) ([]string, error) {
		user, err := u.editable(name)
		if err != nil {
			return nil, err
		}
		return slices.Delete(lines, user.line, user.line+1), nil
	})
}

func (u *Users) editable(name string) (*User, error) {
	if user := u.User(name); user != nil && name != Anonymous {
		return user, nil
	}
	return nil, fmt.Errorf("no user %s", name)
}

func join(name, verifier, rights string) string {
	if rights == "" {
		return name + " : " + verifier
	}
	return name + " : " + verifier + " : " + rights
}

// edit rewrites a users file, atomically. Other lines and comments stay as they are.
func edit(file string, change func(*Users, []string) ([]string, error)) error {
	if target, err := filepath.EvalSymlinks(file); err == nil {
		file = target
	}
	folder, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }() // which ends the lock
	if err := unix.Flock(int(folder.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock the folder of %s: %w", file, err)
	}
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	users, err := Parse(text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	var lines []string
	if body := strings.TrimRight(string(text), "\n"); body != "" {
		lines = strings.Split(body, "\n")
	}
	if lines, err = change(users, lines); err != nil {
		return err
	}
	out := strings.Join(lines, "\n")
	if out != "" {
		out += "\n"
	}
	return replaceFile(file, folder, out)
}

// replaceFile writes a file atomically, and keeps its owner where that is allowed.
func replaceFile(file string, folder *os.File, text string) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".ferryd-users-*") // its mode is 0600
	if err != nil {
		return err
	}
	// The server may run as another user than the one who edits the file.
	var owner unix.Stat_t
	if unix.Stat(file, &owner) == nil {
		_ = f.Chown(int(owner.Uid), int(owner.Gid))
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(fileMode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	return folder.Sync()
}
