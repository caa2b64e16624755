package reactor

import (
	"net/netip"
	"time"

	"ferry/codec"
	"ferry/codec/ftp"
	"ferry/fsio"
	"ferry/reactor/loop"
)

// ftpFace is FTP as its clients speak it: RFC 959 and 1123, with 2389, 2428, 2640, 3659 and what
// clients rely on although no RFC says it. An offer stands before its command, an upload ends with
// its connection, and replies follow the order of commands, but for what RFC 959 has answered at
// once: ABOR, and NOOP and STAT while a transfer runs. The commands are in face_ftp_commands, those
// that need file work in face_ftp_files, listings in face_ftp_list.
type ftpFace struct {
	server *Server
	reader ftp.Reader
	// user is the name that USER gave, known says that it logged in.
	user  string
	login ftpLogin
	// failures counts logins that failed in a row.
	failures uint8
	kind     ftp.Type
	facts    ftp.Facts
	// onlyEPSV: EPSV ALL was sent.
	onlyEPSV bool
	// folder is what names are relative to; from is what RNFR named.
	folder, from fsio.Name
	// rest is where the next transfer begins.
	rest int64
	// active is where PORT or EPRT has the server connect, the zero value if the client connects.
	active netip.AddrPort
	// local is the address that the client has reached, once it was asked for.
	local netip.Addr
	// offers is the command that asked for the offer that is under way.
	offers ftp.Verb
	// seen is how many bytes of what waits on control were searched for ABOR.
	seen int
	// summed is how many bytes were read for the session's checksums.
	summed int64
	later  delayedReply
}

// ftpLogin is how far the login of a session has come.
type ftpLogin uint8

const (
	ftpNoUser ftpLogin = iota
	ftpUserGiven
	ftpLoggedIn
)

var ftpProperties = properties{
	grammar:     codec.Lines,
	table:       &replyTable,
	worksFirst:  true,
	waits:       true,
	answers:     true,
	closesFirst: true,
	choosesData: true,
	urgent:      true,
	pool:        poolData,
}

func openFTP(s *Server) face {
	f := &ftpFace{
		server: s, reader: ftp.NewReader(s.options.Limits.CommandBytes), facts: ftp.FactsAll,
	}
	f.later.deadline.Owner = &f.later
	return f
}

func (*ftpFace) properties() *properties { return &ftpProperties }

func (f *ftpFace) greeting(*session) []byte {
	if text := f.server.options.FTP.Banner; text != "" {
		return ftp.AppendReply(nil, ftp.ReplyReady.Code(), text)
	}
	return ftp.ReplyReady.Text()
}

// next takes a command line, or what belongs to telnet.
func (f *ftpFace) next(s *session, in []byte) (decision, int) {
	ev, n := f.reader.Next(in)
	f.seen = max(0, f.seen-n)
	switch ev.Kind {
	case ftp.EventLine:
		return f.command(s, ev.Data), n
	case ftp.EventRefused:
		return say(ftp.ReplyControl), n
	case ftp.EventAnswer:
		refused := ev.Answer
		s.write(refused[:])
		return decision{kind: decideNothing}, n
	case ftp.EventError:
		return decision{kind: decideViolation}, n
	default:
		return decision{}, n
	}
}

// command decides on a line.
func (f *ftpFace) command(s *session, line []byte) decision {
	c, reply := ftp.Parse(line)
	p := c.Verb.Properties()
	switch {
	case !s.awaitsCommand(): // a transfer runs, see ahead
		s.write(f.immediate(s, c.Verb))
		return decision{kind: decideNothing}
	case reply != 0:
		return say(reply)
	case p.TLS && f.server.tls == nil:
		return say(ftp.ReplyMissing)
	case p.TLS:
		return f.protect(s, c)
	case f.inClear(s, c.Verb, p):
		return say(f.clearReply(s))
	case f.login != ftpLoggedIn && !p.BeforeLogin:
		return say(ftp.ReplyNotLoggedIn)
	case p.Work == ftp.WorkNone, p.Work == ftp.WorkOffer,
		c.Verb == ftp.VerbStat && len(c.Argument) == 0:
		return f.state(s, c)
	default:
		return f.files(s, c)
	}
}

// say answers with a reply.
func say(r ftp.Reply) decision { return sayRaw(r.Text()) }

// sayRaw answers with the bytes of a reply.
func sayRaw(reply []byte) decision {
	return decision{kind: decideAnswer, answer: answer{text: reply}}
}

// reply sends the bytes of a reply, or makes them of code and text.
func (f *ftpFace) reply(s *session, a answer) {
	if a.code != 0 {
		a.text = ftp.AppendReply(nil, a.code, string(a.text))
	}
	s.write(a.text)
}

// ahead looks through what waits on control while a transfer runs. NOOP and STAT as the next
// command are answered at once, behind the reply that the transfer begins with. ABOR ends the
// transfer, and is answered in its turn.
func (f *ftpFace) ahead(s *session) bool {
	if s.transfer == nil {
		return false
	}
	opened := s.state == sessionOffered || s.state == sessionMoving
	in := s.conn.Peek()
	for {
		line, n := ftp.NextLine(in[f.seen:], s.r.scratch, s.r.limiter.Limits.CommandBytes)
		if n == 0 {
			return false
		}
		switch c, _ := ftp.Parse(line); {
		case c.Verb == ftp.VerbAbor:
			abort(s)
			return s.conn != nil && s.awaitsCommand()
		case opened && f.seen == 0 && (c.Verb == ftp.VerbNoop || c.Verb == ftp.VerbStat) &&
			len(c.Argument) == 0:
			return true
		}
		f.seen += n
	}
}

// abort ends what takes long: a transfer or a checksum. The data connection may have been made, and
// not been accepted yet.
func abort(s *session) {
	t := s.transfer
	if !moves(t.verb) && t.Verb != codec.VerbSum {
		return
	}
	if t.state == transferOffered && !t.offer.line.pool.out {
		t.offer.acceptNow()
	}
	if s.transfer == t {
		t.giveUp()
	}
}

// prepare begins the work of a command.
func (f *ftpFace) prepare(t *transfer) {
	s := t.session
	switch {
	case t.verb.Properties().Work == ftp.WorkFile && t.Verb == codec.VerbSum && t.call == nil:
		t.sum(&f.summed)
	case t.verb.Properties().Work == ftp.WorkFile:
		t.submit(jobCall)
	case f.active.IsValid():
		t.request(poolOut)
	default:
		t.claim(s.offer)
	}
}

// offered tells where to connect, or that the transfer begins.
func (f *ftpFace) offered(s *session, o *offer) {
	switch t := o.transfer; {
	case t != nil && t.verb == ftp.VerbStou:
		s.write(ftp.AppendSTOU(nil, t.called))
	case t != nil:
		s.write(ftp.ReplyOpening.Text())
	case f.offers == ftp.VerbPasv:
		s.write(ftp.AppendPASV(s.r.lineBuffer[:0], netip.AddrPortFrom(f.advertised(s), o.number())))
	default:
		s.write(ftp.AppendEPSV(s.r.lineBuffer[:0], o.number()))
	}
	switch {
	case o.transfer == nil:
		s.feed(inAnswer)
	case o.line.pool.out:
		o.connect(s.conn, f.active)
		f.active = netip.AddrPort{}
	}
}

// connect makes the connection of an offer from the address of control.
func (o *offer) connect(c loop.Control, to netip.AddrPort) {
	if c == nil {
		return // it ends by its deadline
	}
	if data := o.r.loop.Connect(c.Local().Addr(), to, o); data != nil {
		o.data = data
	}
}

// Connected implements loop.Connector.
func (o *offer) Connected(c loop.Channel, err error) {
	o.data = nil
	switch {
	case err != nil:
		o.transfer.endAs(outcomeUnused, err)
	case o.session.secureData():
		o.connectTLS(c)
	default:
		o.take(c)
	}
}

// expired answers a client for which no port became free.
func (f *ftpFace) expired(s *session, waited bool) {
	if waited {
		s.write(ftp.ReplyNoPort.Text())
		s.feed(inAnswer)
	}
}

// start moves what was opened before.
func (f *ftpFace) start(t *transfer) {
	switch {
	case t.isPut():
		t.recv.begin(nil)
	case t.Verb == codec.VerbList:
		t.resume()
	default:
		t.send.begin()
	}
}

func (*ftpFace) refuse(t *transfer, o outcome, err error) { t.endAs(o, err) }

// done answers the end of a command that needed file work or a data connection.
func (f *ftpFace) done(t *transfer) {
	s := t.session
	if moves(t.verb) {
		f.active = netip.AddrPort{} // it counts once, also for a transfer that failed
	}
	in := inDone
	switch s.state {
	case sessionAsked:
		in = inAnswer
		if t.verb == ftp.VerbRnfr && t.outcome == outcomeComplete {
			in = inPend
		}
	case sessionOffered:
		in = inGiveUp
		if t.outcome == outcomeUnused {
			in = inExpire
		}
	case sessionMoving:
	default:
		return // control is gone
	}
	s.write(f.final(t, s.state == sessionMoving))
	s.feed(in)
}

// bye says why the server ends a session.
func (f *ftpFace) bye(s *session, why endReason) {
	switch why {
	case endClosed, endLogin:
	case endQuit:
		s.write(ftp.ReplyBye.Text())
	case endIdle:
		s.write(ftp.ReplyIdle.Text())
	case endDrained:
		s.write(ftp.ReplyClosing.Text())
	default:
		s.write(ftp.ReplyFlood.Text())
	}
}

// closed breaks an upload, whose end nobody would be told. A download goes on.
func (f *ftpFace) closed(s *session) {
	f.reader.Release()
	s.r.loop.Deadlines.Clear(&f.later.deadline)
	t := s.transfer
	switch {
	case t == nil || !t.isPut() || s.r.aborting: // what the server aborts it counts
	case t.state == transferMoving:
		t.fail(outcomeLeft, nil)
	case t.state == transferOffered:
		t.endAs(outcomeLeft, nil)
	}
}

// delayedReply is a reply that a session waits for, so that guessing takes time.
type delayedReply struct {
	s        *session
	reply    []byte
	in       inputKind
	deadline loop.Deadline
}

// Expire sends it, unless the session has had its last reply.
func (d *delayedReply) Expire(*loop.Deadline) {
	if d.s.over() {
		return
	}
	d.s.write(d.reply)
	d.s.feed(d.in)
}

// after has a reply sent after a while, and the session fed then.
func (f *ftpFace) after(s *session, wait time.Duration, reply []byte, in inputKind) decision {
	return decision{kind: decideRun, run: func(*session) {
		f.later.s, f.later.reply, f.later.in = s, reply, in
		s.r.loop.Deadlines.Set(&f.later.deadline, s.r.loop.Now+wait)
	}}
}
