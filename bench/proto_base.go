package bench

import (
	"bytes"

	"ferry/client"
	"ferry/codec"
)

// base is ferry's base exchange. A session is idle, or waits for a port, or moves a file.
type base struct{}

func (base) open(s *session) { s.idle() }

func (base) start(s *session) error {
	say, err := codec.AppendCommand(s.say[:0], verbOf(s.job.kind), s.job.name)
	if err != nil {
		return s.fault(client.ErrName, err)
	}
	s.say, s.wait = say, waitControl
	return nil
}

func verbOf(k Kind) codec.Verb {
	switch k {
	case KindPut:
		return codec.VerbPut
	case KindList:
		return codec.VerbList
	default:
		return codec.VerbGet
	}
}

func (base) quit(s *session) {
	s.say, _ = codec.AppendCommand(s.say[:0], codec.VerbQuit, "") // it fits
	s.leaving, s.wait = true, waitControl
}

// control takes a port, the only thing that base says on control.
func (base) control(s *session, in []byte) (int, error) {
	if len(in) < codec.FieldSize {
		return 0, nil
	}
	port, err := codec.ParseField(in[:codec.FieldSize])
	switch {
	case err != nil:
		return 0, s.fault(client.ErrProtocol, err)
	case s.leaving:
		s.idle()
		return len(in), nil
	case len(in) > codec.FieldSize:
		return 0, s.fault(client.ErrProtocol, errUnasked)
	}
	s.wait = waitData
	if s.job.kind == KindPut {
		s.headLen = uint8(len(codec.AppendField(s.head[:0], s.job.size)))
		s.sends, s.wait = true, waitSent
	}
	return codec.FieldSize, s.connectTo(port)
}

func (base) data(s *session, in []byte) error {
	if s.wait == waitEnd {
		return s.protocolError("bytes in answer to a put")
	}
	whole, err := s.receiveRecord(in)
	if whole {
		s.idle()
		s.dropData = true
	}
	return err
}

// receiveRecord takes field(size) and the bytes behind it, and says whether all have come.
func (s *session) receiveRecord(b []byte) (whole bool, err error) {
	if s.in.size < 0 {
		if b, err = s.receiveField(b); err != nil {
			return false, err
		}
	}
	if s.in.got == 0 && s.job.kind == KindList && bytes.HasPrefix(b, []byte("550 ")) {
		return false, s.fault(client.ErrNoFolder, nil)
	}
	s.receive(b)
	return s.complete()
}

// dataEnded is how base confirms a put, by an orderly close, or refuses it, by a reset.
func (base) dataEnded(s *session, cause error) error {
	switch {
	case s.job.kind != KindPut:
		return s.broken(cause)
	case cause != nil || s.wait != waitEnd:
		return s.fault(client.ErrRefused, nil)
	}
	s.idle()
	s.dropData = true
	return nil
}

func (base) sent(s *session) { s.wait = waitEnd }

// controlEnded: a server that closes without an answer has understood quit as well.
func (base) controlEnded(s *session, cause error) error {
	if s.leaving {
		s.idle()
		return nil
	}
	return s.lost(cause)
}
