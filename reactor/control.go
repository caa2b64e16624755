package reactor

import (
	"errors"
	"io"
	"net"
	"net/netip"

	"github.com/panjf2000/gnet/v2"

	"ferry/codec"
	"ferry/reactor/limit"
)

// session is one control connection and what it asked for. It is owned by the loop. While it idles
// it holds nothing but this.
type session struct {
	machine
	r       *reactor
	id      uint64
	address *address
	// conn is nil once gnet has called OnClose: its descriptor's number may be another's then.
	conn gnet.Conn
	peer netip.AddrPort
	face face
	*rights
	dec codec.Decoder
	// transfer is the one that the session waits for, nil while there is none.
	transfer *transfer
	// detached counts the transfers that move without the session waiting for them.
	detached int
	// silence runs out when the session may have been silent for too long.
	silence deadline
	// began is when control was accepted, heard when the last whole command came.
	began, heard instant
	// ahead is how many bytes were sent ahead of the answer to the last command.
	ahead int
	// queued: it stands in the reactor's queue. pumping: commands are being taken, so that the end
	// of one does not begin that anew. greeted: its first command came.
	queued, pumping, greeted bool
	// transfers and bytes are for the log line at the end.
	transfers uint64
	bytes     int64
}

// OnOpen admits a new control connection, or closes it at once.
func (r *reactor) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	if c.LocalAddr().Network() == "unix" {
		return nil, gnet.None // our own, see reactor.kick
	}
	r.now = r.clock()
	r.count.controlConnections++
	tcp, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return nil, gnet.Close
	}
	peer := tcp.AddrPort()
	ip := peer.Addr().Unmap().WithZone("")
	if r.draining || !r.admits(ip) {
		r.count.refused++
		return nil, gnet.Close
	}
	if !r.limiter.Rates.Allow(ip, r.now) {
		r.count.hurried++
		return nil, gnet.Close
	}
	a := r.addressOf(ip)
	if r.limiter.Take(a.use, limit.Sessions, 1) != limit.Enough {
		r.count.surplus++
		r.forget(a)
		return nil, gnet.Close
	}
	a.sessions++
	f := r.server.faceAt(c.LocalAddr())
	s := &session{
		machine: newMachine(f.properties()),
		r:       r,
		id:      r.server.sessionID.Add(1),
		address: a,
		conn:    c,
		peer:    netip.AddrPortFrom(ip, peer.Port()),
		face:    f,
		rights:  &r.server.rights,
		began:   r.now,
		heard:   r.now,
	}
	s.dec = codec.NewDecoder(s.grammar)
	s.dec.LimitCommand(r.limiter.Limits.CommandBytes)
	s.silence.owner = s
	r.deadlines.set(&s.silence, r.now+r.limiter.Limits.IdleTimeout)
	r.sessions[s] = struct{}{}
	c.SetContext(s)
	r.rearm()
	return f.greeting(s), gnet.None
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

// OnTraffic takes what came on a control connection.
func (r *reactor) OnTraffic(c gnet.Conn) gnet.Action {
	s, ok := c.Context().(*session)
	if !ok || s.conn == nil {
		_, _ = c.Discard(-1)
		if !ok && c.LocalAddr().Network() == "unix" {
			r.turn()
		}
		return gnet.None
	}
	r.now = r.clock()
	if s.over() {
		_, _ = c.Discard(-1)
		return gnet.None
	}
	s.pump()
	if s.conn == nil {
		return gnet.None
	}
	if int64(c.InboundBuffered()) > r.limiter.Limits.ControlBufferBytes {
		s.feed(inFlood)
	}
	r.rearm()
	return gnet.None
}

// OnClose takes the end of a control connection. What was offered or moves goes on without it.
// (PROTOCOL.md, Offers.)
func (r *reactor) OnClose(c gnet.Conn, err error) gnet.Action {
	s, ok := c.Context().(*session)
	if !ok || s.conn == nil {
		return gnet.None
	}
	r.now = r.clock()
	s.conn = nil
	if !s.over() {
		s.step(inEnd)
		if err != nil && !errors.Is(err, io.EOF) {
			s.reason = endLost
		}
	}
	r.deadlines.clear(&s.silence)
	s.dec.Release()
	r.logSession(s)
	delete(r.sessions, s)
	a := s.address
	r.limiter.Give(a.use, limit.Sessions, 1)
	a.sessions--
	if t := s.transfer; t != nil && !s.dropWaiting() {
		s.face.gone(t)
	}
	r.freed(a)
	r.forget(a)
	r.checkDrained()
	r.rearm()
	return gnet.None
}

// over reports whether the session has ended; control may still be open for its last answer.
func (s *session) over() bool { return s.exchange.State() == codec.Over }

// pump takes commands from what the client sent, as long as the session waits for one.
func (s *session) pump() {
	if s.pumping {
		return
	}
	s.pumping = true
	first := s.r.batch.begin(s)
	for n := 0; s.conn != nil && !s.over() && s.takeCommand(); n++ {
		if n == commandsATurn {
			s.r.enqueue(s)
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

// move goes on with commands that were sent ahead.
func (s *session) move() (more bool) {
	if s.conn != nil && !s.over() {
		s.pump()
	}
	return false // pump has it queued if there is more
}

func (s *session) isQueued() *bool { return &s.queued }

// takeCommand takes one command, and reports whether there may be another.
func (s *session) takeCommand() bool {
	if !s.awaitsCommand() && !s.face.ahead(s) {
		return false
	}
	in, _ := s.conn.Peek(-1)
	d, n := s.face.next(s, in)
	if n > 0 { // Discard takes 0 for everything.
		_, _ = s.conn.Discard(n)
	}
	if d.kind != decideWait && d.kind != decideViolation {
		s.heard = s.r.now
		s.r.count.commands++
	}
	switch d.kind {
	case decideBegin:
		s.step(inAsk)
		s.face.prepare(d.transfer)
	case decideFollow:
		s.step(inFollow)
		s.face.prepare(d.transfer)
	case decideAnswer:
		s.step(inAsk)
		s.face.reply(s, d.answer)
		s.feed(inAnswer)
	case decideQuit:
		s.feed(inQuit)
	case decideViolation:
		s.feed(inViolation)
	default:
	}
	return d.kind != decideWait
}

// feed steps the session's machine and performs what it asks for.
func (s *session) feed(in inputKind) {
	out := s.step(in)
	if out.tell {
		s.ahead = s.waiting()
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
	return s.conn.InboundBuffered()
}

// write answers on control. A write that fails ends the session before it returns.
func (s *session) write(text []byte) {
	if s.conn == nil || s.r.batch.add(s, text) {
		return
	}
	s.writeNow(text)
}

func (s *session) writeNow(text []byte) {
	c := s.conn
	if _, err := c.Write(text); err != nil || s.conn == nil {
		return
	}
	if int64(c.OutboundBuffered()) > s.r.limiter.Limits.ControlBufferBytes {
		s.feed(inFlood)
	}
}

// dropWaiting ends a transfer that has not been offered yet: nobody would be told of its port.
func (s *session) dropWaiting() bool {
	t := s.transfer
	if t == nil || t.state != transferWaiting {
		return false
	}
	t.end()
	return true
}

// end closes control once our last answer has left, since a close before would cut it off.
func (s *session) end() {
	s.r.batch.flush(s)
	if s.conn == nil {
		return
	}
	s.dropWaiting()
	if s.conn.OutboundBuffered() > 0 {
		s.r.deadlines.set(&s.silence, s.r.now+closingGrace)
		return
	}
	_ = s.r.loop.Close(s.conn)
}

// expire ends a session that has been silent for too long, or whose last answer did not leave.
func (s *session) expire(*deadline) {
	r := s.r
	if s.over() {
		if s.conn != nil {
			_ = r.loop.Close(s.conn)
		}
		return
	}
	timeout := r.limiter.Limits.IdleTimeout
	if !s.awaitsCommand() || s.detached > 0 {
		s.heard = r.now
	}
	if r.now-s.heard < timeout {
		r.deadlines.set(&s.silence, s.heard+timeout)
		return
	}
	s.feed(inIdle)
}

// moved counts a finished transfer for the session's log line.
func (s *session) moved(t *transfer) {
	s.transfers++
	s.bytes += t.moved
	s.heard = s.r.now
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

// flush sends what was gathered for the session.
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
