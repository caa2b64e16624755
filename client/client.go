package client

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"ferry/codec"
)

// Client is a session with one server. One call runs at a time; only Close may be called from
// another goroutine.
type Client struct {
	control
	limits
	// swept is the local folder that was last searched for leftovers.
	swept string
}

// limits are sizes in bytes and waits that tests change.
type limits struct {
	// pieceMax is the longest piece of a file: what fits a field.
	pieceMax int64
	// continueMin is the shortest upload that gets a part; busyWait is how long to wait for a part
	// that another session holds.
	continueMin int64
	busyWait    time.Duration
	// sumWait is how long to ask for a checksum while the server computes too many.
	sumWait time.Duration
	// segmentMin is the shortest segment of a file.
	segmentMin int64
}

// Dial connects to the server at addr, HOST:PORT. A host is a name, whose addresses are tried one
// after another, or a number, IPv6 in brackets.
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
		control: control{
			options: o,
			target:  addr,
			dialer:  net.Dialer{Timeout: max(o.DialTimeout, 0), Control: o.Control},
			watch:   watch{interrupted: make(chan struct{}, 1)},
		},
		limits: limits{codec.FieldMax, continueMin, busyWait, sumWait, segmentMin},
	}
	c.interrupt = c.onInterrupt
	c.speak(Base)
	if o.Exchange == Classic {
		c.speak(Classic)
		if c.ports, err = o.classicPorts(port); err != nil {
			return nil, failure(addr, ErrConnect, err)
		}
	}
	if o.LocalAddr.IsValid() {
		c.dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(o.LocalAddr, 0))
	}
	addr = asciiHost(addr)
	if o.TLS != nil {
		c.tls = c.secure(addr)
	}
	if err := c.dial(ctx, addr); err != nil {
		return nil, err
	}
	if o.Exchange == Auto || o.Exchange == Status {
		if err := c.negotiate(ctx); err != nil {
			return nil, err
		}
	}
	if o.Credentials != nil {
		if err := c.Login(ctx, o.Credentials); err != nil {
			_ = c.Close()
			return nil, err
		}
	}
	// Data connections have deadlines of their own and need no probes.
	c.dialer.KeepAlive = -1
	return c, nil
}

// Quit ends the session in order: it tells the server, reads the answer and closes. A server that
// closes without an answer has understood too.
func (c *Client) Quit(ctx context.Context) error {
	if err := c.begin(ctx); err != nil {
		return err
	}
	defer c.end()
	q := codec.Request{Verb: codec.VerbQuit}
	ev, err := c.request(ctx, q, c.options.ReplyTimeout)
	switch {
	case err != nil:
	case c.exchange == Status:
		err = c.expect(ctx, q, ev, codec.CodeGoodbye)
	case c.exchange == Classic:
		err = c.checkThanks(ctx, ev.Data)
	}
	_ = c.Close()
	if errors.Is(err, ErrLost) && (errors.Is(err, io.EOF) || isReset(err)) {
		return nil
	}
	return err
}

// asciiHost encodes a non-ASCII host name for DNS (IDNA). An invalid one is returned unchanged.
func asciiHost(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	beyond := func(r rune) bool { return r >= utf8.RuneSelf }
	if err != nil || !utf8.ValidString(host) || !strings.ContainsFunc(host, beyond) {
		return addr
	}
	if host, err = idna.Lookup.ToASCII(host); err != nil {
		return addr
	}
	return net.JoinHostPort(host, port)
}

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

// Moved describes the transfer of a whole file.
type Moved struct {
	// Size is the file's size in bytes; Kept is how many of them were there from an earlier try,
	// verified.
	Size, Kept int64
	// Segments is how many segments were fetched at once, 0 for a plain transfer.
	Segments int
	// Stored describes an upload.
	Stored Stored
}
