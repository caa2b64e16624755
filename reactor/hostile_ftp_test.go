package reactor

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ferry/reactor/limit"
)

// hostileFTP are clients of FTP that mean harm, beside a good client that speaks it too.
var hostileFTP = []hostileCase{
	{name: "ftp: an endless line", attack: func(s *siege) {
		c := s.dialFTP(s.t, hostileFrom)
		c.want("220")
		chunk := strings.Repeat("X", 64<<10)
		for range (1 << 30) / len(chunk) {
			if _, err := io.WriteString(c, chunk); err != nil {
				break
			}
		}
		s.wantLogged(string(endViolation), 1)
	}},
	{name: "ftp: telnet floods", attack: func(s *siege) {
		for _, flood := range []string{
			"\xff\xfd\x01", "\xff\xfb\x03", "\xff\xf4\xff\xf2", "\xff\xfa\x01", "\xff", "\xff\xff",
		} {
			c := s.dialFTP(s.t, hostileFrom)
			c.want("220")
			writeUnread(s, c.TCPConn, strings.Repeat(flood, 4<<20/len(flood)))
			check(s.t, c.Close())
		}
	}},
	{name: "ftp: NULs and controls in lines", attack: func(s *siege) {
		c := s.hostileFTP()
		for b := range 32 {
			if b != '\n' && b != '\r' {
				c.ask(fmt.Sprintf("CWD a%cb", b), "501")
			}
		}
		c.ask("MKD a\r\nDELE b", "257")
		c.want("550")
		c.ask("RMD a", "250")
		c.bye()
	}},
	{name: "ftp: PASV that nobody meets", attack: func(s *siege) {
		const many = 40
		var all []*ftpWire
		for i := range many {
			c := s.ftpFrom(fmt.Sprintf("127.0.1.%d", i%8))
			for range 100 {
				c.send("EPSV", "PASV")
			}
			all = append(all, c)
		}
		s.good.round()
		s.pass(s.limiter.Limits.OfferTimeout)
		for _, c := range all {
			reset(s.t, c.TCPConn)
		}
	}},
	{name: "ftp: more offers than ports", attack: func(s *siege) {
		var all []*ftpWire
		for range 3 * s.options.DataPorts.Count {
			c := s.hostileFTP()
			c.send("EPSV")
			all = append(all, c)
		}
		s.good.round()
		s.pass(s.limiter.Limits.OfferTimeout)
		for i, c := range all {
			if code := c.reply()[:3]; code != "229" && code != "425" {
				s.t.Errorf("session %d heard %s", i, code)
			}
			reset(s.t, c.TCPConn)
		}
	}},
	{name: "ftp: held connections that are never used", attack: func(s *siege) {
		for range s.options.DataPorts.Count {
			c := s.hostileFTP()
			for range 3 {
				c.epsv()
				c.connect()
			}
			c.connect().wantEOF() // the last is held; another is a stranger
		}
		s.good.round()
		s.pass(s.limiter.Limits.OfferTimeout)
		s.wantOffers(0)
	}},
	{name: "ftp: one data connection for two sessions", attack: func(s *siege) {
		s.file("secret", []byte("for the good client alone"))
		victim := s.ftpFrom("127.0.0.1")
		victim.epsv()
		for range 50 { // a thief at another address
			connectFrom(s.t, netip.MustParseAddr(hostileFrom), victim.port).wantEOF()
		}
		victim.ask("RETR secret", "150")
		got := victim.connect().all()
		victim.want("226")
		if got != "for the good client alone" {
			s.t.Errorf("the client got %q", got)
		}
		victim.bye()
	}},
	{name: "ftp: bounces", change: func(o *Options) {
		o.FTP.Active = true
	}, attack: func(s *siege) {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		check(s.t, err)
		defer func() { _ = l.Close() }()
		port := l.Addr().(*net.TCPAddr).Port
		c := s.hostileFTP()
		for _, bad := range []string{
			fmt.Sprintf("PORT 127,0,0,1,%d,%d", port>>8, port&255), "PORT 127,0,0,2,0,22",
			"PORT 127,0,0,2,3,255", "PORT 8,8,8,8,200,1", "PORT 0,0,0,0,200,1",
			"PORT 256,0,0,1,1,1", "PORT 127,0,0,2,200", "PORT 127,0,0,2,200,1,9", "PORT x",
			fmt.Sprintf("EPRT |1|127.0.0.1|%d|", port), "EPRT |1|127.0.0.2|25|",
			"EPRT |2|::1|50000|", "EPRT |1|localhost|50000|", "EPRT ||||", "EPRT",
			fmt.Sprintf("EPRT |2|::ffff:127.0.0.1|%d|", port),
		} {
			if code := c.ask(bad, "5")[:3]; code != "501" && code != "504" && code != "522" {
				s.t.Errorf("%s: %s", bad, code)
			}
			c.ask("RETR kept/file", "425")
		}
		check(s.t, l.(*net.TCPListener).SetDeadline(time.Now()))
		if conn, err := l.Accept(); err == nil {
			s.t.Errorf("the server has connected from %v", conn.RemoteAddr())
		}
		c.bye()
	}},
	{name: "ftp: active connections that nobody accepts", change: func(o *Options) {
		o.FTP.Active = true
	}, attack: func(s *siege) {
		for i := range 30 {
			c := s.hostileFTP()
			c.ask(fmt.Sprintf("PORT 127,0,0,2,%d,1", 4+i), "200")
			c.send("LIST", "ABOR", "LIST", "QUIT")
			_, _ = io.ReadAll(c.in)
		}
	}},
	{name: "ftp: ABOR by the thousand", change: withClassic, prepare: func(s *siege) {
		s.hole()
	}, attack: func(s *siege) {
		idle := s.hostileFTP()
		idle.say(strings.Repeat("ABOR\r\n", 5000))
		for range 5000 {
			idle.want("226")
		}
		for range 100 {
			c := s.hostileFTP()
			c.opens("RETR large")
			c.say(strings.Repeat("ABOR\r\n", 50))
			c.want("426")
			for range 50 {
				c.want("226")
			}
			c.bye()
		}
		idle.bye()
	}},
	{name: "ftp: pipelined STORs", attack: func(s *siege) {
		c := s.hostileFTP()
		for range 50 {
			c.epsv()
			d := c.connect()
			c.say(strings.Repeat("STOR x\r\n", 40))
			c.want("150")
			d.say("content")
			d.finish()
			c.want("226")
			for range 39 {
				c.want("425")
			}
		}
		c.ask("DELE x", "250")
		c.bye()
	}},
	{name: "ftp: uploads that trickle and stop", change: withClassic, attack: func(s *siege) {
		const many = 50
		for range many {
			c := s.hostileFTP()
			d := c.opens("STOR slow")
			d.say("x")
		}
		s.wantTransfers(many)
		s.good.round()
		s.outwait()
		s.wantLogged(string(outcomeStalled), many)
		s.wantNoFile("slow")
	}},
	{name: "ftp: readers that stop", prepare: func(s *siege) {
		s.hole()
	}, attack: func(s *siege) {
		const many = 100
		for i := range many {
			c := s.ftpFrom(fmt.Sprintf("127.0.1.%d", i%10))
			c.opens("RETR large")
			check(s.t, c.Close()) // a download goes on
		}
		s.wantTransfers(many)
		s.good.round()
		s.outwait()
		s.wantLogged(string(outcomeStalled), many)
	}},
	{name: "ftp: huge listings that nobody reads", change: func(o *Options) {
		o.Limits.ListingBytes = 1 << 20
	}, prepare: func(s *siege) {
		s.crowd("many", 2000)
	}, attack: func(s *siege) {
		for _, verb := range []string{"LIST many", "NLST many", "MLSD many", "NLST many/*"} {
			for range 10 {
				c := s.hostileFTP()
				c.epsv()
				d := c.connect()
				check(s.t, d.SetReadBuffer(1024))
				c.send(verb)
			}
		}
		s.good.round()
		for range 6 {
			s.pass(s.limiter.Limits.StallTimeout)
		}
	}},
	{name: "ftp: listings on control that nobody reads", prepare: func(s *siege) {
		s.crowd("some", 200)
	}, attack: func(s *siege) {
		for range 10 {
			c := s.hostileFTP()
			check(s.t, c.SetReadBuffer(1024))
			writeUnread(s, c.TCPConn, strings.Repeat("STAT some\r\nFEAT\r\nHELP\r\n", 20_000))
			check(s.t, c.Close())
		}
	}},
	{name: "ftp: patterns that cost much", prepare: func(s *siege) {
		s.crowd("many", 1000)
	}, attack: func(s *siege) {
		c := s.hostileFTP()
		for _, pattern := range []string{
			strings.Repeat("*", 255), strings.Repeat("*a", 127), strings.Repeat("[!a]*", 50),
			strings.Repeat("?*", 120) + "z", "*/*/*/*", "../*", "[", "\\",
		} {
			c.epsv()
			c.connect()
			c.send("NLST many/" + pattern)
			if got := c.reply(); got[0] == '1' {
				c.reply()
			}
		}
		c.bye()
	}},
	{name: "ftp: idle sessions by the thousand", attack: func(s *siege) {
		const many = 1000
		for i := range many {
			c := s.dialFTP(s.t, fmt.Sprintf("127.0.1.%d", i%50))
			if i%2 == 0 {
				c.send("USER anonymous", "PASS x", "EPSV")
			}
		}
		eventually(s.t, "all of them", func() bool {
			return s.limiter.Used(limit.Sessions) >= many
		})
		s.good.round()
		s.pass(s.limiter.Limits.IdleTimeout + time.Second)
		s.wantLogged(string(endIdle), many)
	}},
	{name: "ftp: guesses of passwords", attack: func(s *siege) {
		for range 30 {
			c := s.dialFTP(s.t, hostileFrom)
			c.want("220")
			c.say(strings.Repeat("USER root\r\nPASS x\r\n", 20))
		}
		s.pass(10 * loginDelay)
		s.wantLogged(string(endLogin), 30)
	}},
	{name: "ftp: names that lead out", attack: func(s *siege) {
		check(s.t, os.Symlink("/etc/passwd", filepath.Join(s.dir, "out")))
		defer func() { check(s.t, os.Remove(filepath.Join(s.dir, "out"))) }()
		c := s.hostileFTP()
		for _, verb := range []string{"SIZE", "MDTM", "MLST", "CWD", "HASH"} {
			c.ask(verb+" out", "550")
		}
		c.refuses("RETR out", "550")
		c.refuses("APPE out", "55")
		for _, name := range []string{
			"../../../etc/passwd", "/../etc/passwd", "kept/../../etc/passwd", ".ferry-x",
			strings.Repeat("a/", 1000) + "a", strings.Repeat("n", 256), "a//../..//b",
		} {
			for _, verb := range []string{"SIZE", "MDTM", "MLST", "DELE", "RMD", "RNFR", "CWD"} {
				if code := c.ask(verb+" "+name, "5")[:3]; code != "550" && code != "553" {
					s.t.Errorf("%s %.40s: %s", verb, name, code)
				}
			}
			for _, verb := range []string{"RETR", "STOR", "APPE"} {
				c.refuses(verb+" "+name, "55")
			}
		}
		c.bye()
	}},
}

// hostileFTP opens a session of a hostile client that is logged in.
func (s *siege) hostileFTP() *ftpWire {
	s.t.Helper()
	return s.ftpFrom(hostileFrom)
}

func (s *siege) ftpFrom(from string) *ftpWire {
	s.t.Helper()
	c := s.dialFTP(s.t, from)
	check(s.t, c.SetDeadline(time.Now().Add(3*patience)))
	c.want("220")
	c.login()
	return c
}

// crowd makes a folder of many files.
func (s *siege) crowd(folder string, n int) {
	check(s.t, os.Mkdir(filepath.Join(s.dir, folder), 0o777))
	for i := range n {
		s.file(fmt.Sprintf("%s/%s%d", folder, strings.Repeat("x", 100), i), nil)
	}
}

// writeUnread sends a text whose answers it does not read, until the server takes no more or ends
// the session.
func writeUnread(s *siege, c *net.TCPConn, text string) {
	check(s.t, c.SetWriteDeadline(time.Now().Add(time.Second)))
	_, _ = io.WriteString(c, text)
}

// wantOffers waits until so many offers stand.
func (s *siege) wantOffers(n int64) {
	s.t.Helper()
	eventually(s.t, fmt.Sprint("offers: ", n), func() bool {
		return s.limiter.Used(limit.Offers) == n
	})
}
