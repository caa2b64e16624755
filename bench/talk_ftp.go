package bench

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"ferry/client"
)

// ftp is RFC 959 with passive data connections, by EPSV (RFC 2428) or else by PASV.
type ftp struct {
	user, password string
	// passive says that the server knows no EPSV.
	passive bool
}

// States of ftp: whose reply comes next.
const (
	ftpFree uint8 = iota
	ftpGreeting
	ftpUser
	ftpPassword
	ftpType
	ftpExtended // of EPSV
	ftpPassive  // of PASV
	ftpOpening
	ftpMoving
	ftpClosing
	ftpLeaving
)

// replyMax is the longest reply, of all its lines, that is waited for.
const replyMax = 16 << 10

// open implements exchange.
func (*ftp) open(t *talk) { t.state, t.wait = ftpGreeting, waitControl }

// begin implements exchange.
func (f *ftp) begin(t *talk) error {
	f.askPort(t)
	return nil
}

func (f *ftp) askPort(t *talk) {
	t.say, t.state = append(t.say[:0], "EPSV\r\n"...), ftpExtended
	if f.passive {
		t.say, t.state = append(t.say[:0], "PASV\r\n"...), ftpPassive
	}
	t.wait = waitControl
}

// leave implements exchange.
func (*ftp) leave(t *talk) {
	t.say = append(t.say[:0], "QUIT\r\n"...)
	t.leaving, t.state, t.wait = true, ftpLeaving, waitControl
}

// heard implements exchange: it takes one reply of one or several lines.
func (f *ftp) heard(t *talk, in []byte) (int, error) {
	code, text, used := reply(in)
	if used == 0 {
		if len(in) > replyMax {
			return 0, t.fault(client.ErrProtocol, errors.New("a reply without an end"))
		}
		return 0, nil
	}
	return used, f.replied(t, code, text)
}

// reply takes the first reply of the input apart. Of several lines the last one counts, which has
// a space behind the first one's code. (RFC 959, 4.2.)
func reply(in []byte) (code int, text []byte, used int) {
	for used < len(in) {
		end := bytes.IndexByte(in[used:], '\n')
		if end < 0 {
			return 0, nil, 0
		}
		line := bytes.TrimRight(in[used:used+end], "\r")
		used += end + 1
		n := number(line[:min(3, len(line))])
		if code == 0 {
			code = n
		}
		if n < 100 || n != code {
			if code < 100 {
				return -1, line, used
			}
			continue
		}
		if len(line) == 3 || line[3] == ' ' {
			return code, line, used
		}
	}
	return 0, nil, 0
}

// number reads digits; -1 for anything else.
func number(text []byte) int {
	n := 0
	for _, b := range text {
		if b < '0' || b > '9' || n > 1<<20 {
			return -1
		}
		n = n*10 + int(b-'0')
	}
	if len(text) == 0 {
		return -1
	}
	return n
}

// replied goes on after a reply.
func (f *ftp) replied(t *talk, code int, text []byte) error {
	class := code / 100
	switch {
	case t.state == ftpLeaving:
		t.wait = waitNothing
	case t.state == ftpGreeting && code == 220:
		t.say = fmt.Appendf(t.say[:0], "USER %s\r\n", f.user)
		t.state = ftpUser
	case t.state == ftpUser && code == 331:
		t.say = fmt.Appendf(t.say[:0], "PASS %s\r\n", f.password)
		t.state = ftpPassword
	case (t.state == ftpUser || t.state == ftpPassword) && class == 2:
		t.say = append(t.say[:0], "TYPE I\r\n"...)
		t.state = ftpType
	case t.state == ftpType && class == 2:
		t.state, t.wait = ftpFree, waitNothing
	case t.state == ftpExtended && class == 5:
		f.passive = true
		f.askPort(t)
	case (t.state == ftpExtended || t.state == ftpPassive) && class == 2:
		return f.told(t, text)
	case t.state == ftpOpening && class == 1:
		f.move(t)
	case t.state == ftpClosing && class == 2:
		t.state, t.wait, t.dropData = ftpFree, waitNothing, true
		return t.check()
	default:
		return t.fault(errReply, errors.New(string(text)))
	}
	return nil
}

// errReply means that the server said in words that it will not.
var errReply = errors.New("refused")

// told connects to the port of a reply and asks for the transfer.
func (f *ftp) told(t *talk, text []byte) error {
	port := passivePort(text)
	if port < 0 {
		return t.fault(client.ErrProtocol, fmt.Errorf("no port in %q", text))
	}
	verb := "RETR "
	switch t.job.kind {
	case KindPut:
		verb = "STOR "
	case KindList:
		verb = "NLST "
	default:
	}
	t.say = append(append(t.say[:0], verb...), t.job.name...)
	t.say = append(bytes.TrimRight(t.say, " "), "\r\n"...)
	t.state = ftpOpening
	return t.connectTo(port)
}

// passivePort is the port of "229 ... (|||PORT|)" or of "227 ... (h,h,h,h,p,p)". Addresses are not
// looked at: data goes where control went.
func passivePort(text []byte) int64 {
	_, rest, _ := bytes.Cut(text, []byte("("))
	inner, _, found := bytes.Cut(rest, []byte(")"))
	if !found || len(inner) < 5 {
		return -1
	}
	if bytes.HasPrefix(text, []byte("229")) {
		return int64(number(inner[3 : len(inner)-1]))
	}
	high := bytes.LastIndexByte(inner, ',')
	if high < 0 {
		return -1
	}
	low := number(inner[high+1:])
	high, upper := bytes.LastIndexByte(inner[:high], ','), inner[:high]
	if high < 0 || low < 0 {
		return -1
	}
	p := number(upper[high+1:])
	if p < 0 {
		return -1
	}
	return int64(p)<<8 | int64(low)
}

func (*ftp) move(t *talk) {
	t.state = ftpMoving
	if t.job.kind == KindPut {
		t.content, t.wait = true, waitSent
		return
	}
	t.wait = waitData
}

// came implements exchange.
func (*ftp) came(t *talk, in []byte) error {
	t.receive(in)
	return nil
}

// ended implements exchange. (RFC 959, 3.4: in stream mode the end of the file is the close.)
func (*ftp) ended(t *talk, cause error) error {
	if cause != nil || t.state != ftpMoving || t.job.kind == KindPut {
		if cause == nil {
			cause = errors.New("the server closed it")
		}
		return t.fault(client.ErrBroken, cause)
	}
	t.finish()
	return nil
}

// sent implements exchange.
func (*ftp) sent(t *talk) { t.finish() }

// hungUp implements exchange.
func (*ftp) hungUp(t *talk, cause error) error { return t.lost(cause) }

// finish closes the data connection and waits for the last reply.
func (t *talk) finish() { t.state, t.wait, t.dropData = ftpClosing, waitControl, true }

// textOf is a number's text without an allocation.
func textOf(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }
