//go:build linux && !ferryportable

package reactor

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// FuzzStagedConversation plays a whole conversation of two connections on the stage: what comes on
// control, in cuts, and what comes on every data connection that is offered, behind its KEY. After
// each step everything is counted that there is; in the end nobody waits in vain and nothing is
// left.
func FuzzStagedConversation(f *testing.F) {
	one := func(commands ...string) []byte {
		text := ""
		for _, c := range commands {
			text += framed(c)
		}
		return []byte(text)
	}
	f.Add(uint8(speaksStatus), one("put n", "get n", "ls -l", "quit"), []byte(record("abc")),
		uint16(3))
	f.Add(uint8(speaksStatus), one("newpart n", "abor", "rnfr f2", "rnto n"), []byte(record("")),
		uint16(90))
	f.Add(uint8(speaksStatus),
		one("get f4", "noop", "abor", "getpart 3 0 f3", "cd d", "sum xxh3 f4"),
		[]byte{}, uint16(7))
	f.Add(uint8(speaksStatus), one("mkdir d", "put d/a", "rmdir d", "rm d/a", "stat d"),
		[]byte(record(string(pattern(70_000)))), uint16(60_000))
	f.Add(uint8(speaksBase), one("put n", "put n", "ls", "get n", "quit"),
		[]byte(record("a")+record("b")), uint16(11))
	f.Add(uint8(speaksBase), []byte("9999999999"), []byte("9999999999"), uint16(1))
	f.Add(uint8(speaksClassic), []byte("RETR f4\r\nRETR nothing\nHELLO\nRETR f2\nGOODBYE SERVER\n"),
		[]byte("unasked"), uint16(8))
	f.Add(uint8(speaksClassic), []byte("RETR d0\nGOODBYE SERVER\nRETR f1\n"), []byte{}, uint16(99))
	f.Add(uint8(speaksClassic), []byte("RETR ../x\n\nRETR \x00\n"+strings.Repeat("R", 5000)),
		[]byte{}, uint16(4000))
	f.Add(uint8(speaksFTP), []byte("USER ftp\r\nPASS x\r\nEPSV\r\nSTOR p\r\nNOOP\r\n"+
		"EPSV\r\nRETR f4\r\nABOR\r\n"), []byte("a\r\nb\r"), uint16(300))
	f.Add(uint8(speaksFTP), []byte("USER ftp\r\nPASS x\r\nPASV\r\nTYPE A\r\nAPPE p\r\nREST 2\r\n"+
		"EPSV\r\nMLSD\r\nSTAT f1\r\nRNFR p\r\nRNTO n\r\n"), []byte("\r\n"), uint16(20))
	f.Add(uint8(speaksFTP), []byte("\xff\xf4\xff\xf2ABOR\r\n\xff\xfd\x01USER ftp\nPASS x\n"+
		"NOOP\x00\r\n"+
		"EPSV ALL\r\nPORT 1,2,3,4,5,6\r\nREIN\r\nQUIT\r\n"), []byte{}, uint16(1))
	f.Fuzz(func(t *testing.T, exchange uint8, control, data []byte, cut uint16) {
		s := newSim(t, 1)
		defer s.giveBack()
		s.calm, s.anything = true, true
		before := descriptors()
		c := s.enterFrom("10.0.0.1", dialect(exchange%4))
		c.rude = true
		s.clients = append(s.clients, c)
		if c.face == speaksStatus {
			c.conn.in = append(c.conn.in, framed("hello 1")...)
			s.input(c.conn)
		}
		for rest := control; len(rest) > 0 && c.there(); {
			n := min(int(cut)+1, len(rest))
			c.conn.in = append(c.conn.in, rest[:n]...)
			rest = rest[n:]
			s.input(c.conn)
			s.serve(c, data)
		}
		s.serve(c, data)
		s.wind()
		s.checkEnd(before)
	})
}

// serve has every job done, and everything that is offered taken.
func (s *sim) serve(c *simClient, data []byte) {
	for range 30 {
		s.settle()
		for len(s.work.jobs) > 0 {
			s.work.jobs[0].Run()
			s.work.jobs = s.work.jobs[1:]
			s.settle()
		}
		s.listen()
		s.checkAll()
		if len(c.offers) == 0 {
			return
		}
		for i := range c.offers {
			c.offers[i].upload = string(data)
		}
		s.connect()
		for _, d := range s.data {
			s.write(d, len(d.rest))
			s.settle()
		}
		for len(s.data) > 0 {
			s.shut(0)
		}
		s.pass(time.Millisecond)
	}
}

// offered is an offer as its reply tells it.
func offered(text string) (o simOffer, ok bool) {
	_, err := fmt.Sscan(text, &o.port, &o.key)
	return o, err == nil && !strings.Contains(o.key, " ")
}
