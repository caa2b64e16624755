package bench

import (
	"errors"
	"fmt"
	"io"

	"github.com/zeebo/xxh3"

	"ferry/client"
	"ferry/codec"
)

// An exchange is how one protocol is spoken: what a client says, and what the answers mean. It has
// no sockets and no clock, so that every driver can use it. It says what it wants through the talk
// that it is handed:
//
//	        open            begin                       sent, ended, heard
//	control ────► (greeting) ────► control ► data ► ... ──────────────────► free again
//
// At any time a talk waits for one thing, its wait; what arrives elsewhere meanwhile stays unread.
// Errors are a *client.Error where they mean what they mean there. After an error the talk is given
// up, and its session with it.
type exchange interface {
	// open begins a session whose control connection stands.
	open(t *talk)
	// begin begins the transfer of t.job, in a session that is free.
	begin(t *talk) error
	// leave ends a session in order. It is free once it is answered.
	leave(t *talk)
	// heard takes input of control and says how much of it was taken. What was not is offered
	// again with what follows it.
	heard(t *talk, in []byte) (int, error)
	// came takes all of the data connection's input.
	came(t *talk, in []byte) error
	// ended is the data connection's end: nil for one in order.
	ended(t *talk, cause error) error
	// sent says that all has left that was to be sent.
	sent(t *talk)
	// hungUp is control's end, while the talk waits for anything: nil for one in order.
	hungUp(t *talk, cause error) error
}

// wait is what a talk waits for.
type wait uint8

const (
	// waitNothing: the session is free.
	waitNothing wait = iota
	// waitControl: input of control.
	waitControl
	// waitData: input of the data connection, or its end.
	waitData
	// waitSent: that the head and the job's content have left, on the data connection if there
	// is one, else on control.
	waitSent
	// waitEnd: the end of the data connection, whose sending side is to be ended first.
	waitEnd
)

// headMax is the room before a content: a key of 16 bytes and a field.
const headMax = 16 + codec.FieldSize

// talk is one session's conversation with a server. Its driver owns it.
type talk struct {
	exchange exchange
	state    uint8
	wait     wait
	// leaving says that the session is being ended.
	leaving bool
	// over says that the server wants the session ended after this transfer.
	over bool
	// unconfirmed says that the transfer counts as done, though the server did not say so.
	unconfirmed bool
	// dropData asks the driver to close the data connection.
	dropData bool
	// port, unless 0, asks the driver to connect the data connection there.
	port uint16
	// say is what the driver is to send on control. It lives until the driver's next call.
	say []byte
	// head is sent before the content, or alone.
	head    [headMax]byte
	headLen uint8
	// content says that the job's content follows the head.
	content bool

	job job
	// size is what the server announced, negative until it has. got counts what came of it.
	size, got int64
	field     [codec.FieldSize]byte
	fieldLen  uint8
	chunk     chunked
	hasher    *xxh3.Hasher // borrowed while a content comes in pieces
	sum       xxh3.Uint128
	hashers   *hashers
}

// job is what a talk is to do.
type job struct {
	kind Kind
	name string
	// size, key and sum describe the content that is to be sent, or that must come.
	size int64
	key  uint64
	sum  xxh3.Uint128
	// rate slows it down, in bytes a second. 0: as fast as it goes. Only a crowd looks at it.
	rate int64
}

// hashers lends what hashes a content in pieces: it takes more than a kilobyte, and most contents
// come in one. Owned by one goroutine.
type hashers struct{ free []*xxh3.Hasher }

func (h *hashers) borrow() *xxh3.Hasher {
	n := len(h.free)
	if n == 0 {
		return xxh3.New()
	}
	one := h.free[n-1]
	h.free = h.free[:n-1]
	one.Reset()
	return one
}

// fresh makes the talk one of a new session.
func (t *talk) fresh() {
	t.giveBack()
	*t = talk{exchange: t.exchange, hashers: t.hashers, say: t.say[:0]}
}

// take makes t ready to begin a job.
func (t *talk) take(j job) {
	t.job = j
	t.size, t.got, t.fieldLen, t.headLen = -1, 0, 0, 0
	t.content, t.unconfirmed, t.dropData = false, false, false
	t.port, t.sum = 0, xxh3.Uint128{}
	t.giveBack()
}

func (t *talk) giveBack() {
	if t.hasher != nil {
		t.hashers.free = append(t.hashers.free, t.hasher)
		t.hasher = nil
	}
}

// connectTo asks for the data connection.
func (t *talk) connectTo(port int64) error {
	if port < 1 || port > 65535 {
		return t.fault(client.ErrProtocol, fmt.Errorf("it told port %d", port))
	}
	t.port = uint16(port)
	return nil
}

// fault is an error of the transfer.
func (t *talk) fault(kind, cause error) error {
	return &client.Error{Name: t.job.name, Kind: kind, Err: cause}
}

// lost is the error of a control connection that ended.
func (t *talk) lost(cause error) error {
	if cause == nil {
		cause = io.EOF
	}
	return t.fault(client.ErrLost, cause)
}

// takeField gathers the field that a content begins with, and returns what is behind it.
func (t *talk) takeField(in []byte) ([]byte, error) {
	n := copy(t.field[t.fieldLen:], in)
	t.fieldLen += uint8(n)
	if t.fieldLen < codec.FieldSize {
		return nil, nil
	}
	size, err := codec.ParseField(t.field[:])
	if err != nil {
		return nil, t.fault(client.ErrProtocol, err)
	}
	t.size = size
	return in[n:], nil
}

// receive counts and hashes a piece of the content.
func (t *talk) receive(in []byte) {
	if len(in) == 0 {
		return
	}
	first := t.got == 0
	t.got += int64(len(in))
	switch {
	case t.job.kind != KindGet:
	case first && t.got == t.job.size:
		t.sum = xxh3.Hash128(in)
	default:
		if t.hasher == nil {
			t.hasher = t.hashers.borrow()
		}
		_, _ = t.hasher.Write(in) // a hash takes everything
	}
}

// errSurplus means that more came than was announced.
var errSurplus = errors.New("more bytes than were announced")

// whole says whether all that was announced has come, and whether it is what it should be.
func (t *talk) whole() (bool, error) {
	switch {
	case t.size < 0 || t.got < t.size:
		return false, nil
	case t.got > t.size:
		return false, t.fault(client.ErrProtocol, errSurplus)
	default:
		return true, t.check()
	}
}

// check compares what came with what had to come. A listing has no content that is known
// beforehand.
func (t *talk) check() error {
	if t.job.kind != KindGet {
		return nil
	}
	if t.hasher != nil {
		t.sum = t.hasher.Sum128()
		t.giveBack()
	}
	if t.got == 0 && t.job.size > 0 {
		return t.fault(client.ErrNothingSent, nil)
	}
	if t.got != t.job.size || t.got > 0 && t.sum != t.job.sum {
		return &mismatch{*t}
	}
	return nil
}

// mismatch tells what came from what was put.
type mismatch struct{ talk }

// Error names both.
func (m *mismatch) Error() string {
	return fmt.Sprintf("%s: %v: %d bytes of hash %x, not %d of %x", m.job.name, errMismatch, m.got,
		m.sum.Bytes(), m.job.size, m.job.sum.Bytes())
}

// Unwrap gives the kind.
func (m *mismatch) Unwrap() error { return errMismatch }

// errMismatch means that other bytes came than were put.
var errMismatch = errors.New("other content than was put")
