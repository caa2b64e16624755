package reactor

import (
	"container/list"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"

	"ferry/codec"
	"ferry/fsio"
	"ferry/reactor/loop"
)

// reactor is what runs on one event loop, with its data ports. It belongs to the loop, except
// hungry.
type reactor struct {
	server  *Server
	limiter *limiter
	root    *fsio.Root
	index   int
	loop    *loop.Loop
	// pick draws a number below n.
	pick func(n int) int
	// wrap is what data connections move over, where a test wants it to fail.
	wrap func(loop.Channel) loop.Channel

	// pools are leased; parting is told after base's quit.
	pools     [poolCount]portPool
	parting   *dataPort
	addresses map[netip.Addr]*address
	sessions  map[*session]struct{}
	// transfers are all that have not let go of everything yet, in no order.
	transfers []*transfer
	// starving are addresses that wait for a limit of the whole server.
	starving []*line
	// hungry says that a task is posted that serves them.
	hungry atomic.Bool
	// listing are addresses with listings that wait for memory, by their kind: each has a turn of
	// one listing, the first is next.
	listing [listingKinds][]*address
	spare   []*transfer
	// keys are the standing offers of the status exchange by their KEY; keyless are connections
	// that have not said theirs, the oldest first.
	keys    map[codec.Key]*transfer
	keyless list.List
	// random is what KEYs are drawn from, randomLeft how much of it is left.
	random     [512]byte
	randomLeft int
	// siblings says that there are other reactors.
	siblings bool

	draining bool
	count    counters
	// scratch is for one read or one small answer; fieldBuffer for one field.
	scratch     []byte
	fieldBuffer [codec.FieldSize]byte
	lineBuffer  [64]byte
	// replies is for one reply of the status exchange; gathered are those of the session whose
	// commands are being taken, which leave in one write.
	replies, gathered []byte
	gathering         *session

	// drained is called once when nothing runs any more.
	drained func()
}

func newReactor(s *Server, index int) *reactor {
	return &reactor{
		server:    s,
		limiter:   s.limiter,
		root:      s.root,
		index:     index,
		addresses: make(map[netip.Addr]*address),
		sessions:  make(map[*session]struct{}),
		keys:      make(map[codec.Key]*transfer),
		siblings:  s.options.Reactors > 1,
		scratch:   make([]byte, codec.FieldSize+smallMax),
		pick:      rand.IntN,
	}
}

// openLoop makes the reactor's loop.
func (r *reactor) openLoop() error {
	var err error
	r.loop, err = loop.New(loop.Options{
		Handler:    r,
		Log:        engineLog{&r.server.log},
		Pipes:      pipeQuota{r.limiter},
		Ending:     r.server.ending.set,
		LockThread: r.server.options.LockThread,
		Portable:   r.server.options.Portable,
	})
	return err
}

// Begun implements loop.Handler: data ports accept from now on.
func (r *reactor) Begun() {
	r.eachPort(func(p *dataPort) {
		for _, l := range p.listeners {
			r.loop.Listen(l, p)
		}
	})
}

// Lost implements loop.Handler.
func (r *reactor) Lost(err error, again bool) {
	if !again {
		r.server.Stop()
		return
	}
	r.count.restarts++
	r.server.log.Error().Err(err).Msg("the event loop had ended and is started again")
}

// controlAddresses are where the reactor accepts control connections.
func (r *reactor) controlAddresses() []netip.AddrPort {
	var all []netip.AddrPort
	for _, port := range []int{r.server.Port(), r.server.ClassicPort()} {
		if port == NoPort || port == r.server.ClassicPort() && r.index > 0 {
			continue
		}
		for _, ip := range r.server.addresses {
			all = append(all, netip.AddrPortFrom(ip, uint16(port)))
		}
	}
	return all
}

// feedSoon has the next turn serve what waits for limits. It may be called from any goroutine.
func (r *reactor) feedSoon() {
	if !r.hungry.Swap(true) {
		r.loop.Order(r.serveHungry)
	}
}

// serveHungry serves what waits for limits of the server.
func (r *reactor) serveHungry() {
	r.hungry.Store(false)
	r.serveStarving()
	r.serveListings()
}
