package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"ferry/codec"
)

// The classic exchange: text lines on control, and two fixed ports, one for files and one for
// messages, of which the server sends one. A file has no size: a clean close ends it, and a reset
// means that it failed.

// ClassicPort is the control port of classic servers.
const ClassicPort = 20021

// The other ports relative to control's: 20020 and 20023 to 20021.
const (
	filesBeside    = -1
	messagesBeside = 2
)

// classicPorts are the ports that a server may send.
type classicPorts struct{ files, messages uint16 }

// classicPorts finds the ports of a server by its control port.
func (o *Options) classicPorts(control uint16) (classicPorts, error) {
	files, messages := int(o.ClassicFiles), int(o.ClassicMessages)
	if files == 0 {
		files = int(control) + filesBeside
	}
	if messages == 0 {
		messages = int(control) + messagesBeside
	}
	switch {
	case files < 1 || messages > dataPortMax:
		return classicPorts{}, fmt.Errorf("no ports for files and messages lie beside %d: "+
			"set them with --classic-ports", control)
	case files == messages:
		return classicPorts{}, fmt.Errorf("files and messages cannot both have port %d", files)
	}
	return classicPorts{uint16(files), uint16(messages)}, nil
}

// parse is the port in a CONN line. A port without a meaning is an error.
func (p classicPorts) parse(line []byte) (uint16, error) {
	port, ok := codec.ParseConn(line)
	switch {
	case !ok:
		return 0, fmt.Errorf("it sent %q where CONN and a port belong", line[:min(len(line), 64)])
	case port != p.files && port != p.messages:
		return 0, fmt.Errorf("it sent port %d, but files are on %d and messages on %d "+
			"unless --classic-ports sets others", port, p.files, p.messages)
	}
	return port, nil
}

func appendClassic(dst []byte, verb codec.Verb, name string) ([]byte, error) {
	if verb == codec.VerbQuit {
		return codec.AppendGoodbye(dst), nil
	}
	if strings.ContainsAny(name, "\r\n") {
		return dst, errors.New("it holds a line end")
	}
	start := len(dst)
	dst = codec.AppendRetr(dst, name)
	// A line is at most 4,096 bytes, without its end.
	if n := len(dst) - start - len(lineEnd); n > codec.CommandMax {
		return dst, fmt.Errorf("a line of %d bytes: %d are allowed", n, codec.CommandMax)
	}
	return dst, nil
}

var lineEnd = []byte{'\n'}

// checkThanks checks the line that answers quit. What precedes the first comma is enough for
// third-party servers.
func (c *control) checkThanks(ctx context.Context, line []byte) error {
	thanks, _, _ := strings.Cut(codec.ClassicThanks, ",")
	if bytes.HasPrefix(line, []byte(thanks)) {
		return nil
	}
	return c.lose(ctx, failure("", ErrProtocol, fmt.Errorf("it sent %q where %s belongs",
		line[:min(len(line), 64)], thanks)))
}

// untilClose reads a file to the server's close. A reset before it, or a stall, is a failure.
func (r *receiver) untilClose(ctx context.Context, b []byte, to *sink) (err error) {
	if to.begin != nil {
		if to.w, err = to.begin(r.size); err != nil {
			return err
		}
	}
	for {
		in, err := r.more(ctx, b, to.w)
		if errors.Is(err, io.EOF) {
			return r.closed(ctx)
		}
		if err == nil {
			err = r.write(to.w, in)
		}
		if err != nil {
			return err
		}
	}
}

// closed takes the server's close for the end of a file. An offer that has expired is closed at
// once, which looks like an empty file; but the server ends such a session first.
func (r *receiver) closed(ctx context.Context) error {
	if r.received == 0 {
		if err := r.client.checkControl(ctx); err != nil {
			return err
		}
	}
	r.whole = true
	return nil
}

// glanceWait is long enough to see what has come, on a busy machine too. Only empty files cost it.
const glanceWait = 20 * time.Millisecond

// checkControl is an error if control has ended. The next call handles other input.
func (c *control) checkControl(ctx context.Context) error {
	if len(c.unread) > 0 {
		return nil
	}
	if err := allow(ctx, c.conn, glanceWait); err != nil {
		return c.lose(ctx, err)
	}
	n, err := c.conn.Read(c.input[:])
	c.unread = c.input[:n]
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return c.lose(ctx, err)
}

// serverMessage is a server's own text.
type serverMessage string

func (m serverMessage) Error() string { return string(m) }

// The two known messages, without the server's time before them.
var (
	messageNotFound = strings.TrimSpace(string(codec.AppendNotFound(nil, "")))
	messageUnknown  = strings.TrimSpace(string(codec.AppendClassicUnknown(nil, "")))
)

// messageError is the error about name that a message is.
func messageError(name, text string) error {
	kind := ErrMessage
	switch {
	case text == "":
		return failure(name, kind, nil)
	case strings.HasSuffix(text, messageNotFound):
		kind = ErrNotFound
	case strings.HasSuffix(text, messageUnknown):
		kind = ErrUnknownCommand
	}
	return failure(name, kind, serverMessage(text))
}
