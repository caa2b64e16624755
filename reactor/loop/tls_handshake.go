package loop

import (
	"errors"
	"net"
	"sync"
)

// Handshake is the beginning of a TLS connection. It belongs to the loop. From Start on it runs on
// a goroutine of its own, since a handshake of crypto/tls cannot go on after a read of nothing.
type Handshake struct {
	s     *secure
	owner HandshakeOwner
	// transport moves bytes between the connection and the handshake.
	transport interface {
		// sendHandshake sends what the handshake has written.
		sendHandshake(p []byte)
		// awaitHandshake has feed called when more arrives.
		awaitHandshake()
		// handshakeEnded follows HandshakeDone.
		handshakeEnded(err error)
	}
	// greeted says that HelloArrived was told, started that the goroutine runs.
	greeted, started bool

	// mu guards what follows, which the goroutine uses too.
	mu   sync.Mutex
	wake sync.Cond
	// in is what has arrived, out what is to be sent.
	in, out []byte
	// ended is io.EOF or an error once nothing more arrives.
	ended error
	// waits says that the goroutine waits for the client, full that the loop stopped reading.
	waits, full bool
	// over says that the goroutine has ended, with err.
	over bool
	err  error
	// dropped says that nobody wants the result.
	dropped bool
}

// HandshakeOwner is told how a handshake goes. Its methods are called on the loop, and never within
// a call of the owner's except Begin and Start.
type HandshakeOwner interface {
	// HelloArrived is called once the client's first record is there. The owner calls Start, at
	// once or later.
	HelloArrived(h *Handshake)
	// HandshakeDone is called when the handshake has ended, unless the connection was closed
	// before. A control connection closes itself after an error; a channel is the owner's to close.
	HandshakeDone(h *Handshake, err error)
}

const (
	// handshakeBytesMax is how much may wait unread in a handshake: no message of one is longer,
	// and a client may send data behind it.
	handshakeBytesMax = 64 << 10
	// helloBytesMax is how much may before it has started: the longest record.
	helloBytesMax = recordHeaderBytes + tlsRecordBytes
)

// bytesMax is how much may wait now.
func (h *Handshake) bytesMax() int {
	if h.started {
		return handshakeBytesMax
	}
	return helloBytesMax
}

var (
	// errNoTLS means that the first bytes are no TLS.
	errNoTLS = errors.New("not a TLS handshake")
	// errHandshakeFlood means that a client sent too much before the handshake had ended.
	errHandshakeFlood = errors.New("too much sent in a TLS handshake")
)

// FirstTLSByte is the byte that every TLS connection begins with.
const FirstTLSByte = 0x16

// computing bounds how many handshakes compute at once in this process, so that the loops keep the
// rest of the processors.
var computing = make(chan struct{}, 2)

// Begin reads what has arrived. It may call the owner.
func (h *Handshake) Begin() { h.feed() }

// Start computes the handshake. The owner bounds how many have started.
func (h *Handshake) Start() {
	if h.started {
		return
	}
	h.started = true
	h.s.loop.handshakes.Add(1)
	go h.run()
	if h.full { // from now on more may wait
		h.feed()
	}
}

// Waits says whether the handshake waits for the client.
func (h *Handshake) Waits() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.greeted || h.waits && len(h.in) == 0
}

// feed takes what has arrived, on the loop.
func (h *Handshake) feed() {
	l := h.s.loop
	for h.ended == nil {
		h.mu.Lock()
		room := h.bytesMax() - len(h.in)
		h.full = room <= 0
		h.mu.Unlock()
		if room <= 0 {
			break
		}
		n, err := h.s.memory.take(l.receiveScratch()[:room])
		h.mu.Lock()
		h.in = append(h.in, l.scratch[:n]...)
		if err != nil && err != errWait {
			h.ended = err
		}
		h.wake.Signal()
		h.mu.Unlock()
		if err != nil {
			break
		}
	}
	if h.greet(); !h.dropped && !h.full && h.ended == nil {
		h.transport.awaitHandshake()
	}
}

// greet tells the owner once the first record is there.
func (h *Handshake) greet() {
	if h.greeted {
		return
	}
	whole := recordBytes(h.in)
	switch {
	case len(h.in) > 0 && h.in[0] != FirstTLSByte, whole > helloBytesMax:
		h.fail(errNoTLS)
	case whole > 0 && len(h.in) >= whole:
		h.greeted = true
		h.owner.HelloArrived(h)
	case h.ended != nil:
		h.fail(h.ended)
	}
}

// fail ends a handshake that has not started.
func (h *Handshake) fail(err error) {
	h.greeted = true
	h.end(err)
}

// run is the handshake's goroutine.
func (h *Handshake) run() {
	defer h.s.loop.handshakes.Done()
	computing <- struct{}{}
	err := h.s.conn.Handshake()
	<-computing
	h.mu.Lock()
	h.over, h.err = true, err
	h.mu.Unlock()
	h.s.loop.Post(h)
}

// read is for crypto/tls, on the goroutine. It lets another handshake compute while it waits.
func (h *Handshake) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.in) == 0 && h.ended == nil && !h.dropped {
		h.wait()
	}
	switch {
	case h.dropped:
		return 0, net.ErrClosed
	case len(h.in) == 0:
		return 0, h.ended
	}
	n := copy(p, h.in)
	if h.in = h.in[n:]; len(h.in) == 0 {
		h.in = nil
	}
	return n, nil
}

// wait waits for the client, and has the loop send what the client waits for.
func (h *Handshake) wait() {
	if len(h.out) > 0 || h.full {
		h.s.loop.Post(h)
	}
	<-computing
	h.waits = true
	for len(h.in) == 0 && h.ended == nil && !h.dropped {
		h.wake.Wait()
	}
	h.waits = false
	h.mu.Unlock()
	computing <- struct{}{}
	h.mu.Lock()
}

func (h *Handshake) write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.out = append(h.out, p...)
	return len(p), nil
}

// OnLoop implements Task: the goroutine waits for the client or has ended.
func (h *Handshake) OnLoop() {
	h.mu.Lock()
	out, over, full, err := h.out, h.over, h.full, h.err
	h.out = nil
	dropped := h.dropped
	h.mu.Unlock()
	if dropped {
		return
	}
	if len(out) > 0 {
		h.transport.sendHandshake(out)
	}
	switch {
	case h.dropped: // sending closed the connection
	case over:
		h.end(err)
	case full:
		h.feed()
	}
}

// end ends a handshake whose goroutine has ended or was never started.
func (h *Handshake) end(err error) {
	if err == nil {
		s := h.s
		s.handshake, s.memory.handshake = nil, nil
		s.memory.early = h.in
	}
	h.dropped = true
	h.owner.HandshakeDone(h, err)
	h.transport.handshakeEnded(err)
}

// drop ends the goroutine, if it runs. Its result is dropped.
func (h *Handshake) drop() {
	h.mu.Lock()
	h.dropped = true
	h.wake.Signal()
	h.mu.Unlock()
}
