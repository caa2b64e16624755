package reactor

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

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

// serveFace runs a server that speaks a face at a port of its own.
func serveFace(
	t *testing.T, f face, change ...func(*Options),
) (ts *testServer, port int) {
	t.Helper()
	ts = serveWith(t, func(s *Server) {
		reserved, err := reservePort(s.addresses, 0)
		check(t, err)
		port = reserved.Port
		e := exchange{open: func(*Server) face { return f }}
		s.listeners = append(s.listeners, listener{reserved, e})
	}, change...)
	ts.dialed.Add(1)
	return ts, port
}

func dialFace(t *testing.T, port int) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	check(t, err)
	return c, bufio.NewReader(c)
}

// A face that the rest of the server does not know serves a download.
func TestFaceOfTestServesGet(t *testing.T) {
	ts, port := serveFace(t, echoFace{})
	ts.file("some file", []byte("its content"))
	c, told := dialFace(t, port)
	defer func() { check(t, c.Close()) }()
	_, err := io.WriteString(c, "some file\nsome file\n")
	check(t, err)
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

// firstFace is an exchange whose file work precedes its offer, and whose offers have leases.
type firstFace struct{ echoFace }

var firstProperties = properties{
	table: &replyTable, worksFirst: true, waits: true, answers: true, unusedMax: 3,
}

func (firstFace) properties() *properties { return &firstProperties }

func (firstFace) prepare(t *transfer) {
	if err := t.parseName(); err != nil {
		t.endAs(outcomeRefused, err)
		return
	}
	t.request(poolData)
}

func (firstFace) refuse(t *transfer, o outcome, err error) { t.endAs(o, err) }

func (firstFace) done(t *transfer) {
	t.session.write([]byte("missing\n"))
	t.session.feed(inAnswer)
}

// A command that fails between the grant of its port and its offer gives the lease back.
func TestRefusedCommandGivesLeaseBack(t *testing.T) {
	_, port := serveFace(t, firstFace{}, func(o *Options) { o.DataPorts = PortRange{Count: 1} })
	c, told := dialFace(t, port)
	check(t, c.SetDeadline(time.Now().Add(patience)))
	_, err := io.WriteString(c, "no such file\nno such file\n")
	check(t, err)
	for range 2 {
		if line, err := told.ReadString('\n'); err != nil || line != "missing\n" {
			t.Fatalf("%q, %v", line, err)
		}
	}
	check(t, c.Close())
}
