package reactor

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ferry/codec"
)

// hostileHeaders are fields on control that are none: each ends the session, and no byte comes.
func hostileHeaders() (cases []hostileCase) {
	for name, header := range map[string]string{
		"header of letters":         "abcdefghij",
		"header with a minus":       "-000000002ls",
		"header with a plus":        "+000000002ls",
		"header of eleven digits":   "12345678901",
		"header of eleven zeros":    "00000000000ls",
		"header that is too long":   "0000004097",
		"header of zero":            "0000000000",
		"header of blanks":          "          ",
		"header of NULs":            "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"header of two numbers":     "1 2       ls",
		"header in hexadecimal":     "0x00000002ls",
		"header with an exponent":   "1e1       ",
		"header of Arabic digits":   "٠٠٠٠٢",
		"header of another program": "GET / HTTP/1.1\r\nHost: ferry\r\n\r\n",
		"header of TLS":             "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	} {
		cases = append(cases, hostileCase{name: name, attack: func(s *siege) {
			c := s.dial()
			c.say(header)
			wantEnd(s.t, c.TCPConn, errAny)
			s.wantLogged(string(endViolation), 1)
			again := s.dial() // behind a good command
			again.ask("ls kept").wantRecord([]byte("file\n"))
			again.say(header)
			wantEnd(s.t, again.TCPConn, errAny)
			status := s.hello()
			status.say(header)
			status.want(501, "protocol error")
			wantEnd(s.t, status.TCPConn, errAny)
			s.wantLogged(string(endViolation), 3)
		}})
	}
	return cases
}

// hostileControl are clients that are hostile on control.
var hostileControl = []hostileCase{
	{name: "a byte an hour", attack: func(s *siege) {
		c := s.dial()
		for i, b := range framed("ls kept")[:5] {
			if _, err := c.Write([]byte{byte(b)}); err != nil && i == 0 {
				s.t.Fatal(err)
			}
			s.pass(time.Hour)
		}
		wantEnd(s.t, c.TCPConn, errAny)
		s.wantLogged(string(endIdle), 1)
	}},
	{name: "a byte every nine minutes", attack: func(s *siege) {
		// Bytes are no command: the time counts from the last whole one.
		c := s.dial()
		c.say("0")
		s.pass(9 * time.Minute)
		c.say("0")
		s.pass(2 * time.Minute)
		wantEnd(s.t, c.TCPConn, errAny)
		s.wantLogged(string(endIdle), 1)
	}},
	{name: "half a header, then silence", attack: func(s *siege) {
		c, status := s.dial(), s.hello()
		c.say("00000")
		status.say("00000")
		s.pass(s.limiter.Limits.IdleTimeout)
		c.wantEOF()
		status.want(421, string(endIdle))
		status.wantEOF()
	}},
	{name: "half a command, then silence", attack: func(s *siege) {
		c := s.dial()
		c.say("0000000100put half a na")
		s.pass(s.limiter.Limits.IdleTimeout)
		c.wantEOF()
	}},
	{name: "nothing at all", attack: func(s *siege) {
		c := s.dial()
		s.pass(s.limiter.Limits.IdleTimeout)
		c.wantEOF()
	}},
	{name: "thousands of commands sent ahead", attack: func(s *siege) {
		c := s.dial()
		c.say(strings.Repeat(framed("ls kept"), 3000)) // 51,000 bytes: what is allowed
		for range 100 {
			c.connect(c.wantPort()).wantRecord([]byte("file\n"))
		}
		s.good.round()
	}},
	{name: "too many commands sent ahead", attack: func(s *siege) {
		c := s.dial()
		c.command("ls kept")
		port := c.wantPort()
		// Its end may come before all is said.
		_, _ = io.WriteString(c, strings.Repeat(framed("ls kept"), 10_000))
		s.wantLogged(string(endFlood), 1)
		s.good.round()
		// The offer stands without its session.
		c.connect(port).wantRecord([]byte("file\n"))
	}},
	{name: "too many commands sent ahead, in status", attack: func(s *siege) {
		c := s.hello()
		o := c.offered("get kept/file")
		_, _ = io.WriteString(c, strings.Repeat(framed("noop"), 10_000))
		s.wantLogged(string(endFlood), 1)
		o.take().wantRecord(nil)
	}},
	{name: "never reads its answers", attack: func(s *siege) {
		// No more is sent ahead than may be, but its answers are 300 times as long.
		deep := strings.Repeat("/"+strings.Repeat("n", 250), 15)
		check(s.t, os.MkdirAll(filepath.Join(s.dir, deep), 0o777))
		c := s.hello()
		check(s.t, c.SetReadBuffer(4096))
		c.ask("cd "+deep, 250, deep)
		c.say(strings.Repeat(framed("pwd"), 5000))
		s.wantLogged(string(endFlood), 1)
	}},
	{name: "never reads its answers, and goes on", attack: func(s *siege) {
		c := s.hello()
		check(s.t, c.SetReadBuffer(4096))
		flood := strings.Repeat(framed("get "+strings.Repeat("n", 300)), 1000)
		for {
			if _, err := io.WriteString(c, flood); err != nil {
				break // the server closed it
			}
		}
		s.wantLogged(string(endFlood), 1)
	}},
	{name: "never connects", attack: func(s *siege) {
		c := s.dial()
		for range int(baseProperties.unusedMax) {
			c.command("ls kept")
			c.wantPort()
			s.good.round()
			s.pass(s.limiter.Limits.OfferTimeout)
		}
		c.wantEOF()
		s.wantLogged(string(endUnused), 1)
	}},
	{name: "never connects, in status", attack: func(s *siege) {
		c := s.hello()
		for range int(baseProperties.unusedMax) {
			c.offered("put never")
			s.pass(s.limiter.Limits.OfferTimeout)
			c.want(425, "nobody connected")
		}
		c.want(421, string(endUnused))
		c.wantEOF()
	}},
	{name: "resets control at every byte", attack: func(s *siege) {
		for _, first := range []string{"", framed("hello 1")} {
			whole := first + framed("put reset")
			for n := range len(whole) + 1 {
				c := s.dial()
				c.say(whole[:n])
				reset(s.t, c.TCPConn)
			}
		}
		s.wantNoFile("reset")
	}},
	{name: "quits and goes on", attack: func(s *siege) {
		c := s.dial()
		c.say(framed("quit") + strings.Repeat(framed("ls"), 100))
		port := c.wantPort()
		wantEnd(s.t, c.TCPConn, errAny)
		for range 100 { // the parting port takes anybody, and holds nothing
			wantEnd(s.t, c.connect(port).TCPConn, errAny)
		}
	}},
	{name: "opens more sessions than it may", change: func(o *Options) {
		o.Limits.SessionsPerAddress = 20
	}, attack: func(s *siege) {
		var kept []*wire
		for i := range 60 {
			c := s.dial()
			if i < 20 {
				kept = append(kept, c)
				continue
			}
			wantEnd(s.t, c.TCPConn, errAny)
		}
		s.good.round()
		for _, c := range kept {
			c.ask("ls kept").wantRecord([]byte("file\n"))
		}
	}},
	{name: "opens sessions faster than it may", change: func(o *Options) {
		o.Limits.SessionsPerAddress, o.Limits.SessionRate = 20, 1
	}, attack: func(s *siege) {
		began := time.Now()
		in := 0
		for range 100 {
			c := s.dial()
			c.command("quit")
			if _, err := io.ReadFull(c, make([]byte, codec.FieldSize)); err == nil {
				in++
			}
			check(s.t, c.Close())
		}
		// It has its allowance, and one more for each second that went by.
		if most := 21 + int(time.Since(began).Seconds()); in < 20 || in > most {
			s.t.Errorf("%d sessions were let in, at most %d", in, most)
		}
		s.leap(20 * time.Second)
		s.dial().ask("ls kept").wantRecord([]byte("file\n"))
	}},
	{name: "words that are no command", attack: func(s *siege) {
		c := s.dial()
		for _, word := range []string{
			"\x1b[2J\x1b]0;owned\x07", "\u009b2J", "a\u202eb", "\xff\xfe\xfd", "two\nlines",
			"\x7f", "%s%n%d", strings.Repeat("w", 4096),
		} {
			d := c.ask(word)
			want := string(codec.AppendUnknown(nil, []byte(word)))
			d.wantRecord([]byte(want))
		}
		s.wantLogged(string(outcomeUnknown), 8)
	}},
	{name: "ends control while data moves", attack: func(s *siege) {
		content := pattern(4 << 20)
		s.file("large", content)
		for i, hang := range []func(*wire){
			func(c *wire) { check(s.t, c.Close()) },
			func(c *wire) { reset(s.t, c.TCPConn) },
		} {
			c := s.dial()
			down := c.ask("get large")
			hang(c)
			down.wantRecord(content)
			c = s.dial()
			up := c.ask(fmt.Sprint("put up", i))
			up.say(record(string(content))[:3<<20])
			hang(c)
			up.say(record(string(content))[3<<20:])
			up.stored()
			s.wantFile(fmt.Sprint("up", i), content)
		}
	}},
}
