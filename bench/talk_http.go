package bench

import (
	"bytes"
	"errors"

	"ferry/client"
)

// web is HTTP/1.1. Its one connection is control, and brings contents too.
type web struct {
	// host is the head's Host, folder the path that names begin with, from and to a slash.
	host, folder string
	// closes says that every connection serves one request.
	closes bool
}

// States of web: what comes next.
const (
	webFree uint8 = iota
	webHead
	webBody
	webChunks
	webLeaving
)

// webHeadMax is the longest head of an answer that is waited for.
const webHeadMax = 32 << 10

// open implements exchange.
func (*web) open(t *talk) { t.state, t.wait = webFree, waitNothing }

// begin implements exchange.
func (w *web) begin(t *talk) error {
	method := "GET "
	if t.job.kind == KindPut {
		method = "PUT "
	}
	w.request(t, method, t.job.name)
	if t.job.kind == KindPut {
		t.say = append(t.say, "Content-Length: "...)
		t.say = textOf(t.say, t.job.size)
		t.say = append(t.say, "\r\n"...)
	}
	t.say = append(t.say, "\r\n"...)
	t.state, t.wait = webHead, waitControl
	if t.job.kind == KindPut {
		t.content, t.wait = true, waitSent
	}
	return nil
}

func (w *web) request(t *talk, method, name string) {
	t.say = append(append(t.say[:0], method...), w.folder...)
	t.say = append(append(t.say, name...), " HTTP/1.1\r\nHost: "...)
	t.say = append(append(t.say, w.host...), "\r\n"...)
	if w.closes || t.leaving {
		t.say = append(t.say, "Connection: close\r\n"...)
	}
}

// leave implements exchange: it asks for what costs nothing, so that a connect which nobody serves
// is told from one that somebody does.
func (w *web) leave(t *talk) {
	t.leaving = true
	w.request(t, "HEAD ", "")
	t.say = append(t.say, "\r\n"...)
	t.state, t.wait = webLeaving, waitControl
}

// heard implements exchange.
func (w *web) heard(t *talk, in []byte) (int, error) {
	switch t.state {
	case webHead, webLeaving:
		end := bytes.Index(in, []byte("\r\n\r\n"))
		if end < 0 {
			if len(in) > webHeadMax {
				return 0, t.fault(client.ErrProtocol, errors.New("a head without an end"))
			}
			return 0, nil
		}
		used := end + 4
		if t.state == webLeaving {
			t.wait = waitNothing
			return len(in), nil
		}
		if err := w.answered(t, in[:end+2]); err != nil {
			return 0, err
		}
		n, err := w.body(t, in[used:])
		return used + n, err
	case webBody, webChunks:
		return w.body(t, in)
	default:
		return 0, t.fault(client.ErrProtocol, errUnasked)
	}
}

// answered reads an answer's head, each line with its end.
func (w *web) answered(t *talk, head []byte) error {
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	if !bytes.HasPrefix(line, []byte("HTTP/1.")) || len(line) < 12 {
		return t.fault(client.ErrProtocol, errors.New("no HTTP/1.1"))
	}
	if line[9] != '2' {
		return t.fault(errReply, errors.New(string(line[9:])))
	}
	t.state, t.size, t.over = webBody, -1, w.closes || line[7] == '0'
	if string(line[9:12]) == "204" {
		t.size = 0
	}
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if t.size = int64(number64(value)); t.size < 0 {
				return t.fault(client.ErrProtocol, errors.New("a length that is no number"))
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			t.state, t.chunk = webChunks, chunked{}
		case bytes.EqualFold(name, []byte("Connection")):
			t.over = t.over || bytes.EqualFold(value, []byte("close"))
		}
	}
	if t.size < 0 && t.state == webBody && !t.over {
		return t.fault(client.ErrProtocol, errors.New("a body without a length"))
	}
	return nil
}

// number64 reads a decimal number; -1 for anything else.
func number64(text []byte) int64 {
	var n int64
	for _, b := range text {
		if b < '0' || b > '9' || n > 1<<50 {
			return -1
		}
		n = n*10 + int64(b-'0')
	}
	if len(text) == 0 {
		return -1
	}
	return n
}

// body takes bytes of the content.
func (w *web) body(t *talk, in []byte) (int, error) {
	used := len(in)
	whole := false
	if t.state == webChunks {
		n, err := t.chunk.take(in, t.receive)
		if err != nil {
			return 0, t.fault(client.ErrProtocol, err)
		}
		used, whole = n, t.chunk.ended
	} else {
		t.receive(in)
		whole = t.size >= 0 && t.got >= t.size
		if whole && t.got > t.size {
			return 0, t.fault(client.ErrProtocol, errSurplus)
		}
	}
	if !whole {
		return used, nil
	}
	t.state, t.wait = webFree, waitNothing
	return used, t.check()
}

// came implements exchange: there is no data connection.
func (*web) came(*talk, []byte) error { return nil }

// ended implements exchange: there is no data connection.
func (*web) ended(t *talk, cause error) error { return t.fault(client.ErrBroken, cause) }

// hungUp implements exchange. An answer without a length ends with the connection.
func (*web) hungUp(t *talk, cause error) error {
	if cause == nil && t.over && t.size < 0 && t.state == webBody {
		t.state, t.wait = webFree, waitNothing
		return t.check()
	}
	return t.lost(cause)
}

// sent implements exchange.
func (*web) sent(t *talk) { t.wait = waitControl }
