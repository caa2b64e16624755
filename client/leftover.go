package client

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Leftover is a partial download in a local folder: a hidden file, and usually a note about it.
type Leftover struct {
	// Path is the hidden file, Bytes how much of the file is in it.
	Path  string
	Bytes int64
	// Local is the name that it would have got in that folder, Server and Name the remote file,
	// Size its size in bytes. Without a note they are empty, and it cannot be resumed.
	Local, Server, Name string
	Size                int64
	// Changed is when the last byte came.
	Changed time.Time
}

// Leftovers finds the partial downloads in a local folder, "" being the current one.
func Leftovers(folder string) ([]Leftover, error) {
	if folder == "" {
		folder = "."
	}
	names, err := os.ReadDir(folder)
	if err != nil {
		return nil, failure(folder, ErrLocal, err)
	}
	var list []Leftover
	for _, e := range names {
		if !isHidden(e.Name()) || strings.HasSuffix(e.Name(), noteEnd) || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // it was renamed meanwhile
		}
		path := filepath.Join(folder, e.Name())
		l := Leftover{Path: path, Bytes: info.Size(), Changed: info.ModTime()}
		if noted, err := readNote(l.Path + noteEnd); err == nil {
			l.Local, l.Server, l.Name, l.Size = noted.Local, noted.Server, noted.Name, noted.Size
		}
		list = append(list, l)
	}
	return list, nil
}

// Drop removes it. While a call writes to it, that is an ErrBusy.
func (l *Leftover) Drop() error {
	f, err := os.OpenFile(l.Path, os.O_RDWR|noFollow, 0)
	if err != nil {
		return failure(l.Path, ErrLocal, err)
	}
	defer func() { _ = f.Close() }()
	if err := lockFile(f); err != nil {
		return failure(l.Path, ErrBusy, wording("a transfer writes to it"))
	}
	if renameClosed {
		_ = f.Close()
	}
	err = os.Remove(l.Path + noteEnd)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err == nil {
		err = os.Remove(l.Path)
	}
	if err != nil {
		return failure(l.Path, ErrLocal, err)
	}
	return nil
}

// KeptOf is how many bytes of a partial download to the local path are kept.
func KeptOf(local string) int64 {
	info, err := os.Lstat(keptPath(local))
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return info.Size()
}

// sweepLeftovers removes partial downloads older than KeptLifetime from the folder of a path. It
// remembers the last folder: batches finish one before the next.
func (c *Client) sweepLeftovers(local string) {
	folder := filepath.Dir(local)
	if c.options.KeptLifetime < 0 || folder == c.swept {
		return
	}
	c.swept = folder
	list, err := Leftovers(folder)
	if err != nil {
		return
	}
	for _, l := range list {
		if time.Since(l.Changed) > c.options.KeptLifetime {
			_ = l.Drop() // one that is busy, or another user's, stays
		}
	}
}
