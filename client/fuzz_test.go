package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ferry/codec"
)

// FuzzControl has a server of the status exchange say anything: what the client makes of it are
// answers and errors, and never a wait for more than was promised.
func FuzzControl(f *testing.F) {
	reply := func(code int, text string) []byte {
		return codec.AppendReply(nil, code, []byte(text))
	}
	for _, seed := range [][]byte{
		reply(213, "file 12 2026-01-02T03:04:05Z"), reply(257, "/a"), reply(350, ""),
		append(reply(213, "00ff 7"), reply(550, "a: no such file")...),
		append(reply(150, "x"), reply(226, "")...), reply(421, "idle"), []byte("0000000003abc"),
	} {
		f.Add(seed)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = l.Close() })
	says := make(chan []byte)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			hello := string(codec.AppendHello(nil, everything))
			_, _ = conn.Write(append(reply(200, hello), <-says...))
			_ = conn.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}()
	f.Fuzz(func(t *testing.T, said []byte) {
		go func() { says <- said }()
		c, err := Dial(t.Context(), l.Addr().String(), Options{
			Exchange: Status, HelloWait: time.Minute, ReplyTimeout: time.Minute,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = c.Stat(t.Context(), "a")
		if err == nil {
			_, err = c.Sum(t.Context(), XXH3, "a")
		}
		if err == nil {
			err = c.Rename(t.Context(), "a", "b")
		}
		_ = c.Mkdir(t.Context(), "a")
		// The server closes control: a session that stands has been answered each time.
		if c.Err() == nil {
			_ = c.Noop(t.Context())
		}
		if err != nil && err.Error() == "" {
			t.Error("an error that says nothing")
		}
	})
}

// FuzzListing holds that a listing's names are its lines, in order, and none of them a line end's;
// and that a listing of several lines is never taken for a message.
func FuzzListing(f *testing.F) {
	for _, text := range []string{
		"a\nb/\n", "a\r\n\n\nb", "550 x: no such folder\n", "500 x: unknown command", "\r\r\n\r",
		"550 x: no such folder\nb\n", "\x00\xff\n", "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list := names(text)
		rest := text
		for _, name := range list {
			before, after, found := strings.Cut(rest, name)
			if !found || strings.Trim(before, "\r\n") != "" || name == "" ||
				strings.Contains(name, "\n") || strings.HasSuffix(name, "\r") {
				t.Fatalf("%q in %q of %q", name, rest, text)
			}
			rest = after
		}
		if strings.Trim(rest, "\r\n") != "" {
			t.Fatalf("%q is left of %q", rest, text)
		}
		if kind := messageKind(text); kind != nil &&
			(len(list) != 1 || !strings.HasPrefix(list[0], "5")) {
			t.Fatalf("%q is taken for %v", text, kind)
		}
	})
}

// FuzzClassic has a server of the classic exchange say anything on control, and send anything where
// it tells the client to connect: what the client hands out is what came there, whole.
func FuzzClassic(f *testing.F) {
	for _, seed := range [][2]string{
		{"CONN %f\nTHANK YOU, bye\n", "content"},
		{"CONN %f\r\n", ""},
		{"CONN %m\n", notFound + "\n"},
		{"CONN %m\n", "2026-03-01 10:11:12: UNKNOWN COMMAND\n"},
		{"CONN 1\n", "x"},
		{"conn %f\n", "x"},
		{"THANK YOU, bye\n", ""},
		{strings.Repeat("x", 5000), ""},
		{"CONN %m\n", "\x1b[2J"},
		{"CONN %f", "cut"},
		{"CONN %f\nCONN %f\n", "twice"},
	} {
		f.Add(seed[0], []byte(seed[1]))
	}
	var said, sent atomic.Value // strings
	say := func(text *atomic.Value) func(*net.TCPConn) {
		return func(conn *net.TCPConn) {
			_, _ = io.WriteString(conn, text.Load().(string))
			_ = conn.CloseWrite()
			_, _ = io.Copy(io.Discard, conn)
		}
	}
	control, files, messages := answersAll(f, say(&said)), answersAll(f, say(&sent)),
		answersAll(f, say(&sent))
	ports := strings.NewReplacer("%f", fmt.Sprint(files), "%m", fmt.Sprint(messages))
	f.Fuzz(func(t *testing.T, line string, data []byte) {
		line = ports.Replace(line)
		said.Store(line)
		sent.Store(string(data))
		c, err := Dial(t.Context(), fmt.Sprint("127.0.0.1:", control), Options{
			Exchange: Classic, ClassicFiles: files, ClassicMessages: messages,
			ReplyTimeout: time.Minute,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var got bytes.Buffer
		n, err := c.Get(t.Context(), "a", &got)
		first, _, whole := strings.Cut(line, "\n")
		told := whole && strings.TrimSuffix(first, "\r") == fmt.Sprint("CONN ", files)
		var e *Error
		switch {
		case err == nil && (!told || n != int64(len(data)) || !bytes.Equal(got.Bytes(), data)):
			t.Fatalf("%q, %q: %d bytes were got: %q", line, data, n, &got)
		case err != nil && (!errors.As(err, &e) || err.Error() == ""):
			t.Fatalf("%q: %v", line, err)
		case err != nil && told && len(data) > 0:
			t.Fatalf("%q: %d bytes were sent, and it failed: %v", line, len(data), err)
		}
	})
}

// answersAll answers every connection to a port of its own, until the test ends.
func answersAll(f *testing.F, answer func(*net.TCPConn)) (port uint16) {
	f.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		f.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.AcceptTCP()
			if err != nil {
				return
			}
			running.Go(func() {
				answer(conn)
				_ = conn.Close()
			})
		}
	})
	f.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	return uint16(portOf(l))
}
