package reactor

import (
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"ferry/codec"
	"ferry/reactor/limit"
)

// wantKeyless waits until so many connections wait with no KEY.
func (s *siege) wantKeyless(n int64) {
	s.t.Helper()
	eventually(s.t, fmt.Sprint("connections without a KEY: ", n), func() bool {
		return s.limiter.Used(limit.Keyless) == n
	})
}

// hostileStatus are clients that are hostile in the status exchange.
var hostileStatus = []hostileCase{
	{name: "a wrong KEY", attack: func(s *siege) {
		o := s.hello().offered("get good")
		for _, key := range []string{
			strings.Repeat("0", codec.KeySize), strings.Repeat("f", codec.KeySize),
			strings.Repeat("z", codec.KeySize), "GET / HTTP/1.1\r\n", strings.Repeat("\x00", 1000),
			o.Key.String()[:15] + "g",
		} {
			s.stranger(hostileFrom, o.Port, key)
			s.stranger("127.0.0.1", o.Port, key)
		}
		wantOver(s.t, o.take())
	}},
	{name: "a KEY that was used", attack: func(s *siege) {
		c := s.hello()
		o := c.offered("get good")
		wantOver(s.t, o.take())
		c.want(226, "")
		s.stranger(hostileFrom, o.Port, o.Key.String())
		o = c.offered("put used")
		d := o.take()
		d.say(record("content"))
		c.want(226, "7")
		s.stranger(hostileFrom, o.Port, o.Key.String()+record("another"))
		s.wantFile("used", []byte("content"))
	}},
	{name: "a KEY of another's offer that is over", attack: func(s *siege) {
		c := s.hello()
		o := c.offered("put late")
		s.pass(s.limiter.Limits.OfferTimeout)
		c.want(425, "")
		s.stranger(hostileFrom, o.Port, o.Key.String()+record("late"))
		s.wantNoFile("late")
	}},
	{name: "half a KEY, then silence", attack: func(s *siege) {
		c := s.hello()
		o := c.offered("put half")
		d := o.knock()
		d.say(o.Key.String()[:8])
		s.wantKeyless(1)
		s.good.round()
		s.pass(s.limiter.Limits.OfferTimeout)
		wantEnd(s.t, d.TCPConn, errAny)
		c.want(425, "")
	}},
	{name: "a KEY, then silence", plain: true, attack: func(s *siege) {
		s.hole()
		put, get := s.hello(), s.hello()
		up := put.offered("put silent").take()
		down := get.offered("get large").take()
		s.wantTransfers(2)
		s.outwait()
		put.want(426, "the data connection was too slow")
		wantResetWithin(s.t, up, 0)
		get.want(426, "the data connection was too slow")
		wantResetWithin(s.t, down, 64<<20)
		s.wantNoFile("silent")
	}},
	{name: "a flood of connections without a KEY", change: func(o *Options) {
		o.Limits.Keyless = 16
	}, attack: func(s *siege) {
		o := s.hello().offered("put flooded")
		other := s.helloFrom("127.0.0.3").offered("put slow")
		slow := other.knock() // its KEY comes in two segments
		slow.say(other.Key.String()[:7])
		s.wantKeyless(1)
		var all []*data
		for range 100 {
			d := o.knock()
			d.say("0")
			all = append(all, d)
			if n := s.limiter.Used(limit.Keyless); n > 17 {
				s.t.Fatalf("%d connections wait for a KEY", n)
			}
		}
		s.good.round()
		const most = 7 // it leaves one to the other client and eight to whoever comes
		for _, d := range all[:100-most] {
			wantEnd(s.t, d.TCPConn, errAny)
		}
		s.wantKeyless(most + 1)
		slow.say(other.Key.String()[7:] + record("content"))
		other.c.want(226, "7")
		d := o.take() // who brings its KEY needs no room
		d.say(record("content"))
		o.c.want(226, "7")
	}},
	{name: "a flood of connections without an offer", attack: func(s *siege) {
		for _, p := range s.reactors[0].pools[poolKeyed].ports {
			for range 50 {
				// Where the kernel can it keeps who says nothing from the server.
				d := connectFrom(s.t, netip.MustParseAddr(hostileFrom), p.number)
				d.say("0")
				wantEnd(s.t, d.TCPConn, errAny)
			}
		}
	}},
	{name: "a flood of offers", change: func(o *Options) {
		o.Limits.OffersPerAddress = 10
	}, attack: func(s *siege) {
		var all []*speaker
		for i := range 40 {
			c := s.hello()
			c.command(fmt.Sprint("put offered", i))
			all = append(all, c)
		}
		r := s.reactors[0]
		standing := func() (n int) {
			onLoop(s.t, r, func() { n = len(r.keys.offers) })
			return n
		}
		eventually(s.t, "offers", func() bool { return standing() == 10 })
		s.good.round() // its own offers are not in question
		if n := standing(); n != 10 {
			s.t.Errorf("%d offers stand", n)
		}
		d := all[0].wantOffer("put offered0").take() // the next in turn has its own
		d.say(record("x"))
		all[0].want(226, "1")
		all[10].wantOffer("put offered10")
	}},
	{name: "a flood of abor", attack: func(s *siege) {
		c := s.hello()
		c.say(strings.Repeat(framed("abor"), 3000))
		for range 3000 {
			c.want(226, "")
		}
		part := c.begin("aborted")
		d := c.offered("putpart " + part + " 0 1000000").take()
		d.say(framedSize(1_000_000) + "some")
		s.wantTransfers(1)
		c.say(strings.Repeat(framed("noop"), 100) + strings.Repeat(framed("abor"), 100))
		for range 101 {
			c.want(426, "")
		}
		for range 100 {
			c.want(226, "")
		}
		c.ask("droppart "+part, 250, "")
	}},
	{name: "a flood of checksums", change: func(o *Options) {
		o.Limits.SumsPerAddress = 16
	}, prepare: func(s *siege) { s.sparse("large") }, attack: func(s *siege) {
		// Each takes seconds: all of them would keep the workers for minutes.
		var all []*speaker
		for range 32 {
			c := s.hello()
			c.command("sum sha256 large")
			all = append(all, c)
		}
		for _, c := range all[16:] {
			c.want(450, "")
		}
		s.good.round()
		other := &speaker{s.dialFrom(s.t, "127.0.0.3")}
		other.command("hello 1")
		other.want(200, "")
		other.ask("sum sha256 kept/file", 213, "") // it has its turn among them
		for _, c := range all {
			reset(s.t, c.TCPConn)
		}
	}},
	{name: "words that are no command of status", attack: func(s *siege) {
		c := s.hello()
		for _, text := range []string{
			"\x1b[2J", "\u009b2J", "\xff\xfe", "get\x00", "GET", "get", "getpart -1 0 good",
			"getpart 99999999999999999999 0 good", "getpart 1 good",
			"getpart 18446744073709551617 0 good", "putpart x 0 1",
			"sum md5 good", "hello 1", "hello 2", "rnto x", strings.Repeat("w", 4096),
			"cd ..", "cd /../..", "quit now", "pwd /",
		} {
			c.command(text)
			if code, text := c.reply(); code < 500 || strings.ContainsAny(text, "\x1b\x00\n") {
				s.t.Errorf("%q came: %d", text, code)
			}
		}
		c.ask("noop", 200, "")
	}},
	{name: "resets the status exchange at each point of a get", attack: func(s *siege) {
		s.file("large", pattern(4<<20))
		s.resetEach("get large", 4<<20, "")
		s.resetEach("getpart 5 100 large", 100, "")
		s.resetEach("ls kept", 5, "")
	}},
	{name: "resets the status exchange at each point of a put", attack: func(s *siege) {
		s.file("old", []byte("old"))
		s.resetEach("put old", 0, record(string(pattern(100_000)))[:100_009])
		s.pass(s.limiter.Limits.OfferTimeout)
		s.wantTransfers(0)
		s.wantFile("old", []byte("old"))
	}},
	{name: "never closes after a get of status", attack: func(s *siege) {
		c := s.hello()
		d := c.offered("get kept/file").take()
		c.want(226, "0")
		c.ask("noop", 200, "")
		s.leap(lingerMax)
		s.wantTransfers(0)
		wantOver(s.t, d)
	}},
	{name: "ends control while status moves", attack: func(s *siege) {
		content := pattern(4 << 20)
		s.file("large", content)
		c := s.hello()
		d := c.offered("get large").take()
		reset(s.t, c.TCPConn)
		d.wantRecord(content)
		c = s.hello()
		d = c.offered("put up").take()
		d.say(record(string(content))[:2<<20])
		reset(s.t, c.TCPConn)
		d.say(record(string(content))[2<<20:])
		d.wantEOF()
		s.wantFile("up", content)
	}},
	{name: "sends more than it announced", attack: func(s *siege) {
		c := s.hello()
		d := c.offered("put more").take()
		_, _ = io.WriteString(d, record("abc")+strings.Repeat("x", 1<<20))
		c.want(226, "3")
		s.wantFile("more", []byte("abc"))
		c.ask("noop", 200, "")
	}},
}

// resetEach has a client break off a command at each of its points: the offer, the KEY and what
// moves, reset or closed.
func (s *siege) resetEach(command string, reads int, sends string) {
	s.t.Helper()
	end := func(c *speaker, d *data, i int) {
		if d != nil && i%2 == 0 {
			reset(s.t, d.TCPConn)
		} else if d != nil {
			check(s.t, d.Close())
		}
		if i%4 < 2 {
			reset(s.t, c.TCPConn)
		} else {
			check(s.t, c.Close())
		}
	}
	for i := range 4 {
		c := s.hello()
		c.command(command)
		end(c, nil, i)
		end(s.hello().offered(command).c, nil, i)
		for _, n := range []int{0, 1, codec.KeySize - 1} {
			o := s.hello().offered(command)
			d := o.knock()
			d.say(o.Key.String()[:n])
			end(o.c, d, i)
		}
		for _, n := range []int{0, 1, codec.FieldSize, reads / 2} {
			o := s.hello().offered(command)
			d := o.take()
			if sends == "" {
				_, _ = io.ReadFull(d, make([]byte, min(n, reads)))
			} else {
				n = min(len(sends), n*n*n)
				_, _ = io.WriteString(d, sends[:n])
			}
			end(o.c, d, i)
		}
		if sends != "" { // all but the last byte
			o := s.hello().offered(command)
			d := o.take()
			d.say(sends)
			end(o.c, d, i)
		}
	}
}

// hostileParts are clients that are hostile with uploads that may be gone on with.
var hostileParts = []hostileCase{
	{name: "parts by the thousand", change: func(o *Options) {
		o.Limits.Parts = 1000
	}, attack: func(s *siege) {
		c := s.hello()
		var parts []string
		for range 500 {
			parts = append(parts, c.begin("part"))
		}
		for range 100 {
			c.ask("newpart part", 450, "part: too many parts are kept for this address")
		}
		accomplice := s.helloFrom("127.0.0.3")
		for range 250 {
			parts = append(parts, accomplice.begin("part"))
		}
		accomplice.ask("newpart part", 450, "part: too many parts are kept for this address")
		// That leaves others their own.
		other := s.greet()
		mine := other.begin("other")
		other.goOn(mine, 0, 3, []byte("abc"), 226)
		other.bye()
		s.good.round()
		for _, part := range parts {
			c.ask("droppart "+part, 250, "")
		}
		c.ask("droppart "+c.begin("part"), 250, "")
	}},
	{name: "a part at the wrong offset", attack: func(s *siege) {
		c := s.hello()
		part := c.begin("wrong")
		for _, at := range []string{"1", "4096", "9999999999", "99999999999999"} {
			c.command("putpart " + part + " " + at + " 99999999999999")
			if code, text := c.reply(); code != 554 {
				s.t.Errorf("offset %s: %d %s", at, code, text)
			}
		}
		c.ask("putpart "+part+" 2 1", 501, "")
		c.ask("putpart "+part+" -1 1", 501, "")
		c.goOn(part, 0, 6, []byte("abc"), 250)
		c.ask("putpart "+part+" 0 6", 554, "")
		c.goOn(part, 3, 6, []byte("def"), 226)
		s.wantFile("wrong", []byte("abcdef"))
		c.ask("putpart "+part+" 6 6", 550, "")
	}},
	{name: "guesses parts", attack: func(s *siege) {
		good := s.greet()
		part := good.begin("guessed")
		number, err := strconv.ParseUint(part, 16, 64)
		check(s.t, err)
		c := s.hello()
		for i := range uint64(64) {
			// Numbers that are counted up, and those that differ from one that is there by a bit.
			for _, guess := range []uint64{i, number + i + 1, number ^ 1<<i} {
				for _, command := range []string{
					"partsize %016x", "droppart %016x", "putpart %016x 0 1", "partsum %016x xxh3",
				} {
					c.ask(fmt.Sprintf(command, guess), 550, "")
				}
			}
		}
		good.goOn(part, 0, 3, []byte("abc"), 226)
		good.bye()
		s.wantFile("guessed", []byte("abc"))
	}},
	{name: "holds a part", attack: func(s *siege) {
		c := s.hello()
		part := c.begin("held")
		o := c.offered("putpart " + part + " 0 3")
		for range 50 {
			s.hello().ask("putpart "+part+" 0 3", 450, "")
		}
		d := o.take()
		d.say(record("abc"))
		c.want(226, "3")
		s.wantFile("held", []byte("abc"))
	}},
	{name: "sends more than a part's total", attack: func(s *siege) {
		c := s.hello()
		part := c.begin("total")
		d := c.offered("putpart " + part + " 0 3").take()
		_, _ = io.WriteString(d, record("abcdef"))
		c.want(501, "total: more than the total")
		wantResetWithin(s.t, d, 0)
		c.ask("partsize "+part, 213, "0")
		c.ask("droppart "+part, 250, "")
		s.wantNoFile("total")
	}},
	{name: "resets the status exchange at each point of a part", attack: func(s *siege) {
		c := s.hello()
		part := c.begin("broken")
		content := string(pattern(200_000))
		at := 0
		for i := 0; at < 150_000; i++ {
			o := s.hello().offered(fmt.Sprintf("putpart %s %d %d", part, at, len(content)))
			d := o.take()
			n := [...]int{0, 5, codec.FieldSize, 11, 20_000, 90_000}[i%6]
			upload := framedSize(int64(len(content)-at)) + content[at:]
			n = min(n, len(upload)-1)
			d.say(upload[:n])
			if i%2 == 0 {
				reset(s.t, d.TCPConn)
			} else {
				check(s.t, d.Close())
			}
			o.c.want(426, "")
			c.command("partsize " + part)
			size, ok := codec.ParseSize([]byte(c.want(213, "")))
			// A reset may overtake what was sent, and a close does not.
			sent := max(0, n-codec.FieldSize)
			if !ok || int(size) < at || int(size) > at+sent || i%2 == 1 && int(size) != at+sent {
				s.t.Fatalf("%d bytes are kept, %d before it sent %d", size, at, sent)
			}
			at = int(size)
		}
		c.goOn(part, at, len(content), []byte(content[at:]), 226)
		s.wantFile("broken", []byte(content))
	}},
}
