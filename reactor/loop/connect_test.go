package loop

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// caller keeps what it is told of a connection.
type caller struct {
	c     Channel
	err   error
	times int
}

func (k *caller) Connected(c Channel, err error) { k.c, k.err, k.times = c, err, k.times+1 }

// listening returns an address that accepts connections, and its descriptor.
func listening(t *testing.T) (netip.AddrPort, int) {
	t.Helper()
	fd, port, err := bindSocket(loopback, 0, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeDescriptor(fd) })
	if err := unix.Listen(fd, 8); err != nil {
		t.Fatal(err)
	}
	return netip.AddrPortFrom(loopback, uint16(port)), fd
}

// until steps the loop until the caller was told.
func (k *caller) until(t *testing.T, pass func(time.Duration)) {
	t.Helper()
	for range 1_000_000 {
		if k.times > 0 {
			return
		}
		pass(0)
	}
	t.Fatal("the connector was not told")
}

func TestConnectGivesAChannel(t *testing.T) {
	l, pass := steppedLoop(t)
	to, listener := listening(t)
	k := new(caller)
	c := l.Connect(loopback, to, k)
	if c == nil {
		t.Fatal("no channel: ", k.err)
	}
	k.until(t, pass)
	if k.err != nil || k.c != c || k.times != 1 {
		t.Fatalf("told %v and %v, %d times", k.c, k.err, k.times)
	}
	fd, from, err := unix.Accept(listener)
	if err != nil {
		t.Fatal(err)
	}
	defer closeDescriptor(fd)
	if got := from.(*unix.SockaddrInet4).Addr; got != loopback.As4() {
		t.Errorf("it comes from %v", got)
	}
	r := &reader{c: c}
	c.Watch(r)
	if _, err := unix.Write(fd, []byte("content")); err != nil {
		t.Fatal(err)
	}
	for range 1_000_000 {
		if r.read(); len(r.got) == 7 {
			break
		}
		pass(0)
	}
	if string(r.got) != "content" || k.times != 1 {
		t.Errorf("%q came", r.got)
	}
	c.Close()
}

func TestConnectTellsOfRefusal(t *testing.T) {
	l, pass := steppedLoop(t)
	fd, port, err := bindSocket(loopback, 0, false, nil) // it does not listen
	if err != nil {
		t.Fatal(err)
	}
	defer closeDescriptor(fd)
	k := new(caller)
	l.Connect(loopback, netip.AddrPortFrom(loopback, uint16(port)), k)
	k.until(t, pass)
	if k.c != nil || !errors.Is(k.err, syscall.ECONNREFUSED) {
		t.Fatalf("told %v and %v", k.c, k.err)
	}
	for range 10 {
		pass(time.Second)
	}
	if k.times != 1 {
		t.Errorf("told %d times", k.times)
	}
}

// A channel that is closed before its connection was told of ends the attempt.
func TestConnectIsEndedByClose(t *testing.T) {
	l, pass := steppedLoop(t)
	to, _ := listening(t)
	k := new(caller)
	for range 10 {
		c := l.Connect(loopback, to, k)
		if c == nil {
			t.Fatal("no channel: ", k.err)
		}
		c.Close()
		pass(0)
	}
	if k.times != 0 {
		t.Errorf("told %d times: %v", k.times, k.err)
	}
}

func TestConnectWithoutDescriptorsFailsAtOnce(t *testing.T) {
	l, pass := steppedLoop(t)
	to, _ := listening(t)
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	none := was
	none.Cur = 0
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	k := new(caller)
	c := l.Connect(loopback, to, k)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	if c != nil || k.times != 1 || !errors.Is(k.err, syscall.EMFILE) {
		t.Fatalf("told %v and %v, %d times", k.c, k.err, k.times)
	}
	pass(time.Second)
}

// An address that the machine does not have cannot be connected from.
func TestConnectFromForeignAddressFails(t *testing.T) {
	l, _ := steppedLoop(t)
	to, _ := listening(t)
	k := new(caller)
	if c := l.Connect(netip.MustParseAddr("192.0.2.1"), to, k); c != nil || k.err == nil {
		t.Fatalf("told %v and %v", k.c, k.err)
	}
}

// A socket that is connected to itself has no peer.
func TestConnectToItselfIsRefused(t *testing.T) {
	l, pass := steppedLoop(t)
	fd, port, err := bindSocket(loopback, 0, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, self := sockaddr(loopback, port)
	if err := unix.Connect(fd, self); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		t.Fatal(err)
	}
	k, c := new(caller), l.Adopt(fd).(*plain)
	c.Watch(&attempt{c: c, owner: k})
	c.Want(CanWrite)
	k.until(t, pass)
	if k.c != nil || !errors.Is(k.err, syscall.ECONNREFUSED) {
		t.Fatalf("told %v and %v", k.c, k.err)
	}
}
