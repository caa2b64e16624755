//go:build linux && !ferryportable

package reactor

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"ferry/reactor/limit"
)

// The clients of a simulation that speak FTP. Their offers stand before their commands, so that
// they connect before a command, after it or never. An upload ends with its connection, so that any
// beginning of it may be stored, under names that begin with p.

var simFTPWords = []string{
	"EPSV", "EPSV", "EPSV", "PASV", "PASV", "EPSV", "EPSV", "RETR %f", "RETR %f", "RETR %f",
	"RETR nothing", "STOR %q", "STOR %q", "STOR %q", "STOR f0/x", "APPE %q", "STOU %q", "LIST",
	"NLST", "NLST f*", "LIST -al d0", "MLSD", "MLSD d1", "STAT", "STAT f1", "MLST f1", "REST 5",
	"REST 0", "REST 9999999", "ABOR", "ABOR", "ABOR", "NOOP", "NOOP", "CWD d0", "CWD /", "CDUP",
	"PWD", "MKD %d", "RMD %d", "DELE %q", "RNFR %q", "RNTO %q", "SIZE %f", "MDTM %f", "HASH %f",
	"XSHA256 f3 0 9", "TYPE A", "TYPE I", "ALLO 100", "SITE CHMOD 600 %q", "OPTS MLST type;",
	"MFMT 20200101000000 %q", "EPSV ALL", "PORT 10,0,0,1,200,1", "REIN", "USER anonymous", "PASS x",
	"USER root", "NONSENSE", "QUIT",
}

// simFTPCodes are the codes that may answer a command, besides 421, 500 and 530.
var simFTPCodes = map[string][]int{
	"EPSV": {229, 200, 425, 503}, "PASV": {227, 425, 503}, "PORT": {504, 501, 503, 522},
	"RETR": {226, 425, 426, 450, 451, 452, 550, 554},
	"STOR": {226, 425, 426, 450, 451, 452, 550, 553, 554},
	"APPE": {226, 425, 426, 450, 451, 452, 550, 553, 554},
	"STOU": {226, 425, 426, 450, 451, 452, 550, 553},
	"LIST": {226, 425, 426, 450, 451, 452, 550}, "NLST": {226, 425, 426, 450, 451, 452, 550},
	"MLSD": {226, 425, 426, 450, 451, 452, 550, 501},
	"STAT": {211, 213, 450, 451, 452, 550, 425, 426}, "MLST": {250, 450, 451, 452, 550, 425},
	"REST": {350, 501}, "ABOR": {226}, "NOOP": {200}, "PWD": {257}, "MKD": {257},
	"TYPE": {200}, "ALLO": {202}, "OPTS": {200}, "REIN": {220}, "USER": {331}, "PASS": {230, 503},
	"QUIT": {221}, "NONSENSE": {500}, "SITE": {200}, "RNFR": {350}, "RNTO": {250, 503},
	"SIZE": {213}, "MDTM": {213}, "HASH": {213}, "XSHA256": {250}, "MFMT": {213}, "CWD": {250},
	"CDUP": {250}, "RMD": {250}, "DELE": {250},
}

// simFileCodes may answer what needs file work, 425 where it was given up.
var simFileCodes = []int{425, 426, 450, 451, 452, 501, 550, 552, 553}

// simNoFileWork are commands that never need it.
var simNoFileWork = []string{
	"EPSV", "PASV", "PORT", "REST", "ABOR", "NOOP", "PWD", "TYPE", "OPTS", "REIN", "USER", "PASS",
	"QUIT", "NONSENSE",
}

func (s *sim) logIn(c *simClient) {
	s.tell(c, "USER anonymous")
	s.tell(c, "PASS x")
}

// toldReply takes one reply of FTP: to the first command that waits, or to what is answered while a
// transfer runs.
func (s *sim) toldReply(c *simClient) {
	if c.conn.out[0] == 0xff { // the refusal of a telnet option
		c.conn.out = c.conn.out[3:]
		return
	}
	code, text := s.ftpReply(c)
	if s.t.Failed() || code == 220 && !c.greeted {
		c.greeted = true
		return
	}
	if port, ok := ftpPort(code, text); ok {
		c.offers = append(c.offers, simOffer{port: port, upload: s.ftpUpload()})
	}
	if c.rude || code == 421 {
		return
	}
	i := 0
	if (code == 200 || code == 211) && len(c.asked) > 1 && ftpMoves(c.asked[0]) {
		i = 1 // while a transfer runs
	}
	if len(c.asked) <= i {
		s.wrong("%d %s answers no command", code, text)
		return
	}
	command := c.asked[i]
	s.note("%s: %s: %d %.60s", c.from, command, code, text)
	verb, _, _ := strings.Cut(command, " ")
	if code == 150 {
		if i != 0 || !ftpMoves(command) || c.opened {
			s.wrong("150 answers %s, opened before %v", command, c.opened)
		}
		c.opened = true
		return
	}
	if c.opened && i == 0 {
		c.opened = false
	} else if code == 226 && ftpMoves(command) {
		s.wrong("226 without 150 answers %s", command)
	}
	ok := slices.Contains(simFTPCodes[verb], code) || code == 530 ||
		!slices.Contains(simNoFileWork, verb) && slices.Contains(simFileCodes, code)
	if !ok {
		s.wrong("%d %s answers %s", code, text, command)
	}
	c.asked = slices.Delete(slices.Clone(c.asked), i, i+1)
}

// ftpReply takes a reply, of several lines maybe, from what control has said.
func (s *sim) ftpReply(c *simClient) (code int, text string) {
	first, lines := "", 0
	for {
		line, rest, ok := bytes.Cut(c.conn.out, []byte("\r\n"))
		if !ok || len(line) < 4 && lines == 0 {
			s.wrong("%q is no reply", c.conn.out)
			c.conn.out = nil
			return 0, ""
		}
		c.conn.out = rest
		if lines++; lines == 1 {
			first = string(line)
		}
		if len(line) > 3 && string(line[:3]) == first[:3] && line[3] == ' ' {
			code, err := strconv.Atoi(first[:3])
			if err != nil || code < 100 || code > 599 {
				s.wrong("%q is no reply", first)
			}
			return code, first[4:]
		}
	}
}

// ftpPort is the port that a reply tells.
func ftpPort(code int, text string) (port uint16, ok bool) {
	switch code {
	case 229:
		_, rest, _ := strings.Cut(text, "(|||")
		_, err := fmt.Sscanf(rest, "%d|)", &port)
		return port, err == nil
	case 227:
		var a [4]int
		var high, low uint16
		_, rest, _ := strings.Cut(text, "(")
		_, err := fmt.Sscanf(rest, "%d,%d,%d,%d,%d,%d", &a[0], &a[1], &a[2], &a[3], &high, &low)
		return high<<8 | low, err == nil
	}
	return 0, false
}

func ftpMoves(command string) bool {
	verb, _, _ := strings.Cut(command, " ")
	switch verb {
	case "RETR", "STOR", "APPE", "STOU", "LIST", "NLST", "MLSD":
		return true
	}
	return false
}

// ftpUpload is what a client sends on a data connection, should it be for an upload.
func (s *sim) ftpUpload() string {
	return string(simWhole[:one(s, []int{0, 0, 3, 1000, 65_536, 65_537, 250_000})])
}

// checkOffers: each offer is in one place, and what the limits count.
func (s *sim) checkOffers() {
	open, all := make(map[*limit.Address]int64), make(map[*address]int)
	see := func(o *offer, c *session) {
		all[c.address]++
		if o.session != c || o.line.a != c.address {
			s.wrong("session %d has an offer of another", c.id)
		}
		waits := false
		for e := o.line.waiting.Front(); e != nil; e = e.Next() {
			waits = waits || e.Value == o
		}
		if waits != (o.state == offerWaiting) {
			s.wrong("an offer of session %d is in state %d, waits %v", c.id, o.state, waits)
		}
		switch o.state {
		case offerGranted, offerStanding, offerSpent, offerHeld:
			open[c.address.use]++
		default:
		}
		if (o.data != nil) != (o.state == offerHeld) {
			s.wrong("an offer in state %d has a connection: %v", o.state, o.data != nil)
		}
	}
	for _, t := range s.transfers {
		if t.offer != nil {
			see(t.offer, t.session)
		}
	}
	for c := range s.sessions {
		o := c.offer
		if o == nil {
			continue
		}
		see(o, c)
		if o.transfer != nil || !o.deadline.IsSet() || o.state == offerClosed ||
			o.state == offerGranted || (o.state == offerStanding || o.state == offerSpent) &&
			o.line.offers[o.port] != o {
			s.wrong("session %d has an offer ahead in state %d, of a transfer: %v", c.id, o.state,
				o.transfer != nil)
		}
	}
	for _, a := range s.addresses {
		if n := s.limiter.UsedBy(a.use, limit.Offers); n != open[a.use] || a.offers != all[a] {
			s.wrong("%v: %d offers are open, %d are counted; %d of %d are there", a.ip,
				open[a.use], n, all[a], a.offers)
		}
	}
	for _, o := range s.spareOffers {
		if o.session != nil || o.line != nil || o.deadline.IsSet() || o.held != 0 {
			s.wrong("a spare offer is in use")
		}
	}
}

// awaits reports whether something is under way for a session of FTP that has no transfer and
// waits.
func (c *session) awaits() bool {
	f, ok := c.face.(*ftpFace)
	return ok && (f.later.deadline.IsSet() || c.offer != nil && c.offer.state == offerWaiting)
}

// isBeginning reports whether a file is one of those that hold any beginning of an upload.
func isBeginning(name, content string) bool {
	base := filepath.Base(name)
	return strings.HasPrefix(base, "p") || strings.HasPrefix(base, "ferry.") ||
		strings.HasPrefix(string(simWhole), content) && strings.HasPrefix(base, "n")
}
