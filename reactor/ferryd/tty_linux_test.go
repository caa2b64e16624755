package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// terminal is a program on a terminal of its own, and what that shows.
type terminal struct {
	t    *testing.T
	keys *os.File
	log  follower
	cmd  *exec.Cmd
	read chan struct{} // closed when nothing more is shown
}

// newTerminal runs a line of the system's shell on a new terminal, with the variables beside those
// of the test. What programs keep of a person is kept in a folder of the test's own, home.
func newTerminal(t *testing.T, home, dir, line string, variables ...string) *terminal {
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
	x.cmd.Env = append(os.Environ(), "HOME="+home, "TERM=xterm", "FERRY_EXCHANGE=auto",
		"XDG_CONFIG_HOME=", "XDG_STATE_HOME=", "NO_COLOR=")
	x.cmd.Env = append(x.cmd.Env, variables...)
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
	size := unix.Winsize{Row: 50, Col: terminalColumns}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &size); err != nil {
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

// terminalColumns is the width of the terminals.
const terminalColumns = 100

// screen is what stands on the terminal, and what has gone beyond its upper edge.
func (x *terminal) screen() string { return shown(x.log.text()) }

// awaitScreen waits until what stands there matches.
func (x *terminal) awaitScreen(pattern string) {
	x.t.Helper()
	re := regexp.MustCompile(pattern)
	err := x.log.awaitText(func(text string) bool { return re.MatchString(shown(text)) })
	if err != nil {
		x.t.Fatalf("%v: %s\n%s", err, pattern, x.screen())
	}
}

// shown is what a terminal makes of a program's output: lines that the cursor may go back to. It
// knows what the programs send: the cursor's moves up and within a line, and the erasing of lines.
func shown(output string) string {
	rows, row, column := [][]rune{nil}, 0, 0
	for len(output) > 0 {
		r, size := utf8.DecodeRuneInString(output)
		output = output[size:]
		switch r {
		case '\r':
			column = 0
		case '\n':
			if row++; row == len(rows) {
				rows = append(rows, nil)
			}
		case '\b':
			column = max(column-1, 0)
		case '\a':
		case '\x1b':
			var length int
			row, column, length = escape(output, rows, row, column)
			output = output[length:]
		default:
			for len(rows[row]) <= column {
				rows[row] = append(rows[row], ' ')
			}
			rows[row][column] = r
			column++
		}
	}
	lines := make([]string, len(rows))
	for i, line := range rows {
		lines[i] = string(line)
	}
	return strings.Join(lines, "\n")
}

var escapeForm = regexp.MustCompile(`^\[([0-9]*)(?:;[0-9]*)*([A-Za-z])`)

// escape does what an escape says, and returns where the cursor is and how long it was.
func escape(output string, rows [][]rune, row, column int) (newRow, newColumn, length int) {
	m := escapeForm.FindStringSubmatch(output)
	if m == nil {
		return row, column, 0
	}
	n := 1
	_, _ = fmt.Sscan(m[1], &n)
	switch m[2] {
	case "A":
		row = max(row-n, 0)
	case "C":
		column += n
	case "D":
		column = max(column-n, 0)
	case "G":
		column = n - 1
	case "K":
		if m[1] == "2" {
			rows[row] = nil
		} else {
			rows[row] = rows[row][:min(column, len(rows[row]))]
		}
	}
	return row, column, len(m[0])
}
