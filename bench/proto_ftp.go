package bench

import (
	"bytes"
	"errors"
	"fmt"
)

// ftp is RFC 959 with passive data connections by EPSV (RFC 2428).
type ftp struct{ user, password string }

// States of ftp: which reply comes next.
const (
	ftpIdle uint8 = iota
	ftpGreeting
	ftpUser
	ftpPassword
	ftpType
	ftpEPSV
	ftpAsked
	ftpMoving
	ftpClosing
)

// ftpReplyMax is the longest reply, with all its lines, that is accepted.
const ftpReplyMax = 16 << 10

func (*ftp) open(s *session) { s.await(ftpGreeting) }

func (*ftp) start(s *session) error {
	s.say = append(s.say[:0], "EPSV\r\n"...)
	s.await(ftpEPSV)
	return nil
}

func (*ftp) quit(s *session) {
	s.say = append(s.say[:0], "QUIT\r\n"...)
	s.leaving = true
	s.await(ftpIdle)
}

func (f *ftp) control(s *session, in []byte) (int, error) {
	code, text, used := ftpReply(in)
	switch {
	case used > 0:
		return used, f.reply(s, code, text)
	case len(in) > ftpReplyMax:
		return 0, s.protocolError("a reply without an end")
	default:
		return 0, nil
	}
}

// ftpReply parses the first reply of the input. The last of several lines counts: it has a space
// behind the code of the first one (RFC 959, 4.2). used is 0 for an incomplete reply.
func ftpReply(in []byte) (code int, text []byte, used int) {
	for used < len(in) {
		end := bytes.IndexByte(in[used:], '\n')
		if end < 0 {
			break
		}
		line := bytes.TrimRight(in[used:used+end], "\r")
		used += end + 1
		n := int(number(line[:min(3, len(line))]))
		if code == 0 {
			if code = n; code < 100 {
				return -1, line, used
			}
		}
		if n == code && (len(line) == 3 || line[3] == ' ') {
			return code, line, used
		}
	}
	return 0, nil, 0
}

func (f *ftp) reply(s *session, code int, text []byte) error {
	class := code / 100
	switch {
	case s.leaving:
		s.idle()
	case s.state == ftpGreeting && code == 220:
		s.say = fmt.Appendf(s.say[:0], "USER %s\r\n", f.user)
		s.await(ftpUser)
	case s.state == ftpUser && code == 331:
		s.say = fmt.Appendf(s.say[:0], "PASS %s\r\n", f.password)
		s.await(ftpPassword)
	case (s.state == ftpUser || s.state == ftpPassword) && class == 2:
		s.say = append(s.say[:0], "TYPE I\r\n"...)
		s.await(ftpType)
	case s.state == ftpType && class == 2:
		s.idle()
	case s.state == ftpEPSV && code == 229:
		return f.request(s, text)
	case s.state == ftpAsked && class == 1:
		s.state, s.wait, s.sends = ftpMoving, waitData, s.job.kind == KindPut
		if s.sends {
			s.wait = waitSent
		}
	case s.state == ftpClosing && class == 2:
		s.idle()
		s.dropData = true
		return s.check()
	default:
		return s.fault(errReply, errors.New(string(text)))
	}
	return nil
}

// request connects to the port that a reply names, and asks for the transfer.
func (f *ftp) request(s *session, text []byte) error {
	port := passivePort(text)
	if port < 0 {
		return s.protocolError(fmt.Sprintf("no port in %q", text))
	}
	verb := "RETR "
	switch s.job.kind {
	case KindPut:
		verb = "STOR "
	case KindList:
		verb = "NLST "
	default:
	}
	s.say = append(append(s.say[:0], verb...), s.job.name...)
	s.say = append(bytes.TrimRight(s.say, " "), "\r\n"...)
	s.await(ftpAsked)
	return s.connectTo(port)
}

// passivePort is the port of "229 ... (|||PORT|)", -1 if there is none.
func passivePort(text []byte) int64 {
	_, rest, _ := bytes.Cut(text, []byte("(|||"))
	port, _, _ := bytes.Cut(rest, []byte("|)"))
	return number(port)
}

func (*ftp) data(s *session, in []byte) error {
	s.receive(in)
	return nil
}

// dataEnded: the end of the connection is the end of the file (RFC 959, 3.4).
func (f *ftp) dataEnded(s *session, cause error) error {
	if cause != nil || s.state != ftpMoving || s.job.kind == KindPut {
		return s.broken(cause)
	}
	f.sent(s)
	return nil
}

// sent closes the data connection and waits for the last reply.
func (*ftp) sent(s *session) {
	s.dropData = true
	s.await(ftpClosing)
}

func (*ftp) controlEnded(s *session, cause error) error { return s.lost(cause) }
