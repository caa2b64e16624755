package reactor

import (
	"errors"
	"time"

	"ferry/codec"
	"ferry/fsio"
)

// classicFace is the classic exchange: text lines on control, and two ports for all sessions, one
// for files and one for messages. Each is a pool of one, so that an offer on it goes to one session
// of an address at a time. (PROTOCOL.md, Classic exchange.)
type classicFace struct{ baseFace }

func openClassic(*Server) face { return classicFace{} }

var classicProperties = properties{
	grammar:   codec.Lines,
	table:     &portTable,
	pool:      poolFiles,
	unusedMax: 1,
}

func (classicFace) properties() *properties { return &classicProperties }

func (classicFace) next(s *session, in []byte) (decision, int) {
	text, n, d, ok := s.nextText(in)
	if !ok {
		return d, n
	}
	return s.decide(codec.ParseClassic(text)), n
}

// ahead reports whether a session that waits for its data connection has been sent the end of the
// session, which does not wait for it.
func (classicFace) ahead(s *session) bool {
	if st := s.state; st != sessionAsked && st != sessionOffered {
		return false
	}
	text, n := s.dec.PeekCommand(s.conn.Peek())
	return n > 0 && codec.ParseClassic(text).Verb == codec.VerbQuit
}

// prepare finds out whether there is a file to send, since the client is told another port if there
// is none. Nothing is held until the client connects.
func (classicFace) prepare(t *transfer) {
	if t.Verb != codec.VerbGet {
		t.outcome = outcomeUnknown
		t.request(poolMessages)
		return
	}
	err := t.rights.check(t.Verb)
	if err == nil {
		err = t.parseName()
	}
	if err == nil {
		err = t.rights.store.OpenCached(&t.send.file, t.name)
		if err == nil {
			err = t.send.file.Close()
		}
	}
	if errors.Is(err, fsio.ErrWouldBlock) {
		t.submit(jobLook)
		return
	}
	t.looked(err)
}

func (t *transfer) looked(err error) {
	if err == nil {
		t.request(t.session.pool)
		return
	}
	t.outcome, t.err = outcomeMissing, err
	t.request(poolMessages)
}

func (classicFace) offered(s *session, o *offer) {
	s.write(codec.AppendConn(s.r.lineBuffer[:0], o.number()))
}

func (classicFace) start(t *transfer) {
	now := time.Now().Format(classicTime)
	switch t.outcome {
	case outcomeUnknown:
		t.send.message(codec.AppendClassicUnknown(nil, now))
	case outcomeMissing:
		t.send.message(codec.AppendNotFound(nil, now))
	default:
		// The end of the file is the close: if this process is killed it must be a reset.
		t.data.SetReset(true)
		t.send.open()
	}
}

// refuse resets the data connection: the file was there when the port was told.
func (classicFace) refuse(t *transfer, _ outcome, err error) { t.fail(outcomeMissing, err) }

// bye ends what moves for a session, and thanks. (PROTOCOL.md, Classic commands.)
func (classicFace) bye(s *session, why endReason) {
	if why != endQuit {
		return
	}
	var own []*transfer
	for _, t := range s.r.transfers {
		if t.session == s {
			own = append(own, t)
		}
	}
	for _, t := range own {
		if t.state == transferOffered {
			// Its data connection may have been made before, and not be seen yet.
			t.offer.acceptNow()
		}
		if t.session != s {
			continue // it ended meanwhile, and its memory serves another
		}
		switch t.state {
		case transferWaiting, transferLingering:
			t.end()
		case transferOffered:
			t.endAs(outcomeUnused, nil)
		case transferMoving:
			t.fail(outcomeLeft, nil)
		default: // it has ended, and waits for a worker
		}
	}
	s.write(append(append(s.r.lineBuffer[:0], codec.ClassicThanks...), '\n'))
}

// closed lets what was offered or moves go on.
func (classicFace) closed(*session) {}

// classicTime is how a message tells the server's local time.
const classicTime = "2006-01-02 15:04:05"

// portsDiffer reports whether no port is named twice, that of base among them; 0 picks a free one.
func portsDiffer(p codec.ClassicPorts, base int) bool {
	named := map[int]bool{base: base > 0}
	for _, port := range []uint16{p.Control, p.Files, p.Messages} {
		if port != 0 && named[int(port)] {
			return false
		}
		named[int(port)] = true
	}
	return true
}
