package reactor

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ferry/reactor/loop"
)

// ftpWire is a control connection that speaks FTP. It says what it sends byte by byte, and demands
// that every reply is well formed.
type ftpWire struct {
	*net.TCPConn
	t    testing.TB
	in   *bufio.Reader
	from netip.Addr
	// port is the one that the last PASV or EPSV told.
	port uint16
}

// serveFTP runs a server that speaks FTP and base.
func serveFTP(t testing.TB, change ...func(*Options)) *testServer {
	t.Helper()
	return serve(t, append([]func(*Options){ftpOptions}, change...)...)
}

func ftpOptions(o *Options) { o.FTP.Port = 0 }

// dialFTP opens a control connection and reads nothing.
func (ts *testServer) dialFTP(t testing.TB, from string) *ftpWire {
	t.Helper()
	source := netip.MustParseAddr(from)
	ts.dialed.Add(1)
	return newFTPWire(t, tcp(t, source, netip.AddrPortFrom(loopback, uint16(ts.FTPPort()))), source)
}

func newFTPWire(t testing.TB, conn *net.TCPConn, from netip.Addr) *ftpWire {
	return &ftpWire{TCPConn: conn, t: t, in: bufio.NewReader(conn), from: from}
}

// greetFTP opens a session that is not logged in.
func (ts *testServer) greetFTP() *ftpWire {
	ts.t.Helper()
	c := ts.dialFTP(ts.t, "127.0.0.1")
	c.want("220 ")
	return c
}

// ftp opens a session of an anonymous user in type I.
func (ts *testServer) ftp() *ftpWire {
	ts.t.Helper()
	c := ts.greetFTP()
	c.login()
	return c
}

func (c *ftpWire) login() {
	c.t.Helper()
	c.ask("USER anonymous", "331")
	c.ask("PASS x@example.org", "230")
	c.ask("TYPE I", "200")
}

// say sends bytes as they are.
func (c *ftpWire) say(text string) {
	c.t.Helper()
	_, err := io.WriteString(c, text)
	check(c.t, err)
}

// send sends command lines.
func (c *ftpWire) send(lines ...string) {
	c.t.Helper()
	c.say(strings.Join(lines, "\r\n") + "\r\n")
}

// urgent sends bytes of which the last is urgent data.
func (c *ftpWire) urgent(text string) {
	c.t.Helper()
	raw, err := c.SyscallConn()
	check(c.t, err)
	check(c.t, raw.Write(func(fd uintptr) bool {
		err = unix.Sendto(int(fd), []byte(text), unix.MSG_OOB, nil)
		return true
	}))
	check(c.t, err)
}

// reply reads one reply, of any number of lines, without its last line end.
func (c *ftpWire) reply() string {
	c.t.Helper()
	text := c.line()
	code := text[:3]
	if text[3] == ' ' {
		return text
	}
	for {
		line := c.line()
		text += "\n" + line
		if strings.HasPrefix(line, code+" ") {
			return text
		}
		if line[0] != ' ' {
			c.t.Fatalf("%q is a line inside a reply", line)
		}
	}
}

var replyStart = regexp.MustCompile(`^[1-5][0-5][0-9][ -]|^ `)

func (c *ftpWire) line() string {
	c.t.Helper()
	line, err := c.in.ReadString('\n')
	if err != nil {
		c.t.Fatalf("no reply came, but %q: %v", line, err)
	}
	text, whole := strings.CutSuffix(line, "\r\n")
	if !whole || !replyStart.MatchString(text) || strings.ContainsAny(text, "\r\x00") {
		c.t.Fatalf("%q is no line of a reply", line)
	}
	return text
}

// want demands the next reply by what it begins with.
func (c *ftpWire) want(start string) string {
	c.t.Helper()
	got := c.reply()
	if !strings.HasPrefix(got, start) {
		c.t.Fatalf("%q came, want %q", got, start)
	}
	return got
}

// ask sends a command and demands its reply.
func (c *ftpWire) ask(command, start string) string {
	c.t.Helper()
	c.send(command)
	got := c.reply()
	if !strings.HasPrefix(got, start) {
		c.t.Fatalf("%s: %q came, want %q", command, got, start)
	}
	return got
}

var (
	pasvReply = regexp.MustCompile(`^227 .*\((\d+),(\d+),(\d+),(\d+),(\d+),(\d+)\)`)
	epsvReply = regexp.MustCompile(`^229 .*\(\|\|\|(\d+)\|\)`)
)

// epsv asks for an offer.
func (c *ftpWire) epsv() {
	c.t.Helper()
	c.send("EPSV")
	c.wantEPSV()
}

func (c *ftpWire) wantEPSV() {
	c.t.Helper()
	got := c.reply()
	m := epsvReply.FindStringSubmatch(got)
	if m == nil {
		c.t.Fatalf("EPSV: %q came", got)
	}
	port, err := strconv.ParseUint(m[1], 10, 16)
	check(c.t, err)
	c.port = uint16(port)
}

// pasv asks for an offer and returns the address that was told.
func (c *ftpWire) pasv() netip.Addr {
	c.t.Helper()
	got := c.ask("PASV", "227")
	m := pasvReply.FindStringSubmatch(got)
	if m == nil {
		c.t.Fatalf("PASV: %q came", got)
	}
	var b [6]byte
	for i := range b {
		n, err := strconv.ParseUint(m[i+1], 10, 8)
		check(c.t, err)
		b[i] = byte(n)
	}
	c.port = uint16(b[4])<<8 | uint16(b[5])
	return netip.AddrFrom4([4]byte(b[:4]))
}

// connect makes the data connection of the last offer.
func (c *ftpWire) connect() *data {
	c.t.Helper()
	return connectFrom(c.t, c.from, c.port)
}

// opens sends a command for a fresh offer and demands that its transfer begins.
func (c *ftpWire) opens(command string) *data {
	c.t.Helper()
	c.epsv()
	d := c.connect()
	c.ask(command, "150")
	return d
}

// all reads a data connection to its end and closes it.
func (d *data) all() string {
	d.t.Helper()
	got, err := io.ReadAll(d)
	check(d.t, err)
	check(d.t, d.Close())
	return string(got)
}

// fetch returns what a command sends.
func (c *ftpWire) fetch(command string) string {
	c.t.Helper()
	got := c.opens(command).all()
	c.want("226")
	return got
}

// wantFetch demands what a command sends.
func (c *ftpWire) wantFetch(command, want string) {
	c.t.Helper()
	if got := c.fetch(command); got != want {
		c.t.Fatalf("%s: %d bytes %s came, want %d bytes %s", command,
			len(got), brief([]byte(got)), len(want), brief([]byte(want)))
	}
}

// refuses demands that a transfer is refused, whose offer stands.
func (c *ftpWire) refuses(command, start string) {
	c.t.Helper()
	c.epsv()
	c.ask(command, start)
}

// store sends an upload.
func (c *ftpWire) store(command, content string) {
	c.t.Helper()
	d := c.opens(command)
	d.say(content)
	d.finish()
	c.want("226")
}

// finish ends an upload, and waits for the server's end.
func (d *data) finish() {
	d.t.Helper()
	check(d.t, d.CloseWrite())
	d.wantEOF()
	check(d.t, d.Close())
}

// names are the lines of a listing.
func names(listing string) []string {
	return strings.Split(strings.TrimSuffix(listing, "\r\n"), "\r\n")
}

// bye ends the session.
func (c *ftpWire) bye() {
	c.t.Helper()
	c.ask("QUIT", "221")
	c.wantOver()
}

// wantOver demands that control ends and nothing more is said.
func (c *ftpWire) wantOver() {
	c.t.Helper()
	rest, err := io.ReadAll(c.in)
	if len(rest) > 0 || err != nil {
		c.t.Fatalf("%q and %v came, want the end", rest, err)
	}
	check(c.t, c.Close())
}

// later moves the clock of a server with one reactor.
func (ts *testServer) later(d time.Duration) {
	ts.t.Helper()
	onLoop(ts.t, ts.reactors[0], func() { skip(ts.reactors[0], d) })
}

// freeze stops the clock of a server with one reactor: from now on time passes by later alone.
func (ts *testServer) freeze() {
	ts.t.Helper()
	l := ts.reactors[0].loop
	onLoop(ts.t, ts.reactors[0], func() {
		now := l.Now
		l.Clock = func() loop.Instant { return now }
	})
}

// stall lets time pass until every transfer of a server with one reactor has stalled. What the
// sockets still took may excuse one, but each look that leaves it must have found that it moved.
func (ts *testServer) stall() {
	ts.t.Helper()
	r := ts.reactors[0]
	var marks map[*transfer]int64
	look := func() (resting bool) {
		marks = make(map[*transfer]int64)
		for _, t := range r.transfers {
			if t.state != transferEnded && !t.atRest() {
				return false
			}
			marks[t] = t.mark
		}
		skip(r, ts.limiter.Limits.StallTimeout)
		return true
	}
	for left := -1; left != 0 && !ts.t.Failed(); {
		eventually(ts.t, "rest of all transfers", func() (resting bool) {
			onLoop(ts.t, r, func() { resting = look() })
			return resting
		})
		onLoop(ts.t, r, func() { // in the turn after the look
			left = 0
			for _, t := range r.transfers {
				if t.state == transferEnded {
					continue
				}
				if left++; t.mark <= marks[t] {
					ts.t.Error("a transfer that moved nothing is left")
				}
			}
		})
	}
}

// atRest reports whether a transfer waits for its client, and for nothing else.
func (t *transfer) atRest() bool {
	ready := t.writable()
	if t.isPut() {
		ready = t.readable()
	}
	return t.state == transferMoving && !ready && !t.job.busy
}

// wantState waits until the only session of the server is in a state.
func (ts *testServer) wantState(want sessionState) {
	ts.t.Helper()
	eventually(ts.t, fmt.Sprint("a session that is ", want), func() bool {
		is := false
		onLoop(ts.t, ts.reactors[0], func() {
			for s := range ts.reactors[0].sessions {
				is = is || s.state == want
			}
		})
		return is
	})
}

// crlf has the line ends of type A.
func crlf(text string) string {
	return string(bytes.ReplaceAll([]byte(text), []byte("\n"), []byte("\r\n")))
}

// size is the size of a file beneath the served root.
func (ts *testServer) size(name string) int64 {
	ts.t.Helper()
	info, err := os.Stat(filepath.Join(ts.dir, name))
	check(ts.t, err)
	return info.Size()
}
