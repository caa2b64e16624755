package shell

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Config is the file of a person's settings and bookmarks:
//
//	# a flag's name and its value
//	timeout = 30s
//	no-progress = true
//
//	[bookmarks]
//	lab = ferry://192.0.2.7:2121/incoming/
//
// Adding a bookmark leaves the rest of the file as it is.
type Config struct {
	// Path is the file, "" for none.
	Path string
	// Settings are values by the names of flags, Lines their line numbers.
	Settings map[string]string
	Lines    map[string]int
	// Bookmarks are places by name, as open accepts them.
	Bookmarks map[string]string
}

const bookmarksHead = "[bookmarks]"

// ReadConfig reads and parses the file at path; a missing one is empty.
func ReadConfig(path string) (*Config, error) {
	text, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	return ParseConfig(path, text)
}

func readConfig(path string) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(text), err
}

// ParseConfig reads the text of a file. The error joins every fault, each with path and line.
func ParseConfig(path, text string) (*Config, error) {
	c := &Config{
		Path: path, Settings: make(map[string]string), Lines: make(map[string]int),
		Bookmarks: make(map[string]string),
	}
	var faults []error
	within, n := false, 0
	for line := range strings.Lines(text) {
		n++
		key, value, ok := configLine(line)
		var err error
		switch {
		case !ok:
			err = fmt.Errorf("a line is NAME = VALUE or %s", bookmarksHead)
		case key == bookmarksHead:
			within = true
		case key == "":
		case !within:
			c.Settings[key], c.Lines[key] = value, n
		default:
			if err = checkBookmark(key, value); err == nil {
				c.Bookmarks[key] = value
			}
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s:%d: %w", path, n, err))
		}
	}
	return c, errors.Join(faults...)
}

// configLine splits a line. The key of an empty line or a comment is "".
func configLine(line string) (key, value string, ok bool) {
	line = strings.TrimSpace(line)
	key, value, pair := strings.Cut(line, "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	switch {
	case line == "" || line[0] == '#':
		return "", "", true
	case line == bookmarksHead:
		return line, "", true
	}
	return key, value, pair && key != "" && line[0] != '['
}

var (
	errBookmarkName = errors.New("a bookmark's name is letters, digits, - and _, " +
		"and neither a port nor a command of ferry")
	errBookmarkPlace = errors.New("a bookmark is [USER@]HOST:PORT, or ferry:// or " +
		"ferrys:// and [USER@]HOST:PORT/FOLDER/")
)

// checkBookmark reports an invalid name or place.
func checkBookmark(name, place string) error {
	odd := func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && r != '-' && r != '_'
	}
	if name == "" || name[0] == '-' || strings.ContainsFunc(name, odd) || IsPort(name) ||
		name == "help" || name == "completion" || name == "man" {
		return fmt.Errorf("%s: %w", name, errBookmarkName)
	}
	to, rest, err := parseWords(strings.Fields(place), 0)
	if err != nil || len(rest) > 0 || to.file != "" {
		return fmt.Errorf("%s: %w", name, errBookmarkPlace)
	}
	return nil
}

// SetBookmark keeps a place under a name, or forgets it if the place is "". It changes the file as
// it is now, since others may have written to it. After an error the file is as it was.
func (c *Config) SetBookmark(name, place string) error {
	if place != "" {
		if err := checkBookmark(name, place); err != nil {
			return err
		}
	}
	text, err := readConfig(c.Path)
	if err != nil {
		return err
	}
	now, err := ParseConfig(c.Path, text)
	if err != nil {
		return err
	}
	var b strings.Builder
	within := false
	for line := range strings.Lines(text) {
		key, _, _ := configLine(line)
		within = within || key == bookmarksHead
		if !within || key != name {
			b.WriteString(strings.TrimRight(line, "\r\n") + "\n")
		}
	}
	delete(now.Bookmarks, name)
	if place != "" {
		if !within {
			b.WriteString(bookmarksHead + "\n")
		}
		fmt.Fprintf(&b, "%s = %s\n", name, place)
		now.Bookmarks[name] = place
	}
	if err := writeWhole(c.Path, b.String()); err != nil {
		return err
	}
	c.Bookmarks = now.Bookmarks
	return nil
}

// writeWhole writes a file atomically, with the mode it had. Of a link it writes the target.
func writeWhole(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	mode := fs.FileMode(0o600)
	if to, err := filepath.EvalSymlinks(path); err == nil {
		path = to
	}
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".ferry-config-")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Chmod(mode), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
