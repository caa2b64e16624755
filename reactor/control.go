package reactor

import (
	"errors"
	"io"
	"net/netip"

	"ferry/codec"
	"ferry/reactor/loop"
)

// session is one control connection and what it asked for. It is owned by the loop. While it idles
// it holds nothing but this.
type session struct {
	machine
	r       *reactor
	id      uint64
	address *address
	// conn is nil once it is closed.
	conn loop.Control
	peer netip.AddrPort
	dec  codec.Decoder
	// transfer is the one that the session waits for, nil while it is Idle.
	transfer *transfer
	// detached counts the transfers that move without the session waiting for them: classic's.
	detached int
	// idle runs out when the session may have been silent for too long.
	idle loop.Deadline
	// began is when control was accepted, heard when the last whole command came.
	began, heard loop.Instant
	// ahead is how many bytes were sent ahead of the answer to the last command.
	ahead int
	loop.Entry
	// fresh says that no command came yet, so that hello may.
	fresh bool
	// status is what a session of the status exchange has beside this, nil for all others.
	status *statusSession
	// transfers and bytes are for the log line at the end.
	transfers uint64
	bytes     int64
}

// Opened takes a new control connection in, or has it closed at once.
func (r *reactor) Opened(c loop.Control) loop.Session {
	r.count.controlConnections++
	peer := c.Peer()
	ip := peer.Addr()
	if r.draining || !r.admits(ip) {
		r.count.refused++
		return nil
	}
	if !r.limiter.rates.allow(ip, r.loop.Now) {
		r.count.hurried++
		return nil
	}
	a := r.addressOf(ip)
	if !r.limiter.takeSession(a.use) {
		r.count.surplus++
		r.forget(a)
		return nil
	}
	a.sessions++
	f, grammar := faceBase, codec.Commands
	if c.Port() == r.server.ClassicPort() {
		f, grammar = faceClassic, codec.Lines
	}
	s := &session{
		machine: newMachine(f),
		r:       r,
		id:      r.server.sessionID.Add(1),
		address: a,
		conn:    c,
		peer:    peer,
		dec:     codec.NewDecoder(grammar),
		began:   r.loop.Now,
		heard:   r.loop.Now,
		fresh:   f == faceBase && len(r.pools[poolKeyed].ports) > 0,
	}
	s.dec.LimitCommand(r.limiter.limits.CommandBytes)
	s.idle.Owner = s
	r.loop.Deadlines.Set(&s.idle, r.loop.Now+r.limiter.limits.IdleTimeout)
	r.sessions[s] = struct{}{}
	return s
}

// admits says whether an address may connect: Deny goes first, an empty Allow admits all others.
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

// Input takes what came on a control connection.
func (s *session) Input() {
	r := s.r
	if s.exchange.State() == codec.Over {
		s.conn.Discard(s.conn.Buffered())
		return
	}
	r.pump(s)
	if s.conn == nil {
		return
	}
	waiting := s.conn.Buffered()
	if int64(waiting) > r.limiter.limits.ControlBufferBytes {
		r.feed(s, input{kind: inFlood})
	} else if t := s.transfer; t != nil && t.asked == nil && waiting > s.ahead+codec.FieldSize {
		r.furtherCommand(t)
	}
}

// Closed takes the end of a control connection. What was offered or moves goes on without it.
// (PROTOCOL, Base exchange: "An offer outlives its control connection".)
func (s *session) Closed(err error) {
	r := s.r
	s.conn = nil
	if s.exchange.State() != codec.Over {
		var out output
		s.step(input{kind: inEnd}, &out)
		if err != nil && !errors.Is(err, io.EOF) {
			s.reason = endLost
		}
	}
	r.loop.Deadlines.Clear(&s.idle)
	s.dec.Release()
	r.logSession(s)
	delete(r.sessions, s)
	a := s.address
	r.limiter.giveSession(a.use)
	a.sessions--
	if t := s.transfer; t != nil {
		if t.state == transferWaiting {
			r.withdraw(t)
			r.endTransfer(t)
		} else if t.asked == nil {
			r.furtherCommand(t)
		}
	}
	r.freed(a)
	r.forget(a)
	r.checkDrained()
}

// pump takes commands from what the client sent, as long as the session is Idle.
func (r *reactor) pump(s *session) {
	if s.status != nil {
		r.pumpStatus(s)
		return
	}
	for s.conn != nil && (s.exchange.State() == codec.Idle || s.byeWaits()) {
		in := s.conn.Peek()
		ev, n := s.dec.Next(in)
		var t *transfer
		var out output
		switch ev.Kind {
		case codec.EventCommand:
			s.heard = r.loop.Now
			if s.fresh && r.greet(s, ev.Data, n) {
				return
			}
			s.fresh = false
			t = r.command(s, s.parse(ev.Data), &out)
		case codec.EventError:
			s.step(input{kind: inViolation}, &out)
		default: // no more for now: this grammar has no other events
		}
		// Discard takes 0 for everything.
		if n > 0 {
			s.conn.Discard(n)
		}
		r.perform(s, &out)
		if t != nil {
			r.prepare(t)
		}
		if ev.Kind == codec.EventNone {
			return
		}
	}
}

// command steps the session, and returns the transfer that the command asks for, if any. The
// command's bytes are not used after it.
func (r *reactor) command(s *session, c codec.Command, out *output) *transfer {
	r.count.commands++
	s.step(input{kind: inCommand, verb: c.Verb}, out)
	if !out.ask {
		return nil
	}
	return r.newTransfer(s, c)
}

// feed steps the session's machine and performs what it asks for.
func (r *reactor) feed(s *session, in input) {
	var out output
	s.step(in, &out)
	r.perform(s, &out)
}

func (r *reactor) perform(s *session, out *output) {
	switch {
	case out.tell:
		t := s.transfer
		r.tell(s, t.line.pool.ports[t.port].number)
	case out.part:
		r.tell(s, r.parting.number)
	case out.farewell:
		r.farewell(s)
	}
	if out.end != endNot {
		if s.status != nil {
			r.lastWords(s, out)
		}
		r.endSession(s)
	}
	if out.resume {
		r.pump(s)
	}
}

// parse takes a command apart as the session's face writes it.
func (s *session) parse(text []byte) codec.Command {
	if s.face == faceClassic {
		return codec.ParseClassic(text)
	}
	return codec.ParseCommand(text)
}

// tell sends a port.
func (r *reactor) tell(s *session, port uint16) {
	if s.conn == nil {
		return
	}
	s.ahead = s.conn.Buffered()
	switch s.face {
	case faceClassic:
		r.write(s, codec.AppendConn(r.lineBuffer[:0], port))
		return
	case faceStatus:
		r.tellOffer(s, port)
		return
	default:
	}
	r.write(s, codec.AppendField(r.fieldBuffer[:0], int64(port)))
}

// write answers on control. A write that fails ends the session before it returns.
func (r *reactor) write(s *session, answer []byte) {
	c := s.conn
	if err := c.Write(answer); err != nil || s.conn == nil {
		return
	}
	if int64(c.Unsent()) > r.limiter.limits.ControlBufferBytes {
		r.feed(s, input{kind: inFlood})
	}
}

// endSession closes control once our last answer has left, since a close before would cut it off.
func (r *reactor) endSession(s *session) {
	if s.conn == nil {
		return
	}
	if t := s.transfer; t != nil && t.state == transferWaiting {
		// Its port would be told to nobody, and rest for nothing.
		r.withdraw(t)
		r.endTransfer(t)
	}
	if s.conn.Unsent() > 0 {
		r.loop.Deadlines.Set(&s.idle, r.loop.Now+closingGrace)
		return
	}
	s.conn.Close()
}

// Expire ends a session that has been silent for too long, or whose last answer did not leave.
func (s *session) Expire(*loop.Deadline) {
	r := s.r
	if s.exchange.State() == codec.Over {
		if s.conn != nil {
			s.conn.Close()
		}
		return
	}
	timeout := r.limiter.limits.IdleTimeout
	if s.busy() || s.detached > 0 {
		s.heard = r.loop.Now
	}
	if r.loop.Now-s.heard < timeout {
		r.loop.Deadlines.Set(&s.idle, s.heard+timeout)
		return
	}
	r.feed(s, input{kind: inIdle})
}

// moved counts a finished transfer for the session's log line.
func (s *session) moved(t *transfer) {
	s.transfers++
	s.bytes += t.moved
	s.heard = s.r.loop.Now
}
