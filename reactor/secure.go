package reactor

import (
	"container/list"
	"net/netip"
	"time"

	"ferry/reactor/limit"
	"ferry/reactor/loop"
)

// TLS handshakes of control and data connections: how many there may be, and how long they may
// take. The connection belongs to a session or an offer once its handshake has ended well.
// (PROTOCOL.md, TLS.)

// handshakes are the handshakes of one reactor.
type handshakes struct {
	// counted are those that have one of limit.Handshakes, the oldest first. waiting are those of
	// control connections that wait for one.
	counted, waiting list.List
	// retry is when those that wait are looked at again, unless a handshake ends before.
	retry loop.Deadline
}

// handshake is one handshake. It is owned by the loop.
type handshake struct {
	r    *reactor
	loop *loop.Handshake
	use  *limit.Address
	// owner has the connection.
	owner handshakeOwner
	// place is its element in counted or in waiting, nil if it is in neither.
	place   *list.Element
	counted bool
	began   loop.Instant
	// deadline is the end of the time that an offer has, too.
	deadline loop.Deadline
}

// handshakeOwner owns a connection in its handshake.
type handshakeOwner interface {
	// handshakeDone follows the end of the handshake, well or not.
	handshakeDone(err error)
	// cancel closes the connection, and ends the handshake.
	cancel()
}

// handshakePatience is how long a handshake may wait for its client when another one needs its
// place. A client answers within a round trip, or two if a segment is lost.
const handshakePatience = time.Second

func (r *reactor) newHandshake(ip netip.Addr, owner handshakeOwner) *handshake {
	h := &handshake{r: r, owner: owner, use: r.limiter.Hold(ip), began: r.loop.Now}
	h.deadline.Owner = h
	r.loop.Deadlines.Set(&h.deadline, r.loop.Now+r.limiter.Limits.OfferTimeout)
	return h
}

// take takes a place among the handshakes, if need be that of one whose client does not answer.
func (h *handshake) take() bool {
	r := h.r
	short := r.limiter.Take(h.use, limit.Handshakes, 1)
	for ; short != limit.Enough; short = r.limiter.Take(h.use, limit.Handshakes, 1) {
		stale := r.handshakes.stale(h.use, short, r.loop.Now)
		if stale == nil {
			return false
		}
		stale.owner.cancel()
	}
	h.counted = true
	h.place = r.handshakes.counted.PushBack(h)
	return true
}

// stale is the oldest handshake that has waited too long for its client, of the address alone if
// that has its share.
func (s *handshakes) stale(u *limit.Address, short limit.Shortage, now loop.Instant) *handshake {
	for at := s.counted.Front(); at != nil; at = at.Next() {
		h := at.Value.(*handshake)
		if now-h.began < handshakePatience {
			return nil
		}
		if (short == limit.ShortServer || h.use == u) && h.loop.Waits() {
			return h
		}
	}
	return nil
}

// HelloArrived implements loop.HandshakeOwner. A control connection has cost nothing so far.
func (h *handshake) HelloArrived(of *loop.Handshake) {
	if h.counted || h.take() {
		of.Start()
		return
	}
	s := &h.r.handshakes
	h.place = s.waiting.PushBack(h)
	h.r.retryHandshakes()
}

// HandshakeDone implements loop.HandshakeOwner.
func (h *handshake) HandshakeDone(_ *loop.Handshake, err error) {
	h.end()
	if err != nil {
		h.r.count.handshakesFailed++
	} else {
		h.r.count.handshakes++
	}
	h.owner.handshakeDone(err)
}

// end gives back what the handshake had.
func (h *handshake) end() {
	r := h.r
	if h.use == nil {
		return
	}
	r.loop.Deadlines.Clear(&h.deadline)
	switch {
	case h.counted:
		r.handshakes.counted.Remove(h.place)
		r.limiter.Give(h.use, limit.Handshakes, 1)
	case h.place != nil:
		r.handshakes.waiting.Remove(h.place)
	}
	r.limiter.Release(h.use)
	h.use, h.place = nil, nil
	if h.counted {
		r.serveHandshakes()
	}
	if r.handshakes.waiting.Len() == 0 {
		r.loop.Deadlines.Clear(&r.handshakes.retry)
	}
}

// serveHandshakes starts handshakes that wait for a place, as far as there are any.
func (r *reactor) serveHandshakes() {
	s := &r.handshakes
	for next := s.waiting.Front(); next != nil; {
		h := next.Value.(*handshake)
		next = next.Next()
		if r.limiter.Take(h.use, limit.Handshakes, 1) != limit.Enough {
			continue // its address may have its share, and others not
		}
		s.waiting.Remove(h.place)
		h.counted, h.place = true, s.counted.PushBack(h)
		h.loop.Start()
		return // one has ended, and one begins
	}
}

// retryHandshakes has those that wait looked at again in a while.
func (r *reactor) retryHandshakes() {
	if d := &r.handshakes.retry; !d.IsSet() {
		d.Owner = r
		r.loop.Deadlines.Set(d, r.loop.Now+handshakePatience)
	}
}

// Expire implements loop.Expirer for handshakes that wait: clients may have stopped answering, and
// other reactors may have given places back.
func (r *reactor) Expire(*loop.Deadline) {
	s := &r.handshakes
	for range s.waiting.Len() {
		h := s.waiting.Front().Value.(*handshake)
		s.waiting.Remove(h.place)
		h.place = nil
		if h.take() {
			h.loop.Start()
		} else {
			h.place = s.waiting.PushBack(h)
		}
		if s.waiting.Len() == 0 {
			return
		}
	}
	r.retryHandshakes()
}

// Expire ends a handshake that took too long.
func (h *handshake) Expire(*loop.Deadline) { h.owner.cancel() }

// dropAll ends the handshakes of data connections. Those of control end with their session.
func (s *handshakes) dropAll() {
	for at := s.counted.Front(); at != nil; {
		h := at.Value.(*handshake)
		at = at.Next()
		if _, isData := h.owner.(*pendingTLS); isData {
			h.owner.cancel()
		}
	}
}

// link is the control connection of a session.
type link struct {
	// conn is nil once it is closed.
	conn loop.Control
	// tls is nil before control is TLS, or is about to be.
	tls *sessionTLS
}

// sessionTLS is how a session's connections are encrypted.
type sessionTLS struct {
	settings *loop.TLS
	// handshake is that of control, nil once it has ended.
	handshake *handshake
	// greets: the session began with TLS, and is greeted in it. Its data connections are TLS from
	// the start as well: Perl's Net::FTP takes that for granted.
	greets bool
	// control: control is TLS. data: data connections must be. mustResume: they must resume the
	// session of control.
	control, data, mustResume bool
}

// secure reports whether control is TLS.
func (s *session) secure() bool { return s.tls != nil && s.tls.control }

// secureData reports whether data connections must be TLS. Otherwise they must not be.
func (s *session) secureData() bool { return s.tls != nil && s.tls.data }

// beginsTLS looks at the first byte of a session, and reports whether it begins TLS.
func (s *session) beginsTLS() bool {
	in := s.conn.Peek()
	if len(in) == 0 {
		return false
	}
	s.heardByte = true
	t := s.r.server.tls
	if in[0] != loop.FirstTLSByte || !s.firstTLS || t == nil {
		return false
	}
	s.startTLS(sessionTLS{settings: t}, true)
	return true
}

// startTLS makes control TLS. What the client has sent already begins the handshake if keep is set,
// and is dropped otherwise: commands that were sent in clear must not count as said in TLS.
func (s *session) startTLS(t sessionTLS, keep bool) {
	s.r.batch.flush(s)
	if s.conn == nil {
		return
	}
	s.heardByte = true
	h := s.r.newHandshake(s.address.ip, s)
	t.handshake, s.tls = h, &t
	h.loop = s.conn.StartTLS(t.settings, keep, h)
	h.loop.Begin()
}

// handshakeDone implements handshakeOwner. After an error the connection closes itself.
func (s *session) handshakeDone(err error) {
	s.tls.handshake = nil
	s.tls.control = err == nil
	s.tls.data = s.tls.control && (!s.choosesData || s.tls.greets)
	s.heard = s.r.loop.Now
	if s.tls.greets {
		s.write(s.face.greeting(s))
	}
}

// cancel implements handshakeOwner.
func (s *session) cancel() { s.conn.Close() }

// pendingTLS is a data connection in its handshake.
type pendingTLS struct {
	*loop.TLSChannel
	handshake *handshake
	// done gets the connection, or nil.
	done func(c loop.Channel)
}

// acceptTLS begins the handshake of a data connection, of which early was received already. The
// offer is looked for afterwards: until then the connection is a stranger's. It remains one if o,
// the offer at a leased port, has been told anew or has ended meanwhile.
func (p *dataPort) acceptTLS(
	c loop.Channel, ip netip.Addr, settings *loop.TLS, early []byte, tickets bool, o *offer,
) {
	serial := uint64(0)
	if o != nil {
		serial = o.serial
	}
	p.r.secureData(c, ip, settings, early, tickets, func(c loop.Channel) {
		switch {
		case c != nil && (o == nil || o.serial == serial && o == p.offerFor(ip)):
			p.accepted(c, ip)
			return
		case c != nil:
			c.Close()
		}
		p.r.count.unauthorized++
	})
}

// secureData begins the handshake of a data connection and returns it, for the owner to close. done
// is called with the encrypted connection, or with nil if there is none: at once if too many
// handshakes are under way.
func (r *reactor) secureData(
	c loop.Channel, ip netip.Addr, settings *loop.TLS, early []byte, tickets bool,
	done func(c loop.Channel),
) loop.Channel {
	d := &pendingTLS{done: done}
	d.handshake = r.newHandshake(ip, d)
	if !d.handshake.take() {
		d.handshake.end()
		c.Close()
		done(nil)
		return nil
	}
	d.TLSChannel = r.loop.Secure(c, settings, tickets, early, d.handshake)
	d.handshake.loop = d.Handshake()
	d.handshake.loop.Begin()
	return d
}

// handshakeDone implements handshakeOwner.
func (d *pendingTLS) handshakeDone(err error) {
	if err != nil {
		d.TLSChannel.Close()
		d.done(nil)
		return
	}
	d.done(d.TLSChannel)
}

// cancel implements handshakeOwner.
func (d *pendingTLS) cancel() {
	d.Close()
	d.done(nil)
}

// Close ends the handshake too.
func (d *pendingTLS) Close() {
	d.handshake.end()
	d.TLSChannel.Close()
}
