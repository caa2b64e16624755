//go:build unix

package bench

import (
	"errors"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// polled is an entry of a pollSet.
type polled struct {
	dialing
	fd int32
}

// pollSet is a poller over poll(2), for systems without epoll. poll is level-triggered, so an event
// that was reported is not asked for until the loop has used it up.
type pollSet struct {
	sockets
	wakeR, wakeW int
	fds          []unix.PollFd // the first is wakeR
	owners       []polled      // of fds
	places       map[int32]int // of descriptors in fds
	events       []event
}

func newPollSet(to netip.Addr) (poller, error) {
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		return nil, err
	}
	for _, fd := range pipe {
		unix.CloseOnExec(fd)
		_ = unix.SetNonblock(fd, true)
	}
	return &pollSet{
		sockets: newSockets(to), wakeR: pipe[0], wakeW: pipe[1], places: map[int32]int{},
		fds: []unix.PollFd{{Fd: int32(pipe[0]), Events: unix.POLLIN}}, owners: []polled{{}},
	}, nil
}

func (p *pollSet) dial(d dialing) (int32, error) {
	fd, err := p.connect(d)
	if err != nil {
		return -1, err
	}
	events := int16(unix.POLLIN)
	if d.sends {
		events |= unix.POLLOUT
	}
	p.places[int32(fd)] = len(p.fds)
	p.fds = append(p.fds, unix.PollFd{Fd: int32(fd), Events: events})
	p.owners = append(p.owners, polled{d, int32(fd)})
	return int32(fd), nil
}

func (p *pollSet) read(fd int32, b []byte) (int, bool, error) {
	n, again, err := p.sockets.read(fd, b)
	if again || n > 0 && n < len(b) {
		p.fds[p.places[fd]].Events |= unix.POLLIN
	}
	return n, again, err
}

func (p *pollSet) write(fd int32, b []byte) (int, bool, error) {
	n, again, err := p.sockets.write(fd, b)
	if again || err == nil && n < len(b) {
		p.fds[p.places[fd]].Events |= unix.POLLOUT
	}
	return n, again, err
}

func (p *pollSet) close(fd int32) {
	place, last := p.places[fd], len(p.fds)-1
	p.fds[place], p.owners[place] = p.fds[last], p.owners[last]
	p.places[p.owners[place].fd] = place
	p.fds, p.owners = p.fds[:last], p.owners[:last]
	delete(p.places, fd)
	p.sockets.close(fd)
}

func (p *pollSet) wait(d time.Duration) []event {
	n, err := unix.Poll(p.fds, int(d.Milliseconds()))
	if err != nil && !errors.Is(err, unix.EINTR) {
		panic("bench: poll: " + err.Error()) // only a bug in this program can cause it
	}
	p.events = p.events[:0]
	for i := 0; i < len(p.fds) && n > 0; i++ {
		got := p.fds[i].Revents
		if got == 0 {
			continue
		}
		n--
		if i == 0 {
			var b [64]byte
			_, _ = unix.Read(p.wakeR, b[:])
			p.events = append(p.events, event{client: -1})
			continue
		}
		failed := got&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0
		p.fds[i].Events &^= got
		if failed { // reported without being asked for, again and again
			p.fds[i].Fd = -1 - p.fds[i].Fd
		}
		p.events = append(p.events, event{
			client: p.owners[i].client, data: p.owners[i].data, ended: failed, failed: failed,
			readable: failed || got&unix.POLLIN != 0, writable: got&unix.POLLOUT != 0,
		})
	}
	return p.events
}

func (p *pollSet) wake() { _, _ = unix.Write(p.wakeW, []byte{0}) } // full: a wake is pending

func (p *pollSet) shut() {
	_ = unix.Close(p.wakeR)
	_ = unix.Close(p.wakeW)
}
