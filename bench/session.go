package bench

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/zeebo/xxh3"

	"ferry/client"
	"ferry/codec"
)

// A protocol says what a client sends and what the answers mean, without sockets and without a
// clock. It leaves its requests to the loop in the session:
//
//	        open            start                       sent, dataEnded, control
//	control ────► (greeting) ────► control ► data ► ... ──────────────────────► idle again
//
// A session waits for one thing at a time; what arrives elsewhere stays unread. Errors are a
// *client.Error where one fits. An error ends the session.
type protocol interface {
	// open starts a session on a new control connection.
	open(s *session)
	// start starts the transfer of s.job in an idle session.
	start(s *session) error
	// quit ends a session in order. The session is idle once the server has answered.
	quit(s *session)
	// control takes input of the control connection and returns how much it used. The rest comes
	// again, together with what follows.
	control(s *session, in []byte) (int, error)
	// data takes all input of the data connection.
	data(s *session, in []byte) error
	// dataEnded is the end of the data connection; cause is nil for an orderly one.
	dataEnded(s *session, cause error) error
	// sent says that everything to be sent has been written.
	sent(s *session)
	// controlEnded is the end of the control connection; cause is nil for an orderly one.
	controlEnded(s *session, cause error) error
}

// wait is what a session waits for.
type wait uint8

const (
	waitNothing wait = iota // the session is idle
	waitControl             // input on control
	waitData                // input on the data connection, or its end
	// waitSent waits until head and content are written: to the data connection if there is one,
	// otherwise to control.
	waitSent
	// waitEnd waits for the end of the data connection, whose sending side is closed first.
	waitEnd
)

// headMax is the room before a content: a key of 16 bytes and a field.
const headMax = 16 + codec.FieldSize

// session is one client's conversation with a server. The loop owns it.
type session struct {
	protocol protocol
	state    uint8 // the protocol's
	wait     wait
	leaving  bool          // quit was called
	over     bool          // the connection ends after this transfer
	dropData bool          // asks the loop to close the data connection
	port     uint16        // unless 0, asks the loop to open the data connection
	say      []byte        // what the loop has to send on control, valid until its next call
	head     [headMax]byte // sent before the content, or alone
	headLen  uint8
	sends    bool // the job's content follows the head
	job      job
	in       incoming
}

// job is one transfer.
type job struct {
	kind Kind
	name string
	size int64 // size, key and sum describe the content that is sent, or that must come
	key  uint64
	sum  xxh3.Uint128
}

// incoming is the content that a session receives.
type incoming struct {
	// size is what the server announced, -1 before that. got is what came so far.
	size, got int64
	field     [codec.FieldSize]byte
	fieldLen  uint8
	hasher    *xxh3.Hasher // borrowed while a content comes in pieces
	sum       xxh3.Uint128
}

// hasherPool saves memory: a hasher takes over 1 KiB, and files that come in one piece need none.
var hasherPool = sync.Pool{New: func() any { return xxh3.New() }}

// reset makes s the state of a new connection.
func (s *session) reset() {
	s.in.giveBack()
	*s = session{protocol: s.protocol, say: s.say[:0]}
}

// take prepares s to start a job.
func (s *session) take(j job) {
	s.in.giveBack()
	s.job, s.in = j, incoming{size: -1}
	s.headLen, s.sends, s.dropData, s.port = 0, false, false, 0
}

func (in *incoming) giveBack() {
	if in.hasher != nil {
		in.hasher.Reset()
		hasherPool.Put(in.hasher)
		in.hasher = nil
	}
}

// idle makes the session idle: its transfer or its login is complete.
func (s *session) idle() { s.state, s.wait = 0, waitNothing }

// await waits for an answer on control in a state, once s.say is sent.
func (s *session) await(state uint8) { s.state, s.wait = state, waitControl }

// connectTo asks for the data connection.
func (s *session) connectTo(port int64) error {
	if port < 1 || port > 65535 {
		return s.protocolError(fmt.Sprintf("the server named port %d", port))
	}
	s.port = uint16(port)
	return nil
}

// fault is an error of the transfer.
func (s *session) fault(kind, cause error) error {
	return &client.Error{Name: s.job.name, Kind: kind, Err: cause}
}

func (s *session) protocolError(text string) error {
	return s.fault(client.ErrProtocol, errors.New(text))
}

// lost is the error of a control connection that ended.
func (s *session) lost(cause error) error {
	if cause == nil {
		cause = io.EOF
	}
	return s.fault(client.ErrLost, cause)
}

// broken is the error of a data connection that ended early.
func (s *session) broken(cause error) error {
	if cause == nil {
		cause = io.ErrUnexpectedEOF
	}
	return s.fault(client.ErrBroken, cause)
}

// receiveField collects the field before a content and returns the input behind it.
func (s *session) receiveField(b []byte) ([]byte, error) {
	in := &s.in
	n := copy(in.field[in.fieldLen:], b)
	if in.fieldLen += uint8(n); in.fieldLen < codec.FieldSize {
		return nil, nil
	}
	size, err := codec.ParseField(in.field[:])
	if err != nil {
		return nil, s.fault(client.ErrProtocol, err)
	}
	in.size = size
	return b[n:], nil
}

// receive counts and hashes a piece of the content.
func (s *session) receive(b []byte) {
	if len(b) == 0 {
		return
	}
	in := &s.in
	first := in.got == 0
	in.got += int64(len(b))
	switch {
	case s.job.kind != KindGet:
	case first && in.got == s.job.size:
		in.sum = xxh3.Hash128(b)
	default:
		if in.hasher == nil {
			in.hasher = hasherPool.Get().(*xxh3.Hasher)
		}
		_, _ = in.hasher.Write(b) // a hasher takes everything
	}
}

var errSurplus = errors.New("more bytes than announced")

// complete says whether everything announced has come, and checks it then.
func (s *session) complete() (bool, error) {
	switch in := &s.in; {
	case in.size < 0 || in.got < in.size:
		return false, nil
	case in.got > in.size:
		return false, s.fault(client.ErrProtocol, errSurplus)
	default:
		err := s.check()
		return err == nil, err
	}
}

// check compares a download with what was stored. Listings cannot be compared.
func (s *session) check() error {
	if s.job.kind != KindGet {
		return nil
	}
	in := &s.in
	if in.hasher != nil {
		in.sum = in.hasher.Sum128()
		in.giveBack()
	}
	if in.got == 0 && s.job.size > 0 {
		return s.fault(client.ErrNothingSent, nil)
	}
	if in.got != s.job.size || in.got > 0 && in.sum != s.job.sum {
		return fmt.Errorf("%s: %w: %d bytes of hash %x instead of %d of %x", s.job.name,
			errMismatch, in.got, in.sum.Bytes(), s.job.size, s.job.sum.Bytes())
	}
	return nil
}

var (
	errMismatch = errors.New("content differs from what was stored")
	errUnasked  = errors.New("an answer without a command")
	// errReply means that the server refused in words.
	errReply = errors.New("refused")
)

// number reads decimal digits; -1 for anything else.
func number(text []byte) int64 {
	var n int64
	for _, b := range text {
		if b < '0' || b > '9' || n > 1<<50 {
			return -1
		}
		n = n*10 + int64(b-'0')
	}
	if len(text) == 0 {
		return -1
	}
	return n
}
