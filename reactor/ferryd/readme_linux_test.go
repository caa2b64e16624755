package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestReadmeShowsRealSession runs what the README's sessions show, on terminals, and compares what
// is printed there. The first session is the server's, in a folder with the folder shared; the
// others are clients', in a folder of their own. Those of the classic exchange need fixed ports,
// which may be in use here: a script plays that one on others.
func TestReadmeShowsRealSession(t *testing.T) {
	var sessions []string
	for _, block := range readmeBlocks(t, "console") {
		if strings.HasPrefix(block, "$ ferry") && !strings.Contains(block, "--classic") {
			sessions = append(sessions, block)
		}
	}
	if len(sessions) < 2 || !strings.HasPrefix(sessions[0], "$ ferryd ") {
		t.Fatalf("%d sessions, the first of which is the server's", len(sessions))
	}
	home := t.TempDir()
	for name, size := range map[string]int64{
		"shared/report.txt": 48_213, "shared/music/boat.ogg": 3_401_977, "here/notes.txt": 1_207,
	} {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, noise(1, size), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	// The README's port may be in use here.
	line, _, _ := strings.Cut(strings.TrimPrefix(sessions[0], "$ "), "\n")
	server := newTerminal(t, home, strings.Replace(line, readmePort, "0", 1))
	server.await("connect     ferry ")
	port := server.await(`connect     ferry \S+ ([0-9]+)`)[1]
	clients := 0
	for _, session := range sessions[1:] {
		clients += strings.Count("\n"+session, "\n$ ")
		got := playSession(t, filepath.Join(home, "here"), session, port)
		got = strings.ReplaceAll(got, port, readmePort)
		compareSession(t, session, got)
	}
	// What the last session leaves in the log comes before the end.
	server.await(fmt.Sprintf(`(?s)(?:session ended.*){%d}`, clients))
	server.write("\x03")
	server.end()
	got := strings.ReplaceAll(server.screen(), port, readmePort)
	got = strings.ReplaceAll(got, home, "/home/ann")
	compareSession(t, sessions[0], "$ "+line+"\n"+got)
}

// readmePort is the port of the README's sessions.
const readmePort = "2121"

// readmeBlocks are the README's blocks of a kind.
func readmeBlocks(t *testing.T, kind string) (blocks []string) {
	t.Helper()
	re := regexp.MustCompile("(?sm)^```" + kind + "\n(.*?)^```$")
	for _, m := range re.FindAllStringSubmatch(readme(t), -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// playSession runs a session's commands, types what is typed at prompts there, and returns what the
// terminal shows.
func playSession(t *testing.T, dir, session, port string) string {
	var shown strings.Builder
	commands := regexp.MustCompile(`(?m)^\$ .*\n`).FindAllStringIndex(session, -1)
	for i, at := range commands {
		until := len(session)
		if i+1 < len(commands) {
			until = commands[i+1][0]
		}
		line := session[at[0]+2 : at[1]]
		term := newTerminal(t, dir, strings.Replace(line, readmePort, port, 1))
		typed := regexp.MustCompile(`(?m)^ftp> (.*)$`)
		for n, m := range typed.FindAllStringSubmatch(session[at[1]:until], -1) {
			term.await(fmt.Sprintf(`(?s)(?:ftp> .*){%d}\z`, n+1))
			term.write(m[1] + "\n")
		}
		term.end()
		shown.WriteString("$ " + line + term.screen())
	}
	return shown.String()
}

// compareSession compares what stands in the README with what was printed. Times, addresses and
// ports differ from run to run; a line of three dots stands for any lines.
func compareSession(t *testing.T, want, got string) {
	t.Helper()
	pattern := regexp.QuoteMeta(masked(want))
	pattern = strings.ReplaceAll(pattern, `\.\.\.`+"\n", `(?:.*\n)*?`)
	if !regexp.MustCompile(`\A` + pattern + `\z`).MatchString(masked(got)) {
		t.Errorf("the README shows\n%s\nand the terminal showed\n%s", want, got)
	}
}

// masks take out what differs from run to run.
var masks = []*regexp.Regexp{
	regexp.MustCompile(`()\x1b\[[0-9;]*m`),
	regexp.MustCompile(`()\r`),
	regexp.MustCompile(`(in )[0-9.]+ s \([^)]*/s\)`),
	regexp.MustCompile(`(data ports  )[0-9,-]+`),
	regexp.MustCompile(`(connect     ferry )\S+`),
	regexp.MustCompile(`(connected to )[^;]+`),
	regexp.MustCompile(`(on all addresses, IPv4)(?: and IPv6| only)`),
	regexp.MustCompile(`(?m)^((?:\^C)?)[0-9-]{10} [0-9:]{8} `),
	regexp.MustCompile(`((?:peer|seconds)=)\S+`),
}

func masked(text string) string {
	for _, re := range masks {
		text = re.ReplaceAllString(text, "$1")
	}
	return text
}

// terminal is a program on a terminal of its own, and what that shows.
type terminal struct {
	t    *testing.T
	keys *os.File
	log  follower
	cmd  *exec.Cmd
	read chan struct{} // closed when nothing more is shown
}

// newTerminal runs a line of the shell on a new terminal.
func newTerminal(t *testing.T, dir, line string) *terminal {
	t.Helper()
	keys, screen, err := openTerminal()
	if err != nil {
		t.Fatal(err)
	}
	defer screen.Close()
	x := &terminal{t: t, keys: keys, read: make(chan struct{})}
	x.log.changed = make(chan struct{})
	x.cmd = exec.Command("sh", "-c", line)
	x.cmd.Dir = dir
	// What the programs keep of a person is kept for the test.
	x.cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "TERM=xterm", "FERRY_EXCHANGE=base",
		"XDG_CONFIG_HOME=", "XDG_STATE_HOME=", "NO_COLOR=")
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = screen, screen, screen
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(x.read)
		b := make([]byte, 4096)
		for {
			n, err := keys.Read(b)
			_, _ = x.log.Write(b[:n])
			if err != nil { // the last program has let go of the terminal
				x.log.close()
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = x.cmd.Process.Kill()
		_ = keys.Close()
	})
	return x
}

// openTerminal makes a terminal: its keys and what it shows, and the side that a program has.
func openTerminal() (keys, screen *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("/dev/ptmx: %w", err)
	}
	keys = os.NewFile(uintptr(fd), "/dev/ptmx")
	if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, err
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, nil, err
	}
	screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	return keys, screen, err
}

func (x *terminal) write(text string) {
	if _, err := x.keys.WriteString(text); err != nil {
		x.t.Fatal(err)
	}
}

// await waits until the terminal shows what matches.
func (x *terminal) await(pattern string) []string {
	x.t.Helper()
	re := regexp.MustCompile(pattern)
	var found []string
	err := x.log.awaitText(func(text string) bool {
		found = re.FindStringSubmatch(text)
		return found != nil
	})
	if err != nil {
		x.t.Fatalf("%v: %s\n%s", err, pattern, x.log.text())
	}
	return found
}

// end waits until the program has ended and everything is shown.
func (x *terminal) end() {
	limit := time.AfterFunc(patience, func() {
		x.t.Errorf("it did not end within %v", patience)
		_ = x.cmd.Process.Kill()
	})
	defer limit.Stop()
	_ = x.cmd.Wait()
	<-x.read
}

// screen is what the terminal has shown, with the line ends of a text.
func (x *terminal) screen() string {
	return string(bytes.ReplaceAll([]byte(x.log.text()), []byte("\r\n"), []byte("\n")))
}
