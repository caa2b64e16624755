package loop

import (
	"crypto/tls"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// FuzzTLSHandshake sends a server anything, in pieces: it must fail, or wait for more, and leave
// nothing behind.
func FuzzTLSHandshake(f *testing.F) {
	near, far := net.Pipe()
	go func() { _ = tls.Client(near, client(tls.VersionTLS13)).Handshake() }()
	hello := make([]byte, 4096)
	n, err := far.Read(hello)
	if err != nil {
		f.Fatal(err)
	}
	_, _ = near.Close(), far.Close()
	hello = hello[:n]
	f.Add(hello, uint16(n))
	f.Add(append(hello[:n:n], hello...), uint16(100))
	f.Add([]byte("\x16\x03\x01\x00\x02\x01\x00\x15\x03\x01\x00\x02\x01\x00"), uint16(1))
	f.Fuzz(func(t *testing.T, in []byte, cut uint16) {
		in = in[:min(len(in), 4096)]
		l, _ := steppedLoop(t)
		c, other := pair(t, l)
		p := &tlsPeer{t: t, l: l}
		p.c = l.Secure(c, testTLS(t), true, nil, p)
		p.c.Handshake().Begin()
		if err := unix.SetNonblock(other, true); err != nil {
			t.Fatal(err)
		}
		for len(in) > 0 && !p.done {
			n, err := unix.Write(other, in[:min(len(in), int(cut)+1)])
			if err != nil {
				break
			}
			in = in[n:]
			l.Step()
		}
		if p.done && p.err == nil {
			t.Error("the handshake succeeded")
		}
		p.c.Close()
		l.handshakes.Wait()
		l.Step()
	})
}
