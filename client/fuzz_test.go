package client

import (
	"io"
	"net"
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
			_, err = c.Pwd(t.Context())
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
