package reactor

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ferry/codec"
)

// FuzzClassicConversation has a client say any lines on classic's control, and anything where it is
// told to connect, in any cuts, and end them in any way. What it is told is a port or thanks, what
// it is sent is a file's or a message; the server lives, serves the next client, and is left with
// nothing.
func FuzzClassicConversation(f *testing.F) {
	add := func(control, data string, cut uint16, end uint8) {
		f.Add([]byte(control), []byte(data), cut, end)
	}
	for end := range uint8(8) {
		add("RETR a\r\nRETR nothing\nHELLO\nRETR a\nGOODBYE SERVER\n", "unasked", 3, end)
		add("RETR large\nRETR a\nGOODBYE SERVER\nRETR a\n", "", 7000, end)
	}
	add("RETR ../a\nRETR .\nretr a\n\n\r\nRETR\nRETR \n", "", 5, 0)
	add("RETR "+strings.Repeat("n", 4091)+"\n"+strings.Repeat("R", 4097)+"\n", "", 900, 2)
	add("GET / HTTP/1.1\r\n\r\n"+framed("get a"), strings.Repeat("x", 100_000), 5000, 1)
	ts := serve(f, withClassic, func(o *Options) { o.Limits.ClassicRest = time.Millisecond })
	ahead := ts.clockAhead()
	ts.file("a", classicFuzzed[:7])
	ts.file("large", classicFuzzed)
	f.Fuzz(func(t *testing.T, control, data []byte, cut uint16, end uint8) {
		ts.t = t
		sayLines(t, ts, control, data, int(cut)+1, end)
		c := ts.classicFrom(t, "127.0.0.3")
		c.ask("a").wantWhole(classicFuzzed[:7])
		c.goodbye()
		ts.outlast(ahead)
		ts.wantQuiet(ts.reactors)
		if text := ts.limiter.InUse(); text != "" {
			t.Fatal("still in use: ", text)
		}
		there, err := filepath.Glob(filepath.Join(ts.dir, "*"))
		if err != nil || len(there) != 2 {
			t.Fatalf("there are %q (%v)", there, err)
		}
	})
	f.Cleanup(func() { ts.t = f })
}

// classicFuzzed is the content of the larger of two files, with which the other begins.
var classicFuzzed = pattern(200_000)

// sayLines is the client: end chooses how the connections end, and when control does.
func sayLines(t *testing.T, ts *testServer, control, data []byte, cut int, end uint8) {
	c := tcp(t, loopback, netip.AddrPortFrom(loopback, uint16(ts.ClassicPort())))
	defer func() {
		if end&2 != 0 {
			_ = c.SetLinger(0)
		}
		_ = c.Close()
	}()
	sayInCuts(c, control, cut)
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	in := bufio.NewReader(c)
	for range 8 {
		line, err := in.ReadBytes('\n')
		if err != nil {
			if len(line) > 0 && !isReset(err) {
				t.Fatalf("%q came, then %v", line, err)
			}
			return
		}
		line = bytes.TrimSuffix(line, []byte{'\n'})
		if string(line) == codec.ClassicThanks {
			if rest, _ := io.ReadAll(in); len(rest) > 0 {
				t.Fatalf("%q came behind the thanks", rest)
			}
			return
		}
		port, ok := codec.ParseConn(line)
		if !ok || port != ts.classicPort(poolFiles) && port != ts.classicPort(poolMessages) {
			t.Fatalf("%q was told", line)
		}
		if end&4 != 0 {
			_ = c.CloseWrite()
		}
		ts.takeLine(t, port, data, cut, end)
	}
}

// classicPort is one of classic's ports for data.
func (ts *testServer) classicPort(k poolKind) uint16 {
	return ts.reactors[0].pools[k].ports[0].number
}

// takeLine makes a classic data connection, says something there and looks at what comes.
func (ts *testServer) takeLine(t *testing.T, port uint16, data []byte, cut int, end uint8) {
	d, err := net.DialTimeout("tcp4", netip.AddrPortFrom(loopback, port).String(), patience)
	if err != nil {
		return // refused by a reset
	}
	defer func() { _ = d.Close() }()
	_ = d.SetDeadline(time.Now().Add(patience))
	sayInCuts(d, data, cut)
	if end&1 != 0 {
		_ = d.(*net.TCPConn).SetLinger(0)
		return
	}
	got, err := io.ReadAll(d)
	_, text, _ := strings.Cut(string(got), ": ")
	switch {
	case len(got) == 0:
	case port == ts.classicPort(poolMessages) && (text == notFound || text == unknownCommand):
	case port == ts.classicPort(poolFiles) && (bytes.Equal(got, classicFuzzed) ||
		bytes.Equal(got, classicFuzzed[:7]) || err != nil && bytes.HasPrefix(classicFuzzed, got)):
	default:
		t.Fatalf("%s came at port %d, then: %v", brief(got), port, err)
	}
}
