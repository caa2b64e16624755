package reactor

import (
	"container/list"
	"crypto/rand"
	"encoding/binary"
	"net/netip"

	"ferry/codec"
	"ferry/reactor/loop"
)

// The ports of the status exchange. Any number of offers stand on one of them, and a connection
// says by its first bytes which of them it takes. (PROTOCOL, Status exchange: "an offer is known by
// its KEY […] So these offers need no lease, share a port or a few, and cannot be met by anybody
// else, whatever address they share".)

// keyless is a data connection that has not said its whole KEY. It is owned by the loop.
type keyless struct {
	r       *reactor
	channel loop.Channel
	dec     codec.Decoder
	// use is what its address has in use.
	ip  netip.Addr
	use *usage
	// deadline is the end of the time that an offer has.
	deadline loop.Deadline
	place    *list.Element
}

// newcomer takes a connection to a keyed port. Most have brought their KEY.
func (r *reactor) newcomer(c loop.Channel, ip netip.Addr) {
	dec := codec.NewDecoder(codec.KeyedRecord)
	if len(r.keys) == 0 { // no KEY is right
		r.refuseKey(c, &dec)
		return
	}
	if r.readKey(c, &dec) {
		return
	}
	u := r.limiter.hold(ip)
	for short := r.limiter.takeKeyless(u); short != shortNothing; short = r.limiter.takeKeyless(u) {
		// Who has brought no KEY for the longest is the least likely to have one.
		first := r.oldestKeyless(u, short)
		if first == nil { // they are all another reactor's
			r.limiter.release(ip, u)
			r.refuseKey(c, &dec)
			return
		}
		r.turnAway(first)
	}
	k := &keyless{r: r, channel: c, dec: dec, ip: ip, use: u}
	k.place = r.keyless.PushBack(k)
	k.deadline.Owner = k
	r.loop.Deadlines.Set(&k.deadline, r.loop.Now+r.limiter.limits.OfferTimeout)
	c.Watch(k)
	c.Want(loop.CanRead)
}

// oldestKeyless is the connection that makes room for another one of an address: its own oldest if
// the address has all it may have, otherwise the oldest of all. It is nil where there is none here.
func (r *reactor) oldestKeyless(u *usage, short shortage) *keyless {
	for at := r.keyless.Front(); at != nil; at = at.Next() {
		if k := at.Value.(*keyless); short == shortServer || k.use == u {
			return k
		}
	}
	return nil
}

// readKey reads up to the end of the KEY and no further, and says whether that settled where the
// connection belongs: then it is an offer's, or closed.
func (r *reactor) readKey(c loop.Channel, dec *codec.Decoder) (settled bool) {
	var b [codec.KeySize]byte
	for {
		n, err := c.Recv(b[:codec.KeySize-dec.Offset()])
		switch {
		case err == loop.ErrAgain:
			return false
		case err == loop.ErrInterrupted:
			continue
		case err != nil, n == 0:
			r.refuseKey(c, dec)
			return true
		}
		ev, _ := dec.Next(b[:n])
		switch ev.Kind {
		case codec.EventNone:
		case codec.EventKey:
			key, _ := codec.ParseKey(ev.Data)
			t := r.keys[key]
			if t == nil {
				r.refuseKey(c, dec)
			} else {
				r.taken(t, c, *dec)
			}
			return true
		default:
			r.refuseKey(c, dec)
			return true
		}
	}
}

// refuseKey closes a connection whose KEY names no offer. (PROTOCOL, Status exchange: "A wrong or
// a used KEY is closed".)
func (r *reactor) refuseKey(c loop.Channel, dec *codec.Decoder) {
	r.count.strangers++
	dec.Release()
	c.Close()
}

// taken gives a data connection to the offer whose KEY it said. The decoder stands behind the KEY.
func (r *reactor) taken(t *transfer, c loop.Channel, dec codec.Decoder) {
	delete(r.keys, t.asked.key)
	t.asked.connected = true
	t.recv.dec = dec
	a := t.address
	t.becomeMoving(c, r.loop.Now)
	waited := t.met()
	r.loop.Deadlines.Set(&t.deadline, r.loop.Now+r.limiter.limits.StallTimeout)
	r.feed(t.session, input{kind: inConnect})
	r.beginMoving(t)
	if waited {
		r.freed(a)
	}
}

// Ready is the watcher's word: more of the KEY has come, or the end.
func (k *keyless) Ready(loop.Readiness) {
	if !k.r.readKey(k.channel, &k.dec) {
		k.channel.Want(loop.CanRead)
		return
	}
	k.forget() // the channel is an offer's, or closed
}

// Expire closes a connection that said no KEY in time.
func (k *keyless) Expire(*loop.Deadline) { k.r.turnAway(k) }

// turnAway closes a connection that has not said its KEY.
func (r *reactor) turnAway(k *keyless) {
	k.forget()
	r.refuseKey(k.channel, &k.dec)
}

// forget takes a connection out of those that are waited for.
func (k *keyless) forget() {
	r := k.r
	r.loop.Deadlines.Clear(&k.deadline)
	r.keyless.Remove(k.place)
	r.limiter.giveKeyless(k.use)
	r.limiter.release(k.ip, k.use)
}

// turnAllAway closes every connection without a KEY.
func (r *reactor) turnAllAway() {
	for r.keyless.Len() > 0 {
		r.turnAway(r.keyless.Front().Value.(*keyless))
	}
}

// offerKeyed makes a transfer's offer stand under a new KEY, and has the session told.
func (r *reactor) offerKeyed(t *transfer) {
	a := t.asked
	a.key = codec.NewKey(r.draw())
	for r.keys[a.key] != nil {
		a.key = codec.NewKey(r.draw())
	}
	r.keys[a.key] = t
	t.become(transferOffered)
	r.count.offers++
	r.loop.Deadlines.Set(&t.deadline, r.loop.Now+r.limiter.limits.OfferTimeout)
	r.feed(t.session, input{kind: inPort})
}

// draw returns a number that nobody can guess.
func (r *reactor) draw() uint64 {
	const size = 8
	if r.randomLeft < size {
		_, _ = rand.Read(r.random[:]) // it never fails
		r.randomLeft = len(r.random)
	}
	r.randomLeft -= size
	return binary.LittleEndian.Uint64(r.random[r.randomLeft:])
}
