package shell

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"ferry/client"
)

// job is one file to move.
type job struct {
	// command is get or put.
	command string
	// remote is the whole name on the server, local the path here.
	remote, local string
	// name is how the person knows it; as is how the person named the other side.
	name, as string
	// size is -1 if unknown.
	size int64
	// time is the remote one, which a fetched file of a mirror gets; zero for none.
	time time.Time
	// resume continues an interrupted transfer.
	resume bool
	// segments is how many pieces to fetch at once.
	segments int
}

// watch shows the progress of a command's transfers until the screen is cleared: of so many files,
// 0 for a single transfer, with so many bytes, -1 if unknown.
func (s *Shell) watch(files int, bytes int64) *progress {
	p := &progress{began: time.Now(), files: files, bytes: bytes}
	s.screen.show(p)
	return p
}

// transfer moves one file, and reports the outcome in the result alone.
func (l *link) transfer(ctx context.Context, p *progress, j job) result {
	g := p.begin(j.name, j.size)
	l.gauge.Store(g)
	defer l.gauge.Store(nil)
	r := result{Command: j.command, Remote: j.name, Local: j.local, as: j.as}
	move := l.fetch
	if j.command == "put" {
		move = l.store
	}
	if err := move(ctx, j, &r); err != nil {
		if kept := keptOf(j, g, err); r.keeps && kept > 0 {
			if j.command == "get" {
				r.Kept = kept
			}
			err = interrupted(err, j.command, kept)
		}
		r.fail(err)
		r.Bytes = 0
	}
	p.end(g, max(j.size, r.Bytes))
	return r
}

// keptOf is how much is kept of a failed get, or was sent of a failed put; 0 if another try would
// not resume it.
func keptOf(j job, g *gauge, err error) int64 {
	switch {
	case !errors.Is(err, client.ErrGivenUp) && (!mayPass(err) || errors.Is(err, client.ErrBusy)):
		return 0
	case j.command == "get":
		return client.KeptOf(j.local)
	}
	return g.moved.Load()
}

// interrupted says how a transfer that broke off can be resumed.
func interrupted(err error, command string, moved int64) error {
	size := humanize.Bytes(uint64(moved))
	if command == "put" {
		return &typedError{err, fmt.Sprintf(
			"%v; %s sent; the server kept what it received; put -c resumes", err, size)}
	}
	return &typedError{err, fmt.Sprintf("%v; %s kept; get -c resumes", err, size)}
}

func (l *link) fetch(ctx context.Context, j job, r *result) error {
	r.Outcome = outcomeDone
	return l.do(ctx, func(c *client.Client) error {
		start := time.Now()
		moved, err := j.get(ctx, c, r)
		r.Bytes, r.Kept, r.Segments = moved.Size, moved.Kept, moved.Segments
		r.took(time.Since(start))
		if err == nil && r.Bytes > 0 && r.Kept == r.Bytes {
			r.whole()
		}
		if err == nil && r.Bytes == 0 && c.Exchange() == client.Base {
			// Base sends the same for a missing file, which the listing has ruled out.
			r.Note = "empty, not readable, or too large (this server does not say which)"
		}
		if err == nil && !j.time.IsZero() {
			// The next mirror compares the time. If it cannot be set, the file comes again.
			_ = os.Chtimes(j.local, time.Time{}, j.time)
		}
		return err
	})
}

// get fetches a file, resumable if server and size allow that.
func (j job) get(ctx context.Context, c *client.Client, r *result) (client.Moved, error) {
	status := c.Exchange() == client.Status
	if status && j.size < 0 {
		info, err := c.Stat(ctx, j.remote)
		switch {
		case errors.Is(err, client.ErrNotAllowed): // the size stays unknown
		case err != nil:
			return client.Moved{}, err
		case info.Folder:
			return client.Moved{}, failure(j.name, errFolder, nil)
		default:
			j.size = info.Size
		}
	}
	r.keeps = status && j.size >= keepMin
	switch {
	case j.segments > 1:
		r.keeps = false
		return c.GetSegments(ctx, j.remote, j.local, j.segments)
	case r.keeps || j.resume:
		return c.GetFileContinue(ctx, j.remote, j.local)
	}
	n, err := c.GetFile(ctx, j.remote, j.local)
	return client.Moved{Size: n}, err
}

// keepMin is the size of files that are worth resuming: less moves faster than it is compared.
const keepMin = 1 << 20

func (l *link) store(ctx context.Context, j job, r *result) error {
	info, err := os.Stat(j.local)
	if err == nil && !info.Mode().IsRegular() {
		err = errNotPlain
	}
	if err != nil {
		return failure(r.as, client.ErrLocal, err)
	}
	return l.do(ctx, func(c *client.Client) error {
		start := time.Now()
		put := c.PutFile
		if r.keeps = c.Exchange() == client.Status && info.Size() >= keepMin; r.keeps || j.resume {
			put = c.PutFileContinue
		}
		moved, err := put(ctx, j.remote, j.local)
		if errors.Is(err, client.ErrNotDone) && !errors.Is(err, client.ErrLost) {
			if info, known := c.Stat(ctx, j.remote); known == nil && info.Folder {
				err = fmt.Errorf("%w; to store it in the folder, add a /", err)
			}
		}
		r.Outcome = outcomeDone
		if moved.Stored != client.Confirmed {
			r.Outcome = outcomeUnconfirmed
		}
		if err == nil {
			r.Bytes, r.Kept = moved.Size, moved.Kept
		}
		r.took(time.Since(start))
		return err
	})
}

var errNotPlain = errors.New("not a plain file")

func (s *Shell) alone(ctx context.Context, j job) error {
	r := s.main.transfer(ctx, s.watch(0, -1), j)
	s.screen.clear()
	s.tell(&r)
	return r.err
}

func runGet(ctx context.Context, s *Shell, c *command) error {
	if c.has[segmented.name] && (c.has[recursive.name] || c.has[resume.name]) {
		return &usageError{errors.New("get -s: segments are for one file, and start over: " +
			"-r takes --parallel N before the server, and -c resumes with one piece")}
	}
	if c.has[recursive.name] {
		err := s.getTree(ctx, c)
		if !errors.Is(err, client.ErrNoFolder) || !s.isRemoteFile(ctx, c.words[0]) {
			return err
		}
		// As with other programs, get -r of a file fetches the file.
	}
	return s.getOne(ctx, c)
}

// isRemoteFile reports whether the server has such a file, as far as it can tell.
func (s *Shell) isRemoteFile(ctx context.Context, name string) bool {
	if name == "" || s.main.client == nil || s.main.client.Exchange() != client.Status {
		return false
	}
	info, err := s.main.client.Stat(ctx, s.remote(name))
	return err == nil && !info.Folder
}

func (s *Shell) getOne(ctx context.Context, c *command) error {
	name, as := c.words[0], strings.Join(c.words[1:], "")
	if strings.HasSuffix(name, "/") && s.Options.Exchange != client.Classic {
		return failure(name, errFolder, nil)
	}
	local, err := s.localTarget(name, as)
	if err != nil {
		return err
	}
	if as != "" && local != s.local(as) {
		as = filepath.Join(as, filepath.Base(local)) // as is a folder
	}
	j := job{
		command: "get", remote: s.remote(name), local: local, name: name, as: as, size: -1,
		resume: c.has[resume.name],
	}
	if j.segments, err = c.segments(); err != nil {
		return err
	}
	return s.alone(ctx, j)
}

// segments is in how many pieces a get fetches a file.
func (c *command) segments() (int, error) {
	if !c.has[segmented.name] {
		return 1, nil
	}
	text := c.values[segmented.name]
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > client.SegmentsMax {
		return 0, &usageError{fmt.Errorf("get -s %s: give a number from 1 to %d", text,
			client.SegmentsMax)}
	}
	return n, nil
}

var errFolder = errors.New("a folder; get -r fetches it, ls lists it")

// localTarget is where a fetched file goes: its base name in the local folder, or as the person
// said, which may be a folder.
func (s *Shell) localTarget(name, as string) (string, error) {
	local := s.local(as)
	if as != "" && !isFolder(local) && !os.IsPathSeparator(as[len(as)-1]) {
		return local, nil
	}
	base, err := client.LocalName(name)
	return filepath.Join(local, base), err
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// local is the path that a person's word means; that of "" is the local folder.
func (s *Shell) local(word string) string {
	if filepath.IsAbs(word) {
		return word
	}
	return filepath.Join(s.Dir, word)
}

func runPut(ctx context.Context, s *Shell, c *command) error {
	if c.has[recursive.name] {
		return s.putTree(ctx, c)
	}
	path := s.local(c.words[0])
	if isFolder(path) {
		return failure(c.words[0], client.ErrLocal,
			errors.New("not a plain file; put -r stores a folder"))
	}
	remote := c.word(1, filepath.Base(path))
	if strings.HasSuffix(remote, "/") {
		remote += filepath.Base(path)
	}
	return s.alone(ctx, job{
		command: "put", remote: s.remote(remote), local: path, name: remote, as: c.words[0],
		size: -1, resume: c.has[resume.name],
	})
}
