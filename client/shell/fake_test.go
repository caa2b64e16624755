package shell

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ferry/client"
	"ferry/codec"
)

// patience bounds what a test waits for; only a broken build ever waits so long.
const patience = 20 * time.Second

// fake is a base server whose files are a test's map; folders are what stands before their slashes.
type fake struct {
	t        *testing.T
	addr     string
	listener net.Listener
	running  sync.WaitGroup
	// answer, when set, answers a command itself and returns true.
	answer func(c *control, command string) bool
	// lists, when set, is what ls of a folder answers.
	lists map[string]string

	mu    sync.Mutex
	files map[string]string
	asked []string
	conns []net.Conn
}

// control is a control connection, owned by its goroutine.
type control struct {
	*fake
	conn net.Conn
}

func newFake(t *testing.T, files map[string]string) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, addr: l.Addr().String(), listener: l, files: files}
	f.running.Go(f.accept)
	t.Cleanup(func() {
		_ = l.Close()
		f.mu.Lock()
		for _, c := range f.conns {
			_ = c.Close()
		}
		f.mu.Unlock()
		f.running.Wait()
	})
	return f
}

func (f *fake) accept() {
	for {
		conn, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.keep(conn)
		f.running.Go((&control{f, conn}).serve)
	}
}

// keep has a connection closed when the test ends, and none of it wait for ever.
func (f *fake) keep(c net.Conn) {
	_ = c.SetDeadline(time.Now().Add(patience))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conns = append(f.conns, c)
}

func (c *control) serve() {
	for {
		text, err := readRecord(c.conn)
		if err != nil {
			return
		}
		c.mu.Lock()
		c.asked = append(c.asked, text)
		c.mu.Unlock()
		if c.answer != nil && c.answer(c, text) {
			continue
		}
		switch verb, name, _ := strings.Cut(text, " "); verb {
		case "get":
			c.mu.Lock()
			content := c.files[strings.TrimPrefix(name, "/")]
			c.mu.Unlock()
			send(c.data(), content)
		case "put":
			c.store(name)
		case "ls":
			send(c.data(), c.list(name))
		case "quit":
			l := c.tell()
			_ = l.Close()
			_ = c.conn.Close()
			return
		default:
			c.t.Errorf("the client sent %q", text)
		}
	}
}

func (c *control) store(name string) {
	conn := c.data()
	content, err := readRecord(conn)
	c.mu.Lock()
	folder, _, nested := strings.Cut(name, "/")
	if err == nil && (!nested || c.hasFolder(folder)) {
		c.files[name] = content
	} else {
		// PROTOCOL, Base exchange: "a put that is refused or fails is reset".
		_ = conn.(*net.TCPConn).SetLinger(0)
	}
	c.mu.Unlock()
	_ = conn.Close()
}

func (f *fake) hasFolder(folder string) bool {
	for name := range f.files {
		if strings.HasPrefix(name, folder+"/") {
			return true
		}
	}
	return false
}

func (f *fake) list(folder string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if text, ok := f.lists[folder]; ok {
		return text
	}
	prefix := ""
	if folder != "" && folder != "/" {
		prefix = strings.Trim(folder, "/") + "/"
	}
	var names []string
	for name := range f.files {
		below, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		first, _, nested := strings.Cut(below, "/")
		if nested {
			first += "/"
		}
		if !slices.Contains(names, first) {
			names = append(names, first)
		}
	}
	if len(names) == 0 && prefix != "" {
		return "550 " + folder + ": no such folder\n"
	}
	slices.Sort(names)
	return strings.Join(append(names, ""), "\n")
}

// listen listens on a fresh data port.
func (c *control) listen() *net.TCPListener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Error(err)
		return nil
	}
	return l.(*net.TCPListener)
}

func port(l *net.TCPListener) uint16 { return uint16(l.Addr().(*net.TCPAddr).Port) }

// tell tells a fresh data port.
func (c *control) tell() *net.TCPListener {
	l := c.listen()
	_, _ = c.conn.Write(codec.AppendField(nil, int64(port(l))))
	return l
}

// data tells a port and waits for the client there.
func (c *control) data() net.Conn {
	l := c.tell()
	defer l.Close()
	return c.accept(l)
}

// accept waits for the client at a data port.
func (c *control) accept(l *net.TCPListener) net.Conn {
	_ = l.SetDeadline(time.Now().Add(patience))
	conn, err := l.Accept()
	if err != nil {
		c.t.Errorf("waiting for the data connection: %v", err)
		return new(net.TCPConn)
	}
	c.keep(conn)
	return conn
}

// send sends a record and ends the connection in order.
func send(conn net.Conn, content string) {
	_, _ = conn.Write(append(codec.AppendField(nil, int64(len(content))), content...))
	_ = conn.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, conn)
	_ = conn.Close()
}

// readRecord reads a field and as many bytes.
func readRecord(r io.Reader) (string, error) {
	field := make([]byte, codec.FieldSize)
	if _, err := io.ReadFull(r, field); err != nil {
		return "", err
	}
	n, err := codec.ParseField(field)
	if err != nil {
		return "", err
	}
	text := make([]byte, n)
	_, err = io.ReadFull(r, text)
	return string(text), err
}

// commands are what clients have asked for, but for ls and quit.
func (f *fake) commands() (list []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, text := range f.asked {
		if text != "quit" && !strings.HasPrefix(text, "ls") {
			list = append(list, text)
		}
	}
	return list
}

// run runs a shell in dir with these arguments and lines. HOST PORT in them is the fake's.
func (f *fake) run(s *Shell, dir, args, lines string) ran {
	f.t.Helper()
	target := strings.NewReplacer("HOST:PORT", f.addr,
		"HOST PORT", strings.Replace(f.addr, ":", " ", 1))
	var out, errs strings.Builder
	if s.Options.Exchange == client.Auto {
		s.Options.Exchange = client.Base
	}
	s.Dir, s.In, s.Out, s.Err = dir, strings.NewReader(target.Replace(lines)), &out, &errs
	for i := range s.Commands {
		s.Commands[i] = target.Replace(s.Commands[i])
	}
	status := s.Run(f.t.Context(), strings.Fields(target.Replace(args)))
	hide := func(text string) string { return strings.ReplaceAll(text, f.addr, "HOST:PORT") }
	return ran{status, hide(out.String()), hide(errs.String())}
}

// writeFile makes a file and the folders above it.
func writeFile(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// wantTree fails the test unless the folder holds these files, in whatever folders, and no other
// name; a name that ends with a slash is an empty folder.
func wantTree(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	got := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		name = filepath.ToSlash(name)
		switch {
		case err != nil:
			return err
		case e.Type()&os.ModeSymlink != 0:
			to, _ := os.Readlink(path)
			got[name] = "-> " + to
		case e.IsDir():
			list, err := os.ReadDir(path)
			if len(list) == 0 && name != "." {
				got[name+"/"] = ""
			}
			return err
		default:
			text, err := os.ReadFile(path)
			got[name] = string(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range want {
		if have, there := got[name]; !there || have != text {
			t.Errorf("%s: %q (%v), want %q", name, have, there, text)
		}
		delete(got, name)
	}
	for name := range got {
		t.Errorf("%s is there", name)
	}
}

// reset breaks a connection off.
func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

// mutexed is a list that goroutines add to.
type mutexed[T any] struct {
	mu   sync.Mutex
	list []T
}

func (m *mutexed[T]) add(v T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list = append(m.list, v)
}

func (m *mutexed[T]) all() []T {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.list)
}
