package reactor

import (
	"container/list"
	"crypto/rand"
	"encoding/binary"
	"net/netip"

	"ferry/codec"
	"ferry/reactor/limit"
	"ferry/reactor/loop"
)

// Keyed ports: any number of offers stand on one of them, and a connection says by its first bytes
// which of them it takes. (PROTOCOL.md, Keys.)

// keys are the standing offers of one reactor by their KEY, and the connections that have not said
// theirs, the oldest first.
type keys struct {
	offers  map[codec.Key]*offer
	pending list.List
}

// insert gives an offer a new KEY.
func (k *keys) insert(o *offer) {
	var random [8]byte
	_, _ = rand.Read(random[:]) // it never fails
	o.key = codec.NewKey(binary.LittleEndian.Uint64(random[:]))
	k.offers[o.key] = o
}

func (k *keys) remove(o *offer) { delete(k.offers, o.key) }

// pendingConn is a data connection that has not sent its whole KEY. It is owned by the loop.
type pendingConn struct {
	r    *reactor
	port *dataPort
	data loop.Channel
	dec  codec.Decoder
	// use is what its address has in use.
	ip  netip.Addr
	use *limit.Address
	// deadline is the end of the time that an offer has.
	deadline loop.Deadline
	place    *list.Element
}

// acceptKeyed takes a connection to a keyed port. Most have brought their KEY.
func (p *dataPort) acceptKeyed(data loop.Channel, ip netip.Addr) {
	r := p.r
	dec := codec.NewDecoder(codec.KeyedRecord)
	if len(r.keys.offers) == 0 { // no KEY is right
		r.refuseKey(data, &dec)
		return
	}
	if p.readKey(data, ip, &dec) {
		return
	}
	u := r.limiter.Hold(ip)
	for {
		short := r.limiter.Take(u, limit.Keyless, 1)
		if short == limit.Enough {
			break
		}
		// The connection that has waited longest is the least likely to have a KEY.
		first := r.keys.oldest(u, short)
		if first == nil { // they are all another reactor's
			r.limiter.Release(u)
			r.refuseKey(data, &dec)
			return
		}
		first.drop()
	}
	c := &pendingConn{r: r, port: p, data: data, dec: dec, ip: ip, use: u}
	c.place = r.keys.pending.PushBack(c)
	c.deadline.Owner = c
	r.loop.Deadlines.Set(&c.deadline, r.loop.Now+r.limiter.Limits.OfferTimeout)
	data.Watch(c)
	data.Want(loop.CanRead)
}

// oldest is the connection that makes room for another one of an address: its own oldest if the
// address has all it may have, otherwise the oldest of all. It is nil where there is none here.
func (k *keys) oldest(u *limit.Address, short limit.Shortage) *pendingConn {
	for at := k.pending.Front(); at != nil; at = at.Next() {
		if c := at.Value.(*pendingConn); short == limit.ShortServer || c.use == u {
			return c
		}
	}
	return nil
}

// dropAll closes every connection without a KEY.
func (k *keys) dropAll() {
	for k.pending.Len() > 0 {
		k.pending.Front().Value.(*pendingConn).drop()
	}
}

// readKey reads up to the end of the KEY and no further. It reports whether that settled where the
// connection belongs: then it is an offer's, closed, or in a TLS handshake.
func (p *dataPort) readKey(data loop.Channel, ip netip.Addr, dec *codec.Decoder) (settled bool) {
	r := p.r
	secure := data.TLS() != nil
	var b [codec.KeySize]byte
	for {
		n, err := data.Recv(b[:codec.KeySize-dec.Offset()])
		switch {
		case err == loop.ErrAgain:
			return false
		case err == loop.ErrInterrupted:
			continue
		case err != nil, n == 0:
			r.refuseKey(data, dec)
			return true
		}
		if dec.Offset() == 0 && b[0] == loop.FirstTLSByte && !secure && r.server.tls != nil {
			dec.Release()
			p.acceptTLS(data, ip, r.server.tls, b[:n], false, nil)
			return true
		}
		ev, _ := dec.Next(b[:n])
		if ev.Kind == codec.EventNone {
			continue
		}
		var o *offer
		if ev.Kind == codec.EventKey {
			key, _ := codec.ParseKey(ev.Data)
			o = r.keys.offers[key]
		}
		if o == nil || o.session.secureData() != secure {
			r.refuseKey(data, dec)
			return true
		}
		o.transfer.recv.dec = *dec // it stands behind the KEY
		o.take(data)
		return true
	}
}

// refuseKey closes a connection whose KEY names no offer. (PROTOCOL.md, Keys.)
func (r *reactor) refuseKey(data loop.Channel, dec *codec.Decoder) {
	r.count.unauthorized++
	dec.Release()
	data.Close()
}

// Ready is called when more of the KEY has come, or the end.
func (c *pendingConn) Ready(loop.Readiness) {
	if !c.port.readKey(c.data, c.ip, &c.dec) {
		c.data.Want(loop.CanRead)
		return
	}
	c.forget() // the channel is an offer's, or closed
}

// Expire closes a connection that sent no KEY in time.
func (c *pendingConn) Expire(*loop.Deadline) { c.drop() }

// drop closes a connection that has not sent its KEY.
func (c *pendingConn) drop() {
	c.forget()
	c.r.refuseKey(c.data, &c.dec)
}

// forget takes a connection out of those that are waited for.
func (c *pendingConn) forget() {
	r := c.r
	r.loop.Deadlines.Clear(&c.deadline)
	r.keys.pending.Remove(c.place)
	r.limiter.Give(c.use, limit.Keyless, 1)
	r.limiter.Release(c.use)
}
