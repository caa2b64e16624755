package bench

import (
	"bytes"
	"context"
	"io"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/codec"
)

// TestFailedAcceptLosesNoTransfer takes the server's descriptors away under it, which no budget
// foresees: the event loop ends on the failed accept, and is started again. A transfer that runs
// continues, and new sessions come in.
func TestFailedAcceptLosesNoTransfer(t *testing.T) {
	h := hold(t)
	large := bytes.Repeat([]byte("large"), 2<<20)
	h.write(t, "large", large)
	h.write(t, besideFileName, floorFile())
	session, err := h.connect("127.0.0.1", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer session.close()
	data := openData(t, h, "127.0.0.1", session[0], codec.VerbGet, "large")
	running := socketReader(data)
	defer func() { _ = unix.Close(data) }()
	var first [codec.FieldSize]byte
	if _, err := io.ReadFull(running, first[:]); err != nil {
		t.Fatal(err)
	}

	limit := func(n int) {
		t.Helper()
		l := unix.Rlimit{Cur: uint64(n), Max: 20_000}
		if err := unix.Prlimit(h.PID, unix.RLIMIT_NOFILE, &l, nil); err != nil {
			t.Skip("the limit of another process cannot be set here: ", err)
		}
	}
	limit(h.descriptors(t))
	surplus, _ := h.connect("127.0.0.1", 64) // some may still find a number that was free
	defer surplus.close()
	settle(t, "the old session ends with its loop", func() bool { return session.alive() == 0 })
	limit(20_000)

	rest, err := io.ReadAll(running)
	if err != nil || !bytes.Equal(rest, large) {
		t.Errorf("got %d of %d bytes, %v", len(rest), len(large), err)
	}
	c := h.dial(t, "127.0.0.1")
	defer func() { _ = c.Close() }()
	var got bytes.Buffer
	if _, err := c.Get(context.Background(), besideFileName, &got); err != nil {
		t.Error(err)
	}
}

// socketReader reads a blocking socket.
type socketReader int

func (s socketReader) Read(p []byte) (int, error) {
	n, err := unix.Read(int(s), p)
	if n == 0 && err == nil && len(p) > 0 {
		return 0, io.EOF
	}
	return max(n, 0), err
}
