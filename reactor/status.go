package reactor

import (
	"fmt"

	"ferry/codec"
	"ferry/fsio"
)

// The status face: framed requests on control, answered there by framed replies with a code; an
// offer is known by its KEY. Commands run in order, one at a time, each of them as a transfer,
// those that move nothing included: they wait for a worker in the same way. What waits behind them
// stays where gnet keeps it, and is looked through for abor.

// statusSession is what a session of the status exchange has beside any other.
type statusSession struct {
	// folder is what names are relative to; from is what rnfr named, while the exchange is
	// Renaming.
	folder, from fsio.Name
	// answer is what a command that needs no work is answered with.
	answer answer
	// pumping says that commands are being taken, so that the end of one does not begin it anew.
	pumping bool
	// seen is how many bytes of what waits on control were looked through, and waiting how many
	// commands that is. aborting says that the last of them is abor, whose turn has come.
	seen, waiting int
	aborting      bool
	// summed is how many bytes were read for the session's checksums.
	summed int64
}

// asked is what a transfer of the status exchange has beside any other.
type asked struct {
	// Request is the command; its Name is not used after it was parsed.
	codec.Request
	name fsio.Name
	key  codec.Key
	// from is set by rnto: what it renames, which rnfr named.
	from fsio.Name
	// answer is what the command is answered with, once that is known.
	answer answer
	// info is what was found out about a name.
	info fsio.Entry
	// total is the size of the whole file where a piece of it is sent.
	total int64
	part  partAsked
	sum   sumAsked
	// connected says that the data connection was made.
	connected bool
	// pends says that the answer waits for another command: rnfr.
	pends bool
}

// duty is how a command of the status exchange is carried out.
type duty struct {
	// job is the file work: all of it, or what comes before the offer of a command that moves.
	job jobKind
	// moves says that the command has a data connection.
	moves bool
	// changes says that its work changes something, so that abor lets it come to its end.
	changes bool
	// sums says that its work is a checksum, for which there are workers of their own.
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
	codec.VerbRenameFrom: {job: jobLookHere},
	codec.VerbRenameTo:   {job: jobRename, changes: true},
	codec.VerbMkdir:      {job: jobMkdir, changes: true},
	codec.VerbRmdir:      {job: jobRmdir, changes: true},
	codec.VerbRemove:     {job: jobRemove, changes: true},
	codec.VerbNewPart:    {job: jobNewPart, changes: true},
	codec.VerbPutPart:    {job: jobOpenPart, moves: true},
	codec.VerbPartSize:   {job: jobPartSize, changes: true},
	codec.VerbDropPart:   {job: jobDropPart, changes: true},
	codec.VerbSum:        {job: jobSum, sums: true},
	codec.VerbSumPart:    {job: jobSum, sums: true},
	codec.VerbPartSum:    {job: jobPartSum, sums: true},
}

// greet takes a session's first command, n bytes of what came. If it is hello the session speaks
// status from now on. (PROTOCOL, Status exchange: "The client's first command is hello 1".)
func (r *reactor) greet(s *session, text []byte, n int) bool {
	if !codec.IsHello(text) {
		return false
	}
	s.fresh = false
	s.becomeStatus()
	s.status = new(statusSession)
	r.count.commands++
	_, _ = s.conn.Discard(n)
	features := r.server.features
	r.answerAtOnce(s, answer{codec.CodeOkay, codec.AppendHello(nil, features)})
	return true
}

// answerAtOnce answers a command that needs no work.
func (r *reactor) answerAtOnce(s *session, a answer) {
	r.reply(s, a)
	r.feed(s, input{kind: inAnswer})
}

// pumpStatus takes commands from what the client sent, as long as the session waits for one.
func (r *reactor) pumpStatus(s *session) {
	st := s.status
	if st.pumping {
		return
	}
	st.pumping = true
	// What is done for one session may let another go on: that one's replies leave by themselves.
	first := r.gathering == nil
	if first {
		r.gathering = s
	}
	for n := 0; s.conn != nil && s.exchange.State() != codec.Over && r.pumpOne(s); n++ {
		if n == commandsATurn {
			r.enqueue(s)
			break
		}
	}
	if first {
		r.flushReplies()
		r.gathering = nil
	}
	st.pumping = false
}

// commandsATurn is how many commands a session may have answered before others have their turn: an
// answer can be a hundred times longer than its command.
const commandsATurn = 32

// move goes on with commands that were sent ahead.
func (s *session) move() (more bool) {
	if s.conn != nil && s.exchange.State() != codec.Over {
		s.r.pump(s)
	}
	return false // pump has it queued if there is more
}

func (s *session) isQueued() *bool { return &s.queued }

// pumpOne takes one command, and says whether there may be another.
func (r *reactor) pumpOne(s *session) bool {
	st := s.status
	switch {
	case !s.waits():
		return r.lookAhead(s)
	case st.aborting:
		r.aborted(s)
		return true
	}
	in, _ := s.conn.Peek(-1)
	ev, n := s.dec.Next(in)
	var t *transfer
	var out output
	switch ev.Kind {
	case codec.EventCommand:
		s.heard = r.now
		t = r.takeRequest(s, ev.Data, &out)
	case codec.EventError:
		s.step(input{kind: inViolation}, &out)
	default: // no more for now
	}
	if n > 0 { // Discard takes 0 for everything.
		_, _ = s.conn.Discard(n)
		st.taken(n)
	}
	switch {
	case out.aborted:
		r.reply(s, answer{codec.CodeComplete, []byte("nothing to abort")})
	case t == nil && out.ask:
		r.answerAtOnce(s, st.answer)
	default:
		r.perform(s, &out)
		if t != nil {
			r.prepare(t)
		}
	}
	return ev.Kind != codec.EventNone
}

// taken follows the command whose turn has come.
func (st *statusSession) taken(n int) {
	if st.seen > 0 {
		st.seen -= n
		st.waiting--
	}
}

// takeRequest steps the session. It returns the transfer that the command asks for; where out asks
// for one and there is none the session's answer is set. The command's bytes are not used after it.
func (r *reactor) takeRequest(s *session, text []byte, out *output) *transfer {
	r.count.commands++
	q, err := codec.ParseRequest(text)
	verb := q.Verb
	if err != nil {
		verb = codec.VerbUnknown
	}
	st := s.status
	s.step(input{kind: inCommand, verb: verb}, out)
	if !out.ask {
		return nil
	}
	var name fsio.Name
	switch {
	case err != nil:
		st.answer = answerTo(text, err)
		return nil
	case out.disorder:
		st.answer = answer{codec.CodeOrder, []byte(q.Verb.String() + ": wrong order")}
		return nil
	case !r.server.features.Allows(q.Verb):
		// The flag is no secret: it is announced by what hello leaves out.
		st.answer = answer{codec.CodeNotAllowed, fmt.Appendf(nil, "%v: not allowed here (%s)",
			q.Verb, r.server.options.switchedOff(q.Verb))}
		return nil
	case q.Verb == codec.VerbNoop:
		st.answer = answer{codec.CodeOkay, []byte("still here")}
		return nil
	case q.Verb == codec.VerbPwd:
		st.answer = answer{codec.CodeFolder, pathOf(st.folder)}
		return nil
	}
	if name, err = r.server.options.parser().ParseIn(st.folder, q.Name); err != nil {
		st.answer = answerTo(q.Name, err)
		return nil
	}
	t := r.newTransfer(s, codec.Command{Verb: q.Verb, Name: q.Name, Text: q.Name})
	q.Name = nil
	t.asked = &asked{Request: q, name: name, from: st.from, total: -1}
	return t
}

// pathOf is a folder as its client knows it: the served root is /.
func pathOf(n fsio.Name) []byte { return []byte("/" + n.String()) }

// prepareStatus begins the work of a command.
func (r *reactor) prepareStatus(t *transfer) {
	switch d := duties[t.verb]; {
	case d.moves:
		r.request(t, poolKeyed)
	case d.sums:
		r.sum(t)
	default:
		t.job.noReplace = t.verb == codec.VerbNewPart && r.server.options.NoOverwrite
		r.submit(t, d.job)
	}
}

// granted follows the turn of a command that moves something: limits allow it.
func (r *reactor) granted(t *transfer) {
	t.held = t.descriptors()
	a := t.asked
	switch t.verb {
	case codec.VerbGet, codec.VerbGetPart:
		r.openAsked(t)
	case codec.VerbPut:
		t.recv.name = a.name
		r.offerKeyed(t)
	case codec.VerbList:
		r.listNamed(t, a.name)
	case codec.VerbPutPart:
		r.openPart(t)
	default:
		panic("reactor: a command that moves nothing has no offer")
	}
}

// workDone takes the result of the file work of a command whose data connection, if it has one at
// all, was not offered yet.
func (r *reactor) workDone(t *transfer) {
	a, j := t.asked, &t.job
	s := t.session
	if t.verb == codec.VerbList {
		r.listed(t)
		return
	}
	if j.err != nil {
		t.outcome, t.err = outcomeOf(j.err), j.err
		r.endTransfer(t)
		return
	}
	switch t.verb {
	case codec.VerbGet, codec.VerbGetPart:
		r.openedAsked(t)
		return
	case codec.VerbPutPart:
		r.openedPart(t)
		return
	case codec.VerbNewPart:
		a.answer = answer{codec.CodeDone, []byte(a.part.id)}
	case codec.VerbPartSize:
		a.answer = answer{codec.CodeStatus, codec.AppendSize(nil, a.part.size)}
	case codec.VerbSum, codec.VerbSumPart, codec.VerbPartSum:
		a.answer = summed(t)
	case codec.VerbStat:
		a.answer = answer{codec.CodeStatus, codec.AppendStat(nil, statOf(a.info))}
	case codec.VerbCd:
		if a.info.Kind != fsio.EntryFolder {
			t.outcome, t.err = outcomeRefused, errNoFolder
			r.endTransfer(t)
			return
		}
		s.status.folder = a.name
		a.answer = answer{codec.CodeDone, pathOf(a.name)}
	case codec.VerbRenameFrom:
		s.status.from = a.name
		a.pends = true
		a.answer = answer{codec.CodeMore, []byte("rnto is to follow")}
	default:
		a.answer = answer{codec.CodeDone, []byte("done")}
	}
	t.outcome = outcomeComplete
	r.endTransfer(t)
}

// endAsked follows the end of a transfer of the status exchange: it is answered, at once unless it
// holds a part.
func (r *reactor) endAsked(t *transfer, connected bool) {
	delete(r.keys, t.asked.key)
	running := t.asked.sum.end()
	if t.verb == codec.VerbPartSum {
		t.asked.part.holds = running
	}
	if !connected {
		r.logCommand(t)
	}
	if !t.asked.part.holds {
		r.settle(t)
	}
}

// settle answers a command, and lets its session go on.
func (r *reactor) settle(t *transfer) {
	if t.released {
		return
	}
	t.released = true
	a, s := t.asked, t.session
	if a.answer.code == 0 {
		a.answer = r.answerOf(t)
	}
	if s.transfer == t {
		s.transfer = nil
	}
	if a.connected {
		s.moved(t)
	}
	in := inDone
	switch s.exchange.State() {
	case codec.Asked:
		in = inAnswer
		if a.pends {
			in = inPend
		}
	case codec.Offered:
		in = inGiveUp
		if t.outcome == outcomeUntaken {
			in = inExpire
		}
	case codec.Moving:
	default:
		return // control is gone
	}
	r.reply(s, a.answer)
	r.feed(s, input{kind: in})
}

// tellOffer sends where to connect, and with which KEY.
func (r *reactor) tellOffer(s *session, port uint16) {
	t := s.transfer
	o := codec.Offer{Port: port, Key: t.asked.key, Size: -1, Total: -1}
	if !t.isPut() {
		o.Size, o.Total = t.send.size, t.asked.total
	}
	var b [64]byte
	r.reply(s, answer{codec.CodeOffer, codec.AppendOffer(b[:0], o)})
}
