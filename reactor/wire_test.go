package reactor

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ferry/codec"
)

// The client of the tests says what it sends byte by byte and what must come back. It uses plain
// net and, of codec, only what writes a field.

// wire is one control connection.
type wire struct {
	*net.TCPConn
	t    testing.TB
	to   netip.AddrPort
	from netip.Addr
}

var loopback = netip.MustParseAddr("127.0.0.1")

// dial opens a control connection from 127.0.0.1.
func (ts *testServer) dial() *wire { return ts.dialFrom(ts.t, "127.0.0.1") }

// dialFrom opens a control connection from any of the loopback's addresses.
func (ts *testServer) dialFrom(t testing.TB, from string) *wire {
	t.Helper()
	c := &wire{t: t, from: netip.MustParseAddr(from)}
	c.to = netip.AddrPortFrom(loopback, uint16(ts.Port()))
	c.TCPConn = tcp(t, c.from, c.to)
	ts.dialed.Add(1)
	return c
}

func tcp(t testing.TB, from netip.Addr, to netip.AddrPort) *net.TCPConn {
	t.Helper()
	conn, err := tryTCP(from, to)
	check(t, err)
	check(t, conn.SetDeadline(time.Now().Add(3*patience))) // some do many things
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// tryTCP makes a connection, which a server may reset before it is made. In a run over TLS a relay
// encrypts it.
func tryTCP(from netip.Addr, to netip.AddrPort) (*net.TCPConn, error) {
	d := net.Dialer{
		LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Timeout: patience,
	}
	conn, err := d.Dial("tcp4", to.String())
	if err != nil {
		return nil, err
	}
	if overTLS {
		return relayTLS(conn.(*net.TCPConn))
	}
	return conn.(*net.TCPConn), nil
}

// framed is field(length) and the command.
func framed(command string) string {
	return string(codec.AppendField(nil, int64(len(command)))) + command
}

// record is field(size) and the bytes.
func record(content string) string { return framed(content) }

// say sends bytes as they are.
func (c *wire) say(text string) {
	c.t.Helper()
	_, err := io.WriteString(c, text)
	check(c.t, err)
}

func (c *wire) command(text string) {
	c.t.Helper()
	c.say(framed(text))
}

// wantPort reads the answer to a command.
func (c *wire) wantPort() uint16 {
	c.t.Helper()
	n := wantField(c.t, c)
	if n < 1024 || n > 65535 {
		c.t.Fatalf("the server told port %d", n)
	}
	return uint16(n)
}

func wantField(t testing.TB, r io.Reader) int64 {
	t.Helper()
	var b [codec.FieldSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		t.Fatal("no field came: ", err)
	}
	n, err := strconv.ParseInt(string(b[:]), 10, 64)
	if err != nil {
		t.Fatalf("%q is no zero-padded field", b)
	}
	return n
}

// ask sends a command and connects to the port that is told.
func (c *wire) ask(command string) *data {
	c.t.Helper()
	c.command(command)
	return c.connect(c.wantPort())
}

// connect makes the data connection.
func (c *wire) connect(port uint16) *data {
	c.t.Helper()
	return connectFrom(c.t, c.from, port)
}

func connectFrom(t testing.TB, from netip.Addr, port uint16) *data {
	t.Helper()
	return &data{tcp(t, from, netip.AddrPortFrom(loopback, port)), t}
}

// connectSmall makes a data connection with small segments and a small receive buffer. The kernel
// keeps megabytes for a loopback connection that nobody reads; a thousand of those use up what it
// has for all of TCP, and then it resets connections of every process.
func connectSmall(t testing.TB, from netip.Addr, port uint16) *data {
	t.Helper()
	dialer := net.Dialer{
		LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Timeout: patience,
		Control: func(_, _ string, raw syscall.RawConn) error {
			var err error
			if failed := raw.Control(func(fd uintptr) {
				err = errors.Join(
					unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096),
					unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, 1000))
			}); failed != nil {
				return failed
			}
			return err
		},
	}
	conn, err := dialer.Dial("tcp4", netip.AddrPortFrom(loopback, port).String())
	check(t, err)
	check(t, conn.SetDeadline(time.Now().Add(3*patience)))
	t.Cleanup(func() { _ = conn.Close() })
	return &data{conn.(*net.TCPConn), t}
}

// wantEOF demands that the server ends control and has nothing more to say.
func (c *wire) wantEOF() {
	c.t.Helper()
	wantEnd(c.t, c.TCPConn, io.EOF)
}

// quit ends the session and waits for its end, parting port included.
func (c *wire) quit() {
	c.t.Helper()
	c.command("quit")
	c.connect(c.wantPort()).wantEOF()
	c.wantEOF()
	check(c.t, c.Close())
}

// reset ends the connection by a reset.
func reset(t testing.TB, c *net.TCPConn) {
	t.Helper()
	check(t, c.SetLinger(0))
	check(t, c.Close())
}

// data is one data connection.
type data struct {
	*net.TCPConn
	t testing.TB
}

func (d *data) say(text string) {
	d.t.Helper()
	_, err := io.WriteString(d, text)
	check(d.t, err)
}

// wantEOF demands a clean end without another byte.
func (d *data) wantEOF() {
	d.t.Helper()
	wantEnd(d.t, d.TCPConn, io.EOF)
}

// wantReset demands a reset without another byte.
func (d *data) wantReset() {
	d.t.Helper()
	wantEnd(d.t, d.TCPConn, syscall.ECONNRESET)
}

// errAny is any end at all, which the server has to make in time.
var errAny = errors.New("any end")

func wantEnd(t testing.TB, c *net.TCPConn, want error) {
	t.Helper()
	var b [64]byte
	n, err := c.Read(b[:])
	if n > 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) ||
		want != errAny && !errors.Is(err, want) {
		t.Fatalf("got %q and %v, want %v", b[:n], err, want)
	}
}

// wantRecord demands one record and the server's end behind it, and closes.
func (d *data) wantRecord(want []byte) {
	d.t.Helper()
	n := wantField(d.t, d)
	got, err := io.ReadAll(d)
	check(d.t, err)
	if n != int64(len(got)) || !bytes.Equal(got, want) {
		d.t.Fatalf("a record of %d came with %d bytes %s, want %d bytes %s",
			n, len(got), brief(got), len(want), brief(want))
	}
	check(d.t, d.Close())
}

// stored ends a put and demands base's sign for a file that is stored: a clean close.
func (d *data) stored() {
	d.t.Helper()
	check(d.t, d.CloseWrite())
	d.wantEOF()
	check(d.t, d.Close())
}

// putRefused sends an upload that is not stored. Its reset may come at any time, even before
// connect has returned.
func (c *wire) putRefused(name, upload string) {
	c.t.Helper()
	c.command("put " + name)
	to := netip.AddrPortFrom(loopback, c.wantPort())
	conn, err := tryTCP(c.from, to)
	if errors.Is(err, syscall.ECONNRESET) {
		return
	}
	check(c.t, err)
	d := data{conn, c.t}
	check(c.t, d.SetDeadline(time.Now().Add(patience)))
	_, err = d.Write([]byte(upload))
	if err == nil {
		err = d.CloseWrite()
	}
	if err != nil && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) &&
		!errors.Is(err, syscall.ENOTCONN) {
		c.t.Fatal(err)
	}
	if err == nil {
		d.wantReset()
	}
	check(c.t, d.Close())
}

// refused demands base's sign for a put that is not stored. Bytes may still be on their way.
func (d *data) refused() {
	d.t.Helper()
	d.wantReset()
	check(d.t, d.Close())
}

func (c *wire) get(name string, want []byte) {
	c.t.Helper()
	c.ask("get " + name).wantRecord(want)
}

func (c *wire) put(name string, records ...string) {
	c.t.Helper()
	d := c.ask("put " + name)
	for _, r := range records {
		d.say(record(r))
	}
	d.stored()
}

// pattern is content that tells its place: no two windows of it are alike.
func pattern(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// wantResetWithin demands a reset after at most so many bytes.
func wantResetWithin(t testing.TB, d *data, most int) {
	t.Helper()
	got := 0
	for b := make([]byte, 64<<10); ; {
		n, err := d.Read(b)
		if got += n; err == nil && got <= most {
			continue
		}
		if !errors.Is(err, syscall.ECONNRESET) || got > most {
			t.Fatalf("%d bytes came, then: %v, want a reset within %d", got, err, most)
		}
		return
	}
}

// wantResetAt makes a data connection and demands its reset after at most so many bytes. That may
// come even before connect has returned.
func wantResetAt(t testing.TB, from netip.Addr, port uint16, most int) {
	t.Helper()
	conn, err := tryTCP(from, netip.AddrPortFrom(loopback, port))
	if errors.Is(err, syscall.ECONNRESET) {
		return
	}
	check(t, err)
	check(t, conn.SetDeadline(time.Now().Add(patience)))
	wantResetWithin(t, &data{conn, t}, most)
	check(t, conn.Close())
}

// readExactly reads as many bytes as are wanted, and compares.
func readExactly(t testing.TB, r io.Reader, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	_, err := io.ReadFull(r, got)
	check(t, err)
	if !bytes.Equal(got, want) {
		t.Fatalf("%s came, want %s", brief(got), brief(want))
	}
}
