package bench

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"ferry/codec"
)

// driver fetches one small file over and over with many clients from one thread. It exists to
// measure servers: on the two cores that it shares with them, a client that costs more than its
// server measures itself. A transfer is seven system calls and no allocation.
//
// It is owned by the goroutine that calls turn.
type driver struct {
	epoll   int
	clients []driven
	events  []unix.EpollEvent
	address unix.SockaddrInet4 // the port changes with every transfer
	command []byte
	want    []byte // the field and the file's bytes
	active  int
	status  bool     // it speaks the status exchange
	put     *putting // it puts, nil if it gets

	transfers int64
	lost      int64
	first     error // the first loss's reason
}

// driven is one client: a control connection and the data connection of its running transfer.
type driven struct {
	index   int
	control int
	data    int
	got     int    // bytes of the port's field, then of the answer
	bytes   []byte // room for one answer and a byte more, so that a surplus shows

	replies  codec.Decoder // of the status exchange
	complete bool          // it has told that the transfer is
}

// Roles of a descriptor, kept in its epoll event.
const (
	roleControl = iota
	roleData
)

// silenceMax is how long a turn waits for anything to happen before it gives its transfers up: half
// as much again as the time for which a server keeps an offer.
const silenceMax = 15 * time.Second

func newDriver(address string, clients int, file []byte) (*driver, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	command, err := codec.AppendCommand(nil, codec.VerbGet, besideFileName)
	if err != nil {
		return nil, err
	}
	d := &driver{
		events:  make([]unix.EpollEvent, 2*clients),
		address: unix.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())},
		command: command,
		want:    append(codec.AppendField(nil, int64(len(file))), file...),
	}
	if d.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	for i := range clients {
		c := driven{index: i, data: -1, bytes: make([]byte, len(d.want)+1)}
		if c.control, err = d.dial(0); err != nil {
			d.close()
			return nil, fmt.Errorf("control connection %d: %w", i, err)
		}
		d.clients = append(d.clients, c)
		if err = d.watch(c.control, i, roleControl); err != nil {
			d.close()
			return nil, err
		}
	}
	return d, nil
}

// dial connects to d.address; with flags SOCK_NONBLOCK it only begins to.
func (d *driver) dial(flags int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|flags, 0)
	if err != nil {
		return -1, err
	}
	if err = unix.Connect(fd, &d.address); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		_ = unix.Close(fd)
		return -1, err
	}
	if flags == 0 {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	} else {
		err = nil
	}
	return fd, err
}

func (d *driver) watch(fd, client, role int) error {
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(client), Pad: int32(role)}
	return unix.EpollCtl(d.epoll, unix.EPOLL_CTL_ADD, fd, &e)
}

func (d *driver) close() {
	for i := range d.clients {
		d.end(&d.clients[i])
	}
	_ = unix.Close(d.epoll)
}

// turn drives every client for a while, lets the transfers that run then finish, and says how many
// there were and how long it took. Sessions stay, for the next turn.
func (d *driver) turn(length time.Duration) (transfers int64, took time.Duration) {
	before, begin := d.transfers, time.Now()
	for i := range d.clients {
		if d.clients[i].control >= 0 {
			d.active++
			d.begin(&d.clients[i])
		}
	}
	for d.active > 0 {
		n, err := unix.EpollWait(d.epoll, d.events, int(silenceMax.Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n == 0 && err == nil {
			err = fmt.Errorf("%d clients heard nothing for %v", d.active, silenceMax)
		}
		if err != nil {
			d.giveUp(err)
			break
		}
		more := time.Since(begin) < length
		for _, e := range d.events[:n] {
			c := &d.clients[e.Fd]
			switch e.Pad {
			case roleControl:
				if d.status {
					d.readReplies(c, int(e.Fd), more)
				} else {
					d.readPort(c, int(e.Fd))
				}
			case roleData:
				if d.put != nil {
					d.readConfirmation(c, more)
				} else {
					d.readData(c, more)
				}
			}
		}
	}
	return d.transfers - before, time.Since(begin)
}

// begin sends the command. The client of a session that failed is counted lost and rests.
func (d *driver) begin(c *driven) {
	c.got = 0
	if d.put != nil {
		d.command = d.put.command(d.command[:0], c.index)
	}
	if n, err := unix.Write(c.control, d.command); err != nil || n != len(d.command) {
		d.lose(c, fmt.Errorf("command: %d bytes written: %w", n, err))
	}
}

func (d *driver) readPort(c *driven, index int) {
	n, err := unix.Read(c.control, c.bytes[c.got:codec.FieldSize])
	if err != nil || n <= 0 {
		d.lose(c, fmt.Errorf("control ended after %d bytes of a port: %w", c.got, err))
		return
	}
	if c.got += n; c.got < codec.FieldSize {
		return
	}
	c.got = 0
	flags := unix.SOCK_NONBLOCK
	if d.put != nil {
		flags = 0 // a put's first word is the client's
	}
	port, err := codec.ParseField(c.bytes[:codec.FieldSize])
	if err != nil {
		d.lose(c, err)
		return
	}
	d.address.Port = int(port)
	if c.data, err = d.dial(flags); err == nil {
		err = d.watch(c.data, index, roleData)
	}
	if err == nil && d.put != nil {
		err = d.sendPut(c)
	}
	if err != nil {
		d.lose(c, fmt.Errorf("data connection: %w", err))
	}
}

func (d *driver) readData(c *driven, more bool) {
	n, err := unix.Read(c.data, c.bytes[c.got:])
	if errors.Is(err, unix.EAGAIN) {
		return
	}
	if err != nil || n <= 0 {
		d.lose(c, fmt.Errorf("data ended after %d of %d bytes: %w", c.got, len(d.want), err))
		return
	}
	if c.got += n; c.got < len(d.want) {
		return
	}
	if !bytes.Equal(c.bytes[:c.got], d.want) {
		d.lose(c, errors.New("other bytes than expected"))
		return
	}
	_ = unix.Close(c.data)
	c.data = -1
	if !d.status || c.complete {
		d.ended(c, more)
	}
}

// ended counts a transfer that is complete, and begins the next.
func (d *driver) ended(c *driven, more bool) {
	c.complete = false
	d.transfers++
	if more {
		d.begin(c)
		return
	}
	d.active--
}

// lose counts a lost transfer and ends its session: what would follow on it is unknown.
func (d *driver) lose(c *driven, err error) {
	if c.control < 0 {
		return
	}
	d.active--
	d.lost++
	if d.first == nil {
		d.first = err
	}
	d.end(c)
}

func (d *driver) giveUp(err error) {
	for i := range d.clients {
		if c := &d.clients[i]; c.control >= 0 && d.active > 0 {
			d.lose(c, err)
		}
	}
}

func (d *driver) end(c *driven) {
	if c.data >= 0 {
		_ = unix.Close(c.data)
		c.data = -1
	}
	if c.control >= 0 {
		_ = unix.Close(c.control)
		c.control = -1
	}
}
