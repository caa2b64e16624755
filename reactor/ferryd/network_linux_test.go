package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"ferry/client"
)

// networkSize is the size of the files that go through mishaps.
const networkSize = 100_000

// networkCase is one transfer and what befalls it.
type networkCase struct {
	exchange client.Exchange
	puts     bool
	// control says that it befalls the control connection, otherwise the data connection.
	control bool
	fate    fate
}

func (n networkCase) String() string {
	s, way := n.fate.up, "up"
	if n.fate.down.what != unharmed || n.fate.down.piece > 0 {
		s, way = n.fate.down, "down"
	}
	return fmt.Sprintf("%v, put: %v, control: %v, %s: %v after %d, pieces of %d", n.exchange,
		n.puts, n.control, way, s.what, s.after, s.piece)
}

// passes says whether nothing is lost on the way, only late or in pieces.
func (n networkCase) passes() bool {
	return n.fate.up.what == unharmed && n.fate.down.what == unharmed
}

// forged says whether base has no way to tell: the client is shown an orderly end that the server
// has not made, or the server one that the client has not made before its first byte.
func (n networkCase) forged() bool {
	return n.exchange == client.Base && n.puts && !n.control &&
		(n.fate.down.what == cut || n.fate.up.what == cut && n.fate.up.after == 0)
}

// networkCases are mishaps at the bytes where something begins or ends.
func networkCases() []networkCase {
	var all []networkCase
	add := func(s stretch) {
		for _, exchange := range []client.Exchange{client.Base, client.Status} {
			for i := range 8 {
				n := networkCase{exchange: exchange, puts: i&1 > 0, control: i&2 > 0}
				if n.fate.up = s; i&4 > 0 {
					n.fate = fate{down: s}
				}
				if !n.forged() {
					all = append(all, n)
				}
			}
		}
	}
	for _, what := range []mishap{cut, torn} {
		for _, after := range []int64{
			0, 11, 17, 27, 40, 5000, networkSize + 9,
		} {
			add(stretch{what: what, after: after})
		}
	}
	add(stretch{piece: 1460})
	return all
}

// TestNetworkMishaps puts and gets files through a network that cuts, resets and splits at chosen
// bytes. What the client says is true, and files are there whole or not at all, on both sides.
func TestNetworkMishaps(t *testing.T) {
	p, dir := serveFolder(t, append(soakFlags, "--offer-timeout", "500ms")...)
	root := filepath.Join(dir, "root")
	_, port, err := net.SplitHostPort(p.address)
	if err != nil {
		t.Fatal(err)
	}
	controlPort, _ := strconv.Atoi(port)
	var next atomic.Pointer[networkCase]
	way := newPassage(t, portsOf(t, p), func(port int) fate {
		n := next.Load()
		if n == nil || n.control != (port == controlPort) {
			return fate{}
		}
		return n.fate
	})
	told := make(map[string]int)
	for i, n := range networkCases() {
		next.Store(&n)
		w := networkRun{
			networkCase: n, address: way.control(p), remote: filepath.Join(root, "f"),
			local: filepath.Join(dir, "local"),
			old:   contentOf(uint64(2*i), 5000), fresh: contentOf(uint64(2*i+1), networkSize),
		}
		err := w.run(t)
		if err == nil {
			told["nil"]++
		} else {
			var e *client.Error
			if errors.As(err, &e) {
				told[e.Kind.Error()]++
			}
		}
		if t.Failed() {
			t.Fatalf("%v: %v", n, err)
		}
	}
	t.Log(told)
	way.sever()
	l := &load{t: t, server: p, root: root}
	l.atRest()
	l.compareFolder(t)
}

// networkRun is one case with its files.
type networkRun struct {
	networkCase
	address       string
	remote, local string
	old, fresh    []byte
}

// run does the transfer and holds what the client says against what there is.
func (w *networkRun) run(t *testing.T) error {
	t.Helper()
	from, to := w.remote, w.local
	if w.puts {
		from, to = to, from
	}
	write(t, from, w.fresh)
	write(t, to, w.old)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := w.transfer(ctx)
	if errors.Is(err, client.ErrGivenUp) || errors.Is(err, client.ErrStalled) {
		t.Error("nobody noticed")
	}
	there, wrong := os.ReadFile(to)
	if wrong != nil {
		t.Fatal(wrong)
	}
	old, fresh := bytes.Equal(there, w.old), bytes.Equal(there, w.fresh)
	var e *client.Error
	switch {
	case !old && !fresh:
		t.Errorf("there are %d bytes", len(there))
	case err == nil && !fresh:
		t.Error("the client takes it for done, and it is not")
	case err != nil && w.passes():
		t.Error("nothing was lost, and it failed")
	case err != nil && !w.puts && !old:
		t.Error("the client takes it for failed, and has the file")
	case errors.As(err, &e) && e.Code >= 400 && !old:
		t.Errorf("the server has said %d, and has the file", e.Code)
	}
	return err
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
}

func (w *networkRun) transfer(ctx context.Context) error {
	c, err := client.Dial(ctx, w.address, client.Options{
		Exchange: w.exchange, DataRetry: -1, ConfirmWait: patience,
	})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if !w.puts {
		_, err := c.GetFile(ctx, "f", w.local)
		return err
	}
	f, err := os.Open(w.local)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	stored, err := c.Put(ctx, "f", f, networkSize)
	if err == nil && stored != client.Confirmed {
		err = errors.New("not confirmed")
	}
	return err
}
