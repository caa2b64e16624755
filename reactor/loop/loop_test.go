package loop

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// noPipes is a quota of none.
type noPipes struct{}

func (noPipes) Left() bool { return false }
func (noPipes) Take() bool { return false }
func (noPipes) Give()      {}

// steppedLoop returns a loop that the test drives, with a clock that the test moves.
func steppedLoop(t *testing.T) (l *Loop, pass func(time.Duration)) {
	t.Helper()
	l, err := New(Options{Pipes: noPipes{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	var now Instant
	l.Clock = func() Instant { return now }
	return l, func(d time.Duration) { now += d; l.Step() }
}

// pair returns a channel and the descriptor of its other end.
func pair(t *testing.T, l *Loop) (*plain, int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeDescriptor(fds[1]) })
	return l.Adopt(fds[0]).(*plain), fds[1]
}

// door is an acceptor that counts.
type door struct{ accepted, failed int }

func (d *door) Accepted(c Channel, _ netip.AddrPort) { d.accepted++; c.Close() }
func (d *door) AcceptFailed(error)                   { d.failed++ }

// Failed accepts share one retry: once it has succeeded, nothing more fails.
func TestFailedAcceptsShareOneRetry(t *testing.T) {
	l, pass := steppedLoop(t)
	listener, err := Bind(loopback, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	d := new(door)
	l.Listen(listener, d)
	for range 4 {
		l.watcher.pause(listener.slot)
		listener.failed(syscall.EMFILE)
	}
	at := netip.AddrPortFrom(loopback, listener.Port())
	c, err := net.DialTCP("tcp4", nil, net.TCPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	pass(acceptRetryAfter / 2)
	if d.accepted > 0 {
		t.Error("a connection was accepted before the retry")
	}
	for range 10 {
		pass(acceptRetryAfter)
	}
	if d.failed != 4 || d.accepted != 1 || len(l.Deadlines) > 0 {
		t.Errorf("%d failures, %d connections, %d retries scheduled; want 4, 1, 0", d.failed,
			d.accepted, len(l.Deadlines))
	}
}

// reader owns a channel and keeps what it receives.
type reader struct {
	c     Channel
	got   []byte
	heard int
}

func (r *reader) Ready(Readiness) { r.heard++; r.read() }

func (r *reader) read() {
	b := make([]byte, 64)
	for {
		n, err := r.c.Recv(b)
		if err == ErrAgain {
			r.c.Want(CanRead)
			return
		}
		if err != nil || n == 0 {
			return
		}
		r.got = append(r.got, b[:n]...)
	}
}

// A channel that changes hands tells its new owner only.
func TestChannelTellsItsLastOwner(t *testing.T) {
	l, pass := steppedLoop(t)
	c, other := pair(t, l)
	defer c.Close()
	first, second := &reader{c: c}, &reader{c: c}
	c.Watch(first)
	first.read()
	mustWrite(t, other)
	pass(0)
	if len(first.got) != 1 {
		t.Fatalf("the first owner received %d bytes", len(first.got))
	}
	c.Watch(second)
	heard := first.heard
	mustWrite(t, other)
	pass(0)
	if first.heard != heard || len(second.got) != 1 {
		t.Errorf("the first owner was told %d times, the second received %d bytes",
			first.heard-heard, len(second.got))
	}
}

// A closed channel's memory serves another connection, whose owner hears nothing of the first.
func TestClosedChannelIsReused(t *testing.T) {
	l, pass := steppedLoop(t)
	c, other := pair(t, l)
	old := &reader{c: c}
	c.Watch(old)
	old.read()
	c.Close()
	if n, err := unix.Read(other, make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("the other end read %d, %v instead of the end", n, err)
	}
	again, other := pair(t, l)
	defer again.Close()
	if again != c {
		t.Error("its memory was not kept")
	}
	fresh := &reader{c: again}
	again.Watch(fresh)
	fresh.read()
	heard := old.heard
	mustWrite(t, other)
	pass(0)
	if old.heard != heard || len(fresh.got) != 1 {
		t.Errorf("the old owner was told %d times, the new one received %d bytes",
			old.heard-heard, len(fresh.got))
	}
}

// countdown is a mover that moves a number of times.
type countdown struct {
	Entry
	left, moved int
}

func (c *countdown) Move() bool {
	c.moved++
	c.left--
	return c.left > 0
}

// A mover that can always move has one quantum a turn, however often it is queued.
func TestMoverMovesOnceATurn(t *testing.T) {
	l, pass := steppedLoop(t)
	m := &countdown{left: 3}
	for turn := range 3 {
		l.Enqueue(m)
		l.Enqueue(m)
		pass(0)
		if m.moved != turn+1 {
			t.Fatalf("it moved %d times in %d turns", m.moved, turn+1)
		}
	}
	if m.IsQueued() || l.Queued() > 0 {
		t.Error("it is queued though it has nothing to move")
	}
}

// note is a task that writes its name down.
type note struct {
	name  string
	notes *[]string
}

func (n note) OnLoop() { *n.notes = append(*n.notes, n.name) }

// Tasks run in the order of posting; one that is posted by a task waits for the next turn.
func TestTasksRunInOrder(t *testing.T) {
	l, pass := steppedLoop(t)
	var notes []string
	l.Post(note{"first", &notes})
	l.Order(func() { l.Post(note{"third", &notes}) })
	l.Post(note{"second", &notes})
	pass(0)
	if want := []string{"first", "second"}; !slices.Equal(notes, want) {
		t.Errorf("%q ran in the first turn, want %q", notes, want)
	}
	pass(0)
	if want := []string{"first", "second", "third"}; !slices.Equal(notes, want) {
		t.Errorf("%q ran, want %q", notes, want)
	}
}

// A port on which another server listens is in use, even if that server shares it.
func TestReserveFindsSharedPortInUse(t *testing.T) {
	held, err := Reserve([]netip.Addr{loopback}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	if err := unix.Listen(held.fds[0], 1); err != nil {
		t.Fatal(err)
	}
	if _, err := Reserve([]netip.Addr{loopback}, held.Port); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("reserving a port with a listener: %v", err)
	}
	held.Release()
	again, err := Reserve([]netip.Addr{loopback}, held.Port)
	if err != nil {
		t.Fatalf("reserving it once it is free: %v", err)
	}
	again.Release()
}
