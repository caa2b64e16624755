package bench

import (
	"bytes"
	"errors"
	"strconv"

	"ferry/client"
)

// web is HTTP/1.1. Contents move on its one connection, which is control.
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
	webChunks
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
	s.say = append(append(s.say, name...), " HTTP/1.1\r\nHost: "...)
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
	case webBody, webChunks:
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
			s.state, s.chunk = webChunks, chunks{}
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
	used, whole := len(in), false
	if s.state == webChunks {
		n, err := s.chunk.take(in, s.receive)
		if err != nil {
			return 0, s.fault(client.ErrProtocol, err)
		}
		used, whole = n, s.chunk.ended
	} else {
		s.receive(in)
		if whole = s.in.size >= 0 && s.in.got >= s.in.size; whole && s.in.got > s.in.size {
			return 0, s.fault(client.ErrProtocol, errSurplus)
		}
	}
	if !whole {
		return used, nil
	}
	s.idle()
	return used, s.check()
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

// chunks decodes a chunked body (RFC 9112, 7.1). Its zero value is at the first chunk.
type chunks struct {
	left  int64 // of the current chunk
	next  uint8 // one of the constants below
	ended bool
}

const (
	chunkSize uint8 = iota
	chunkBytes
	chunkEnd     // the end of line behind a chunk's bytes
	chunkTrailer // lines behind the last chunk, up to an empty one
)

// chunkLineMax is the longest line of a size or a trailer.
const chunkLineMax = 4096

var errChunk = errors.New("an invalid chunk")

// take passes the content to each and returns how much of the input it used: all but the last line
// if that is incomplete.
func (c *chunks) take(in []byte, each func([]byte)) (used int, err error) {
	for used < len(in) && !c.ended {
		if c.next == chunkBytes {
			n := min(c.left, int64(len(in)-used))
			each(in[used : used+int(n)])
			used += int(n)
			if c.left -= n; c.left == 0 {
				c.next = chunkEnd
			}
			continue
		}
		end := bytes.IndexByte(in[used:], '\n')
		switch {
		case end < 0 && len(in)-used > chunkLineMax:
			return used, errChunk
		case end < 0:
			return used, nil
		}
		line := bytes.TrimRight(in[used:used+end], "\r")
		used += end + 1
		switch c.next {
		case chunkSize:
			digits, _, _ := bytes.Cut(line, []byte(";"))
			size, err := strconv.ParseUint(string(bytes.TrimSpace(digits)), 16, 48)
			if err != nil {
				return used, errChunk
			}
			if c.left, c.next = int64(size), chunkBytes; size == 0 {
				c.next = chunkTrailer
			}
		case chunkEnd:
			if c.next = chunkSize; len(line) > 0 {
				return used, errChunk
			}
		default:
			c.ended = len(line) == 0
		}
	}
	return used, nil
}
