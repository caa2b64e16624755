package bench

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"ferry/codec"
)

// newStatusDriver is newDriver for the status exchange: an offer and the end of each transfer are
// told on control, and a KEY goes before everything on the data connection.
func newStatusDriver(address string, clients int, file []byte) (*driver, error) {
	d, err := newDriver(address, clients, file)
	if err != nil {
		return nil, err
	}
	d.status = true
	if d.command, err = codec.AppendRequest(nil, codec.Request{
		Verb: codec.VerbGet, Name: []byte(besideFileName),
	}); err == nil {
		err = d.greet()
	}
	if err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// greet says hello for every client, and waits for its answer.
func (d *driver) greet() error {
	hello, err := codec.AppendRequest(nil, codec.Request{Verb: codec.VerbHello})
	if err != nil {
		return err
	}
	for i := range d.clients {
		c := &d.clients[i]
		c.replies = codec.NewDecoder(codec.Replies)
		if _, err := unix.Write(c.control, hello); err != nil {
			return err
		}
		for greeted := false; !greeted; {
			n, err := unix.Read(c.control, c.bytes)
			if err != nil || n <= 0 {
				return fmt.Errorf("no answer to hello: %w", err)
			}
			ev, _ := c.replies.Next(c.bytes[:n])
			if ev.Kind == codec.EventError {
				return ev.Err
			}
			greeted = ev.Kind == codec.EventReply && ev.N == codec.CodeOkay
		}
	}
	return nil
}

// readReplies takes what the server says of a transfer.
func (d *driver) readReplies(c *driven, index int, more bool) {
	var b [256]byte
	n, err := unix.Read(c.control, b[:])
	if err != nil || n <= 0 {
		d.lose(c, fmt.Errorf("control ended: %w", err))
		return
	}
	for in := b[:n]; ; {
		ev, used := c.replies.Next(in)
		in = in[used:]
		switch {
		case ev.Kind == codec.EventNone:
			return
		case ev.Kind != codec.EventReply:
			d.lose(c, errors.New("what came on control is no reply"))
			return
		case ev.N == codec.CodeOffer:
			d.take(c, index, ev.Data)
		case ev.N != codec.CodeComplete:
			d.lose(c, fmt.Errorf("%d %s", ev.N, ev.Data))
			return
		case c.data < 0:
			d.ended(c, more)
		default:
			c.complete = true
		}
	}
}

// take makes the data connection of an offer, and says its KEY.
func (d *driver) take(c *driven, index int, text []byte) {
	o, ok := codec.ParseOffer(codec.VerbGet, text)
	if !ok {
		d.lose(c, fmt.Errorf("%q is no offer", text))
		return
	}
	var err error
	d.address.Port = int(o.Port)
	if c.data, err = d.dial(0); err == nil {
		_, err = unix.Write(c.data, o.Key[:])
	}
	if err == nil {
		err = d.watch(c.data, index, roleData)
	}
	if err != nil {
		d.lose(c, fmt.Errorf("data connection: %w", err))
	}
}
