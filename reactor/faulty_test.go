package reactor

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ferry/codec"
	"ferry/fsio"
	"ferry/fsio/dir"
	"ferry/reactor/loop"
)

// opSendfile stands for sendfile among the calls that faults are put into.
const opSendfile = fsio.Op("sendfile")

// faulty lets the n-th call of a kind fail, and every later one if it lasts.
type faulty struct {
	mu     sync.Mutex
	op     fsio.Op
	nth    int
	err    error
	lasts  bool
	struck bool
	// calls counts those of each kind since arm.
	calls map[fsio.Op]int
}

// arm sets the next fault; a nil err only counts.
func (f *faulty) arm(op fsio.Op, nth int, err error, lasts bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.op, f.nth, f.err, f.lasts, f.struck = op, nth, err, lasts, false
	f.calls = make(map[fsio.Op]int)
}

// disarm ends it, and says whether it has struck.
func (f *faulty) disarm() (struck bool, calls map[fsio.Op]int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = nil
	return f.struck, maps.Clone(f.calls)
}

func (f *faulty) ask(op fsio.Op, _ fsio.Name) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[op]++
	n := f.calls[op]
	if f.err == nil || op != f.op || n < f.nth || n > f.nth && !f.lasts {
		return nil
	}
	f.struck = true
	return f.err
}

// serveFaulty runs a server whose file calls, sendfile among them, fail as f says.
func serveFaulty(t *testing.T, f *faulty, change ...func(*Options)) *testServer {
	f.arm("", 0, nil, false)
	return serveWith(t, func(s *Server) {
		faults(t, s, f.ask)
		for _, r := range s.reactors {
			r.wrap = sendfileBy(func(c loop.Channel, file int, offset, n int64) (int, error) {
				err := f.ask(opSendfile, fsio.Name{})
				var short dir.Short
				switch {
				case errors.As(err, &short):
					n = min(n, int64(short))
				case err != nil:
					return 0, err
				}
				return c.Sendfile(file, offset, n)
			})
		}
	}, change...)
}

// sendfileCall stands in for a channel's Sendfile.
type sendfileCall func(c loop.Channel, file int, offset, n int64) (int, error)

// sendfileBy makes channels send files with another call.
func sendfileBy(call sendfileCall) func(loop.Channel) loop.Channel {
	return func(c loop.Channel) loop.Channel { return &otherSendfile{c, call} }
}

type otherSendfile struct {
	loop.Channel
	call sendfileCall
}

func (c *otherSendfile) Sendfile(file int, offset, n int64) (int, error) {
	return c.call(c.Channel, file, offset, n)
}

// tree is what a folder holds: the content of files by their name, folderMark for folders. What is
// hidden is not in it.
type tree map[string]string

const folderMark = "\x00folder"

// lay makes a folder hold just this.
func (have tree) lay(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	for _, e := range entries {
		check(t, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	for name, content := range have {
		path := filepath.Join(dir, name)
		if content == folderMark {
			check(t, os.MkdirAll(path, 0o777))
			continue
		}
		check(t, os.MkdirAll(filepath.Dir(path), 0o777))
		check(t, os.WriteFile(path, []byte(content), 0o666))
	}
}

// treeAt reads what a folder holds, and what is hidden in it.
func treeAt(t testing.TB, dir string) (found tree, hidden []string) {
	t.Helper()
	found = make(tree)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		switch {
		case strings.HasPrefix(d.Name(), "."):
			if hidden = append(hidden, name); d.IsDir() {
				return filepath.SkipDir
			}
		case d.IsDir():
			found[name] = folderMark
		default:
			content, err := os.ReadFile(path)
			found[name] = string(content)
			return err
		}
		return nil
	})
	check(t, err)
	return found, hidden
}

// String is short.
func (have tree) String() string {
	text := ""
	for name, content := range have {
		text += fmt.Sprintf(" %s:%s", name, brief([]byte(content)))
	}
	return "{" + strings.TrimSpace(text) + "}"
}

func (have tree) is(other tree) bool { return maps.Equal(have, other) }

// said is what a server made of a command, as its client sees it.
type said struct {
	// code is status's, and 226 and 451 for base's good and bad signs.
	code int
	text string
	// got is what came on the data connection behind its field, which was right.
	got string
}

// talker asks for one thing after the other and takes whatever comes.
type talker interface {
	// ask sends a command, and upload on the data connection if there is one.
	ask(command, upload string) said
}

// baseTalker speaks base.
type baseTalker struct{ c *wire }

// ask takes base's signs for codes.
func (b baseTalker) ask(command, upload string) said {
	b.c.t.Helper()
	check(b.c.t, b.c.SetDeadline(time.Now().Add(patience)))
	b.c.command(command)
	conn, err := dialData(b.c.wantPort())
	if err != nil { // it was reset before connect had returned
		return said{code: codec.CodeLocal}
	}
	defer func() { _ = conn.Close() }()
	if strings.HasPrefix(command, "put ") {
		_, err := io.WriteString(conn, record(upload))
		if err == nil {
			err = conn.CloseWrite()
		}
		var one [1]byte
		if _, end := conn.Read(one[:]); err != nil || end != io.EOF {
			return said{code: codec.CodeLocal}
		}
		return said{code: codec.CodeComplete}
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		return said{code: codec.CodeLocal}
	}
	content, ok := afterField(got)
	switch {
	case !ok:
		b.c.t.Errorf("%s: %s came, and a clean end", command, brief(got))
	case content == "" && strings.HasPrefix(command, "get "), strings.HasPrefix(content, "550 "):
		return said{code: codec.CodeLocal}
	}
	return said{code: codec.CodeComplete, got: content}
}

// statusTalker speaks status.
type statusTalker struct{ c *speaker }

func (s statusTalker) ask(command, upload string) said {
	s.c.t.Helper()
	check(s.c.t, s.c.SetDeadline(time.Now().Add(patience)))
	s.c.command(command)
	code, text := s.c.reply()
	if code != codec.CodeOffer {
		return said{code: code, text: text}
	}
	q, err := codec.ParseRequest([]byte(command))
	check(s.c.t, err)
	o, ok := codec.ParseOffer(q.Verb, []byte(text))
	conn, err := dialData(o.Port)
	if !ok || err != nil {
		s.c.t.Fatalf("%s: %q was offered: %v", command, text, err)
	}
	defer func() { _ = conn.Close() }()
	first := o.Key.String()
	puts := q.Verb == codec.VerbPut || q.Verb == codec.VerbPutPart
	if puts {
		first += record(upload)
	}
	_, wrong := io.WriteString(conn, first)
	got, end := io.ReadAll(conn)
	code, text = s.c.reply()
	answer := said{code: code, text: text}
	if good := code/100 == 2; good && (wrong != nil || end != nil) {
		s.c.t.Errorf("%s: %d, and the data connection ended with %v, %v", command, code, wrong, end)
	}
	if content, ok := afterField(got); code/100 == 2 && !puts {
		if answer.got = content; !ok || int64(len(content)) != o.Size {
			s.c.t.Errorf("%s: %d, and %s came of %d", command, code, brief(got), o.Size)
		}
	}
	return answer
}

func dialData(port uint16) (*net.TCPConn, error) {
	c, err := tryTCP(loopback, netip.AddrPortFrom(loopback, port))
	if err != nil {
		if errors.Is(err, syscall.ECONNRESET) {
			err = syscall.ECONNRESET
		}
		return nil, err
	}
	return c, c.SetDeadline(time.Now().Add(patience))
}

// afterField takes the field off a whole record.
func afterField(b []byte) (content string, ok bool) {
	if len(b) < codec.FieldSize {
		return "", false
	}
	n, err := codec.ParseField(b[:codec.FieldSize])
	content = string(b[codec.FieldSize:])
	return content, err == nil && n == int64(len(content))
}
