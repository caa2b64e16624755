package reactor

import (
	"math/rand/v2"
	"net/netip"
	"sync/atomic"

	"ferry/codec"
	"ferry/reactor/limit"
	"ferry/reactor/loop"
)

// reactor is what runs on one event loop, with its data ports. It belongs to the loop, except that
// limitQueues.hungry is set by any goroutine.
type reactor struct {
	server  *Server
	limiter *limit.Budget
	index   int
	loop    *loop.Loop
	// pick draws a number below n.
	pick func(n int) int
	// wrap is what data connections move over, where a test wants it to fail.
	wrap func(loop.Channel) loop.Channel

	dataPorts
	addresses map[netip.Addr]*address
	sessions  map[*session]struct{}
	// attempts are the logins that are under way.
	attempts map[*session]*attempt
	transferTable
	limitQueues
	handshakes handshakes
	// siblings: there are other reactors.
	siblings bool

	// draining: nothing new is admitted. aborting: what runs is reset.
	draining, aborting bool
	// drained is called once when nothing runs any more.
	drained func()

	count counters
	scratchBuffers
	batch batch
}

// dataPorts are the data ports of a reactor and what stands on those that are not leased.
type dataPorts struct {
	// pools are the ports of each kind; parting is told after base's quit.
	pools   [poolCount]portPool
	parting *dataPort
	keys    keys
}

// transferTable holds the transfers of a reactor.
type transferTable struct {
	// transfers are all that still hold something, in no order.
	transfers []*transfer
	// spare and spareOffers are kept for their memory.
	spare       []*transfer
	spareOffers []*offer
}

// limitQueues hold what waits for limits of the whole server.
type limitQueues struct {
	lines []*line
	// hungry: a task is posted that serves them.
	hungry atomic.Bool
	// listing are addresses with listings that wait for memory, by their kind: each has a turn of
	// one listing, the first is next.
	listing [listingKinds][]*address
}

// scratchBuffers are for one use within one call.
type scratchBuffers struct {
	// scratch is for one read or one small answer, fieldBuffer for one field, lineBuffer for one
	// line, replies for one framed reply.
	scratch     []byte
	fieldBuffer [codec.FieldSize]byte
	lineBuffer  [64]byte
	replies     []byte
	// copied is for one piece of a file that is read to be sent.
	copied []byte
}

// copyBuffer is made when it is first needed.
func (b *scratchBuffers) copyBuffer() []byte {
	if b.copied == nil {
		b.copied = make([]byte, copyBytes)
	}
	return b.copied
}

// copyBytes is how much of a file is read at once to be sent. Larger pieces do not stay in a
// processor's cache.
const copyBytes = 256 << 10

func newReactor(s *Server, index int) *reactor {
	return &reactor{
		server:         s,
		limiter:        s.limiter,
		index:          index,
		addresses:      make(map[netip.Addr]*address),
		sessions:       make(map[*session]struct{}),
		attempts:       make(map[*session]*attempt),
		dataPorts:      dataPorts{keys: keys{offers: make(map[codec.Key]*offer)}},
		siblings:       s.options.Reactors > 1,
		scratchBuffers: scratchBuffers{scratch: make([]byte, codec.FieldSize+smallMax)},
		pick:           rand.IntN,
	}
}

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
	for _, l := range r.server.listeners {
		if l.firstOnly && r.index > 0 {
			continue
		}
		for _, ip := range r.server.addresses {
			all = append(all, netip.AddrPortFrom(ip, uint16(l.Port)))
		}
	}
	return all
}

// serveSoon has the next turn serve what waits for limits. It may be called from any goroutine.
func (r *reactor) serveSoon() {
	if !r.hungry.Swap(true) {
		r.loop.Post(r)
	}
}

// OnLoop implements loop.Task: it serves what waits for limits of the server.
func (r *reactor) OnLoop() {
	r.hungry.Store(false)
	r.serveLines()
	r.serveListings()
}

// pipeQuota counts the pipes of all loops.
type pipeQuota struct{ *limit.Budget }

func (q pipeQuota) Left() bool { return q.Free(limit.Pipes) > 0 }

func (q pipeQuota) Take() bool { return q.Budget.Take(nil, limit.Pipes, 1) == limit.Enough }

func (q pipeQuota) Give() { q.Budget.Give(nil, limit.Pipes, 1) }
