package main

import (
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A link between two network namespaces, through which packets go one by one: it loses, delays,
// reorders, doubles and spoils them, and it can be cut. On both sides the kernel's own TCP makes up
// for that, as it does in the world. It needs no scheduler of packets from the kernel, only its
// tunnel device and the right to make namespaces.

// linkServer is where the server is, on every link; the client is beside it.
const linkServer = "10.77.0.1"

// weather is what a link does to packets; shares are of 1.
type weather struct {
	lost, doubled, spoiled float64
	// delay is the least time on the way, jitter what may come on top: packets overtake another.
	delay, jitter time.Duration
}

// link carries packets both ways. The zero weather carries all of them.
type link struct {
	weather
	// spaces are the namespaces of server and client, ends our ends of their tunnels.
	spaces [2]*netspace
	ends   [2]*os.File
	moving sync.WaitGroup

	mu   sync.Mutex
	rand *rand.Rand
	// down loses every packet; it begins when as many bytes have come as cutAt, and cut is closed.
	down  bool
	cutAt int
	cut   chan struct{}
	// came counts the bytes that came to the link, struck the packets that something befell.
	came, struck int
}

// newLink makes a link and both its namespaces, until the end of the test.
func newLink(t *testing.T, w weather, seed uint64) *link {
	t.Helper()
	l := &link{weather: w, rand: rand.New(rand.NewPCG(seed, 1)), cut: make(chan struct{})}
	for i, at := range [...][4]byte{{10, 77, 0, 1}, {10, 77, 0, 2}} {
		l.spaces[i] = newNetspace(t)
		err := l.spaces[i].do(func() (err error) {
			l.ends[i], err = openTunnel(at)
			return err
		})
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENXIO) {
			t.Skip("no tunnel device: ", err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	l.moving.Go(func() { l.carry(l.ends[1], l.ends[0]) })
	l.moving.Go(func() { l.carry(l.ends[0], l.ends[1]) })
	t.Cleanup(func() {
		for _, end := range l.ends {
			_ = end.Close()
		}
		l.moving.Wait()
	})
	return l
}

// carry takes the packets of one direction, until the link is closed.
func (l *link) carry(to, from *os.File) {
	packet := make([]byte, 64<<10)
	for {
		n, err := from.Read(packet)
		if err != nil {
			return
		}
		for _, after := range l.fate(packet[:n]) {
			copied := append([]byte(nil), packet[:n]...)
			// A packet that comes when the link is closed is lost as well.
			time.AfterFunc(after, func() { _, _ = to.Write(copied) })
		}
	}
}

// fate is when a packet arrives, once or twice or not at all; it may be spoiled on the way, which
// its checksum tells.
func (l *link) fate(packet []byte) (after []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.came += len(packet); l.cutAt > 0 && l.came >= l.cutAt {
		l.cutAt, l.down = 0, true
		close(l.cut)
	}
	strikes := func(share float64) bool { return l.rand.Float64() < share }
	times := 1
	switch {
	case l.down, strikes(l.lost):
		times = 0
	case strikes(l.doubled):
		times = 2
	case strikes(l.spoiled):
		packet[len(packet)-1-l.rand.IntN(len(packet)/2)] ^= 1 << l.rand.IntN(8)
	default:
		l.struck--
	}
	l.struck++
	for range times {
		after = append(after, l.delay+time.Duration(l.rand.Float64()*float64(l.jitter)))
	}
	return after
}

// mend ends a cut.
func (l *link) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
}

// counts are the bytes that came to the link, and the packets that something befell.
func (l *link) counts() (came, struck int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.came, l.struck
}

// netspace is a thread in a network namespace of its own, which ends with it.
type netspace struct{ work chan func() }

// newNetspace makes one, until the end of the test.
func newNetspace(t *testing.T) *netspace {
	t.Helper()
	s := &netspace{work: make(chan func())}
	made := make(chan error)
	go func() {
		// Never unlocked, so that the thread ends with this goroutine.
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		made <- err
		if err != nil {
			return
		}
		for f := range s.work {
			f()
		}
	}()
	if err := <-made; err != nil {
		t.Skip("no network namespace: ", err)
	}
	t.Cleanup(func() { close(s.work) })
	return s
}

// do calls f in the namespace. What it starts stays there.
func (s *netspace) do(f func() error) error {
	done := make(chan error)
	s.work <- func() { done <- f() }
	return <-done
}

// openTunnel makes a tunnel in the namespace of this thread, with an address there, and returns
// this end of it: packets are read and written one by one.
func openTunnel(at [4]byte) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		configure(fd, "link", unix.TUNSETIFF, func(i *unix.Ifreq) error {
			i.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
			return nil
		}),
		configureLink(at),
	)
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "link"), nil
}

// configureLink gives the tunnel its address, and sets it and the loopback up.
func configureLink(at [4]byte) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	up := func(i *unix.Ifreq) error {
		i.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		return nil
	}
	address := func(a [4]byte) func(*unix.Ifreq) error {
		return func(i *unix.Ifreq) error { return i.SetInet4Addr(a[:]) }
	}
	return errors.Join(
		configure(fd, "lo", unix.SIOCSIFFLAGS, up),
		configure(fd, "link", unix.SIOCSIFADDR, address(at)),
		configure(fd, "link", unix.SIOCSIFNETMASK, address([4]byte{255, 255, 255, 0})),
		configure(fd, "link", unix.SIOCSIFFLAGS, up),
		unix.Close(fd),
	)
}

// configure sets one thing of a network interface.
func configure(fd int, name string, what uint, set func(*unix.Ifreq) error) error {
	i, err := unix.NewIfreq(name)
	if err == nil {
		err = set(i)
	}
	if err == nil {
		err = os.NewSyscallError("ioctl", unix.IoctlIfreq(fd, what, i))
	}
	return err
}
