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
	"ferry/codec"
)

// job is one file to move, or one change to make, of a command.
type job struct {
	// command is what is done, by the word that a person would type: get, put, mkdir, rm, rmdir.
	command string
	// remote is the name on the server, whole, and local the path on this side.
	remote, local string
	// name is how the person knows it, as how the person named the other side.
	name, as string
	// size is -1 where it is not known.
	size int64
	// time is the remote one, which a fetched file of a mirror gets; zero for none.
	time time.Time
	// resume has a transfer go on where an earlier one broke off.
	resume bool
	// segments is in how many pieces a file is fetched at once, 0 or 1 for one after another; asked
	// says that a person wants them and nothing else.
	segments int
	asked    bool
}

// watch begins to measure a command's transfers, and shows how far they are until the screen is
// cleared: so many files with so many bytes, -1 where nobody knows; no files for a single transfer.
func (s *Shell) watch(files int, bytes int64) *progress {
	p := newProgress(files, bytes)
	s.screen.show(p)
	return p
}

// transfer moves one file, and reports the outcome in the result alone.
func (l *link) transfer(ctx context.Context, p *progress, j job) result {
	g := p.begin(j.name, j.size)
	l.gauge.Store(g)
	defer l.gauge.Store(nil)
	r := result{Command: j.command, Remote: j.name, Local: j.local, internal: internal{as: j.as}}
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

// keptOf is how much is kept of a get that ended in an error, or was sent of a put, of which the
// server alone knows what came; 0 where another try would not go on with it.
func keptOf(j job, g *gauge, err error) int64 {
	brokeOff := errors.Is(err, client.ErrGivenUp) || mayPass(err) && !errors.Is(err, client.ErrBusy)
	switch {
	case !brokeOff:
		return 0
	case j.command == "get":
		// What an earlier try left is kept too, if this one ended before it could begin.
		return client.KeptOf(j.local)
	}
	return g.moved.Load()
}

// interrupted says how a transfer that broke off can be resumed.
func interrupted(err error, command string, moved int64) error {
	size := humanize.Bytes(uint64(moved))
	if command == "put" {
		return &typedError{err, fmt.Sprintf(
			"%v; of %s sent, the server keeps what it got, and put -c goes on", err, size)}
	}
	return &typedError{err, fmt.Sprintf("%v; %s are kept, and get -c goes on", err, size)}
}

// fetch gets one file.
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
			// PROTOCOL, Base exchange: "A missing file, an unreadable one, or one too large for a
			// field is answered by field(0)". The listing has ruled out the first.
			r.Note = "empty, unreadable or too large (this server cannot say)"
		}
		if err == nil && !j.time.IsZero() {
			// By its time a mirror knows the file again. Where it cannot be set, it comes anew.
			_ = os.Chtimes(j.local, time.Time{}, j.time)
		}
		return err
	})
}

// get fetches a file so that what comes of it stays if the server and the size allow that.
func (j job) get(ctx context.Context, c *client.Client, r *result) (client.Moved, error) {
	if c.Exchange() == client.Status && j.size < 0 {
		info, err := c.Stat(ctx, j.remote)
		switch {
		case errors.Is(err, client.ErrNotAllowed):
			// Then it has to do without.
		case err != nil:
			return client.Moved{}, err
		case info.Folder:
			return client.Moved{}, &client.Error{Name: j.name, Kind: errFolder}
		default:
			j.size = info.Size
		}
	}
	if j.asked || j.segments > 1 && j.size >= segmentsMin && c.Features().Has(needed) {
		r.keeps = false
		return c.GetSegments(ctx, j.remote, j.local, j.segments)
	}
	r.keeps = c.Exchange() == client.Status && j.size >= keepMin
	if r.keeps || j.resume {
		return c.GetFileContinue(ctx, j.remote, j.local)
	}
	n, err := c.GetFile(ctx, j.remote, j.local)
	return client.Moved{Size: n}, err
}

// segmentsMin is the size of files that are worth two sessions, and needed what a server has to
// have for them. Where that is not so a default is passed over, and who asks is told.
const (
	segmentsMin = 2 << 20
	needed      = codec.FeatureGet | codec.FeatureSum
)

// keepMin is the size of files whose beginning is worth keeping when a transfer breaks off: less
// moves faster than it is compared.
const keepMin = 1 << 20

// store puts one file.
func (l *link) store(ctx context.Context, j job, r *result) error {
	// A FIFO would be waited for if it were opened first.
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

// alone runs the one transfer of a command.
func (s *Shell) alone(ctx context.Context, j job) error {
	r := s.main.transfer(ctx, s.watch(0, -1), j)
	s.screen.clear()
	s.tell(&r)
	return r.err
}

func runGet(ctx context.Context, s *Shell, c *command) error {
	if c.has[segmented.name] && (c.has[recursive.name] || c.has[resume.name]) {
		return errSegmentsAlone
	}
	if !c.has["recursive"] {
		return s.getOne(ctx, c)
	}
	err := s.getTree(ctx, c)
	if errors.Is(err, client.ErrNoFolder) && s.isRemoteFile(ctx, c.words[0]) {
		// As other programs have it, what is asked for with all beneath it may be a file.
		return s.getOne(ctx, c)
	}
	return err
}

// isRemoteFile says whether the server has such a file, as far as it can tell.
func (s *Shell) isRemoteFile(ctx context.Context, name string) bool {
	if name == "" || s.main.client == nil || s.main.client.Exchange() != client.Status {
		return false
	}
	info, err := s.main.client.Stat(ctx, s.remote(name))
	return err == nil && !info.Folder
}

func (s *Shell) getOne(ctx context.Context, c *command) error {
	name := c.words[0]
	if strings.HasSuffix(name, "/") && s.Options.Exchange != client.Classic {
		return &client.Error{Name: name, Kind: errFolder}
	}
	local, err := s.localTarget(name, c.words[1:])
	if err != nil {
		return err
	}
	j := job{
		command: "get", remote: s.remote(name), local: local, name: name, size: -1,
		resume: c.has["continue"],
	}
	if len(c.words) > 1 {
		j.as = c.words[1]
	}
	if j.segments, err = s.segments(c); err != nil {
		return err
	}
	j.asked = c.has[segmented.name] && j.segments > 1
	err = s.alone(ctx, j)
	if errors.Is(err, client.ErrNotFound) && len(c.words) > 1 && s.isRemoteFile(ctx, c.bare) {
		return &typedError{err, fmt.Sprintf("%v; a name with spaces stands in quotes: get %s",
			err, quoted(c.bare))}
	}
	return err
}

var errSegmentsAlone = &usageError{errors.New("get -s: segments are of one file, and begin anew: " +
	"-r takes --parallel N before the server, and -c goes on with one piece")}

// segments is in how many pieces a get fetches a file: as it says itself, or by default.
func (s *Shell) segments(c *command) (int, error) {
	switch {
	case c.has[resume.name]:
		return 1, nil
	case !c.has[segmented.name]:
		return s.Segments, nil
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

// localTarget is where a file that is got goes: its base name in the local folder, or what the
// person named, which may be a folder.
func (s *Shell) localTarget(name string, named []string) (string, error) {
	if len(named) == 0 {
		base, err := client.LocalName(name)
		return filepath.Join(s.Dir, base), err
	}
	local := s.local(named[0])
	if !isFolder(local) && !os.IsPathSeparator(named[0][len(named[0])-1]) {
		return local, nil
	}
	base, err := client.LocalName(name)
	return filepath.Join(local, base), err
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// local is the path that a person's word means.
func (s *Shell) local(word string) string {
	if filepath.IsAbs(word) {
		return word
	}
	return filepath.Join(s.Dir, word)
}

func runPut(ctx context.Context, s *Shell, c *command) error {
	words := c.words
	if len(words) == 2 && c.bare != "" && !s.isThere(words[0]) && s.isThere(c.bare) {
		// The two words are one name: such a file is there, and the other is not.
		words = []string{c.bare}
	}
	if c.has["recursive"] {
		return s.putTree(ctx, c, words)
	}
	path := s.local(words[0])
	if isFolder(path) {
		return failure(words[0], client.ErrLocal, errFolderHere)
	}
	remote := filepath.Base(path)
	if len(words) > 1 {
		if remote = words[1]; strings.HasSuffix(remote, "/") {
			remote += filepath.Base(path)
		}
	}
	return s.alone(ctx, job{
		command: "put", remote: s.remote(remote), local: path, name: remote, as: words[0],
		size: -1, resume: c.has["continue"],
	})
}

var errFolderHere = errors.New("not a plain file; put -r stores a folder")

func (s *Shell) isThere(word string) bool {
	_, err := os.Stat(s.local(word))
	return err == nil
}
