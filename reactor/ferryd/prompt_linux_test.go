package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/codec"
)

// prompted is ferry at its prompt on a terminal, connected to a server of its own.
type prompted struct {
	*terminal
	home, dir, port string
	// root is what the server serves.
	root string
}

// newPrompted starts both. The server's folder has these files; the client's is dir.
func newPrompted(t *testing.T, files map[string]string) *prompted {
	t.Helper()
	lookAtSources(t)
	scratch := t.TempDir()
	if err := os.Mkdir(filepath.Join(scratch, "root"), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(scratch, "root", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	server, err := startServer(scratch)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.signal(unix.SIGTERM)
		if status, err := server.wait(); status != 0 {
			t.Errorf("ferryd ended with status %d: %v", status, err)
		}
	})
	_, port, _ := net.SplitHostPort(server.address)
	p := &prompted{
		home: t.TempDir(), dir: t.TempDir(), port: port,
		root: filepath.Join(scratch, "root"),
	}
	p.again(t)
	return p
}

// again starts ferry once more.
func (p *prompted) again(t *testing.T) {
	t.Helper()
	p.terminal = newTerminal(t, p.home, p.dir, "exec ferry 127.0.0.1 "+p.port)
	p.awaitScreen(`connected to .*\nftp> \z`)
}

// types sends keys, and waits for what stands at the end of the screen then.
func (p *prompted) types(keys, pattern string) {
	p.t.Helper()
	p.write(keys)
	p.awaitScreen(pattern + `\z`)
}

const (
	left, right, up = "\x1b[D", "\x1b[C", "\x1b[A"
	home, end       = "\x01", "\x05"
	rubOut, wordOut = "\x7f", "\x17"
)

func TestPromptEditsLines(t *testing.T) {
	p := newPrompted(t, map[string]string{"süß.txt": "text"})
	p.types("lx"+rubOut+"s\r", `ftp> ls\nsüß.txt\nftp> `)
	p.types("wd"+home+"l"+end+left+left+"p"+right+home, `ftp> lpwd`)
	p.types("\r", `ftp> lpwd\n/.*\nftp> `)
	p.types("get nothing"+wordOut+"süöß.xt"+left+left+"t"+end, `ftp> get süöß.txt`)
	p.types(home+strings.Repeat(right, len("get süö")-2)+rubOut, `ftp> get süß.txt`)
	p.types("\r", `got süß.txt: 4 bytes .*\nftp> `)
	// Ctrl-C gives a line up and nothing else.
	p.types("get süß.txt", `\nftp> get süß.txt`)
	p.types("\x03", `\nftp> get süß.txt.*\nftp> `)
	p.types("lpwd\r", `ftp> lpwd\n/.*\nftp> `)
	p.types("\x04", `ftp> \n`)
	p.end()
	if status := p.cmd.ProcessState.ExitCode(); status != 0 {
		t.Errorf("Ctrl-D ended with status %d", status)
	}
}

func TestPromptKeepsHistory(t *testing.T) {
	p := newPrompted(t, map[string]string{"a": "text"})
	p.types("ls\r", `a\nftp> `)
	p.types(" lpwd\r", `lpwd\n/.*\nftp> `)
	p.types("get a\r", `got a: .*\nftp> `)
	p.types(up, `ftp> get a`)
	p.types(up, `ftp> ls`)
	p.types("\x03", `\nftp> `)
	p.types("quit\r", `ftp> quit\n`)
	p.end()
	p.again(t)
	p.types(up+up+up, `ftp> ls`)
	p.types("\r", `ftp> ls\na\nftp> `)
	// Ctrl-R looks for a part of a line.
	p.types("\x12get", `get a`)
	p.types("\r", `got a: .*\nftp> `)
	p.types("\x04", `\n`)
	p.end()
	path := filepath.Join(p.home, ".local", "state", "ferry", "history")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the history: %v, %v", info, err)
	}
	text, _ := os.ReadFile(path)
	if string(text) != "ls\nget a\nquit\nls\nget a\n" {
		t.Errorf("the history is %q", text)
	}
}

func TestPromptCompletesNames(t *testing.T) {
	p := newPrompted(t, map[string]string{
		"report.txt": "text", "the last one": "last", "music/boat.ogg": "boat",
		"music/bass.ogg": "bass",
	})
	p.types("ge\t", `ftp> get `)
	p.types("rep\t", `ftp> get report.txt `)
	p.types("\r", `got report.txt: .*\nftp> `)
	p.types("get th\t\r", `got the last one: 4 bytes .*\nftp> `)
	p.types("get mu\tb\t", `ftp> get music/b`)
	p.types("\t", `(?s)bass.ogg.*boat.ogg.*ftp> get music/b`)
	p.types("o\t\r", `got music/boat.ogg: 4 bytes .*\nftp> `)
	// Local names, those that were just fetched among them.
	p.types("put bo\t\r", `stored boat.ogg: 4 bytes .*\nftp> `)
	p.types("help mir\t\r", `(?s)make LOCAL like.*\nftp> `)
	p.types("\x04", `\n`)
	p.end()
}

func TestTerminalIsAsUsualBetweenLines(t *testing.T) {
	p := newPrompted(t, nil)
	before, err := unix.IoctlGetTermios(int(p.keys.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if before.Lflag&unix.ICANON != 0 {
		t.Error("no line is edited at the prompt")
	}
	p.types("!stty -a\r", `(?s)isig icanon iexten echo .*ftp> `)
	// Ctrl-C is for the command there, and ferry goes on.
	p.write("!echo begun; exec sleep 1000\r")
	p.awaitScreen(`\nbegun\n\z`)
	p.types("\x03", `(?s)begun\n.*signal: interrupt\nftp> `)
	p.types("lpwd\r", `lpwd\n/.*\nftp> `)
	// Another end than quit gives the terminal back too.
	_ = p.cmd.Process.Signal(unix.SIGTERM)
	p.end()
	if status := p.cmd.ProcessState.ExitCode(); status != 130 {
		t.Errorf("SIGTERM ended with status %d", status)
	}
	after, err := unix.IoctlGetTermios(int(p.keys.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if want := uint32(unix.ICANON | unix.ECHO | unix.ISIG); after.Lflag&want != want {
		t.Errorf("the terminal's flags are %x", after.Lflag)
	}
}

func TestDumbTerminalGetsPlainLines(t *testing.T) {
	p := newPrompted(t, map[string]string{"a/b": "text"})
	p.types("\x04", `\n`)
	p.end()
	p.terminal = newTerminal(t, p.home, p.dir, "exec ferry 127.0.0.1 "+p.port, "TERM=dumb")
	p.awaitScreen(`ftp> \z`)
	p.types("ls\n", `ls\na/\nftp> `)
	p.types("\x04", `ftp> \n`)
	p.end()
	if text := p.log.text(); strings.Contains(text, "\x1b") {
		t.Errorf("it got %q", text)
	}
}

// slow is a base server that sends a third of each file, and the rest when it is told to.
type slow struct {
	net.Listener
	// rest is closed to let files be finished.
	rest chan struct{}
	once sync.Once
}

// slowSize is large enough for a percentage.
const slowSize = 3 << 20

func newSlow(t *testing.T) *slow {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &slow{Listener: l, rest: make(chan struct{})}
	t.Cleanup(func() {
		s.finish()
		_ = l.Close()
	})
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s
}

func (s *slow) finish() { s.once.Do(func() { close(s.rest) }) }

func (s *slow) serve(control net.Conn) {
	defer control.Close()
	field := make([]byte, codec.FieldSize)
	for {
		if _, err := io.ReadFull(control, field); err != nil {
			return
		}
		n, err := codec.ParseField(field)
		if err != nil {
			return
		}
		command := make([]byte, n)
		if _, err := io.ReadFull(control, command); err != nil {
			return
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return
		}
		_, _ = control.Write(codec.AppendField(nil, int64(l.Addr().(*net.TCPAddr).Port)))
		if string(command) == "quit" {
			_ = l.Close()
			return
		}
		data, err := l.Accept()
		_ = l.Close()
		if err != nil {
			return
		}
		go s.send(data, string(command))
	}
}

func (s *slow) send(data net.Conn, command string) {
	defer data.Close()
	if strings.HasPrefix(command, "ls") {
		names := "a\nb\n"
		_, _ = data.Write(append(codec.AppendField(nil, int64(len(names))), names...))
		return
	}
	content := append(codec.AppendField(nil, slowSize), make([]byte, slowSize)...)
	if _, err := data.Write(content[:len(content)/3]); err != nil {
		return
	}
	<-s.rest
	_, _ = data.Write(content[len(content)/3:])
}

func TestBarShowsWhatTakesLongAndInterruptEndsIt(t *testing.T) {
	lookAtSources(t)
	server := newSlow(t)
	dir := t.TempDir()
	_, port, _ := net.SplitHostPort(server.Addr().String())
	x := newTerminal(t, t.TempDir(), dir, "exec ferry 127.0.0.1 "+port)
	x.awaitScreen(`ftp> \z`)
	p := &prompted{terminal: x}
	p.types("get big\r", `ftp> get big\nbig +\d\d% \[#{6,}\.+\] [0-9.]+ [kM]B of 3.1 MB.*`)
	// The bar is gone with the transfer, and the session is not.
	p.types("\x03", `ftp> get big\n(?:\^C)?big: interrupted\nftp> `)
	p.types("ls\r", `ftp> ls\na\nb\nftp> `)
	// A batch has a bar for all besides.
	p.types("mget *\r", `ftp> mget \*\na +\d\d% .*\nall: 0 of 2 files, 0:\d\d .*[kM]B.*`)
	server.finish()
	p.awaitScreen(`ftp> mget \*\ngot a: 3,145,728 bytes in .*\ngot b: 3,145,728 bytes .*\n` +
		`2 files, 6,291,456 bytes in .*\nftp> \z`)
	p.types("\x04", `\n`)
	p.end()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("%v is left, %v", left, err)
	}
}

func TestNoBarWithoutATerminal(t *testing.T) {
	lookAtSources(t)
	server := newSlow(t)
	_, port, _ := net.SplitHostPort(server.Addr().String())
	x := newTerminal(t, t.TempDir(), t.TempDir(),
		"echo get big | ferry 127.0.0.1 "+port+"; ferry --no-progress 127.0.0.1 "+port+" get c")
	server.finish()
	x.end()
	if text := x.log.text(); strings.Contains(text, "\x1b") || strings.Count(text, "got ") != 2 {
		t.Errorf("%q", text)
	}
}
