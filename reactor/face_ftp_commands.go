package reactor

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"ferry/codec"
	"ferry/codec/ftp"
	"ferry/fsio"
)

// state answers a command that needs no file work.
func (f *ftpFace) state(s *session, c ftp.Command) decision {
	switch c.Verb {
	case ftp.VerbUser:
		f.user, f.login = string(c.Argument), ftpUserGiven
		if anonymous(f.user) {
			return say(ftp.ReplyEmail)
		}
		return say(ftp.ReplyPassword)
	case ftp.VerbPass:
		return f.pass(s, string(c.Argument))
	case ftp.VerbRein:
		f.reinitialize(s)
		return say(ftp.ReplyReady)
	case ftp.VerbQuit:
		return decision{kind: decideQuit}
	case ftp.VerbNoop, ftp.VerbClnt:
		return say(ftp.ReplyOK)
	case ftp.VerbAcct:
		return say(ftp.ReplyAccount)
	case ftp.VerbSyst:
		return say(ftp.ReplySystem)
	case ftp.VerbFeat:
		return sayRaw(ftp.AppendFEAT(nil, f.features(s)))
	case ftp.VerbHelp:
		if len(c.Argument) > 0 {
			return sayRaw(ftp.AppendHELPOf(nil, c.Argument, f.features(s)))
		}
		return sayRaw(ftp.AppendHELP(nil, f.features(s)))
	case ftp.VerbStat:
		return sayRaw(f.immediate(s, ftp.VerbStat))
	case ftp.VerbPwd:
		return sayRaw(ftp.AppendPath(nil, string(pathOf(f.folder)), "is the current directory."))
	case ftp.VerbAbor:
		return say(ftp.ReplyAborted)
	case ftp.VerbPasv, ftp.VerbEpsv, ftp.VerbPort, ftp.VerbEprt:
		return f.dataConnection(s, c)
	default:
		return f.set(s, c)
	}
}

// set changes a setting of the session.
func (f *ftpFace) set(s *session, c ftp.Command) decision {
	reply := ftp.ReplyOK
	switch c.Verb {
	case ftp.VerbType:
		kind, r := ftp.ParseType(c.Argument)
		if r != 0 {
			return say(r)
		}
		f.kind = kind
	case ftp.VerbMode:
		reply = ftp.ParseMode(c.Argument)
	case ftp.VerbStru:
		reply = ftp.ParseStru(c.Argument)
	case ftp.VerbRest:
		offset, r := ftp.ParseRest(c.Argument)
		if r != 0 {
			return say(r)
		}
		f.rest = offset
		return sayRaw(ftp.AppendRestart(nil, offset))
	case ftp.VerbOpts:
		return f.opts(s, c.Argument)
	default:
		return say(ftp.ReplyMissing)
	}
	if reply == 0 {
		reply = ftp.ReplyOK
	}
	return say(reply)
}

func (f *ftpFace) opts(s *session, argument []byte) decision {
	option, facts, r := ftp.ParseOpts(argument)
	switch {
	case r != 0:
		return say(r)
	case option == ftp.OptionFacts:
		f.facts = facts
		return sayRaw(ftp.AppendOPTS(nil, facts))
	case option == ftp.OptionHash && !f.features(s).Hash:
		return say(ftp.ReplyParameter)
	case option == ftp.OptionHash:
		return sayRaw(ftp.AppendReply(nil, ftp.ReplyOK.Code(), "SHA-256"))
	default:
		return say(ftp.ReplyUTF8)
	}
}

// features are what this session is told that the server can do.
func (f *ftpFace) features(s *session) ftp.Features {
	return ftp.Features{
		Hash: s.may.Has(codec.FeatureSum), TLS: f.server.tls != nil, Facts: f.facts,
	}
}

// anonymous reports whether a user name logs in with any password.
func anonymous(user string) bool {
	return strings.EqualFold(user, "anonymous") || strings.EqualFold(user, "ftp")
}

const (
	// loginsMax is how many logins in a row may fail.
	loginsMax = 3
	// loginDelay is how long the reply to a failed login takes, twice as long for each further one.
	loginDelay = time.Second
)

// pass logs in. Anonymous users may give any password, if the server admits them.
func (f *ftpFace) pass(s *session, password string) decision {
	all := s.r.server.anonymous()
	switch {
	case f.login == ftpNoUser:
		return say(ftp.ReplyUserFirst)
	case anonymous(f.user) && !all.closed:
		if s.rights != all { // the user before had folders of its own
			s.rights, f.folder = all, fsio.Name{}
		}
		f.login = ftpLoggedIn
		return say(ftp.ReplyLoggedIn)
	case s.canLogIn():
		f.login = ftpNoUser
		return decision{kind: decideRun, run: func(s *session) {
			s.authenticate(f.user, password, func(g *rights, err error) { f.passed(s, g, err) })
		}}
	}
	f.login = ftpNoUser
	f.failures++
	in := inAnswer
	if f.failures == loginsMax {
		in = inLogin
	}
	return f.after(s, loginDelay<<(f.failures-1), ftp.ReplyLoginFailed.Text(), in)
}

// passed answers a password that was checked.
func (f *ftpFace) passed(s *session, g *rights, err error) {
	if err == nil {
		s.logIn(g)
		f.login, f.failures, f.folder = ftpLoggedIn, 0, fsio.Name{}
		s.write(ftp.ReplyLoggedIn.Text())
		s.feed(inAnswer)
		return
	}
	in, reply := inAnswer, ftp.ReplyLoginFailed.Text()
	if f.failures++; f.failures == loginsMax {
		in = inLogin
	}
	if err != errLoginFailed { // it was not checked
		in = inLogin
		reply = ftp.AppendReply(nil, ftp.ReplyBusy.Code(), "Not logged in: "+reasonOf(err)+".")
	}
	s.write(reply)
	s.feed(in)
}

// reinitialize makes the session what it was when it began. Its failed logins count on.
func (f *ftpFace) reinitialize(s *session) {
	s.dropOffer()
	s.rights = s.r.server.anonymous()
	fresh := openFTP(f.server).(*ftpFace)
	fresh.reader, fresh.seen, fresh.summed, fresh.failures = f.reader, f.seen, f.summed, f.failures
	*f = *fresh
	f.later.deadline.Owner = &f.later
}

// immediate is the reply to NOOP or STAT, also while a transfer runs.
func (f *ftpFace) immediate(s *session, v ftp.Verb) []byte {
	if v == ftp.VerbNoop {
		return ftp.ReplyOK.Text()
	}
	b := ftp.AppendFirst(nil, 211, "Status of the session:")
	user := "Not logged in"
	if f.login == ftpLoggedIn {
		user = "Logged in as " + f.user
	}
	b = ftp.AppendMore(b, user)
	b = ftp.AppendMore(b, "TYPE: "+f.kind.String()+", STRU: F, MODE: S")
	if t := s.transfer; t != nil && t.state == transferMoving {
		b = ftp.AppendMore(b, fmt.Sprintf("%s: %d bytes", t.verb, t.moved))
	} else {
		b = ftp.AppendMore(b, "No data connection")
	}
	return ftp.AppendReply(b, 211, "End of status.")
}

// dataConnection prepares the data connection of the next transfer.
func (f *ftpFace) dataConnection(s *session, c ftp.Command) decision {
	if f.onlyEPSV && c.Verb != ftp.VerbEpsv {
		return say(ftp.ReplyEPSVAll)
	}
	local := f.reached(s)
	switch c.Verb {
	case ftp.VerbPasv:
		if !f.advertised(s).Is4() {
			return sayRaw(ftp.AppendReply(nil, 425, "PASV is for IPv4; send EPSV."))
		}
	case ftp.VerbEpsv:
		wants, r := ftp.ParseEpsv(c.Argument)
		switch {
		case r != 0:
			return say(r)
		case wants == ftp.EPSVAll:
			f.onlyEPSV = true
			return say(ftp.ReplyOK)
		case wants == ftp.EPSV4 && !local.Is4(), wants == ftp.EPSV6 && local.Is4():
			return sayRaw(f.otherProtocol(local))
		}
	default:
		return f.port(s, c)
	}
	f.offers, f.active = c.Verb, netip.AddrPort{}
	s.prompt = c.Verb == ftp.VerbEpsv && local.Is4()
	if o := s.offer; o != nil && o.data == nil {
		return decision{kind: decideRun, run: func(s *session) {
			s.offer.renew()
			s.face.offered(s, s.offer)
		}}
	}
	return decision{kind: decideRun, run: func(s *session) { s.requestAhead(s.pool) }}
}

// otherProtocol refuses a network protocol that is not that of control.
func (f *ftpFace) otherProtocol(local netip.Addr) []byte {
	if local.Is4() {
		return ftp.ReplyProtocol4.Text()
	}
	return ftp.AppendReply(nil, ftp.ReplyProtocol.Code(),
		"Network protocol not supported, use (2)")
}

// activePortMin keeps a client from having the server connect to a system service.
const activePortMin = 1024

// port has the server connect for the next transfer: to the client's own address alone, or a client
// could have it connect to others (RFC 2577).
func (f *ftpFace) port(s *session, c ftp.Command) decision {
	parse := ftp.ParsePort
	if c.Verb == ftp.VerbEprt {
		parse = ftp.ParseEprt
	}
	to, r := parse(c.Argument)
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	switch peer := s.peer().Addr(); {
	case r != 0:
		return say(r)
	case to.Addr().Is4() != peer.Is4():
		return sayRaw(f.otherProtocol(peer))
	case !f.server.options.FTP.Active, to.Addr() != peer, to.Port() < activePortMin:
		return say(ftp.ReplyParameter)
	}
	s.dropOffer()
	f.active = to
	return say(ftp.ReplyOK)
}

// advertised is the address that PASV tells.
func (f *ftpFace) advertised(s *session) netip.Addr {
	for _, a := range f.server.options.FTP.Advertise {
		if a.To.Contains(s.peer().Addr()) {
			return a.Address
		}
	}
	return f.reached(s)
}

// reached is the address of the server that the client has connected to.
func (f *ftpFace) reached(s *session) netip.Addr {
	if !f.local.IsValid() {
		f.local = s.conn.Local().Addr()
	}
	return f.local
}

// FTPOptions say how FTP is served.
type FTPOptions struct {
	// Port is where FTP's control connections are accepted; 0 picks a free port, NoPort listens on
	// none.
	Port int
	// ImplicitPort is the same for clients that begin with TLS.
	ImplicitPort int
	// Resume says whether data connections in TLS must resume the session of control.
	Resume Resume
	// Active lets clients have the server connect to them (PORT, EPRT).
	Active bool
	// Banner is the text of the greeting; empty tells no name and no version.
	Banner string
	// Advertise are the addresses that PASV tells instead of the one that the client has reached,
	// for servers behind address translation. The first that fits the client counts.
	Advertise []Advertised
	// clock is the time of day for listings, nil for the system's.
	clock func() time.Time
}

func (o *FTPOptions) now() time.Time {
	if o.clock != nil {
		return o.clock()
	}
	return time.Now()
}

// Advertised is an address of IPv4 that clients of a network are told.
type Advertised struct {
	To      netip.Prefix
	Address netip.Addr
}
