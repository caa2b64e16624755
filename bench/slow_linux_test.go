package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ferry/client"
	"ferry/codec"
)

const (
	slowEach   = 200     // readers, and as many senders
	slowFile   = 8 << 20 // bytes that a slow reader has to read
	slowRounds = 1000    // transfers of others between two looks
	// growthMax is what the server's memory may differ by from one look to the next, in bytes: its
	// heap breathes by that much. A server that grows never comes to rest.
	growthMax = 512 << 10
)

// slow are clients that read, or send, one byte a second.
type slow struct {
	sockets controls
	stop    chan struct{}
	done    sync.WaitGroup
}

// beginSlow begins transfers of clients that are slow from then on. Their control connections stay.
func beginSlow(t testing.TB, h *held, from string) *slow {
	t.Helper()
	s := &slow{stop: make(chan struct{})}
	sessions, err := h.connect(from, 2*slowEach)
	s.sockets = sessions
	if err != nil {
		t.Fatal(err)
	}
	var readers, senders controls
	for i, control := range sessions {
		verb, name := codec.VerbGet, "large"
		if i >= slowEach {
			verb, name = codec.VerbPut, "slow-"+string(rune('a'+i%26))
		}
		fd := openData(t, h, from, control, verb, name)
		s.sockets = append(s.sockets, fd)
		if verb == codec.VerbGet {
			readers = append(readers, fd)
			continue
		}
		senders = append(senders, fd)
		if _, err := unix.Write(fd, codec.AppendField(nil, slowFile)); err != nil {
			t.Fatal(err)
		}
	}
	s.done.Go(func() { s.trickle(readers, senders) })
	return s
}

// trickle moves a byte a second on every socket.
func (s *slow) trickle(readers, senders controls) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	var b [1]byte
	for {
		for _, fd := range readers {
			_, _, _ = unix.Recvfrom(fd, b[:], unix.MSG_DONTWAIT)
		}
		for _, fd := range senders {
			_ = unix.Sendto(fd, b[:], unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, nil)
		}
		select {
		case <-second.C:
		case <-s.stop:
			return
		}
	}
}

func (s *slow) end() {
	close(s.stop)
	s.done.Wait()
	s.sockets.close()
}

// openData sends a command on a control connection and connects to the port that it is told.
func openData(t testing.TB, h *held, from string, control int, v codec.Verb, name string) int {
	t.Helper()
	command, err := codec.AppendCommand(nil, v, name)
	if err == nil {
		_, err = unix.Write(control, command)
	}
	var field [codec.FieldSize]byte
	if err == nil {
		_, _, err = unix.Recvfrom(control, field[:], unix.MSG_WAITALL)
	}
	port, parseErr := codec.ParseField(field[:])
	if err = errors.Join(err, parseErr); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	// A small window, so that the server soon has to wait for its reader.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<10)
	to := netip.MustParseAddrPort(h.Address)
	if err = unix.Bind(fd, &unix.SockaddrInet4{Addr: netip.MustParseAddr(from).As4()}); err == nil {
		err = unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(port)})
	}
	if err != nil {
		_ = unix.Close(fd)
		t.Fatal(err)
	}
	return fd
}

// TestSlowClientsChangeNothing: among clients that read or send a byte a second others get what
// they ask for, and nothing grows; once the slow ones are gone nothing of them is left.
func TestSlowClientsChangeNothing(t *testing.T) {
	h := hold(t)
	h.write(t, "large", bytes.Repeat([]byte("slow"), slowFile/4))
	h.write(t, besideFileName, floorFile())
	warm := beginSlow(t, h, "127.0.0.3")
	warm.end()
	settleIdle := func() int {
		last := -1
		settle(t, "descriptors come to rest", func() bool {
			n := h.descriptors(t)
			same := n == last && n < slowEach
			last = n
			return same
		})
		return last
	}
	descriptors := settleIdle()

	s := beginSlow(t, h, "127.0.0.3")
	busy, same, memory := 0, 0, int64(0)
	settle(t, "the slow clients have what they need", func() bool {
		n := h.descriptors(t)
		if same++; n != busy {
			busy, same = n, 0
		}
		return same > 10
	})
	for rest := 0; rest < 2; { // the heap takes the size that the other load needs
		last := memory
		for range slowRounds {
			others(t, h)
		}
		memory = h.pss(t)
		t.Logf("%d descriptors, %d bytes of memory", h.descriptors(t), memory)
		if rest++; memory > last+growthMax {
			rest = 0
		}
	}
	if n := h.descriptors(t); n > busy+slowEach/10 {
		t.Errorf("%d descriptors became %d", busy, n)
	}
	s.end()
	settle(t, fmt.Sprintf("no more descriptors are open after than the %d before", descriptors),
		func() bool { return h.descriptors(t) <= descriptors })
}

// others are clients that are not slow: each gets and puts a file.
func others(t *testing.T, h *held) {
	t.Helper()
	ctx := context.Background()
	c := h.dial(t, "127.0.0.1")
	defer func() { _ = c.Close() }()
	var got bytes.Buffer
	if _, err := c.Get(ctx, besideFileName, &got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), floorFile()) {
		t.Fatal("got other bytes")
	}
	stored, err := c.Put(ctx, "beside", bytes.NewReader(floorFile()), int64(len(floorFile())))
	if err != nil || stored != client.Confirmed {
		t.Fatalf("%v, %v", stored, err)
	}
	if err := c.Quit(ctx); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
}

// BenchmarkBesideSlow compares the rate of one client alone with that of the same client among 200
// readers and 200 senders of a byte a second, in interleaved pairs:
//
//	go test ./bench -run '^$' -bench BesideSlow -benchtime 10x
func BenchmarkBesideSlow(b *testing.B) {
	h := hold(b)
	h.write(b, "large", bytes.Repeat([]byte("slow"), slowFile/4))
	beside(b, h, "400 clients of a byte a second", func() func() {
		s := beginSlow(b, h, "127.0.0.3")
		return func() {
			s.end()
			settle(b, "slow clients gone", func() bool { return h.descriptors(b) < slowEach })
		}
	})
}
