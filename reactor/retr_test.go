package reactor

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ferry/codec"
)

// withClassic serves the classic exchange on free ports.
func withClassic(o *Options) {
	o.Classic = true
	o.ClassicPorts = codec.ClassicPorts{}
	o.Limits.ClassicRest = 50 * time.Millisecond
}

// lines is a classic control connection.
type lines struct {
	*net.TCPConn
	t  testing.TB
	in *bufio.Reader
	// from is where its connections come from.
	from netip.Addr
}

func (ts *testServer) classicFrom(t testing.TB, from string) *lines {
	t.Helper()
	ip := netip.MustParseAddr(from)
	port := uint16(ts.ClassicPort())
	c := tcp(t, ip, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port))
	ts.dialed.Add(1)
	return &lines{c, t, bufio.NewReader(c), ip}
}

func (l *lines) say(text string) {
	l.t.Helper()
	_, err := l.Write([]byte(text))
	check(l.t, err)
}

// told reads a CONN line and connects as it says.
func (l *lines) told() *net.TCPConn {
	l.t.Helper()
	return tcp(l.t, l.from, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), l.port()))
}

func (l *lines) port() uint16 {
	l.t.Helper()
	line, err := l.in.ReadString('\n')
	check(l.t, err)
	port, ok := codec.ParseConn([]byte(strings.TrimSuffix(line, "\n")))
	if !ok {
		l.t.Fatalf("it told %q", line)
	}
	return port
}

// retr fetches a whole file.
func (l *lines) retr(name string) []byte {
	l.t.Helper()
	l.say("RETR " + name + "\n")
	return readAll(l.t, l.told())
}

func readAll(t testing.TB, c *net.TCPConn) []byte {
	t.Helper()
	defer func() { _ = c.Close() }()
	content, err := io.ReadAll(c)
	check(t, err)
	return content
}

// goodbye ends the session and demands the whole thank-you, then the end.
func (l *lines) goodbye() {
	l.t.Helper()
	l.say("GOODBYE SERVER\n")
	rest, err := io.ReadAll(l.in)
	check(l.t, err)
	if string(rest) != "THANK YOU, ALL CONNECTIONS SUCCESSFULLY TERMINATED\n" {
		l.t.Fatalf("it ended with %q", rest)
	}
	check(l.t, l.Close())
}

func TestRetrSendsFilesToTheByte(t *testing.T) {
	ts := serve(t, withClassic)
	c := ts.classicFrom(t, "127.0.0.1")
	for name, size := range map[string]int{
		"empty": 0, "one": 1, "small": smallMax, "a b": smallMax + 1, "large": 3*quantum + 7,
	} {
		ts.file(name, pattern(size))
		if got := c.retr(name); !bytes.Equal(got, pattern(size)) {
			t.Errorf("%s: got %d of %d bytes, or others", name, len(got), size)
		}
	}
	c.goodbye()
}

func TestWhatIsNoFileGetsTheMessage(t *testing.T) {
	ts := serve(t, withClassic)
	ts.file(".hidden", []byte("x"))
	check(t, os.Mkdir(filepath.Join(ts.dir, "folder"), 0o755))
	check(t, syscall.Mkfifo(filepath.Join(ts.dir, "fifo"), 0o644))
	check(t, os.Symlink("/etc/passwd", filepath.Join(ts.dir, "out")))
	c := ts.classicFrom(t, "127.0.0.1")
	message := func(line, want string) {
		t.Helper()
		before := time.Now().Truncate(time.Second)
		c.say(line)
		got := string(readAll(t, c.told()))
		at, text, _ := strings.Cut(got, ": ")
		when, err := time.ParseInLocation(classicTime, at, time.Local)
		if err != nil || when.Before(before) || when.After(time.Now()) || text != want {
			t.Errorf("%q got %q, %v", line, got, err)
		}
	}
	for _, name := range []string{
		"nothing", "folder", "fifo", "out", "../x", "..", ".hidden", "a/../../b", "a\x01b",
		strings.Repeat("n", 4000),
	} {
		message("RETR "+name+"\n", "FILE NOT FOUND AT CURRENT WORKING DIRECTORY\n")
	}
	for _, line := range []string{"\n", "HELLO\r\n", "RETR\n", "RETR \n", "get a\n", "GOODBYE\n"} {
		message(line, "UNKNOWN COMMAND\n")
	}
	c.goodbye()
}

func TestLinesComeInAnyCut(t *testing.T) {
	ts := serve(t, withClassic)
	ts.file("file", []byte("content"))
	c := ts.classicFrom(t, "127.0.0.1")
	check(t, c.SetNoDelay(true))
	for i := range len("RETR file\r\n") {
		c.say("RETR file\r\n"[i : i+1])
	}
	if got := readAll(t, c.told()); string(got) != "content" {
		t.Errorf("got %q", got)
	}
	// Commands sent ahead keep their order.
	c.say("RETR file\nRETR nothing\nRETR file\n")
	for _, want := range []string{"content", "FOUND", "content"} {
		if got := string(readAll(t, c.told())); !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	c.say(strings.Repeat("x", 4098) + "\n")
	if rest, err := io.ReadAll(c.in); len(rest) > 0 || err != nil && !isReset(err) {
		t.Errorf("after a line too long: %q, %v", rest, err)
	}
	ts.wantSession(1, endViolation)
	_ = c.Close()
}

func isReset(err error) bool { return errors.Is(err, syscall.ECONNRESET) }

// A session's commands are answered while its earlier files are still moving.
func TestRetrIsAnsweredDuringAnother(t *testing.T) {
	ts := serve(t, withClassic)
	large := pattern(16 << 20)
	ts.file("large", large)
	ts.file("small", []byte("content"))
	c := ts.classicFrom(t, "127.0.0.1")
	c.say("RETR large\n")
	first := c.told()
	c.say("RETR large\n")
	second := c.told()
	if got := c.retr("small"); string(got) != "content" {
		t.Errorf("got %q", got)
	}
	for _, d := range []*net.TCPConn{second, first} {
		if got := readAll(t, d); !bytes.Equal(got, large) {
			t.Errorf("got %d of %d bytes, or others", len(got), len(large))
		}
	}
	c.goodbye()
}

// GOODBYE SERVER resets this session's files, thanks whole, and touches no other session.
func TestGoodbyeEndsItsOwnTransfersOnly(t *testing.T) {
	ts := serve(t, withClassic)
	large := pattern(48 << 20)
	ts.file("large", large)
	leaving, staying := ts.classicFrom(t, "127.0.0.1"), ts.classicFrom(t, "127.0.0.1")
	leaving.say("RETR large\n")
	cut := leaving.told()
	staying.say("RETR large\n")
	whole := staying.told()
	leaving.goodbye()
	if _, err := io.ReadAll(cut); !isReset(err) {
		t.Errorf("the file of the session that left ended with %v", err)
	}
	_ = cut.Close()
	if got := readAll(t, whole); !bytes.Equal(got, large) {
		t.Errorf("the other got %d of %d bytes, or others", len(got), len(large))
	}
	staying.goodbye()
}

// GOODBYE SERVER does not wait for a data connection that may never be made.
func TestGoodbyeWhileOffered(t *testing.T) {
	ts := serve(t, withClassic, func(o *Options) { o.Limits.OfferTimeout = time.Hour })
	ts.file("file", []byte("content"))
	c := ts.classicFrom(t, "127.0.0.1")
	c.say("RETR file\n")
	c.port()
	waiting := ts.classicFrom(t, "127.0.0.1")
	waiting.say("RETR file\n")
	c.goodbye()
	// The lease rests for a moment, then the next one has it.
	if got := readAll(t, waiting.told()); string(got) != "content" {
		t.Errorf("got %q", got)
	}
	waiting.goodbye()
}

// An offer that nobody takes ends its session, and the next has its turn after the rest.
func TestUntakenClassicOfferEndsItsSession(t *testing.T) {
	ts := serve(t, withClassic)
	ts.file("file", []byte("content"))
	idle, next := ts.classicFrom(t, "127.0.0.1"), ts.classicFrom(t, "127.0.0.1")
	idle.say("RETR file\n")
	port := idle.port()
	next.say("RETR file\n")
	ts.later(ts.limiter.Limits.OfferTimeout)
	if rest, err := io.ReadAll(idle.in); len(rest) > 0 || err != nil {
		t.Errorf("it heard %q, %v", rest, err)
	}
	ts.wantSession(1, endUnused1)
	ts.later(ts.limiter.Limits.ClassicRest)
	if got := readAll(t, next.told()); string(got) != "content" {
		t.Errorf("got %q", got)
	}
	// Who comes without an offer must not take the close for an empty file.
	stranger, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		_, err = io.ReadAll(stranger)
		_ = stranger.Close()
	}
	if !isReset(err) {
		t.Errorf("a stranger's connection ended with %v", err)
	}
	_ = idle.Close()
	next.goodbye()
}

// Two hundred sessions of one address fetch two hundred files at the same time, each its own.
func TestTwoHundredSessionsFetchTheirOwn(t *testing.T) {
	const sessions = 200
	ts := serve(t, withClassic)
	var sums [sessions][32]byte
	for i := range sums {
		content := bytes.Repeat([]byte(fmt.Sprintf("file %d\n", i)), 1000*(i%40+1))
		sums[i] = sha256.Sum256(content)
		ts.file(fmt.Sprint("file-", i), content)
	}
	var clients []*lines
	for range sessions {
		clients = append(clients, ts.classicFrom(t, "127.0.0.1"))
	}
	var all sync.WaitGroup
	for i, c := range clients {
		all.Go(func() {
			c.say(fmt.Sprintf("RETR file-%d\n", i))
			content, err := c.fetch()
			if err != nil || sha256.Sum256(content) != sums[i] {
				t.Errorf("session %d got %d bytes of another file, or %v", i, len(content), err)
			}
		})
	}
	all.Wait()
	for _, c := range clients {
		c.goodbye()
	}
}

// fetch is told and readAll for goroutines of a test: it returns what goes wrong.
func (l *lines) fetch() ([]byte, error) {
	line, err := l.in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	port, ok := codec.ParseConn([]byte(strings.TrimSuffix(line, "\n")))
	if !ok {
		return nil, fmt.Errorf("it told %q", line)
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: l.from.AsSlice()}}
	data, err := dialer.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	defer func() { _ = data.Close() }()
	return io.ReadAll(data)
}

// Sessions of one address and of many, with delays before they connect, some that never do and some
// that leave: whoever gets something gets its own.
func TestClassicCrowdNeverMixes(t *testing.T) {
	const sessions, addresses = 300, 20
	ts := serve(t, withClassic, func(o *Options) {
		o.Limits.OfferTimeout = 150 * time.Millisecond
		o.Limits.ClassicRest = 30 * time.Millisecond
	})
	for i := range sessions {
		ts.file(fmt.Sprint(i), []byte(strings.Repeat(fmt.Sprintf("<%d>", i), 500)))
	}
	var whole, ended atomic.Int64
	var all sync.WaitGroup
	for i := range sessions {
		from := "127.0.0.1"
		if i%2 == 1 {
			from = fmt.Sprintf("127.0.0.%d", 2+i%addresses)
		}
		c := ts.classicFrom(t, from)
		all.Go(func() {
			defer func() { _ = c.Close() }()
			random := rand.New(rand.NewPCG(uint64(i), 1))
			for range 3 {
				c.say(fmt.Sprintf("RETR %d\n", i))
				switch random.IntN(8) {
				case 0:
					return // it leaves
				case 1:
					_, _ = io.Copy(io.Discard, c.in) // it never connects, and is ended
					ended.Add(1)
					return
				case 2:
					<-time.After(time.Duration(random.IntN(40)) * time.Millisecond)
				}
				content, err := c.fetch()
				if err != nil {
					ended.Add(1) // it was too late, or one before it was
					return
				}
				if string(content) != strings.Repeat(fmt.Sprintf("<%d>", i), 500) {
					t.Errorf("session %d got %.20q", i, content)
					return
				}
				whole.Add(1)
			}
		})
	}
	all.Wait()
	t.Logf("%d files whole, %d sessions ended", whole.Load(), ended.Load())
	if whole.Load() == 0 || ended.Load() == 0 {
		t.Error("the test has shown nothing")
	}
}
