package client

import (
	"errors"
	"path/filepath"
	"runtime"
	"strings"
)

// LocalName is the local name of a remote file: what follows its last slash. That has to be a plain
// name, which joined to a folder never leaves it, and none of the hidden names of downloads; other
// names are an ErrName.
func LocalName(remote string) (string, error) {
	base := remote[strings.LastIndexByte(remote, '/')+1:]
	if err := checkLocal(base, runtime.GOOS == "windows"); err != nil {
		return "", failure(remote, ErrName, err)
	}
	return base, nil
}

// checkLocal reports why a base name cannot be a file's.
func checkLocal(base string, windows bool) error {
	switch {
	case base == "":
		return errors.New("it ends in a slash, or is empty")
	case base == "." || base == "..":
		return errors.New("it names a folder")
	case strings.IndexByte(base, 0) >= 0:
		return errors.New("it holds a NUL")
	case isHidden(base):
		return errors.New("it is reserved for downloads in progress")
	case strings.ContainsRune(base, '/') || strings.ContainsRune(base, filepath.Separator):
		return errors.New("it holds a separator")
	case windows && strings.ContainsFunc(base, isWindowsMark):
		return errors.New(`no name on Windows holds \ : * ? " < > | or a control character`)
	case windows && strings.HasSuffix(base, ".") || windows && strings.HasSuffix(base, " "):
		return errors.New("a dot or a space at its end is dropped by Windows")
	case !filepath.IsLocal(base):
		return errors.New("reserved for a device by Windows")
	}
	return nil
}

func isWindowsMark(r rune) bool { return r < ' ' || strings.ContainsRune(`\:*?"<>|`, r) }

// isHidden recognizes the hidden names of downloads: a server that could use them could put one
// file in another's place. Some systems ignore case.
func isHidden(base string) bool {
	return strings.HasPrefix(strings.ToLower(base), keptPrefix)
}
