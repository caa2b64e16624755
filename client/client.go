package client

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"ferry/codec"
)

// Client is a session with one server. One call runs at a time; Close alone may come from another
// goroutine.
type Client struct {
	options Options
	dialer  net.Dialer
	// peer is the address that control reached: data connections go there and nowhere else.
	peer netip.Addr
	addr string
	// target is the address that Dial was given.
	target string
	conn   *net.TCPConn

	// exchange is the one spoken; features is what the server of a status session announced.
	exchange Exchange
	features Features

	// classic is what a port means in the classic exchange, nil in base.
	classic *classicPorts

	// answers takes control's input apart; unread is what came beyond the answer asked for.
	answers codec.Decoder
	unread  []byte
	// input holds the status exchange's longest offer.
	input [7 * codec.FieldSize]byte
	// said is a reply that has to outlive the one behind it.
	said []byte
	// swept is the local folder whose leftovers were looked through last.
	swept string
	// folder is where Cd went, "" for the served root.
	folder string
	// command is kept from call to call for its memory.
	command []byte

	// stop ends the watch over the running call's context; interrupted gets one token when the
	// context ended first. Both belong to the running call.
	stop        func() bool
	interrupt   func()
	interrupted chan struct{}

	// pieceMax is the longest piece of a file in bytes: what fits a field.
	pieceMax int64
	// continueMin is the shortest upload that is made a part of, in bytes; busyWait is how long
	// a part is waited for that is held.
	continueMin int64
	busyWait    time.Duration
	// sumWait is how long a checksum is asked for of a server that computes too many already.
	sumWait time.Duration
	// segmentMin is the shortest segment that a file is fetched in, in bytes.
	segmentMin int64

	// mu guards what Close and an ending context share with the running call.
	mu   sync.Mutex
	data *net.TCPConn
	// over is why the session has ended, nil while it stands.
	over *Error
}

// Dial makes a session with the server at addr, HOST:PORT. A host may be a name, whose addresses
// are tried one after another, or a number, IPv6 in brackets.
func Dial(ctx context.Context, addr string, o Options) (*Client, error) {
	if err := o.validate(); err != nil {
		return nil, failure("options", ErrConnect, err)
	}
	port, err := addressPort(addr)
	if err != nil {
		return nil, failure(addr, ErrConnect, err)
	}
	o = o.filled()
	c := &Client{
		options:     o,
		dialer:      net.Dialer{Timeout: max(o.DialTimeout, 0), Control: o.Control},
		target:      addr,
		exchange:    Base,
		pieceMax:    codec.FieldMax,
		continueMin: continueMin,
		busyWait:    busyWait,
		sumWait:     sumWait,
		segmentMin:  segmentMin,
		answers:     codec.NewDecoder(codec.Fields),
		interrupted: make(chan struct{}, 1),
	}
	if o.Classic {
		if c.classic, err = o.classicPorts(port); err != nil {
			return nil, failure(addr, ErrConnect, err)
		}
		c.exchange, c.answers = Classic, codec.NewDecoder(codec.Lines)
	}
	if o.LocalAddr.IsValid() {
		c.dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(o.LocalAddr, 0))
	}
	c.interrupt = c.onInterrupt
	if err := c.dial(ctx, addr); err != nil {
		return nil, err
	}
	if o.Exchange == Auto || o.Exchange == Status {
		if err := c.negotiate(ctx); err != nil {
			return nil, err
		}
	}
	// A data connection lives with deadlines of its own and needs no probes.
	c.dialer.KeepAlive = -1
	return c, nil
}

// Addr is the address that control reached, HOST:PORT in numbers.
func (c *Client) Addr() string { return c.addr }

// Err is why the session has ended, nil while it stands.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over == nil {
		return nil
	}
	return c.over
}

// Quit ends the session in order: it tells the server, reads the parting port, classic's thanks or
// the status exchange's 221, and closes. A server that closes without an answer has understood too.
func (c *Client) Quit(ctx context.Context) error {
	if err := c.begin(ctx); err != nil {
		return err
	}
	defer c.end()
	err := c.quit(ctx)
	_ = c.Close()
	if errors.Is(err, ErrLost) && (errors.Is(err, io.EOF) || isReset(err)) {
		return nil
	}
	return err
}

func (c *Client) quit(ctx context.Context) error {
	if c.exchange == Status {
		_, err := c.simple(ctx, codec.Request{Verb: codec.VerbQuit}, "", codec.CodeGoodbye)
		return err
	}
	ev, err := c.ask(ctx, codec.VerbQuit, "")
	if err == nil && c.classic != nil {
		err = c.thanked(ctx, ev.Data)
	}
	return err
}

// Close ends the session at once, and with it a call that runs. It returns nil.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over == nil {
		c.over = &Error{Kind: ErrClosed}
		_ = c.conn.Close()
	}
	if c.data != nil {
		_ = c.data.Close()
	}
	return nil
}

// begin starts a call: the session must stand, and the context is watched until end.
func (c *Client) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return failure("", ErrGivenUp, err)
	}
	if err := c.Err(); err != nil {
		return err
	}
	if ctx.Done() != nil {
		c.stop = context.AfterFunc(ctx, c.interrupt)
	}
	return nil
}

// end waits for an interrupt that has begun, so that it cannot reach into the next call.
func (c *Client) end() { c.settle() }

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// onInterrupt wakes the running call by deadlines that have passed.
func (c *Client) onInterrupt() {
	c.mu.Lock()
	_ = c.conn.SetDeadline(longAgo)
	if c.data != nil {
		_ = c.data.SetDeadline(longAgo)
	}
	c.mu.Unlock()
	c.interrupted <- struct{}{}
}

// allow gives conn d from now; negative means for ever. The context is looked at afterwards: if it
// ends later than that, onInterrupt's deadline comes after this one.
func allow(ctx context.Context, conn *net.TCPConn, d time.Duration) error {
	var deadline time.Time
	if d >= 0 {
		deadline = time.Now().Add(d)
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	return ctx.Err()
}

// ask sends a command and returns what answers it: base's field, or a line of classic, which lives
// until the next call. What goes wrong on control ends the session: client and server would no
// longer agree on what comes next.
func (c *Client) ask(ctx context.Context, verb codec.Verb, name string) (codec.Event, error) {
	command, err := c.encode(c.command[:0], verb, name)
	c.command = command
	if err != nil {
		return codec.Event{}, failure(shortened(name), ErrName, err)
	}
	if len(c.unread) > 0 {
		return codec.Event{}, c.lose(ctx, failure("", ErrProtocol, errUnasked))
	}
	if err := allow(ctx, c.conn, c.options.ReplyTimeout); err != nil {
		return codec.Event{}, c.lose(ctx, err)
	}
	if _, err := c.conn.Write(command); err != nil {
		return codec.Event{}, c.lose(ctx, err)
	}
	ev, err := c.answer()
	if err != nil {
		return codec.Event{}, c.lose(ctx, err)
	}
	return ev, nil
}

var errUnasked = errors.New("an answer that no command asked for")

// encode appends a command as the session's exchange has it.
func (c *Client) encode(dst []byte, verb codec.Verb, name string) ([]byte, error) {
	if c.classic != nil {
		return appendClassic(dst, verb, name)
	}
	return codec.AppendCommand(dst, verb, name)
}

// shortened is a name that an error's line has room for.
func shortened(name string) string {
	const most = 32
	if len(name) <= most {
		return name
	}
	return name[:most] + "…"
}

// lose ends the session and says why.
func (c *Client) lose(ctx context.Context, cause error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over != nil {
		return c.over
	}
	c.over = failure("", ErrLost, cause)
	_ = c.conn.Close()
	if done := ctx.Err(); done != nil {
		c.over.Err = errHalfWay
		return failure("", ErrGivenUp, done)
	}
	return c.over
}

var errHalfWay = errors.New("a command was given up before its answer")

// addressPort is the port of HOST:PORT, or what is wrong with it.
func addressPort(addr string) (uint16, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, errors.New("an address is HOST:PORT, an IPv6 host in brackets")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return 0, errors.New("a port is a number from 1 to 65535")
	}
	return uint16(n), nil
}

// dialError says in a few words why nobody answered.
func dialError(ctx context.Context, addr string, err error) error {
	if done := ctx.Err(); done != nil {
		return failure(addr, ErrGivenUp, done)
	}
	if isRefused(err) {
		return failure(addr, ErrConnect, &nobodyListens{err})
	}
	if isReset(err) {
		err = errors.New(errTurnedAway)
	}
	return failure(addr, ErrConnect, err)
}

// nobodyListens puts "connection refused" into words of its own.
type nobodyListens struct{ error }

// Error says what was refused.
func (e *nobodyListens) Error() string { return "nobody listens there (connection refused)" }

// Unwrap gives the refusal itself.
func (e *nobodyListens) Unwrap() error { return e.error }
