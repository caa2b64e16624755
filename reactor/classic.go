package reactor

import (
	"errors"
	"fmt"
	"time"

	"ferry/codec"
	"ferry/fsio"
)

// The classic face: text lines on control, and two ports for all sessions, one for files and one
// for messages. Each is a pool of one, so that an offer on it goes to one session of an address at
// a time. The session goes on as soon as its data connection is made; the transfer is detached from
// it. (PROTOCOL, Classic exchange: "A session's commands are answered while its earlier files are
// still moving".)

// face is the exchange that a session speaks.
type face uint8

const (
	faceBase face = iota
	faceClassic
	faceStatus
)

// ClassicPorts are the fixed ports of the classic exchange; 0 picks a free one.
type ClassicPorts struct {
	// Control carries commands, Files one file a connection, Messages one message each.
	Control, Files, Messages uint16
}

// DefaultClassicPorts are the ports that clients of the classic exchange know.
func DefaultClassicPorts() ClassicPorts { return ClassicPorts{20021, 20020, 20023} }

// String is the ports as the flag takes them.
func (p ClassicPorts) String() string {
	return fmt.Sprintf("%d,%d,%d", p.Control, p.Files, p.Messages)
}

// differ says whether no port is named twice, that of base among them.
func (p ClassicPorts) differ(base int) bool {
	named := map[int]bool{base: base > 0}
	for _, port := range []uint16{p.Control, p.Files, p.Messages} {
		if port != 0 && named[int(port)] {
			return false
		}
		named[int(port)] = true
	}
	return true
}

// classicTime is how a message tells the server's local time.
const classicTime = "2006-01-02 15:04:05"

// framed says whether a field goes before what is sent.
func (t *transfer) framed() bool { return t.session.face != faceClassic }

// prepare finds out on which pool a command's offer has to stand, and asks for a port of it.
func (r *reactor) prepare(t *transfer) {
	switch {
	case t.asked != nil:
		r.prepareStatus(t)
	case t.framed():
		r.request(t, poolData)
	case t.verb == codec.VerbGet:
		r.look(t)
	default:
		t.outcome = outcomeUnknown
		r.request(t, poolMessages)
	}
}

// look finds out whether there is a file to send, since the client has to be told another port if
// there is none. Nothing is held until the client connects: what changes meanwhile shows then.
func (r *reactor) look(t *transfer) {
	name, err := t.parseName()
	if r.server.options.UploadOnly {
		err = errUploadOnly
	}
	if err != nil {
		r.looked(t, err)
		return
	}
	t.send.name = name
	err = r.store.OpenCached(&t.send.file, name)
	switch {
	case err == nil:
		r.looked(t, t.send.file.Close())
	case errors.Is(err, fsio.ErrWouldBlock):
		r.submit(t, jobLook)
	default:
		r.looked(t, err)
	}
}

// looked goes on with what was found.
func (r *reactor) looked(t *transfer, err error) {
	if err == nil {
		r.request(t, poolFiles)
		return
	}
	t.outcome, t.err = outcomeMissing, err
	r.request(t, poolMessages)
}

// detach lets the session go on while its transfer moves.
func (r *reactor) detach(t *transfer) {
	t.released = true
	t.session.transfer = nil
	t.session.detached++
	if t.line.pool == &r.pools[poolFiles] {
		// The end of the file is the close: if this process is killed it has to be a reset.
		setReset(t.fd, true)
	}
}

// sendClassic answers a classic command on the data connection.
func (r *reactor) sendClassic(t *transfer) {
	now := time.Now().Format(classicTime)
	switch t.outcome {
	case outcomeUnknown:
		r.sendMessage(t, codec.AppendClassicUnknown(nil, now))
	case outcomeMissing:
		r.sendMessage(t, codec.AppendNotFound(nil, now))
	default:
		r.beginGet(t)
	}
}

// byeWaits says whether a classic session that waits for its data connection has been sent the end
// of the session instead, which is not to wait for it.
func (s *session) byeWaits() bool {
	if s.face != faceClassic || s.conn == nil {
		return false
	}
	if st := s.exchange.State(); st != codec.Asked && st != codec.Offered {
		return false
	}
	in, _ := s.conn.Peek(-1)
	d := codec.NewDecoder(codec.Lines)
	defer d.Release()
	ev, _ := d.Next(in)
	return ev.Kind == codec.EventCommand && codec.ParseClassic(ev.Data).Verb == codec.VerbQuit
}

// farewell ends what moves for a session, and thanks. (PROTOCOL, Classic exchange: "ends this
// session's transfers on 20020, sends THANK YOU […] on control, closes control and this session's
// 20023 connection".)
func (r *reactor) farewell(s *session) {
	var own []*transfer
	for _, t := range r.transfers {
		if t.session == s {
			own = append(own, t)
		}
	}
	for _, t := range own {
		if t.state == transferOffered {
			// Its data connection may have been made before, and not be seen yet.
			r.acceptNow(t)
		}
		if t.session != s {
			continue // it ended meanwhile, and its memory serves another
		}
		switch t.state {
		case transferWaiting:
			r.withdraw(t)
			r.endTransfer(t)
		case transferOffered:
			r.endOffer(t)
		case transferMoving:
			r.failTransfer(t, outcomeLeft, nil)
		case transferLingering:
			r.endTransfer(t)
		default: // it has ended, and waits for a worker
		}
	}
	if s.conn != nil {
		r.write(s, append(append(r.lineBuffer[:0], codec.ClassicThanks...), '\n'))
	}
}
