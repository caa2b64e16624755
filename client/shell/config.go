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
// What a person wrote there stays as it is when a bookmark is added.
type Config struct {
	// Path is the file, "" for none.
	Path string
	// Settings are the flags' values by their names, Lines where each stands, from 1.
	Settings map[string]string
	Lines    map[string]int
	// Bookmarks are places, as open takes them, by their names.
	Bookmarks map[string]string
	text      string
}

// configMax is the largest file read in bytes; people write less.
const configMax = 1 << 20

const bookmarksHead = "[bookmarks]"

// ReadConfig reads the file at path; one that is not there is empty. Errors are the system's, that
// of what is no plain file or too large for settings, and those of ParseConfig.
func ReadConfig(path string) (*Config, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || path == "" {
		return ParseConfig(path, "")
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > configMax {
		return nil, fmt.Errorf("%s: no file of settings", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return ParseConfig(path, string(text))
}

// ParseConfig takes the text of a file apart. Every fault is told, joined to one error, with path
// and line: a line that is neither a pair nor a head, a bookmark's name or place that is none.
func ParseConfig(path, text string) (*Config, error) {
	c := &Config{
		Path: path, text: text, Settings: make(map[string]string),
		Lines: make(map[string]int), Bookmarks: make(map[string]string),
	}
	var faults []error
	within, n := false, 0
	for line := range strings.Lines(text) {
		n++
		key, value, kind := configLine(line)
		switch {
		case kind == lineNothing:
		case kind == lineBookmarks:
			within = true
		case kind == lineOther:
			faults = append(faults, fmt.Errorf("%s:%d: a line is NAME = VALUE or %s",
				path, n, bookmarksHead))
		case within:
			if err := checkBookmark(key, value); err != nil {
				faults = append(faults, fmt.Errorf("%s:%d: %w", path, n, err))
				continue
			}
			c.Bookmarks[key] = value
		default:
			c.Settings[key], c.Lines[key] = value, n
		}
	}
	return c, errors.Join(faults...)
}

// The kinds of a line.
const (
	lineNothing = iota
	linePair
	lineBookmarks
	lineOther
)

func configLine(line string) (key, value string, kind int) {
	line = strings.TrimSpace(line)
	key, value, pair := strings.Cut(line, "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	switch {
	case line == "" || line[0] == '#':
		return "", "", lineNothing
	case line == bookmarksHead:
		return "", "", lineBookmarks
	case pair && key != "" && line[0] != '[':
		return key, value, linePair
	}
	return "", "", lineOther
}

var (
	errBookmarkName = errors.New("a bookmark's name is letters, digits, - and _, " +
		"and neither a port nor a command of ferry")
	errBookmarkPlace = errors.New("a bookmark is HOST:PORT or ferry://HOST:PORT/FOLDER/")
)

// checkBookmark says what keeps a name from being a bookmark's, or a place from being kept.
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

// SetBookmark keeps a place under a name, or forgets it where the place is "", and writes the file:
// to what others wrote there since it was read. Errors are those of ReadConfig and of writing, and
// that of a name or place that is none; then the file stays as it is.
func (c *Config) SetBookmark(name, place string) error {
	if place != "" {
		if err := checkBookmark(name, place); err != nil {
			return err
		}
	}
	now, err := ReadConfig(c.Path)
	if err != nil {
		return err
	}
	c.text, c.Bookmarks = now.text, now.Bookmarks
	var b strings.Builder
	within, headed, set := false, false, false
	for line := range strings.Lines(c.text) {
		key, _, kind := configLine(line)
		if kind == lineBookmarks {
			within, headed = true, true
		}
		if within && kind == linePair && key == name {
			if place != "" && !set {
				fmt.Fprintf(&b, "%s = %s\n", name, place)
			}
			set = true
			continue
		}
		b.WriteString(strings.TrimRight(line, "\r\n") + "\n")
	}
	if !set && place != "" {
		if !headed {
			b.WriteString(bookmarksHead + "\n")
		}
		fmt.Fprintf(&b, "%s = %s\n", name, place)
	}
	if err := writeWhole(c.Path, b.String()); err != nil {
		return err
	}
	c.text = b.String()
	delete(c.Bookmarks, name)
	if place != "" {
		c.Bookmarks[name] = place
	}
	return nil
}

// writeWhole writes a file under another name first, so that it is never there in part. A link
// stays one, and what it leads to is written; a file keeps its mode.
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
	if err == nil {
		err = f.Chmod(mode)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
