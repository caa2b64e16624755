package client

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
)

// connection is a control or a data connection: TCP, or TLS over TCP.
type connection interface {
	net.Conn
	CloseWrite() error
	// SetLinger(0) makes Close reset the connection.
	SetLinger(seconds int) error
}

// dialConn makes a connection. Every connection of a session is made here.
func (c *control) dialConn(ctx context.Context, address string) (connection, error) {
	made, err := c.dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	tcp := made.(*net.TCPConn)
	if c.tls == nil {
		return tcp, nil
	}
	if c.dialer.Timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, c.dialer.Timeout)
		defer stop()
	}
	s := &secureConn{tcp: &endNoting{TCPConn: tcp}}
	s.Conn = tls.Client(s.tcp, c.tls)
	if err := s.HandshakeContext(ctx); err != nil {
		_ = tcp.Close()
		return nil, handshakeError(err)
	}
	return s, nil
}

// handshakeError describes why a TLS handshake failed.
func handshakeError(err error) error {
	var untrusted *CertificateError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &untrusted), errors.Is(err, errOther):
		return err
	case errors.As(err, &record):
		return &reworded{err, "the server does not answer in TLS"}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), isReset(err):
		return &reworded{err, "the server ended the handshake: it may not speak TLS, or be full"}
	}
	return &reworded{err, "TLS handshake: " + causeText(err)}
}

// secureConn is a TLS connection. Unlike crypto/tls it returns io.EOF only after the peer's
// close_notify, because anyone on the path can forge the end of TCP. (PROTOCOL.md, TLS.)
type secureConn struct {
	*tls.Conn
	tcp *endNoting
	// abrupt means that Close sends no close_notify.
	abrupt atomic.Bool
}

// errCut means that a TLS connection ended without close_notify.
var errCut = errors.New("the connection was cut: it ended without the close_notify of TLS")

// Read reads what was decrypted.
func (c *secureConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) && c.tcp.ended {
		err = errCut
	}
	return n, err
}

// CloseWrite sends close_notify and then the end of TCP.
func (c *secureConn) CloseWrite() error {
	return errors.Join(c.Conn.CloseWrite(), c.tcp.CloseWrite())
}

// SetLinger passes on what happens to unsent bytes. With 0 no close_notify is sent either.
func (c *secureConn) SetLinger(seconds int) error {
	c.abrupt.Store(seconds == 0)
	return c.tcp.SetLinger(seconds)
}

// Close closes the connection.
func (c *secureConn) Close() error {
	if c.abrupt.Load() {
		return c.tcp.Close()
	}
	return c.Conn.Close()
}

// endNoting notes that the end of TCP was read, which crypto/tls reports like a close_notify.
type endNoting struct {
	*net.TCPConn
	ended bool
}

// Read reads records.
func (c *endNoting) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	c.ended = c.ended || errors.Is(err, io.EOF)
	return n, err
}

// copyable is w if the system can copy between it and a connection: a plain file that this program
// opened, without TLS. An inherited one may be open for appending, where splice fails.
func copyable(w any, over connection) (*os.File, bool) {
	f, ok := w.(*os.File)
	_, plain := over.(*net.TCPConn)
	if !ok || !plain || f == os.Stdout || f == os.Stderr || f == os.Stdin {
		return nil, false
	}
	info, err := f.Stat()
	return f, err == nil && info.Mode().IsRegular()
}
