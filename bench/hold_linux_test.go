package bench

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/client"
)

// What the tests of this kind share: a real ferryd, the descriptors and the memory of its process,
// and control connections by the thousand that cost this process a descriptor each and no
// goroutine.

// held is a server under test and its root.
type held struct {
	*Server
	root string
}

// hold starts ferryd on a folder of its own on a disk, and ends it with the test.
func hold(t testing.TB, args ...string) *held {
	t.Helper()
	return holdProgram(t, serverProgram(t), args...)
}

// serverProgram is the ferryd that the tests are about.
func serverProgram(t testing.TB) string {
	t.Helper()
	program := os.Getenv("FERRY_SERVER")
	if program == "" {
		var err error
		if program, err = builtServer(); err != nil {
			t.Fatal(err)
		}
	}
	return program
}

func holdProgram(t testing.TB, program string, args ...string) *held {
	t.Helper()
	folder := diskFolder(t)
	s, err := StartServer(t.Context(), program, folder, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return &held{s, filepath.Join(folder, "files")}
}

// write puts a file under the server's root.
func (h *held) write(t testing.TB, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.root, name), content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// dial connects a client from the given address of this machine.
func (h *held) dial(t testing.TB, from string) *client.Client {
	t.Helper()
	c, err := client.Dial(context.Background(), h.Address,
		client.Options{Exchange: client.Base, LocalAddr: netip.MustParseAddr(from)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pss is the server's own memory in bytes: its private pages and its share of the shared ones.
func (h *held) pss(t testing.TB) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", h.PID))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("no Pss in smaps_rollup")
	return 0
}

// descriptors is how many the server has open.
func (h *held) descriptors(t testing.TB) int {
	t.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", h.PID))
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// controls are control connections that do nothing.
type controls []int

// connect opens n control connections from one address, and returns those that could be made.
func (h *held) connect(from string, n int) (controls, error) {
	to := netip.MustParseAddrPort(h.Address)
	source := &unix.SockaddrInet4{Addr: netip.MustParseAddr(from).As4()}
	target := &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}
	var out controls
	for range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return out, err
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		if err = unix.Bind(fd, source); err == nil {
			err = unix.Connect(fd, target)
		}
		if err != nil {
			_ = unix.Close(fd)
			return out, err
		}
		out = append(out, fd)
	}
	return out, nil
}

func (c controls) close() {
	for _, fd := range c {
		_ = unix.Close(fd)
	}
}

// alive counts the connections that the server has not closed.
func (c controls) alive() int {
	n := 0
	for _, fd := range c {
		var b [1]byte
		_, _, err := unix.Recvfrom(fd, b[:], unix.MSG_DONTWAIT|unix.MSG_PEEK)
		if err == unix.EAGAIN {
			n++
		}
	}
	return n
}

// settle waits until a figure of the server's is as wanted, for as long as a test may.
func settle(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range settleTries {
		if ok() {
			return
		}
		pause(settleEvery)
	}
	t.Fatalf("%s: not within %v", what, settleTries*settleEvery)
}
