package bench

import (
	"bytes"
	"errors"
	"strconv"

	"ferry/client"
)

// web is HTTP/1.1 without chunks. Contents move on its one connection, which is control.
type web struct {
	// host is the Host header, folder the path before names, with slashes at both ends.
	host, folder string
	// closes means that every connection serves one request.
	closes bool
}

// States of web: what comes next.
const (
	webIdle uint8 = iota
	webHead
	webBody
)

// webHeadMax is the longest head of an answer that is accepted.
const webHeadMax = 32 << 10

func (*web) open(s *session) { s.idle() }

func (w *web) start(s *session) error {
	if s.job.kind != KindPut {
		w.request(s, "GET ", s.job.name)
		s.say = append(s.say, "\r\n"...)
		s.await(webHead)
		return nil
	}
	w.request(s, "PUT ", s.job.name)
	s.say = append(s.say, "Content-Length: "...)
	s.say = append(strconv.AppendInt(s.say, s.job.size, 10), "\r\n\r\n"...)
	s.state, s.sends, s.wait = webHead, true, waitSent
	return nil
}

func (w *web) request(s *session, method, name string) {
	s.say = append(append(s.say[:0], method...), w.folder...)
	version := " HTTP/1.1\r\nHost: "
	if s.job.kind == KindList { // so that no server sends chunks; files have a length anyway
		version = " HTTP/1.0\r\nConnection: keep-alive\r\nHost: "
	}
	s.say = append(append(s.say, name...), version...)
	s.say = append(append(s.say, w.host...), "\r\n"...)
	if w.closes || s.leaving {
		s.say = append(s.say, "Connection: close\r\n"...)
	}
}

// quit sends a request that costs nothing, so that a connection that the server does not serve is
// noticed.
func (w *web) quit(s *session) {
	s.leaving = true
	w.request(s, "HEAD ", "")
	s.say = append(s.say, "\r\n"...)
	s.await(webHead)
}

func (w *web) control(s *session, in []byte) (int, error) {
	switch s.state {
	case webBody:
		return w.body(s, in)
	case webHead:
	default:
		return 0, s.fault(client.ErrProtocol, errUnasked)
	}
	end := bytes.Index(in, []byte("\r\n\r\n"))
	switch {
	case end < 0 && len(in) > webHeadMax:
		return 0, s.protocolError("a head without an end")
	case end < 0:
		return 0, nil
	case s.leaving:
		s.idle()
		return len(in), nil
	}
	if err := w.answer(s, in[:end+2]); err != nil {
		return 0, err
	}
	n, err := w.body(s, in[end+4:])
	return end + 4 + n, err
}

// answer reads the head of an answer, whose lines all have an end.
func (w *web) answer(s *session, head []byte) error {
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	if !bytes.HasPrefix(line, []byte("HTTP/1.")) || len(line) < 12 {
		return s.protocolError("not HTTP/1.1")
	}
	if line[9] != '2' {
		return s.fault(errReply, errors.New(string(line[9:])))
	}
	s.state, s.in.size, s.over = webBody, -1, w.closes || line[7] == '0'
	if string(line[9:12]) == "204" {
		s.in.size = 0
	}
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if s.in.size = number(value); s.in.size < 0 {
				return s.protocolError("an invalid Content-Length")
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			return s.protocolError("a chunked body, which this harness does not read")
		case bytes.EqualFold(name, []byte("Connection")):
			s.over = s.over || bytes.EqualFold(value, []byte("close"))
		}
	}
	if s.in.size < 0 && s.state == webBody && !s.over {
		return s.protocolError("a body without a length")
	}
	return nil
}

// body takes bytes of the content.
func (w *web) body(s *session, in []byte) (int, error) {
	s.receive(in)
	switch {
	case s.in.size < 0 || s.in.got < s.in.size:
		return len(in), nil
	case s.in.got > s.in.size:
		return 0, s.fault(client.ErrProtocol, errSurplus)
	}
	s.idle()
	return len(in), s.check()
}

func (*web) data(*session, []byte) error             { return nil } // there is no such connection
func (*web) dataEnded(s *session, cause error) error { return s.broken(cause) }
func (*web) sent(s *session)                         { s.wait = waitControl }

// controlEnded: an answer without a length ends with its connection.
func (*web) controlEnded(s *session, cause error) error {
	if cause == nil && s.over && s.in.size < 0 && s.state == webBody {
		s.idle()
		return s.check()
	}
	return s.lost(cause)
}
