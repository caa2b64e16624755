package reactor

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ftpOver is a session over a connection that is open.
func ftpOver(t testing.TB, conn *net.TCPConn) *ftpWire {
	t.Helper()
	check(t, conn.SetDeadline(time.Now().Add(3*patience)))
	t.Cleanup(func() { _ = conn.Close() })
	return newFTPWire(t, conn, conn.LocalAddr().(*net.TCPAddr).AddrPort().Addr())
}

// awaits listens where the server is to connect to, and says so.
func (c *ftpWire) awaits(command string) net.Listener {
	c.t.Helper()
	l, err := net.Listen("tcp4", netip.AddrPortFrom(c.from, 0).String())
	check(c.t, err)
	port := l.Addr().(*net.TCPAddr).Port
	if command == "PORT" {
		b := c.from.As4()
		c.ask(fmt.Sprintf("PORT %d,%d,%d,%d,%d,%d",
			b[0], b[1], b[2], b[3], port>>8, port&255), "200")
	} else {
		c.ask(fmt.Sprintf("EPRT |1|%v|%d|", c.from, port), "200")
	}
	return l
}

// accept takes the server's connection.
func (c *ftpWire) accept(l net.Listener) *data {
	c.t.Helper()
	check(c.t, l.(*net.TCPListener).SetDeadline(time.Now().Add(patience)))
	conn, err := l.Accept()
	check(c.t, err)
	check(c.t, conn.SetDeadline(time.Now().Add(patience)))
	check(c.t, l.Close())
	return &data{conn.(*net.TCPConn), c.t}
}

// wantActive takes the connection of a download and demands what it sends.
func (c *ftpWire) wantActive(l net.Listener, want string) {
	c.t.Helper()
	d := c.accept(l)
	c.want("150")
	got, err := io.ReadAll(d)
	check(c.t, err)
	check(c.t, d.Close())
	if string(got) != want {
		c.t.Fatalf("%q came, want %q", got, want)
	}
	c.want("226")
}

func activeMode(o *Options) { o.FTP.Active = true }

func TestFTPActiveModeConnectsToClient(t *testing.T) {
	ts := serveFTP(t, activeMode)
	large := string(pattern(3 << 20))
	ts.file("large", []byte(large))
	c := ts.ftp()
	for _, command := range []string{"PORT", "EPRT"} {
		l := c.awaits(command)
		c.send("RETR large")
		c.wantActive(l, large)
		c.ask("RETR large", "425") // it counts for one transfer
		l = c.awaits(command)
		c.send("STOR " + command)
		d := c.accept(l)
		c.want("150")
		d.say(large)
		d.finish()
		c.want("226")
		ts.wantFile(command, []byte(large))
		l = c.awaits(command)
		c.send("NLST none")
		c.want("550")
		check(t, l.Close())
		c.ask("NLST", "425")
	}
	// Other commands may come between.
	between := c.awaits("PORT")
	c.ask("SIZE large", "213")
	c.ask("RNFR large", "350")
	c.send("RETR large")
	c.wantActive(between, large)
	// The last command for a data connection counts.
	l := c.awaits("PORT")
	c.wantFetch("RETR large", large)
	check(t, l.Close())
	c.epsv()
	l = c.awaits("PORT")
	c.send("RETR large")
	c.wantActive(l, large)
	c.bye()
}

func TestFTPActiveModeToNobodyIsAnswered(t *testing.T) {
	ts := serveFTP(t, activeMode)
	ts.file("f", []byte("content"))
	c := ts.ftp()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	check(t, err)
	check(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: loopback.As4()})) // it does not listen
	at, err := unix.Getsockname(fd)
	check(t, err)
	for range 3 {
		c.ask(fmt.Sprintf("EPRT |1|127.0.0.1|%d|", at.(*unix.SockaddrInet4).Port), "200")
		c.send("RETR f")
		if got := c.reply(); got[:3] == "150" {
			c.want("425")
		} else if got[:3] != "425" {
			t.Fatalf("%q came", got)
		}
	}
	check(t, unix.Close(fd))
	c.wantFetch("RETR f", "content")
	c.bye()
}

// A client can have the server connect to no other host, and to no port of the system (RFC 2577).
func TestFTPBounceIsRefused(t *testing.T) {
	ts := serveFTP(t, activeMode)
	c := ts.ftp()
	for _, row := range []struct{ line, code string }{
		{"PORT 127,0,0,2,200,1", "504"},
		{"PORT 10,0,0,1,200,1", "504"},
		{"PORT 0,0,0,0,200,1", "504"},
		{"PORT 255,255,255,255,200,1", "504"},
		{"PORT 127,0,0,1,3,255", "504"},
		{"PORT 127,0,0,1,0,22", "504"},
		{"EPRT |1|127.0.0.2|51201|", "504"},
		{"EPRT |1|127.0.0.1|1023|", "504"},
		{"EPRT |2|::ffff:127.0.0.2|51201|", "504"},
		{"EPRT |2|::1|51201|", "522"},
		{"EPRT |3|127.0.0.1|51201|", "522"},
		{"PORT", "501"},
		{"PORT 127,0,0,1,200", "501"},
		{"PORT 127,0,0,1,200,1,1", "501"},
		{"PORT 127,0,0,1,256,1", "501"},
		{"PORT 127,0,0,1,-1,1", "501"},
		{"PORT 127,0,0,1,0,0", "501"},
		{"PORT 127.0.0.1,200,1", "501"},
		{"EPRT", "501"},
		{"EPRT |1|127.0.0.1|51201", "501"},
		{"EPRT |1|127.0.0.1|0|", "501"},
		{"EPRT |1|127.0.0.1|65536|", "501"},
		{"EPRT |1|localhost|51201|", "501"},
		{"EPRT |1|::1|51201|", "501"},
		{"EPRT |||", "501"},
	} {
		c.ask(row.line, row.code)
		c.ask("LIST", "425")
	}
	c.bye()
}

func TestFTPActiveModeIsOffByDefault(t *testing.T) {
	ts := serveFTP(t)
	c := ts.ftp()
	c.ask("PORT 127,0,0,1,200,1", "504")
	c.ask("EPRT |1|127.0.0.1|51201|", "504")
	c.bye()
}
