package loop

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// These tests hold whichever watcher was built to the contract of watcher.go. The test's goroutine
// is the loop, so that it decides what comes between a fetch and its turn.

// watchPatience is how long a test waits for an event that must come.
const watchPatience = 10 * time.Second

// testLoop takes a watcher's turns on the test's goroutine.
type testLoop struct {
	*watcher
	t     *testing.T
	rings chan struct{}
	// orders are run between turns.
	orders chan func()
}

func newTestLoop(t *testing.T) *testLoop {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, leaks) })
	l := &testLoop{t: t, rings: make(chan struct{}, 1), orders: make(chan func())}
	w, err := newWatcher(l.ring)
	if err != nil {
		t.Fatal(err)
	}
	l.watcher = w
	t.Cleanup(l.end)
	go w.listen()
	return l
}

func (l *testLoop) ring() {
	select {
	case l.rings <- struct{}{}:
	default:
	}
}

// wantRing waits until the doorbell has fetched a batch.
func (l *testLoop) wantRing() {
	l.t.Helper()
	select {
	case <-l.rings:
	case <-time.After(watchPatience):
		l.t.Fatal("the doorbell did not ring")
	}
}

// turn handles the batch and, as a loop does, what came since.
func (l *testLoop) turn() {
	l.dispatch()
	for range roundsMax {
		if !l.more() {
			break
		}
		l.dispatch()
	}
	l.resume()
}

// until takes turns and orders until enough says so.
func (l *testLoop) until(what string, enough func() bool) {
	l.t.Helper()
	patience := time.NewTimer(watchPatience)
	defer patience.Stop()
	for !enough() {
		select {
		case <-l.rings:
			l.turn()
		case f := <-l.orders:
			f()
		case <-patience.C:
			l.t.Fatalf("%s: it never came", what)
		}
	}
}

// end stops the doorbell while the loop still takes turns.
func (l *testLoop) end() {
	stopped := make(chan struct{})
	go func() {
		l.stop()
		close(stopped)
	}()
	patience := time.NewTimer(watchPatience)
	defer patience.Stop()
	for {
		select {
		case <-l.rings:
			l.turn()
		case <-stopped:
			l.closeDescriptors()
			return
		case <-patience.C:
			l.t.Error("the doorbell did not end")
			return
		}
	}
}

// probe owns a descriptor as a transfer does: it uses up what it is told of, and then wants more.
type probe struct {
	l    *testLoop
	fd   int
	slot slot
	// heard counts calls, moved bytes.
	heard, moved int
	// deaf leaves what it hears unused.
	deaf bool
	// onReady is called first if it is set.
	onReady func()
}

func (p *probe) Ready(what Readiness) {
	p.heard++
	if p.onReady != nil {
		p.onReady()
	}
	if p.deaf {
		return
	}
	if what&CanRead != 0 {
		p.read()
	}
}

// read takes all there is.
func (p *probe) read() {
	var b [64]byte
	for {
		n, err := receiveBytes(p.fd, b[:])
		p.moved += n
		switch {
		case err == ErrAgain:
			p.l.want(p.slot, CanRead)
			return
		case err == ErrInterrupted:
		case err != nil || n == 0:
			return
		}
	}
}

// testPipe returns a pipe, non-blocking at its reading end, which is ready for nothing while empty.
func testPipe(t *testing.T) (out, in int) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		t.Fatal(err)
	}
	return fds[0], fds[1]
}

// watchPipe adds a probe on a new pipe, and returns the end to write to.
func (l *testLoop) watchPipe() (p *probe, in int) {
	out, in := testPipe(l.t)
	p = &probe{l: l, fd: out}
	p.slot = l.add(out, p)
	l.want(p.slot, CanRead)
	l.t.Cleanup(func() { closeDescriptor(in) })
	return p, in
}

func (p *probe) close() {
	p.l.remove(p.slot)
	closeDescriptor(p.fd)
}

func mustWrite(t *testing.T, fd int) {
	t.Helper()
	if n, err := unix.Write(fd, []byte{1}); n != 1 || err != nil {
		t.Fatalf("write: %d, %v", n, err)
	}
}

func TestReadinessIsToldAgainAfterItWasUsedUp(t *testing.T) {
	l := newTestLoop(t)
	p, in := l.watchPipe()
	defer p.close()
	for i := range 500 {
		mustWrite(t, in)
		l.until("a byte", func() bool { return p.moved == i+1 })
	}
}

func TestRoomIsToldAgainAfterItWasUsedUp(t *testing.T) {
	l := newTestLoop(t)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer closeDescriptor(fds[1])
	for _, fd := range fds {
		if err := unix.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
	}
	p := &probe{l: l, fd: fds[0], deaf: true}
	p.slot = l.add(p.fd, p)
	defer p.close()
	piece := make([]byte, 4096)
	for range 100 {
		for err = nil; err != ErrAgain; {
			if _, err = sendBytes(fds[0], piece); err != nil && err != ErrAgain {
				t.Fatal(err)
			}
		}
		before := p.heard
		l.want(p.slot, CanWrite)
		for err = nil; err == nil; {
			_, err = receiveBytes(fds[1], piece)
		}
		l.until("room", func() bool { return p.heard > before })
	}
}

func TestReadinessThatNobodyUsesIsNotToldOverAndOver(t *testing.T) {
	l := newTestLoop(t)
	deaf, in := l.watchPipe()
	defer deaf.close()
	deaf.deaf = true
	mustWrite(t, in)
	p, in := l.watchPipe()
	defer p.close()
	for i := range 100 {
		mustWrite(t, in)
		l.until("a byte", func() bool { return p.moved == i+1 })
	}
	l.until("the unused byte", func() bool { return deaf.heard > 0 })
	if deaf.heard > 1 {
		t.Errorf("told %d times of one byte that was left where it was", deaf.heard)
	}
}

func TestEventOfARemovedDescriptorMeetsNobody(t *testing.T) {
	l := newTestLoop(t)
	for range 50 {
		old, in := l.watchPipe()
		mustWrite(t, in)
		l.wantRing() // its event is in the batch
		old.close()
		heir, in := l.watchPipe()
		if heir.slot.index() != old.slot.index() || heir.slot == old.slot {
			t.Fatalf("slot %#x after %#x: not the same place anew", heir.slot, old.slot)
		}
		l.turn()
		if old.heard > 0 || heir.heard > 0 {
			t.Fatalf("the removed owner was told %d times, its heir %d times",
				old.heard, heir.heard)
		}
		mustWrite(t, in)
		l.until("the heir's own byte", func() bool { return heir.moved == 1 })
		heir.close()
	}
}

func TestOwnerMayRemoveAnotherOfTheSameBatch(t *testing.T) {
	l := newTestLoop(t)
	first, firstIn := l.watchPipe()
	second, secondIn := l.watchPipe()
	holder, holderIn := l.watchPipe()
	// While the holder's event is handled the doorbell waits, so that the next fetch has both.
	holder.onReady = func() {
		mustWrite(t, firstIn)
		mustWrite(t, secondIn)
	}
	var gone, stays *probe
	first.onReady = func() { gone, stays = second, first; second.close() }
	second.onReady = func() { gone, stays = first, second; first.close() }
	mustWrite(t, holderIn)
	l.until("one of two", func() bool { return stays != nil })
	if gone.heard > 0 {
		t.Error("a descriptor that was removed in this batch was told")
	}
	stays.close()
	holder.close()
}

func TestTimerGoesOffInTime(t *testing.T) {
	l := newTestLoop(t)
	start := time.Now()
	now := func() Instant { return time.Since(start) }
	const soon, late = 30 * time.Millisecond, time.Hour
	for round := range 3 {
		<-time.After(5 * time.Millisecond) // most likely the doorbell waits without an end by now
		asked := now()
		l.wake(asked+late, asked)
		l.wake(asked+soon, asked) // the earlier one counts
		l.wake(asked+late, asked) // and is not put off
		l.until("the timer", func() bool { return l.armed == 0 })
		if took := now() - asked; took < soon {
			t.Errorf("round %d: it went off after %v instead of %v", round, took, soon)
		}
	}
	l.wake(now()-time.Second, now())
	l.until("a time that is past", func() bool { return l.armed == 0 })
	asked := now()
	l.wake(asked+late, asked)
	l.wake(asked+2*late+soon, asked+2*late) // the clock has jumped over the first one
	l.until("the timer after a jump", func() bool { return l.armed == 0 })
}

func TestListenerIsToldOfUntilNobodyWaits(t *testing.T) {
	l := newTestLoop(t)
	ip := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	listener, err := Bind(ip, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	fd, port := listener.fd, listener.port
	accepted, paused := 0, false
	var s slot
	o := &probe{l: l, fd: fd, deaf: true}
	o.onReady = func() {
		if paused {
			return // fetched before
		}
		conn, peer, err := accept(fd)
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		if !peer.Addr().IsLoopback() || peer.Port() == 0 {
			t.Errorf("peer %v", peer)
		}
		closeDescriptor(conn)
		if accepted++; accepted == 10 {
			l.pause(s)
			paused = true
			go func() { l.orders <- func() { paused = false; _ = l.again(s) } }()
		}
	}
	at := net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, port))
	for range 20 {
		c, err := net.DialTCP("tcp4", nil, at)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	s, _ = l.addListener(fd, o)
	l.until("20 connections", func() bool { return accepted == 20 })
	l.remove(s)
}

func TestNoEventIsLostWhileDescriptorsComeAndGo(t *testing.T) {
	const clients, rounds = 32, 100
	l := newTestLoop(t)
	var running sync.WaitGroup
	for c := range clients {
		running.Go(func() {
			for i := range rounds {
				if !l.oneRound((c+i)%2 == 0) {
					return
				}
			}
		})
	}
	ended := false
	go func() {
		running.Wait()
		l.orders <- func() { ended = true }
	}()
	l.until("the last client", func() bool { return ended })
}

// oneRound is a client: its pipe is added, written to before or after that, and removed by its
// owner once the byte was read.
func (l *testLoop) oneRound(early bool) bool {
	out, in := testPipe(l.t)
	defer closeDescriptor(in)
	if early {
		mustWrite(l.t, in)
	}
	o := &oneByte{l: l, fd: out, read: make(chan struct{})}
	l.orders <- func() {
		o.slot = l.add(out, o)
		o.Ready(CanRead)
	}
	if !early {
		mustWrite(l.t, in)
	}
	select {
	case <-o.read:
		return true
	case <-time.After(watchPatience / 2):
		l.t.Error("a byte was never told of")
		return false
	}
}

// oneByte owns a descriptor until it has read from it.
type oneByte struct {
	l    *testLoop
	fd   int
	slot slot
	read chan struct{}
}

func (o *oneByte) Ready(Readiness) {
	var b [1]byte
	switch n, err := receiveBytes(o.fd, b[:]); {
	case n == 1:
		o.l.remove(o.slot)
		closeDescriptor(o.fd)
		close(o.read)
	case err == ErrAgain:
		o.l.want(o.slot, CanRead)
	default:
		o.l.t.Errorf("read: %d, %v", n, err)
	}
}

func TestClosingADescriptorThatIsWatchedEndsItsConnectionAtOnce(t *testing.T) {
	l := newTestLoop(t)
	for range 50 {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.SetNonblock(fds[0], true); err != nil {
			t.Fatal(err)
		}
		patience := unix.NsecToTimeval(int64(watchPatience))
		err = unix.SetsockoptTimeval(fds[1], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &patience)
		if err != nil {
			t.Fatal(err)
		}
		p := &probe{l: l, fd: fds[0]}
		p.slot = l.add(p.fd, p)
		p.read()
		// The doorbell watches it by the time at which something later was told.
		other, in := l.watchPipe()
		mustWrite(t, in)
		l.until("a byte", func() bool { return other.moved == 1 })
		other.close()
		p.close()
		if n, err := unix.Read(fds[1], make([]byte, 1)); n != 0 || err != nil {
			t.Fatalf("the other end read %d, %v instead of the end", n, err)
		}
		closeDescriptor(fds[1])
	}
}

func TestOrderToStopIsHeardBesideAnyTurn(t *testing.T) {
	for range 50 {
		l := newTestLoop(t)
		p, in := l.watchPipe()
		mustWrite(t, in)
		l.wantRing()
		l.dispatch()
		stopped := make(chan struct{})
		go func() {
			l.stop()
			close(stopped)
		}()
		for range 100 {
			if l.more() {
				l.dispatch()
			}
		}
		l.resume()
		select {
		case <-stopped:
		case <-time.After(watchPatience):
			t.Fatal("the doorbell did not end")
		}
		p.close()
	}
}
