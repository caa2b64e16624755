package bench

import (
	"bytes"
	"errors"
	"io"

	"ferry/client"
	"ferry/codec"
)

// base is the base exchange.
type base struct{}

// States of base: which field or bytes come next.
const (
	baseFree uint8 = iota
	baseAsked
	baseMoving
)

// open implements exchange: the server greets nobody.
func (base) open(t *talk) { t.state, t.wait = baseFree, waitNothing }

// begin implements exchange.
func (base) begin(t *talk) error {
	say, err := codec.AppendCommand(t.say[:0], verbOf(t.job.kind), t.job.name)
	if err != nil {
		return t.fault(client.ErrName, err)
	}
	t.say, t.state, t.wait = say, baseAsked, waitControl
	return nil
}

// verbOf is the command of a kind of transfer.
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

// leave implements exchange.
func (base) leave(t *talk) {
	t.say, _ = codec.AppendCommand(t.say[:0], codec.VerbQuit, "") // it fits
	t.leaving, t.wait = true, waitControl
}

// heard implements exchange: control brings ports alone.
func (base) heard(t *talk, in []byte) (int, error) {
	if len(in) < codec.FieldSize {
		return 0, nil
	}
	port, err := codec.ParseField(in[:codec.FieldSize])
	if err != nil {
		return 0, t.fault(client.ErrProtocol, err)
	}
	if t.leaving {
		t.wait = waitNothing
		return len(in), nil
	}
	if len(in) > codec.FieldSize {
		return 0, t.fault(client.ErrProtocol, errUnasked)
	}
	t.state = baseMoving
	if t.job.kind == KindPut {
		t.headLen = uint8(len(codec.AppendField(t.head[:0], t.job.size)))
		t.content, t.wait = true, waitSent
	} else {
		t.wait = waitData
	}
	return codec.FieldSize, t.connectTo(port)
}

var errUnasked = errors.New("an answer that no command asked for")

// came implements exchange. (PROTOCOL, Base exchange: "server → client: field(size), then the
// file's bytes".)
func (base) came(t *talk, in []byte) error {
	if t.wait == waitEnd {
		return t.fault(client.ErrProtocol, errors.New("bytes in answer to a put"))
	}
	whole, err := t.record(in)
	if whole {
		t.state, t.wait, t.dropData = baseFree, waitNothing, true
	}
	return err
}

// record takes field(size) and the bytes, and says whether all are there and as they should be.
func (t *talk) record(in []byte) (whole bool, err error) {
	if t.size < 0 {
		if in, err = t.takeField(in); err != nil {
			return false, err
		}
	}
	if t.got == 0 && t.job.kind == KindList && bytes.HasPrefix(in, []byte("550 ")) {
		return false, t.fault(client.ErrNoFolder, nil)
	}
	t.receive(in)
	whole, err = t.whole()
	return whole && err == nil, err
}

// ended implements exchange.
func (base) ended(t *talk, cause error) error {
	if t.job.kind != KindPut {
		if cause == nil {
			cause = io.ErrUnexpectedEOF
		}
		return t.fault(client.ErrBroken, cause)
	}
	// PROTOCOL, Base exchange: "The server closes a put cleanly after the commit only; a put that
	// is refused or fails is reset".
	if cause != nil || t.wait != waitEnd {
		return t.fault(client.ErrRefused, nil)
	}
	t.state, t.wait, t.dropData = baseFree, waitNothing, true
	return nil
}

// sent implements exchange. (PROTOCOL: "Our client ends its sending side and waits".)
func (base) sent(t *talk) { t.wait = waitEnd }

// silent ends a put that the server does not confirm. (PROTOCOL: "silence = sent, not confirmed".)
func (base) silent(t *talk) bool {
	if t.wait != waitEnd {
		return false
	}
	t.state, t.wait, t.dropData, t.unconfirmed = baseFree, waitNothing, true, true
	return true
}

// hungUp implements exchange. A server that closes without an answer has understood quit too.
func (base) hungUp(t *talk, cause error) error {
	if t.leaving {
		t.wait = waitNothing
		return nil
	}
	return t.lost(cause)
}
