package reactor

import (
	"fmt"

	"ferry/codec"
	"ferry/fsio"
	"ferry/reactor/login"
)

// statusFace is the status exchange: framed requests on control, answered there by framed replies
// with a code; an offer is known by its KEY. Commands run in order, one at a time, each of them as
// a transfer, those that move nothing included. (PROTOCOL.md, Status exchange.)
type statusFace struct {
	// folder is what names are relative to; from is what rnfr named, while the exchange is
	// Renaming.
	folder, from fsio.Name
	// seen is how many bytes of what waits on control were looked through, and queued how many
	// commands that is. aborting: the last of them is abor, whose turn has come.
	seen, queued int32
	aborting     bool
	// summed is how many bytes were read for the session's checksums.
	summed int64
	// exchange is the login that the client's next command continues.
	exchange *login.Exchange
}

var statusProperties = properties{
	grammar:    codec.Commands,
	table:      &replyTable,
	sized:      true,
	worksFirst: true,
	waits:      true,
	answers:    true,
	pool:       poolKeyed,
	unusedMax:  3,
}

func (*statusFace) properties() *properties { return &statusProperties }

func (*statusFace) greeting(*session) []byte { return nil }

// greetStatus switches a session to the status exchange. (PROTOCOL.md, Hello.)
func greetStatus(s *session) decision {
	s.face = new(statusFace)
	s.properties = &statusProperties
	may := s.may
	if s.canLogIn() {
		may |= codec.FeatureAuth
	}
	return answerWith(codec.CodeOkay, codec.AppendHello(nil, may))
}

func answerWith(code int, text []byte) decision {
	return decision{kind: decideAnswer, answer: answer{code, text}}
}

func notAllowed(v codec.Verb, err error) decision {
	return answerWith(codec.CodeNotAllowed, fmt.Appendf(nil, "%v: %v", v, err))
}

// next takes a command, or answers what an abor has ended.
func (f *statusFace) next(s *session, in []byte) (decision, int) {
	if f.aborting {
		return f.aborted(s)
	}
	text, n, d, ok := s.nextText(in)
	if ok {
		d = f.decide(s, text)
	}
	if f.seen > 0 && n > 0 {
		f.seen -= int32(n)
		f.queued--
	}
	return d, n
}

// decide takes a command apart.
func (f *statusFace) decide(s *session, text []byte) decision {
	q, err := codec.ParseRequest(text)
	renaming := s.state == sessionRenaming
	if q.Verb != codec.VerbAuth {
		f.exchange = nil
	}
	switch {
	case err != nil:
		return decision{kind: decideAnswer, answer: answerTo(text, err)}
	case q.Verb == codec.VerbQuit:
		return decision{kind: decideQuit}
	case q.Verb == codec.VerbAuth:
		return f.auth(s, q)
	case q.Verb == codec.VerbNoop:
		return answerWith(codec.CodeOkay, []byte("still here"))
	case s.closed:
		return notAllowed(q.Verb, errLogInFirst)
	case q.Verb == codec.VerbAbort:
		return answerWith(codec.CodeComplete, []byte("nothing to abort"))
	case q.Verb == codec.VerbHello, q.Verb == codec.VerbRenameTo && !renaming:
		return answerWith(codec.CodeOrder, []byte(q.Verb.String()+": wrong order"))
	case q.Verb == codec.VerbPwd:
		return answerWith(codec.CodeFolder, pathOf(f.folder))
	}
	if err = s.check(q.Verb); err != nil {
		return notAllowed(q.Verb, err)
	}
	name, err := s.names.ParseIn(f.folder, q.Name)
	if err != nil {
		return decision{kind: decideAnswer, answer: answerTo(q.Name, err)}
	}
	kind := decideBegin
	if q.Verb == codec.VerbRenameTo {
		kind = decideFollow
	}
	t := s.newTransfer(q, q.Name)
	t.name, t.from = name, f.from
	return decision{kind: kind, transfer: t}
}

// pathOf is a folder as its client knows it: the served root is /.
func pathOf(n fsio.Name) []byte { return []byte("/" + n.String()) }

// prepare begins the work of a command.
func (f *statusFace) prepare(t *transfer) {
	switch d := duties[t.Verb]; {
	case d.moves:
		t.request(t.session.pool)
	case d.sums:
		t.sum(&f.summed)
	default:
		t.job.commit = t.replace()
		t.submit(d.job)
	}
}

// offered tells where to connect, and with which KEY.
func (f *statusFace) offered(s *session, o *offer) {
	t := o.transfer
	told := codec.Offer{Port: o.number(), Key: o.key, Size: -1, Total: -1}
	if !t.isPut() {
		told.Size, told.Total = t.send.size, t.send.total()
	}
	var b [64]byte
	f.reply(s, answer{codec.CodeOffer, codec.AppendOffer(b[:0], told)})
}

// start moves what was opened before the offer.
func (f *statusFace) start(t *transfer) {
	switch {
	case t.isPut(): // its decoder stands behind the KEY
		t.recv.begin(nil)
	case t.Verb == codec.VerbList:
		t.send.field = true
		t.resume()
	default:
		t.send.begin()
	}
}

// refuse ends the command: its answer tells why.
func (*statusFace) refuse(t *transfer, o outcome, err error) { t.endAs(o, err) }

// reply sends a framed reply.
func (*statusFace) reply(s *session, a answer) {
	if s.conn == nil {
		return
	}
	s.r.replies = codec.AppendReply(s.r.replies[:0], a.code, a.text)
	s.write(s.r.replies)
}

// done answers a command, and lets its session go on.
func (f *statusFace) done(t *transfer) {
	s := t.session
	if t.found.sum != nil && !t.job.busy {
		t.found.sum.count() // before the next command is taken
	}
	complete := t.outcome == outcomeComplete
	switch {
	case !complete:
	case t.Verb == codec.VerbCd:
		f.folder = t.name
	case t.Verb == codec.VerbRenameFrom:
		f.from = t.name
	}
	in := inDone
	switch s.state {
	case sessionAsked:
		in = inAnswer
		if t.Verb == codec.VerbRenameFrom && complete {
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
	f.reply(s, t.answer())
	s.feed(in)
}

// bye says why the server ends a session.
func (f *statusFace) bye(s *session, why endReason) {
	switch why {
	case endClosed:
	case endQuit:
		f.reply(s, answer{codec.CodeGoodbye, []byte("goodbye")})
	case endViolation:
		f.reply(s, answer{codec.CodeArgument, []byte(why)})
	default:
		f.reply(s, answer{codec.CodeTooBusy, []byte(why)})
	}
}

func (*statusFace) expired(*session, bool) {}

// closed lets what was offered or moves go on: uploads end at their size.
func (*statusFace) closed(*session) {}

// ahead looks through what waits on control for an abor, which does not wait for its turn.
// (PROTOCOL.md, Abort.)
func (f *statusFace) ahead(s *session) bool {
	if f.aborting {
		return false
	}
	in := s.conn.Peek()
	for {
		text, n := s.dec.PeekCommand(in[f.seen:])
		if n == 0 {
			return false
		}
		f.seen += int32(n)
		if q, err := codec.ParseRequest(text); err != nil || q.Verb != codec.VerbAbort {
			f.queued++
			continue
		}
		f.aborting = true
		if t := s.transfer; t != nil {
			t.giveUp()
		} else {
			s.abortAttempt()
		}
		return s.conn != nil && s.awaitsCommand()
	}
}

// aborted answers the commands before an abor, and abor itself. (PROTOCOL.md, Abort.)
func (f *statusFace) aborted(s *session) (decision, int) {
	f.exchange = nil
	n, queued := int(f.seen), f.queued
	f.seen, f.queued, f.aborting = 0, 0, false
	for range queued {
		f.reply(s, answer{codec.CodeAborted, []byte("aborted")})
	}
	f.reply(s, answer{codec.CodeComplete, []byte("aborted")})
	return decision{kind: decideNothing}, n
}

// giveUp ends a transfer as abor wants it, unless its work is as good as done: then its own answer
// comes.
func (t *transfer) giveUp() {
	switch t.state {
	case transferWaiting:
		if duties[t.Verb].changes && t.job.busy {
			return
		}
	case transferOffered:
	case transferMoving:
		if !t.recv.settled() {
			t.fail(outcomeGivenUp, nil)
		}
		return
	case transferLingering:
		if t.isPut() || t.data.Unsent() == 0 {
			t.answerLingering()
		} else {
			t.fail(outcomeGivenUp, nil)
		}
		return
	default: // it has ended, and is answered soon
		return
	}
	t.endAs(outcomeGivenUp, nil)
}

// duty says how a command is carried out.
type duty struct {
	// job is the file work: all of it, or what comes before the offer of a command that moves.
	job jobKind
	// moves: the command has a data connection.
	moves bool
	// changes: its work changes something, so that abor lets it come to its end.
	changes bool
	// sums: its work is a checksum, for which there are workers of their own.
	sums bool
}

// duties are those of all commands that need any work.
var duties = [...]duty{
	codec.VerbGet:        {job: jobOpen, moves: true},
	codec.VerbGetPart:    {job: jobOpen, moves: true},
	codec.VerbPut:        {moves: true},
	codec.VerbList:       {job: jobList, moves: true},
	codec.VerbStat:       {job: jobStat},
	codec.VerbCd:         {job: jobStat},
	codec.VerbRenameFrom: {job: jobStat},
	codec.VerbRenameTo:   {job: jobRename, changes: true},
	codec.VerbMkdir:      {job: jobMkdir, changes: true},
	codec.VerbRmdir:      {job: jobRmdir, changes: true},
	codec.VerbRemove:     {job: jobRemove, changes: true},
	codec.VerbNewPart:    {job: jobNewPart, changes: true},
	codec.VerbPutPart:    {job: jobOpenPart, moves: true},
	codec.VerbPartSize:   {job: jobPartSize},
	codec.VerbDropPart:   {job: jobDropPart, changes: true},
	codec.VerbSum:        {job: jobSum, sums: true},
	codec.VerbSumPart:    {job: jobSum, sums: true},
	codec.VerbPartSum:    {job: jobPartSum, sums: true},
}
