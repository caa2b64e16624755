package client

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ferry/codec"
)

// patience bounds what a test waits for; only a broken build ever waits so long.
const patience = 10 * time.Second

// fake is a server whose every answer is a test's own.
type fake struct {
	t        testing.TB
	addr     string
	listener net.Listener
	handle   func(s *session, command string)
	// grammar is what control consists of.
	grammar codec.Grammar
	running sync.WaitGroup
	// ownQuit says that handle answers quit too.
	ownQuit atomic.Bool
	// ownHello says that handle answers hello too.
	ownHello atomic.Bool
	// budget is how many bytes of replies leave before control breaks, once.
	budget atomic.Int64
	// cut is how many bytes of a reply leave in one write, 0 for all.
	cut atomic.Int32

	mu    sync.Mutex
	conns []net.Conn
}

// session is one control connection of a fake, owned by its goroutine.
type session struct {
	*fake
	control *net.TCPConn
	decoder codec.Decoder
	buf     [8192]byte
	in      []byte
	// gone says that the budget has ended control.
	gone bool
}

// newFake serves on host until the test ends, calling handle for each command.
func newFake(t testing.TB, host string, handle func(s *session, command string)) *fake {
	t.Helper()
	return startFake(t, host, codec.Commands, handle)
}

func startFake(
	t testing.TB, host string, g codec.Grammar, handle func(s *session, command string),
) *fake {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Skipf("no listening on %s: %v", host, err)
	}
	f := &fake{t: t, addr: l.Addr().String(), listener: l, handle: handle, grammar: g}
	f.running.Go(f.accept)
	t.Cleanup(f.close)
	return f
}

func (f *fake) accept() {
	for {
		conn, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.keep(conn)
		s := &session{fake: f, control: conn.(*net.TCPConn)}
		f.running.Go(s.serve)
	}
}

func (f *fake) close() {
	_ = f.listener.Close()
	f.mu.Lock()
	for _, c := range f.conns {
		_ = c.Close()
	}
	f.mu.Unlock()
	f.running.Wait()
}

// keep has a connection closed when the test ends.
func (f *fake) keep(c net.Conn) {
	f.mu.Lock()
	f.conns = append(f.conns, c)
	f.mu.Unlock()
}

func (s *session) serve() {
	s.decoder = codec.NewDecoder(s.grammar)
	defer s.decoder.Release()
	for {
		command, ok := s.next()
		switch {
		case !ok:
			return
		case codec.IsHello([]byte(command)) && s.grammar == codec.Commands && !s.ownHello.Load():
			s.unknown()
		case command == "quit" && !s.ownQuit.Load():
			s.part()
			return
		default:
			s.handle(s, command)
		}
	}
}

// next waits for a command; there is none when control has ended.
func (s *session) next() (string, bool) {
	for {
		ev, n := s.decoder.Next(s.in)
		s.in = s.in[n:]
		switch ev.Kind {
		case codec.EventCommand:
			return string(ev.Data), true
		case codec.EventError:
			s.t.Errorf("the client sent: %v", ev.Err)
			return "", false
		default:
			n, err := s.control.Read(s.buf[:])
			if s.in = s.buf[:n]; n == 0 && err != nil {
				return "", false
			}
		}
	}
}

// unknown answers a command as a server of base does that does not know it.
func (s *session) unknown() { finish(s.data(), record("500 hello: unknown command\n")) }

// part answers quit.
func (s *session) part() {
	l := s.listen()
	s.tell(portOf(l))
	_ = l.Close()
	_ = s.control.CloseWrite()
}

// tell sends a number as a field on control.
func (s *session) tell(n int64) { _, _ = s.control.Write(codec.AppendField(nil, n)) }

// listen opens a data port on the fake's own address.
func (s *session) listen() *net.TCPListener {
	host, _, _ := net.SplitHostPort(s.addr)
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		s.t.Error(err)
		return nil
	}
	return l.(*net.TCPListener)
}

func portOf(l net.Listener) int64 { return int64(l.Addr().(*net.TCPAddr).Port) }

// data tells a port and waits for the client on it.
func (s *session) data() *net.TCPConn {
	l := s.listen()
	s.tell(portOf(l))
	return s.accepted(l)
}

// accepted waits for the client on a port that was told, and closes the port.
func (s *session) accepted(l *net.TCPListener) *net.TCPConn {
	defer l.Close()
	return s.meet(l)
}

// meet waits for the client on a port that stays.
func (s *session) meet(l *net.TCPListener) *net.TCPConn {
	_ = l.SetDeadline(time.Now().Add(patience))
	conn, err := l.AcceptTCP()
	if err != nil {
		s.t.Errorf("waiting for the data connection: %v", err)
		return new(net.TCPConn)
	}
	s.keep(conn)
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// finish sends raw bytes on a data connection and ends it as a server should.
func finish(conn *net.TCPConn, raw string) {
	_, _ = io.WriteString(conn, raw)
	_ = conn.CloseWrite()
	_, _ = io.Copy(io.Discard, conn)
	_ = conn.Close()
}

// reset breaks a connection off.
func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	_ = conn.Close()
}

// record is a field and the bytes that it announces.
func record(text string) string {
	return string(codec.AppendField(nil, int64(len(text)))) + text
}

// receive reads a put's records to the client's close and returns the bytes.
func receive(conn *net.TCPConn) (string, error) {
	raw, err := io.ReadAll(conn)
	if err != nil {
		return "", err
	}
	if len(raw) < codec.FieldSize {
		return "", io.ErrUnexpectedEOF
	}
	n, err := codec.ParseField(raw[:codec.FieldSize])
	if err == nil && n != int64(len(raw)-codec.FieldSize) {
		err = io.ErrUnexpectedEOF
	}
	return string(raw[codec.FieldSize:]), err
}

// serveFiles answers get from the map and ls with its names, a missing file with a size of 0.
func serveFiles(files map[string]string) func(s *session, command string) {
	return func(s *session, command string) {
		c := codec.ParseCommand([]byte(command))
		switch c.Verb {
		case codec.VerbGet:
			finish(s.data(), record(files[string(c.Name)]))
		case codec.VerbList:
			var list strings.Builder
			for name := range files {
				if rest, ok := strings.CutPrefix(name, folderPrefix(string(c.Name))); ok {
					list.WriteString(rest + "\n")
				}
			}
			finish(s.data(), record(list.String()))
		default:
			s.t.Errorf("unexpected command %q", command)
		}
	}
}

func folderPrefix(path string) string {
	if path == "" {
		return ""
	}
	return path + "/"
}

// dial makes a session with the fake, of base unless the test says otherwise, closed when the test
// ends.
func (f *fake) dial(o Options) *Client {
	f.t.Helper()
	if o.Exchange == Auto {
		o.Exchange = Base
	}
	o.HelloWait = cmp.Or(o.HelloWait, patience)
	c, err := Dial(f.t.Context(), f.addr, o)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = c.Close() })
	return c
}

// wantKind fails the test unless err is of the kind.
func wantKind(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("error %v, want one that is %q", err, kind)
	}
}

// wantGet fails the test unless the file comes as it is.
func wantGet(t *testing.T, c *Client, name, text string) {
	t.Helper()
	var got strings.Builder
	n, err := c.Get(t.Context(), name, &got)
	if err != nil || got.String() != text || n != int64(len(text)) {
		t.Errorf("get %s: %q, %d, %v; want %q", name, got.String(), n, err, text)
	}
}

// firstWrite is a writer that tells when the first bytes came.
type firstWrite struct {
	once sync.Once
	came chan struct{}
	n    int
}

func newFirstWrite() *firstWrite { return &firstWrite{came: make(chan struct{})} }

func (w *firstWrite) Write(b []byte) (int, error) {
	w.once.Do(func() { close(w.came) })
	w.n += len(b)
	return len(b), nil
}

// cancelOn returns a context that ends when the channel closes.
func cancelOn(t *testing.T, c <-chan struct{}) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		select {
		case <-c:
		case <-t.Context().Done():
		}
		cancel()
	}()
	return ctx
}
