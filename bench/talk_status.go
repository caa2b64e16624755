package bench

import (
	"errors"

	"ferry/client"
	"ferry/codec"
)

// status is the status exchange.
type status struct {
	name []byte // of the running call's request
}

// States of status: whose reply comes next.
const (
	statusFree uint8 = iota
	statusHello
	statusAsked
	statusMoving
	statusClosing
	statusLeaving
)

// open implements exchange. (PROTOCOL, Status exchange: "The client's first command is hello 1".)
func (s *status) open(t *talk) {
	t.say, _ = codec.AppendRequest(t.say[:0], codec.Request{Verb: codec.VerbHello}) // it fits
	t.state, t.wait = statusHello, waitControl
}

// begin implements exchange.
func (s *status) begin(t *talk) error {
	s.name = append(s.name[:0], t.job.name...)
	say, err := codec.AppendRequest(t.say[:0], codec.Request{
		Verb: verbOf(t.job.kind), Name: s.name,
	})
	if err != nil {
		return t.fault(client.ErrName, err)
	}
	t.say, t.state, t.wait = say, statusAsked, waitControl
	return nil
}

// leave implements exchange.
func (s *status) leave(t *talk) {
	t.say, _ = codec.AppendRequest(t.say[:0], codec.Request{Verb: codec.VerbQuit}) // it fits
	t.leaving, t.state, t.wait = true, statusLeaving, waitControl
}

// heard implements exchange: it takes one reply. (PROTOCOL: "every reply on control is a frame:
// field(length) + CODE SP text, no line end, at most 8,192 bytes".)
func (s *status) heard(t *talk, in []byte) (int, error) {
	if len(in) < codec.FieldSize {
		return 0, nil
	}
	length, err := codec.ParseField(in[:codec.FieldSize])
	if err != nil {
		return 0, t.fault(client.ErrProtocol, err)
	}
	if length < 3 || length > codec.ReplyMax {
		return 0, t.fault(client.ErrProtocol, errors.New("a reply of a length that cannot be"))
	}
	used := codec.FieldSize + int(length)
	if len(in) < used {
		return 0, nil
	}
	text := in[codec.FieldSize:used]
	return used, s.replied(t, number(text[:3]), text)
}

// replied goes on after a reply.
func (s *status) replied(t *talk, code int, text []byte) error {
	rest := text[min(len(text), 4):]
	switch {
	case t.state == statusLeaving:
		t.wait = waitNothing
	case t.state == statusHello && code == codec.CodeOkay:
		if _, ours := codec.ParseHello(rest); !ours {
			return t.fault(client.ErrProtocol, errors.New("hello was answered by another server"))
		}
		t.state, t.wait = statusFree, waitNothing
	case t.state == statusAsked && code == codec.CodeOffer:
		return s.offered(t, rest)
	case t.state == statusClosing && code == codec.CodeComplete:
		size, ok := codec.ParseSize(rest)
		if want := t.size; !ok || t.job.kind != KindPut && size != want ||
			t.job.kind == KindPut && size != t.job.size {
			return t.fault(client.ErrProtocol, errors.New("226 with another size"))
		}
		t.state, t.wait = statusFree, waitNothing
	default:
		return t.fault(errReply, errors.New(string(text)))
	}
	return nil
}

// offered connects, and says the offer's KEY there first.
func (s *status) offered(t *talk, text []byte) error {
	offer, ok := codec.ParseOffer(verbOf(t.job.kind), text)
	if !ok {
		return t.fault(client.ErrProtocol, errors.New("an offer without its words"))
	}
	head := append(t.head[:0], offer.Key[:]...)
	if t.job.kind == KindPut {
		head = codec.AppendField(head, t.job.size)
		t.content = true
	}
	t.headLen, t.state, t.wait = uint8(len(head)), statusMoving, waitSent
	return t.connectTo(int64(offer.Port))
}

// came implements exchange.
func (s *status) came(t *talk, in []byte) error {
	whole, err := t.record(in)
	if whole {
		s.close(t)
	}
	return err
}

// ended implements exchange.
func (s *status) ended(t *talk, cause error) error {
	if cause == nil {
		cause = errors.New("the server closed it")
	}
	return t.fault(client.ErrBroken, cause)
}

// sent implements exchange: after the KEY of a get comes the file, after a put the reply.
func (s *status) sent(t *talk) {
	if t.job.kind == KindPut {
		s.close(t)
		return
	}
	t.wait = waitData
}

// close gives the data connection up and waits for the last reply. (PROTOCOL: a put is "whole at
// size, whoever closes first".)
func (s *status) close(t *talk) { t.state, t.wait, t.dropData = statusClosing, waitControl, true }

// hungUp implements exchange.
func (s *status) hungUp(t *talk, cause error) error { return t.lost(cause) }
