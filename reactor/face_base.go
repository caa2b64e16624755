package reactor

import "ferry/codec"

// baseFace is the base exchange: ports as bare fields, one command at a time, errors told on the
// data connection as far as the exchange can tell them. (PROTOCOL.md, Base exchange.)
type baseFace struct{}

func openBase(*Server) face { return baseFace{} }

var baseProperties = properties{
	grammar:   codec.Commands,
	table:     &portTable,
	sized:     true,
	waits:     true,
	firstTLS:  true,
	pool:      poolData,
	unusedMax: 3,
}

func (baseFace) properties() *properties { return &baseProperties }

func (baseFace) greeting(*session) []byte { return nil }

// next takes a command. The first may be hello, which switches to the status exchange.
func (baseFace) next(s *session, in []byte) (decision, int) {
	text, n, d, ok := s.nextText(in)
	if !ok {
		return d, n
	}
	hello := !s.greeted && s.r.server.speaksStatus() && codec.IsHello(text)
	s.greeted = true
	if hello {
		d = greetStatus(s)
	}
	if !s.secure() && s.r.server.options.TLS.Mode == TLSRequire {
		return decision{kind: decidePlain}, n
	}
	if hello {
		return d, n
	}
	return s.decide(codec.ParseCommand(text)), n
}

// decide turns a command without replies into a transfer, or ends the session.
func (s *session) decide(c codec.Command) decision {
	switch {
	case c.Verb == codec.VerbQuit:
		return decision{kind: decideQuit}
	case s.closed: // this exchange has no login
		return decision{kind: decideClosed}
	}
	q := codec.Request{Verb: c.Verb, Name: c.Name}
	return decision{kind: decideBegin, transfer: s.newTransfer(q, c.Text)}
}

// ahead tells an upload that the next command came, which may end it.
func (baseFace) ahead(s *session) bool {
	if t := s.transfer; t != nil && s.waiting() > int(s.ahead)+codec.FieldSize {
		t.recv.furtherCommand()
	}
	return s.conn != nil && s.awaitsCommand()
}

func (baseFace) prepare(t *transfer) { t.request(poolData) }

func (baseFace) offered(s *session, o *offer) { s.tellPort(o.number()) }

func (s *session) tellPort(number uint16) {
	s.write(codec.AppendField(s.r.fieldBuffer[:0], int64(number)))
}

// start does the file work, which in this exchange follows the data connection.
func (f baseFace) start(t *transfer) {
	err := t.rights.check(t.Verb)
	if err == nil {
		err = t.parseName()
	}
	switch {
	case t.isPut():
		t.recv.begin(err)
	case t.Verb == codec.VerbUnknown:
		t.outcome = outcomeUnknown
		t.send.message(codec.AppendUnknown(nil, []byte(t.text)))
	case err != nil:
		f.refuse(t, outcomeMissing, err)
	case t.Verb == codec.VerbList:
		t.send.beginList()
	default:
		t.send.open()
	}
}

// refuse tells what the exchange can tell: a listing becomes a message, and a download a size of 0.
// (PROTOCOL.md, Base errors.)
func (baseFace) refuse(t *transfer, _ outcome, err error) {
	t.outcome, t.err = outcomeMissing, err
	if t.Verb == codec.VerbList {
		t.send.message(codec.AppendNoFolder(nil, []byte(t.called)))
		return
	}
	t.send.close()
	t.send.small(codec.AppendField(t.r.scratch[:0], 0))
}

func (baseFace) reply(*session, answer) {}

func (baseFace) done(t *transfer) {
	in := inDone
	if t.outcome == outcomeUnused {
		in = inExpire
	}
	t.session.feed(in)
}

// bye answers quit with the parting port. (PROTOCOL.md, Base quit.)
func (baseFace) bye(s *session, why endReason) {
	if why == endQuit {
		s.tellPort(s.r.parting.number)
	}
}

func (baseFace) expired(*session, bool) {}

// closed tells an upload that no further command can come.
func (baseFace) closed(s *session) {
	if s.transfer != nil && !s.cut {
		s.transfer.recv.furtherCommand()
	}
}
