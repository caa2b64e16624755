package reactor

import (
	"errors"
	"io"
	"net/netip"

	"ferry/codec"
	"ferry/reactor/limit"
	"ferry/reactor/loop"
)

// session is one control connection and what it asked for. It is owned by the loop. While it idles
// it holds nothing but this.
type session struct {
	machine
	r       *reactor
	id      uint64
	address *address
	link
	face face
	*rights
	dec codec.Decoder
	// transfer is the one that the session waits for, nil while there is none.
	transfer *transfer
	// offer is one that stands without a command, nil while there is none.
	offer *offer
	// detached counts the transfers that move without the session waiting for them; ahead is how
	// many bytes were sent ahead of the answer to the last command.
	detached, ahead int32
	// silence runs out when the session may have been silent for too long.
	silence loop.Deadline
	// began is when control was accepted, heard when the last whole command came.
	began, heard loop.Instant
	loop.Entry
	progress
	// peerPort is the client's port; its address is address.ip.
	peerPort uint16
	totals
}

// progress is what a session has come to.
type progress struct {
	// pumping: commands are being taken, so that the end of one does not begin that anew.
	pumping bool
	// heardByte: the first byte came, which says whether TLS begins. greeted: the first command.
	heardByte, greeted bool
	// prompt: the client does not need closesFirst for small downloads. It is not aria2, which
	// sends PASV over IPv4.
	prompt bool
	// cut: TLS ended without close_notify, which may be an attacker's doing.
	cut bool
}

// totals are for the log line at a session's end.
type totals struct {
	transfers uint64
	bytes     int64
}

// Opened admits a new control connection, or has it closed at once.
func (r *reactor) Opened(c loop.Control) loop.Session {
	r.count.controlConnections++
	peer := c.Peer()
	ip := peer.Addr()
	if !r.admits(ip) {
		r.count.refused++
		return nil
	}
	e := r.server.exchangeAt(c.Local().Port())
	a := r.admit(ip)
	if a == nil {
		if len(e.busy) > 0 {
			_ = c.Write(e.busy) // the connection is closed either way
		}
		return nil
	}
	f := e.open(r.server)
	s := &session{
		machine:  newMachine(f.properties()),
		r:        r,
		id:       r.server.sessionID.Add(1),
		address:  a,
		link:     link{conn: c},
		peerPort: peer.Port(),
		face:     f,
		rights:   r.server.anonymous(),
		began:    r.loop.Now,
		heard:    r.loop.Now,
	}
	s.dec = codec.NewDecoder(s.grammar)
	s.dec.LimitCommand(r.limiter.Limits.CommandBytes)
	s.silence.Owner = s
	r.loop.Deadlines.Set(&s.silence, r.loop.Now+r.limiter.Limits.IdleTimeout)
	r.sessions[s] = struct{}{}
	if s.urgent {
		c.InlineUrgent()
	}
	if e.implicitTLS {
		t := r.server.ftpTLS()
		t.greets = true
		s.startTLS(t, true)
		return s
	}
	s.write(f.greeting(s))
	return s
}

// admit counts a session of an address in, or returns nil.
func (r *reactor) admit(ip netip.Addr) *address {
	if r.draining {
		r.count.refused++
		return nil
	}
	if !r.limiter.Rates.Allow(ip, r.loop.Now) {
		r.count.rateLimited++
		return nil
	}
	a := r.addressOf(ip)
	if r.limiter.Take(a.use, limit.Sessions, 1) != limit.Enough {
		r.count.overLimit++
		r.forget(a)
		return nil
	}
	a.sessions++
	return a
}

// admits reports whether an address may connect: Deny wins, and an empty Allow admits all others.
func (r *reactor) admits(ip netip.Addr) bool {
	for _, p := range r.server.options.Deny {
		if p.Contains(ip) {
			return false
		}
	}
	for _, p := range r.server.options.Allow {
		if p.Contains(ip) {
			return true
		}
	}
	return len(r.server.options.Allow) == 0
}

func (s *session) Input() {
	if s.over() {
		s.conn.Discard(s.conn.Buffered())
		return
	}
	if !s.heardByte && s.beginsTLS() {
		return
	}
	s.pump()
	most := s.r.limiter.Limits.ControlBufferBytes
	// TLS itself answers some of what a client sends.
	if s.conn != nil && (int64(s.conn.Buffered()) > most || int64(s.conn.Unsent()) > most) {
		s.feed(inFlood)
	}
}

// Closed takes the end of the control connection. What was offered or moves goes on without it.
// (PROTOCOL.md, Offers.)
func (s *session) Closed(err error) {
	r := s.r
	s.conn = nil
	if !s.over() {
		s.step(inEnd)
		if err != nil && !errors.Is(err, io.EOF) {
			s.reason = endLost
		}
		if s.tls != nil && !s.secure() {
			s.reason = endHandshake
		}
	}
	s.dropAttempt()
	r.loop.Deadlines.Clear(&s.silence)
	if s.tls != nil && s.tls.handshake != nil {
		s.tls.handshake.end()
	}
	s.dec.Release()
	r.logSession(s)
	delete(r.sessions, s)
	a := s.address
	r.limiter.Give(a.use, limit.Sessions, 1)
	a.sessions--
	s.dropWaiting()
	s.dropOffer()
	s.cut = s.secure() && err != nil && !errors.Is(err, io.EOF)
	s.face.closed(s)
	r.freed(a)
	r.forget(a)
	r.checkDrained()
}

// over reports whether the session has ended; control may still be open for its last answer.
func (s *session) over() bool { return s.state == sessionOver }

// pump takes commands from what the client sent, as long as the session waits for one.
func (s *session) pump() {
	if s.pumping {
		return
	}
	s.pumping = true
	first := s.r.batch.begin(s)
	for n := 0; s.conn != nil && !s.over() && s.takeCommand(); n++ {
		if n == commandsATurn {
			s.r.loop.Enqueue(s)
			break
		}
	}
	if first {
		s.r.batch.end()
	}
	s.pumping = false
}

// commandsATurn is how many commands of a session may be answered before others have their turn: an
// answer can be a hundred times longer than its command.
const commandsATurn = 32

// Move takes further commands that were sent ahead.
func (s *session) Move() (more bool) {
	if s.conn != nil && !s.over() {
		s.pump()
	}
	return false // pump has it queued if there is more
}

// takeCommand takes one command, and reports whether there may be another.
func (s *session) takeCommand() bool {
	if !s.awaitsCommand() && !s.face.ahead(s) {
		return false
	}
	in := s.conn.Peek()
	d, n := s.face.next(s, in)
	if s.conn != nil { // an answer of next's that could not be written has closed it
		s.conn.Discard(n)
	}
	if d.kind != decideWait && d.kind != decideViolation {
		s.heard = s.r.loop.Now
		s.r.count.commands++
	}
	switch d.kind {
	case decideBegin:
		s.step(inAsk)
		s.face.prepare(d.transfer)
	case decideFollow:
		s.step(inFollow)
		s.face.prepare(d.transfer)
	case decideRun:
		s.step(inAsk)
		d.run(s)
	case decideAnswer:
		s.step(inAsk)
		s.face.reply(s, d.answer)
		s.feed(inAnswer)
	case decideQuit:
		s.feed(inQuit)
	case decideClosed:
		s.feed(inClosed)
	case decideViolation:
		s.feed(inViolation)
	case decidePlain:
		s.feed(inPlain)
	default:
	}
	return d.kind != decideWait
}

// feed steps the session's machine and performs what it asks for.
func (s *session) feed(in inputKind) {
	out := s.step(in)
	if out.tell {
		s.ahead = int32(s.waiting())
		s.face.offered(s, s.transfer.offer)
	}
	if out.end != endNot {
		s.face.bye(s, out.end)
		s.end()
	}
	if out.resume {
		s.pump()
	}
}

// waiting is how many bytes wait on control.
func (s *session) waiting() int {
	if s.conn == nil {
		return 0
	}
	return s.conn.Buffered()
}

// write answers on control. A write that fails ends the session before it returns.
func (s *session) write(text []byte) {
	if s.conn == nil || len(text) == 0 || s.r.batch.add(s, text) {
		return
	}
	s.writeNow(text)
}

func (s *session) writeNow(text []byte) {
	c := s.conn
	if c.Write(text) != nil || s.conn == nil {
		return
	}
	if int64(c.Unsent()) > s.r.limiter.Limits.ControlBufferBytes {
		s.feed(inFlood)
	}
}

// dropWaiting ends a transfer that has not been offered yet: nobody would be told of its port.
func (s *session) dropWaiting() {
	if t := s.transfer; t != nil && t.state == transferWaiting {
		t.end()
	}
}

// end closes control once our last answer has left, since a close before would cut it off.
func (s *session) end() {
	s.r.batch.flush(s)
	s.dropAttempt()
	if s.conn == nil {
		return
	}
	s.dropWaiting()
	if s.conn.Unsent() > 0 {
		s.r.loop.Deadlines.Set(&s.silence, s.r.loop.Now+closingGrace)
		return
	}
	s.conn.Close()
}

// Expire ends a session that has been silent for too long, or whose last answer did not leave.
func (s *session) Expire(*loop.Deadline) {
	r := s.r
	if s.over() {
		if s.conn != nil {
			s.conn.Close()
		}
		return
	}
	timeout := r.limiter.Limits.IdleTimeout
	if !s.awaitsCommand() || s.detached > 0 {
		s.heard = r.loop.Now
	}
	if r.loop.Now-s.heard < timeout {
		r.loop.Deadlines.Set(&s.silence, s.heard+timeout)
		return
	}
	s.feed(inIdle)
}

// moved counts a finished transfer for the session's log line.
func (s *session) moved(t *transfer) {
	s.transfers++
	s.bytes += t.moved
	s.heard = s.r.loop.Now
}

// batch gathers the replies of the session whose commands are being taken, to send them in one
// write. What is done for one session may let another go on: that one's replies are not gathered.
// It is owned by the loop.
type batch struct {
	s   *session
	out []byte
}

// batchBytes is how much leaves in one write: the replies of hundreds of commands, so that a client
// that sends very many at once does not keep the loop busy with system calls.
const batchBytes = 16 << 10

// begin gathers the replies of a session, unless those of another are gathered already.
func (b *batch) begin(s *session) bool {
	if b.s != nil {
		return false
	}
	b.s = s
	return true
}

// add takes a reply in, and reports whether it did.
func (b *batch) add(s *session, text []byte) bool {
	if b.s != s {
		return false
	}
	if b.out = append(b.out, text...); len(b.out) >= batchBytes {
		b.flush(s)
	}
	return true
}

func (b *batch) flush(s *session) {
	out := b.out
	if b.s != s || len(out) == 0 {
		return
	}
	b.out = out[:0]
	if s.conn != nil {
		s.writeNow(out)
	}
}

func (b *batch) end() {
	b.flush(b.s)
	b.s = nil
}
