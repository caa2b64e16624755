package client

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zeebo/xxh3"

	"ferry/codec"
)

// Notes: what the client remembers of an upload, so that a later call, of this process or another,
// can resume it. Each is a small file, written atomically, so that no lock is needed: of two
// processes with the same upload the later note stays, and the other's part expires.

// note is the content of a note. All but Part says which file it is about.
type note struct {
	Server string `json:"server"`
	// Name is the remote file's, from the served root.
	Name string `json:"name"`
	// Size and Modified are the local file's, in bytes and in nanoseconds since 1970.
	Size     int64 `json:"size"`
	Modified int64 `json:"modified"`
	// Part is the server's secret name for what it keeps.
	Part string `json:"part,omitempty"`
	// Local is the name that a download will get in the folder of its note, for people.
	Local string `json:"local,omitempty"`
}

// note is about a remote file as a local one, or the remote one itself, is now.
func (c *Client) note(name string, size int64, modified time.Time) note {
	return note{
		Server: cmp.Or(c.options.ServerName, strings.ToLower(c.target)),
		Name:   noteName(path.Join("/", name)),
		Size:   size, Modified: modified.UnixNano(),
	}
}

const (
	// noteMost bounds a note in bytes: two of the longest names, escaped.
	noteMost = 64 << 10
	// noteEnd ends the names of notes.
	noteEnd = ".json"
	// noteBegin begins the names of notes that are being written.
	noteBegin = ".note-"
)

// notes is a folder of notes, "" for none.
type notes struct {
	folder   string
	lifetime time.Duration
}

func (c *Client) notes() notes {
	n := notes{c.options.NotesFolder, c.options.NotesLifetime}
	if state := StateFolder(); n.folder == "" && state != "" {
		n.folder = filepath.Join(state, "uploads")
	}
	if n.lifetime < 0 {
		n.folder = ""
	}
	return n
}

// StateFolder is the user's folder for what ferry remembers, "" if no home is known. By the XDG
// rule relative paths are ignored.
func StateFolder() string {
	base := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(base) && runtime.GOOS == "windows" {
		base = os.Getenv("LocalAppData")
	}
	if !filepath.IsAbs(base) {
		home, err := os.UserHomeDir()
		if err != nil || !filepath.IsAbs(home) {
			return ""
		}
		base = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(base, "ferry")
}

func (n notes) path(about note) string {
	key := fmt.Sprintf("%s\x00%s\x00%d\x00%d", about.Server, about.Name, about.Size, about.Modified)
	return filepath.Join(n.folder, hashName(key)+noteEnd)
}

// hashName makes a file name from any text.
func hashName(text string) string {
	sum := xxh3.HashString128(text).Bytes()
	return hex.EncodeToString(sum[:])
}

// load returns the part that was noted for an upload, unless the note is too old or unreadable.
func (n notes) load(about note, now time.Time) (codec.PartID, bool) {
	if n.folder == "" {
		return codec.PartID{}, false
	}
	path := n.path(about)
	info, err := os.Stat(path)
	if err != nil || now.Sub(info.ModTime()) > n.lifetime {
		return codec.PartID{}, false
	}
	noted, err := readNote(path)
	if err != nil {
		return codec.PartID{}, false
	}
	part, ok := codec.ParseKey([]byte(noted.Part))
	// Another upload's note may have the same hash.
	if noted.Part = ""; !ok || noted != about {
		return codec.PartID{}, false
	}
	return part, true
}

// save notes a part, and removes old notes.
func (n notes) save(about note, part codec.PartID, now time.Time) error {
	if n.folder == "" {
		return nil
	}
	// Whoever can read a note can add to the upload.
	if err := os.MkdirAll(n.folder, 0o700); err != nil {
		return err
	}
	n.sweep(now)
	path := n.path(about)
	about.Part = part.String()
	f, err := os.CreateTemp(n.folder, noteBegin+"*-"+filepath.Base(path))
	if err != nil {
		return err
	}
	return writeNote(f, path, about)
}

// renew lets the note of an upload live on from now, as the server's part does.
func (n notes) renew(about note, part codec.PartID, now time.Time) {
	if path, mine := n.noted(about, part); mine {
		_ = os.Chtimes(path, now, now) // if that fails the upload starts over some day
	}
}

// forget removes the note of an upload, unless another process has noted another part since.
func (n notes) forget(about note, part codec.PartID) {
	if path, mine := n.noted(about, part); mine {
		_ = os.Remove(path)
	}
}

// noted is the path of an upload's note, and whether that is about the part.
func (n notes) noted(about note, part codec.PartID) (string, bool) {
	if n.folder == "" {
		return "", false
	}
	path := n.path(about)
	noted, err := readNote(path)
	return path, err == nil && noted.Part == part.String()
}

// sweep removes notes whose parts have expired, and what a killed process left.
func (n notes) sweep(now time.Time) {
	entries, err := os.ReadDir(n.folder)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !noteFile.MatchString(e.Name()) {
			continue // other programs may use the folder too
		}
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() && now.Sub(info.ModTime()) > n.lifetime {
			_ = os.Remove(filepath.Join(n.folder, e.Name()))
		}
	}
}

// noteFile matches the names that path and save make.
var noteFile = regexp.MustCompile(`^(\.note-\d+-)?[0-9a-f]{32}\.json$`)

func readNote(path string) (note, error) {
	f, err := os.Open(path)
	if err != nil {
		return note{}, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, noteMost+1))
	if err != nil {
		return note{}, err
	}
	return parseNote(text)
}

var errNote = errors.New("it holds no note")

// noteName is a name that JSON can hold. If one that is no UTF-8 looks like another then, the
// checksums differ.
func noteName(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	return strconv.QuoteToASCII(name)
}

func parseNote(text []byte) (note, error) {
	var n note
	if len(text) > noteMost || json.Unmarshal(text, &n) != nil {
		return note{}, errNote
	}
	if n.Server == "" || n.Name == "" || n.Size < 0 {
		return note{}, errNote
	}
	return n, nil
}

// writeNote writes a note atomically: to f, a file of another name in its folder, which it closes.
func writeNote(f *os.File, path string, n note) error {
	text, err := json.Marshal(n)
	if err == nil {
		_, err = f.Write(append(text, '\n'))
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
