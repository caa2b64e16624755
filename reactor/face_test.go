package reactor

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"ferry/codec"
)

// echoFace is an exchange of its own: a line is the name of a file, the answer is a port.
type echoFace struct{ baseFace }

func (echoFace) next(s *session, in []byte) (decision, int) {
	n := bytes.IndexByte(in, '\n') + 1
	if n == 0 {
		return decision{}, 0
	}
	name := in[:n-1]
	return s.decide(codec.Command{Verb: codec.VerbGet, Name: name, Text: name}), n
}

func (echoFace) offered(s *session, o *offer) {
	s.write(append(strconv.AppendUint(nil, uint64(o.number()), 10), '\n'))
}

func openEcho(*Server) face { return echoFace{} }

// A face that the rest of the server does not know serves a download.
func TestFaceOfTestServesGet(t *testing.T) {
	port := 0
	ts := serveWith(t, func(s *Server) {
		reserved, err := reservePort(s.addresses, 0)
		check(t, err)
		port = reserved.Port
		s.listeners = append(s.listeners, listener{reserved, exchange{open: openEcho}})
	})
	ts.file("some file", []byte("its content"))
	c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	check(t, err)
	ts.dialed.Add(1)
	defer func() { check(t, c.Close()) }()
	_, err = io.WriteString(c, "some file\nsome file\n")
	check(t, err)
	told := bufio.NewReader(c)
	for range 2 {
		line, err := told.ReadString('\n')
		check(t, err)
		d, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strings.TrimSpace(line)))
		check(t, err)
		got, err := io.ReadAll(d)
		check(t, err)
		check(t, d.Close())
		if string(got) != record("its content") {
			t.Errorf("got %q", got)
		}
	}
}
