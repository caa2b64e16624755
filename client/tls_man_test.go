//go:build linux

package client

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// man is between a client and a server: he listens at 127.0.0.2, on every port on which the server
// listens at 127.0.0.1.
type man struct {
	t       *testing.T
	addr    string
	control uint16
	running sync.WaitGroup

	mu sync.Mutex
	// meet is what he does with a client's connection to a port.
	meet func(c *net.TCPConn, port uint16)
	open []io.Closer
}

// between puts a man between clients and a server.
func between(t *testing.T, s *server) *man {
	t.Helper()
	server := netip.MustParseAddrPort(s.addr)
	m := &man{t: t, control: server.Port(), addr: fmt.Sprintf("127.0.0.2:%d", server.Port())}
	m.meet = m.relay
	m.listen(server.Port())
	for ports := range strings.SplitSeq(s.started().DataPorts, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(ports), "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.ParseUint(first, 10, 16)
		until, err2 := strconv.ParseUint(last, 10, 16)
		if err1 != nil || err2 != nil {
			t.Fatalf("data ports %q", ports)
		}
		for port := from; port <= until; port++ {
			m.listen(uint16(port))
		}
	}
	t.Cleanup(func() {
		m.mu.Lock()
		for _, c := range m.open {
			_ = c.Close()
		}
		m.mu.Unlock()
		m.running.Wait()
	})
	return m
}

func (m *man) listen(port uint16) {
	m.t.Helper()
	l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.2:%d", port))
	if err != nil {
		m.t.Fatal(err)
	}
	m.keep(l)
	m.running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			m.keep(c)
			m.mu.Lock()
			meet := m.meet
			m.mu.Unlock()
			m.running.Go(func() {
				meet(c.(*net.TCPConn), port)
				_ = c.Close()
			})
		}
	})
}

// keep has something closed when the test ends.
func (m *man) keep(c io.Closer) {
	m.mu.Lock()
	m.open = append(m.open, c)
	m.mu.Unlock()
}

// does sets what he does with a connection to a data port, or with one to control.
func (m *man) does(control bool, meet func(c *net.TCPConn, port uint16)) {
	m.mu.Lock()
	m.meet = func(c *net.TCPConn, port uint16) {
		if control == (port == m.control) {
			meet(c, port)
		} else {
			m.relay(c, port)
		}
	}
	m.mu.Unlock()
}

// server makes a connection to the server's port.
func (m *man) server(port uint16) *net.TCPConn {
	c, err := net.DialTimeout("tcp4", fmt.Sprintf("127.0.0.1:%d", port), patience)
	if err != nil {
		m.t.Error(err)
		return nil
	}
	m.keep(c)
	return c.(*net.TCPConn)
}

// relay passes on everything.
func (m *man) relay(c *net.TCPConn, port uint16) {
	s := m.server(port)
	if s == nil {
		return
	}
	var both sync.WaitGroup
	for _, way := range [2][2]*net.TCPConn{{c, s}, {s, c}} {
		both.Go(func() {
			if _, err := io.Copy(way[1], way[0]); isReset(err) {
				_ = way[1].SetLinger(0)
				_ = way[1].Close()
				return
			}
			_ = way[1].CloseWrite()
		})
	}
	both.Wait()
	_ = s.Close()
}

// cut passes on so many records of one direction, of both if there are fewer, and then ends both
// connections in order. It reports whether there was a record more.
func (m *man) cut(c *net.TCPConn, port uint16, fromServer bool, records int) bool {
	s := m.server(port)
	if s == nil {
		return false
	}
	defer s.Close()
	from, to := c, s
	if fromServer {
		from, to = s, c
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(from, to)
		_ = from.CloseWrite()
	}()
	defer func() { <-done }()
	more := false
	for n := 0; ; n++ {
		r, err := readRecord(from)
		if more = err == nil && n == records; err != nil || more {
			break
		}
		if _, err := to.Write(r); err != nil {
			break
		}
	}
	_ = to.CloseWrite()
	if more {
		_ = from.CloseWrite()
		_, _ = io.Copy(io.Discard, from) // else what is unread makes it a reset
	}
	return more
}

func readRecord(from io.Reader) ([]byte, error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	r := append(head, make([]byte, binary.BigEndian.Uint16(head[3:]))...)
	_, err := io.ReadFull(from, r[5:])
	return r, err
}

// ownCertificate is a certificate that he has made himself, for the same names.
func ownCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 2)}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{cert}, PrivateKey: key}
}

// attempt is a transfer through the man, and what has to be true of it.
type attempt struct {
	name     string
	exchange Exchange
	put      bool
}

var attempts = []attempt{
	{"get", Status, false},
	{"put", Status, true},
	{"base get", Base, false},
	{"base put", Base, true},
}

// run makes a session and one transfer. It reports whether the client said that it was complete,
// and fails the test if that is not true, or if a file is neither whole nor absent.
func (a attempt) run(
	ctx context.Context, t *testing.T, m *man, s *server, trust *TLS, data []byte,
) bool {
	t.Helper()
	dir, there := t.TempDir(), filepath.Join(s.root(), "new")
	_ = os.Remove(there)
	c, err := Dial(ctx, m.addr, Options{
		TLS: trust, Exchange: a.exchange, HelloWait: patience, NotesLifetime: -1,
	})
	result := filepath.Join(dir, "a")
	if err == nil {
		if a.put {
			result = there
			var stored Stored
			stored, err = c.Put(ctx, "new", bytes.NewReader(data), int64(len(data)))
			if err == nil && stored != Confirmed {
				err = errors.New("not confirmed")
			}
		} else {
			_, err = c.GetFile(ctx, "a", result)
		}
		_ = c.Close()
	}
	got, missing := os.ReadFile(result)
	if missing == nil && !bytes.Equal(got, data) {
		t.Errorf("a file of %d bytes is there; %v", len(got), err)
	}
	if err == nil && missing != nil {
		t.Error("complete was reported, and no file is there")
	}
	if files, _ := os.ReadDir(dir); missing != nil && len(files) > 0 {
		t.Errorf("%v is left", files[0].Name())
	}
	return err == nil
}

// manInTheMiddle runs a test for both versions with a man between client and server.
func manInTheMiddle(
	t *testing.T, f func(t *testing.T, m *man, s *server, trust *TLS, data []byte), flags ...string,
) {
	s := newTLSServer(t, append([]string{"--lease-rest", "1ms"}, flags...)...)
	m := between(t, s)
	data := random(40_000) // three records
	s.file("a", data)
	for name, version := range tlsVersions {
		trust := s.trusted(version)
		t.Run(name, func(t *testing.T) { f(t, m, s, trust, data) })
	}
}

// TestManWhoCutsIsNoticed: he ends a connection in order behind each of its records, either
// direction's. Nothing that he has cut is taken for complete.
func TestManWhoCutsIsNoticed(t *testing.T) {
	manInTheMiddle(t, func(t *testing.T, m *man, s *server, trust *TLS, data []byte) {
		for _, a := range attempts {
			for _, control := range []bool{true, false} {
				for _, fromServer := range []bool{true, false} {
					name := fmt.Sprintf("%s control=%v server=%v", a.name, control, fromServer)
					t.Run(name, func(t *testing.T) {
						cutEach(t, a, m, s, trust, data, control, fromServer)
					})
				}
			}
		}
	})
}

func cutEach(
	t *testing.T, a attempt, m *man, s *server, trust *TLS, data []byte, control, fromServer bool,
) {
	const recordsMax = 60
	for n := range recordsMax {
		was := make(chan bool, 8)
		ctx, stop := context.WithCancel(t.Context())
		m.does(control, func(c *net.TCPConn, port uint16) {
			cut := m.cut(c, port, fromServer, n)
			if was <- cut; cut {
				// A server waits in vain for a KEY that was cut off, and the client for the server.
				time.AfterFunc(100*time.Millisecond, stop)
			}
		})
		complete := a.run(ctx, t, m, s, trust, data)
		stop()
		if t.Failed() {
			t.Fatalf("cut behind record %d", n)
		}
		cut := <-was
		if complete && !cut {
			if n == 0 {
				t.Fatal("nothing was cut")
			}
			return // all records have passed
		}
		if !complete && !cut {
			t.Fatalf("broken without a cut behind record %d", n)
		}
	}
	t.Fatalf("more than %d records", recordsMax)
}
