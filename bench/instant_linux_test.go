package bench

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"ferry/codec"
)

// TestDataConnectionOutlivesControl: a client that makes its data connection and ends control in
// the same instant still gets its file, every time. The server may see control's end first.
func TestDataConnectionOutlivesControl(t *testing.T) {
	tries := 10_000
	if testing.Short() {
		tries = 1000
	}
	h := hold(t)
	h.write(t, besideFileName, floorFile())
	want := append(codec.AppendField(nil, int64(len(floorFile()))), floorFile()...)
	host, _, err := net.SplitHostPort(h.Address)
	if err != nil {
		t.Fatal(err)
	}
	const workers = 8
	var got atomic.Int64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range tries / workers {
				if err := instant(h.Address, host, want); err != nil {
					t.Error(err)
					return
				}
				got.Add(1)
			}
		})
	}
	all.Wait()
	t.Logf("%d of %d got their file", got.Load(), tries)
}

func instant(address, host string, want []byte) error {
	control, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = control.Close() }()
	command, err := codec.AppendCommand(nil, codec.VerbGet, besideFileName)
	if err != nil {
		return err
	}
	if _, err = control.Write(command); err != nil {
		return err
	}
	var field [codec.FieldSize]byte
	if _, err = io.ReadFull(control, field[:]); err != nil {
		return err
	}
	port, err := codec.ParseField(field[:])
	if err != nil {
		return err
	}
	data, err := net.Dial("tcp", net.JoinHostPort(host, strconv.FormatInt(port, 10)))
	if err != nil {
		return err
	}
	_ = control.Close()
	defer func() { _ = data.Close() }()
	got, err := io.ReadAll(data)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("got %d bytes instead of %d", len(got), len(want))
	}
	return nil
}
