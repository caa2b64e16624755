//go:build linux && !ferryportable

package reactor

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"ferry/codec"
)

// What the clients of a simulation hear, and what they do with it.

// listen takes what the server said on control.
func (s *sim) listen() {
	for _, c := range s.clients {
		d := codec.NewDecoder(codec.Replies)
		for len(c.conn.out) > 0 {
			switch c.face {
			case speaksBase:
				s.toldPort(c, c.conn.told())
				continue
			case speaksClassic:
				s.toldLine(c)
				continue
			case speaksFTP:
				s.toldReply(c)
				continue
			default:
			}
			ev, n := d.Next(c.conn.out)
			if ev.Kind != codec.EventReply {
				s.wrong("%q is no reply", c.conn.out)
				return
			}
			text := string(ev.Data)
			c.conn.out = c.conn.out[n:]
			s.replied(c, int(ev.N), text)
		}
	}
}

func (s *sim) toldPort(c *simClient, port uint16) {
	if len(c.asked) == 0 {
		if !c.rude {
			s.wrong("a port was told for no command")
		}
		if port != s.parting.number {
			c.offers = append(c.offers, simOffer{port: port})
		}
		return
	}
	text := c.asked[0]
	c.asked = c.asked[1:]
	s.note("%s is told %d for %s", c.from, port, text)
	if text != "quit" {
		c.offers = append(c.offers, simOffer{port: port, upload: s.uploadFor(text)})
	}
}

// simNoFiles is what classic clients ask for in vain.
var simNoFiles = []string{"RETR f5", "RETR f6", "RETR nothing", "RETR d0", "HELLO"}

// toldLine takes a line of classic: CONN and a port for the first command that waits, or thanks.
func (s *sim) toldLine(c *simClient) {
	line, rest, whole := bytes.Cut(c.conn.out, []byte{'\n'})
	c.conn.out = rest
	if string(line) == codec.ClassicThanks && whole {
		if !c.rude && !slices.Contains(c.asked, "GOODBYE SERVER") || len(rest) > 0 {
			s.wrong("%s was thanked for %q, and heard %q behind it", c.from, c.asked, rest)
		}
		c.asked = nil
		return
	}
	port, ok := codec.ParseConn(line)
	if !ok || !whole || len(c.asked) == 0 && !c.rude {
		s.wrong("%q answers %q", line, c.asked)
		return
	}
	text := ""
	if len(c.asked) > 0 {
		text, c.asked = c.asked[0], c.asked[1:]
	}
	s.note("%s is told %d for %s", c.from, port, text)
	// A file may be told the port of messages too, where the disk fails.
	if slices.Contains(simNoFiles, text) && !c.rude && port != stageMessages {
		s.wrong("%d was told for %q", port, text)
	}
	c.offers = append(c.offers, simOffer{port: port})
}

func (s *sim) replied(c *simClient, code int, text string) {
	if len(c.asked) == 0 {
		if code != codec.CodeTooBusy && !c.rude {
			s.wrong("%d %s answers no command", code, text)
		}
		if o, ok := offered(text); ok && code == codec.CodeOffer {
			c.offers = append(c.offers, o)
		}
		return
	}
	command := c.asked[0]
	s.note("%s: %s: %d %s", c.from, command, code, text)
	if code == codec.CodeOffer {
		o, ok := offered(text)
		if !ok {
			s.wrong("%q is no offer", text)
		}
		o.upload = s.uploadFor(command)
		c.offers = append(c.offers, o)
		return
	}
	c.asked = c.asked[1:]
	if strings.HasPrefix(command, "newpart") && code == codec.CodeDone {
		content := string(pattern(one(s, []int{10, 5000, 200_000})))
		s.contents[content] = true
		s.parts = append(s.parts, &simPart{text, content})
	}
}

// uploadFor is what a client sends for a command.
func (s *sim) uploadFor(command string) string {
	switch verb, rest, _ := strings.Cut(command, " "); verb {
	case "put":
		content := string(pattern(one(s, []int{0, 3, 1000, 65_536, 250_000})))
		s.contents[content] = true
		return record(content)
	case "putpart":
		var id string
		var at, total int
		if _, err := fmt.Sscan(rest, &id, &at, &total); err != nil {
			panic(err)
		}
		for _, p := range s.parts {
			if p.id == id {
				piece := s.rand.IntN(len(p.content) - at + 1)
				if s.chance(2) {
					piece = len(p.content) - at
				}
				return record(p.content[at : at+piece])
			}
		}
	}
	return ""
}

// connect takes an offer, or tries to.
func (s *sim) connect() {
	var c *simClient
	for _, i := range s.rand.Perm(len(s.clients)) {
		if len(s.clients[i].offers) > 0 {
			c = s.clients[i]
		}
	}
	if c == nil {
		return
	}
	o := c.offers[0]
	from := c.from
	if s.chance(8) {
		from, o.key = "10.0.0.9", strings.Repeat("0", codec.KeySize) // a stranger, or a guess
	} else {
		c.offers = c.offers[1:]
	}
	s.note("%s connects to %d %s", from, o.port, o.key)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	check(s.t, err)
	d := &simData{fd: fds[1], rest: o.upload, file: o.port == stageFiles}
	if c.face == speaksStatus {
		d.rest = o.key + d.rest
	}
	s.data = append(s.data, d)
	if s.chance(2) {
		s.write(d, s.rand.IntN(len(d.rest)+1))
	}
	s.tick()
	if c.face == speaksStatus {
		s.pools[poolKeyed].ports[0].acceptKeyed(s.loop.Adopt(fds[0]), netip.MustParseAddr(from))
	} else {
		s.arrive(s.portOf(o.port), fds[0], from)
	}
	s.settle()
}

func (s *sim) write(d *simData, n int) {
	if m, err := unix.Write(d.fd, []byte(d.rest[:n])); err == nil {
		d.rest = d.rest[m:]
	}
}

// move lets a client do something with a data connection.
func (s *sim) move() {
	if len(s.data) == 0 {
		return
	}
	i := s.rand.IntN(len(s.data))
	d := s.data[i]
	switch n := s.rand.IntN(10); {
	case n < 3:
		s.write(d, s.rand.IntN(len(d.rest)+1))
	case n < 6:
		s.write(d, len(d.rest))
	case n < 8:
		b := make([]byte, 1+s.rand.IntN(300_000))
		n, _ := unix.Read(d.fd, b)
		s.read(d, b[:max(n, 0)])
	case n < 9 && d.rest == "":
		_ = unix.Shutdown(d.fd, unix.SHUT_WR)
	case len(d.rest) == 0 || s.chance(3):
		s.note("a data connection is closed, %d bytes unsent", len(d.rest))
		s.shut(i)
	}
	s.settle()
}

// read holds what came on classic's port for files against what files hold: each of them is the
// beginning of the longest.
func (s *sim) read(d *simData, b []byte) {
	if !d.file {
		return
	}
	if end := d.got + len(b); end > len(simWhole) || !bytes.Equal(b, simWhole[d.got:end]) {
		s.wrong("%d bytes came behind %d of a file, and are not its: %s", len(b), d.got, brief(b))
	}
	d.got += len(b)
}

func (s *sim) shut(i int) {
	check(s.t, unix.Close(s.data[i].fd))
	s.data = slices.Delete(s.data, i, i+1)
}
