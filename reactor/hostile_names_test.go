package reactor

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// secret is what no client may ever get.
const secret = "what lies beside the served root"

// beside makes a folder beside the root, with a secret in it, and returns its path.
func (s *siege) beside() string {
	dir := s.t.TempDir()
	check(s.t, os.WriteFile(filepath.Join(dir, "secret"), []byte(secret), 0o666))
	return dir
}

// wantAlone demands that a folder beside the root holds the secret and nothing else.
func (s *siege) wantAlone(dir string) {
	s.t.Helper()
	entries, err := os.ReadDir(dir)
	check(s.t, err)
	text, err := os.ReadFile(filepath.Join(dir, "secret"))
	check(s.t, err)
	if len(entries) != 1 || string(text) != secret {
		s.t.Errorf("beside the root are %v, and the secret is %q", entries, text)
	}
}

// wantUnreachable demands that a name can be neither got, put nor listed, nor anything of status.
func (s *siege) wantUnreachable(name string, codes ...int) {
	s.t.Helper()
	c := s.dial()
	c.get(name, nil) // PROTOCOL: "answered by field(0) and a close"
	c.putRefused(name, record("planted"))
	list := c.ask("ls " + name)
	wantField(s.t, list)
	text, err := io.ReadAll(list)
	check(s.t, err)
	if !strings.HasPrefix(string(text), "550 ") {
		s.t.Errorf("ls %q: %s", name, brief(text))
	}
	status := s.hello()
	for _, command := range []string{
		"get ", "stat ", "rnfr ", "rm ", "sum sha256 ", "getpart 0 0 ",
	} {
		if len(command)+len(name) > s.limiter.Limits.CommandBytes {
			continue
		}
		status.command(command + name)
		code, text := status.reply()
		found := false
		for _, want := range codes {
			found = found || code == want
		}
		if !found || strings.Contains(text, s.dir) {
			s.t.Errorf("%s%q: %d %s", command, name, code, text)
		}
	}
	check(s.t, c.Close())
	check(s.t, status.Close())
}

// hostileNames are clients that ask for what they must not have.
var hostileNames = []hostileCase{
	{name: "names that lead out", attack: func(s *siege) {
		for _, name := range []string{
			"..", "../", "../x", "a/../../x", "./../x", "kept/../../x", "/../../../../etc/passwd",
			"kept/../../../../../../../../etc/passwd", "../" + filepath.Base(s.dir) + "/good",
			strings.Repeat("../", 1300) + "etc/passwd",
		} {
			s.wantUnreachable(name, 553)
		}
		entries, err := os.ReadDir(filepath.Dir(s.dir))
		check(s.t, err)
		for _, e := range entries {
			if e.Name() == "x" {
				s.t.Error("a file was put beside the root")
			}
		}
	}},
	{name: "links planted in the root", attack: func(s *siege) {
		out := s.beside()
		check(s.t, os.Symlink(out, filepath.Join(s.dir, "folder")))
		check(s.t, os.Symlink(filepath.Join(out, "secret"), filepath.Join(s.dir, "file")))
		check(s.t, os.Symlink("../"+filepath.Base(out), filepath.Join(s.dir, "relative")))
		check(s.t, os.Symlink("loop", filepath.Join(s.dir, "loop")))
		check(s.t, os.Symlink("/proc/self/root", filepath.Join(s.dir, "root")))
		for _, name := range []string{
			"folder/secret", "folder/new", "relative/secret", "root/etc/passwd", "loop/x",
		} {
			s.wantUnreachable(name, 550, 553)
		}
		c := s.dial()
		c.get("file", nil)
		c.get("loop", nil)
		c.ask("ls folder").wantRecord([]byte("550 folder: no such folder\n"))
		// A put replaces the link itself, never what it leads to.
		c.put("file", "mine")
		status := s.hello()
		status.ask("cd folder", 550, "")
		status.ask("mkdir folder/new", 550, "")
		status.ask("rm folder/secret", 550, "")
		status.ask("rnfr good", 350, "")
		status.ask("rnto folder/good", 550, "")
		s.wantAlone(out)
	}},
	{name: "links swapped while it runs", attack: func(s *siege) {
		out := s.beside()
		in := filepath.Join(s.dir, "in")
		check(s.t, os.Mkdir(in, 0o777))
		check(s.t, os.WriteFile(filepath.Join(in, "secret"), []byte("harmless"), 0o666))
		swap, next := filepath.Join(s.dir, "swap"), filepath.Join(s.dir, "next")
		check(s.t, os.Symlink("in", swap))
		stop, stopped := make(chan struct{}), make(chan error)
		go func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					stopped <- nil
					return
				default:
				}
				target := [2]string{out, "in"}[i%2]
				if err := errors.Join(os.Symlink(target, next), os.Rename(next, swap)); err != nil {
					stopped <- err
					return
				}
			}
		}()
		c, status := s.dial(), s.hello()
		for i := range 100 {
			d := c.ask("get swap/secret")
			got, err := io.ReadAll(d)
			check(s.t, err)
			if text := string(got); text != framed("harmless") && text != "0000000000" {
				s.t.Errorf("%q came", text)
			}
			check(s.t, d.Close())
			d = c.ask(fmt.Sprint("put swap/planted", i))
			_, _ = io.WriteString(d, record("planted"))
			_ = d.CloseWrite()
			wantOver(s.t, d)
			status.command("rm swap/secret2")
			status.reply()
		}
		close(stop)
		check(s.t, <-stopped)
		s.wantAlone(out)
	}},
	{name: "a FIFO", attack: func(s *siege) {
		path := filepath.Join(s.dir, "fifo")
		check(s.t, unix.Mkfifo(path, 0o666))
		c := s.dial()
		c.get("fifo", nil)
		c.ask("ls fifo").wantRecord([]byte("550 fifo: no such folder\n"))
		c.putRefused("fifo", record("x"))
		status := s.hello()
		status.ask("get fifo", 550, "fifo: ")
		status.ask("sum sha256 fifo", 550, "fifo: ")
		if info, err := os.Lstat(path); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
			s.t.Error("it is a FIFO no more: ", err)
		}
	}},
	{name: "a socket and a device", attack: func(s *siege) {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(s.dir, "socket")})
		check(s.t, err)
		defer func() { check(s.t, l.Close()) }()
		names := []string{"socket"}
		// A device that never ends; only root may make one.
		err = unix.Mknod(filepath.Join(s.dir, "zero"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5)))
		if err == nil {
			names = append(names, "zero")
		} else if !errors.Is(err, syscall.EPERM) {
			s.t.Fatal(err)
		}
		c, status := s.dial(), s.hello()
		for _, name := range names {
			c.get(name, nil)
			c.putRefused(name, record("x"))
			status.ask("get "+name, 550, name+": ")
			status.ask("getpart 0 100 "+name, 550, name+": ")
			status.ask("sum sha256 "+name, 550, name+": ")
		}
	}},
	{name: "folders taken for files", attack: func(s *siege) {
		c, status := s.dial(), s.hello()
		for _, name := range []string{"kept", "kept/", "/", ".", "kept/.."} {
			c.get(name, nil)
			c.putRefused(name, record("x"))
		}
		status.ask("get kept", 550, "kept: ")
		status.ask("rm kept", 550, "kept: ")
		status.ask("rmdir kept", 550, "kept: ")
		status.ask("rmdir /", 550, "")
		status.ask("sum sha256 kept", 550, "kept: ")
		status.ask("rnfr good", 350, "")
		status.ask("rnto kept", 550, "kept: ")
	}},
	{name: "files taken for folders", attack: func(s *siege) {
		s.file("plain", []byte("x"))
		s.wantUnreachable("plain/x", 550)
		s.wantUnreachable("plain/", 550)
		s.hello().ask("cd plain", 550, "plain: ")
	}},
	{name: "names of 4,096 bytes", attack: func(s *siege) {
		long := strings.Repeat("n", 255)
		for _, name := range []string{
			strings.Repeat("n", 4092), strings.Repeat("n/", 2046), strings.Repeat("/", 4092),
			strings.Repeat("./", 2046), long + "n", strings.Repeat(long+"/", 14) + long,
		} {
			c := s.dial()
			c.get(name, nil)
			c.putRefused(name, record("x"))
		}
		// The longest part there is.
		c := s.dial()
		c.put(long, "fits")
		c.get(long, []byte("fits"))
	}},
	{name: "names that are no UTF-8", attack: func(s *siege) {
		c, status := s.dial(), s.hello()
		name := "\xff\xfe\x80\xc3\x28"
		c.get(name, nil)
		c.put(name, "content")
		c.get(name, []byte("content"))
		s.wantFile(name, []byte("content")) // under those bytes, and no others
		status.ask("stat "+name, 213, "file 7 ")
		status.ask("get x"+name, 550, "x")
		status.ask("rm "+name, 250, "")
	}},
	{name: "names with controls", attack: func(s *siege) {
		for _, name := range []string{
			"a\nb", "a\rb", "a\x00b", "\x1b[2J", "\x1b]0;owned\x07", "\x7f", "\b\b\b", "tab\tbed",
			"x\n{\"level\":\"error\",\"message\":\"forged\"}",
		} {
			s.wantUnreachable(name, 553)
		}
		if s.log.holds("\n{\"level\":\"error\"") {
			s.t.Error("a line was forged")
		}
	}},
	{name: "names with controls of Unicode", attack: func(s *siege) {
		c := s.dial()
		for _, name := range []string{
			"\u009b2J\u009b31m", "exe.\u202egpj", "two\u2028lines", "zero\u200bwidth", "\u0085",
		} {
			c.get(name, nil) // the log shows the name
			c.putRefused("missing/"+name, record("x"))
			s.hello().ask("get "+name, 550, "")
			c.ask(name).wantRecord([]byte("500 " + name + ": unknown command\n"))
		}
		s.wantLogged(string(outcomeUnknown), 5)
		s.LogStatus()
	}},
	{name: "temporary and hidden files", attack: func(s *siege) {
		s.file(".hidden", []byte(secret))
		c := s.dial()
		up := c.ask("put running")
		up.say("0000100000" + strings.Repeat("x", 80_000))
		var left []string
		eventually(s.t, "the temporary file", func() bool {
			left, _ = filepath.Glob(filepath.Join(s.dir, ".ferry-*"))
			return len(left) == 1
		})
		for _, name := range []string{
			".hidden", "./.hidden", "kept/../.hidden", filepath.Base(left[0]),
			".ferry-0123456789abcdef.tmp", ".ferry-0123456789abcdef.part/x",
		} {
			s.wantUnreachable(name, 553)
		}
		if n := s.dial().ask("ls"); n != nil {
			wantField(s.t, n)
			text, err := io.ReadAll(n)
			check(s.t, err)
			if strings.Contains("\n"+string(text), "\n.") {
				s.t.Errorf("listed is %q", text)
			}
		}
		reset(s.t, up.TCPConn)
	}},
	{name: "changes what it may not", change: func(o *Options) {
		o.NoOverwrite = true
	}, prepare: func(s *siege) { s.file("old", []byte("old")) }, attack: func(s *siege) {
		c, status := s.dial(), s.hello()
		c.putRefused("old", record("new"))
		c.putRefused("kept", record("new"))
		status.ask("rm old", 530, "")
		status.ask("rnfr old", 530, "")
		status.ask("rmdir kept", 530, "")
		status.ask("newpart old", 530, "")
		s.wantFile("old", []byte("old"))
	}},
}
