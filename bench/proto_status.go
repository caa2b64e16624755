package bench

import (
	"errors"

	"ferry/client"
	"ferry/codec"
)

// status is ferry's status exchange.
type status struct {
	name []byte // of the current call's request
}

// States of status: which reply comes next.
const (
	statusIdle uint8 = iota
	statusHello
	statusAsked
	statusMoving
	statusClosing
)

func (x *status) open(s *session) {
	s.say, _ = codec.AppendRequest(s.say[:0], codec.Request{Verb: codec.VerbHello}) // it fits
	s.await(statusHello)
}

func (x *status) start(s *session) error {
	x.name = append(x.name[:0], s.job.name...)
	say, err := codec.AppendRequest(s.say[:0], codec.Request{
		Verb: verbOf(s.job.kind), Name: x.name,
	})
	if err != nil {
		return s.fault(client.ErrName, err)
	}
	s.say = say
	s.await(statusAsked)
	return nil
}

func (x *status) quit(s *session) {
	s.say, _ = codec.AppendRequest(s.say[:0], codec.Request{Verb: codec.VerbQuit}) // it fits
	s.leaving = true
	s.await(statusIdle)
}

// control takes one reply: a field with its length, and CODE SP text.
func (x *status) control(s *session, in []byte) (int, error) {
	if len(in) < codec.FieldSize {
		return 0, nil
	}
	length, err := codec.ParseField(in[:codec.FieldSize])
	if err != nil {
		return 0, s.fault(client.ErrProtocol, err)
	}
	if length < 3 || length > codec.ReplyMax {
		return 0, s.protocolError("a reply of an invalid length")
	}
	used := codec.FieldSize + int(length)
	if len(in) < used {
		return 0, nil
	}
	text := in[codec.FieldSize:used]
	return used, x.reply(s, int(number(text[:3])), text)
}

func (x *status) reply(s *session, code int, text []byte) error {
	rest := text[min(len(text), 4):]
	switch {
	case s.leaving:
		s.idle()
	case s.state == statusHello && code == codec.CodeOkay:
		if _, ours := codec.ParseHello(rest); !ours {
			return s.protocolError("hello was answered by another kind of server")
		}
		s.idle()
	case s.state == statusAsked && code == codec.CodeOffer:
		return x.offer(s, rest)
	case s.state == statusClosing && code == codec.CodeComplete:
		want := s.in.size
		if s.job.kind == KindPut {
			want = s.job.size
		}
		if size, ok := codec.ParseSize(rest); !ok || size != want {
			return s.protocolError("226 with another size")
		}
		s.idle()
	default:
		return s.fault(errReply, errors.New(string(text)))
	}
	return nil
}

// offer connects to an offer; its KEY is the first thing that the client sends there.
func (x *status) offer(s *session, text []byte) error {
	offer, ok := codec.ParseOffer(verbOf(s.job.kind), text)
	if !ok {
		return s.protocolError("an incomplete offer")
	}
	head := append(s.head[:0], offer.Key[:]...)
	if s.job.kind == KindPut {
		head = codec.AppendField(head, s.job.size)
		s.sends = true
	}
	s.headLen, s.state, s.wait = uint8(len(head)), statusMoving, waitSent
	return s.connectTo(int64(offer.Port))
}

func (x *status) data(s *session, in []byte) error {
	whole, err := s.receiveRecord(in)
	if whole {
		x.moved(s)
	}
	return err
}

func (x *status) dataEnded(s *session, cause error) error { return s.broken(cause) }

// sent: after the KEY of a get the file comes, after a put the reply.
func (x *status) sent(s *session) {
	if s.job.kind == KindPut {
		x.moved(s)
		return
	}
	s.wait = waitData
}

// moved closes the data connection and waits for the last reply.
func (x *status) moved(s *session) {
	s.dropData = true
	s.await(statusClosing)
}

func (x *status) controlEnded(s *session, cause error) error { return s.lost(cause) }
