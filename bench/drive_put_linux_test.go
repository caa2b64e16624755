package bench

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/codec"
)

// putting is what a driver that puts has beside this.
type putting struct {
	// names is how many names each client puts to in turn, 0 for a new one each time.
	names int
	// counts is how many puts each client has begun.
	counts []int
}

// newPutDriver is newDriver for puts: each client stores the file under names of its own.
func newPutDriver(address string, clients, names int, file []byte) (*driver, error) {
	d, err := newDriver(address, clients, file)
	if err == nil {
		d.put = &putting{names: names, counts: make([]int, clients)}
	}
	return d, err
}

// putName is the name of a client's put.
func (p *putting) putName(client, count int) string {
	if p.names > 0 {
		count %= p.names
	}
	return "put-" + strconv.Itoa(client) + "-" + strconv.Itoa(count)
}

// command is the next command of a client.
func (p *putting) command(dst []byte, client int) []byte {
	dst, err := codec.AppendCommand(dst, codec.VerbPut, p.putName(client, p.counts[client]))
	if err != nil {
		panic(err) // no name is that long
	}
	p.counts[client]++
	return dst
}

// sendPut sends the file and its end. What it takes fits into any socket.
func (d *driver) sendPut(c *driven) error {
	n, err := unix.Write(c.data, d.want)
	if err == nil && n < len(d.want) {
		err = fmt.Errorf("the socket took %d of %d bytes", n, len(d.want))
	}
	if err != nil {
		return err
	}
	return unix.Shutdown(c.data, unix.SHUT_WR)
}

// readConfirmation takes base's one sign that a put is stored: a clean close.
func (d *driver) readConfirmation(c *driven, more bool) {
	n, err := unix.Read(c.data, c.bytes)
	switch {
	case errors.Is(err, unix.EAGAIN):
	case err != nil || n > 0:
		d.lose(c, fmt.Errorf("a put was answered by %d bytes: %w", n, err))
	default:
		_ = unix.Close(c.data)
		c.data = -1
		d.ended(c, more)
	}
}

// contendPuts is clients that put at a ferryd of their own, in a folder of FERRY_FLOOR_DIR.
func contendPuts(t testing.TB, program, name string, names int) *contender {
	t.Helper()
	//nolint:usetesting // The folder of t.TempDir is on whatever filesystem it is on.
	folder, err := os.MkdirTemp(cmp.Or(os.Getenv("FERRY_FLOOR_DIR"), "/var/tmp"), "ferry-put-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	s, err := StartServer(t.Context(), program, folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	d, err := newPutDriver(s.Address, floorClients, names, floorFile())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.close()
		wantPuts(t, filepath.Join(folder, "files"), d.put)
	})
	return &contender{name: name, address: s.Address, pid: s.PID, driver: d}
}

// wantPuts demands that what was put is there, and nothing else.
func wantPuts(t testing.TB, folder string, p *putting) {
	t.Helper()
	wanted := 0
	for client, count := range p.counts {
		if p.names > 0 {
			count = min(count, p.names)
		}
		wanted += count
		if count == 0 {
			continue
		}
		name := p.putName(client, count-1)
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || !bytes.Equal(got, floorFile()) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	there, err := os.ReadDir(folder)
	if err != nil || len(there) != wanted {
		t.Errorf("%d files were put, %d are there: %v", wanted, len(there), err)
	}
}

// putNames are the two kinds of puts: under new names, and over files that are there.
var putNames = []struct {
	name  string
	names int
}{{"new", 0}, {"replace", 4}}

// BenchmarkPuts compares what a put of 4 KiB costs two builds of ferryd, as BenchmarkRevision does
// for gets. FERRY_FLOOR_DIR names the folder in which they are stored, since what a filesystem does
// is the larger part of it:
//
//	FERRY_BEFORE=HEAD~20 FERRY_FLOOR_DIR=/mnt go test ./bench -run '^$' -bench Puts -benchtime 20x
func BenchmarkPuts(b *testing.B) {
	before := os.Getenv("FERRY_BEFORE")
	if before == "" {
		b.Skip("FERRY_BEFORE names no earlier ferryd")
	}
	if _, err := os.Stat(before); err != nil {
		before = buildRevision(b, before)
	}
	after := os.Getenv("FERRY_SERVER")
	if after == "" {
		after = buildServer(b)
	}
	for _, kind := range putNames {
		b.Run(kind.name, func(b *testing.B) {
			comparePaired(b, contendPuts(b, before, "before", kind.names),
				contendPuts(b, after, "ferryd", kind.names))
		})
	}
}

// TestPutsLoseNothing runs the comparison small.
func TestPutsLoseNothing(t *testing.T) {
	program := buildServer(t)
	for _, kind := range putNames {
		t.Setenv("FERRY_FLOOR_DIR", t.TempDir())
		s := contendPuts(t, program, kind.name, kind.names)
		for range 2 {
			if got := s.turn(t, floorTurn/60); got.transfers < floorClients {
				t.Errorf("%s: %d puts of %d clients", s.name, got.transfers, floorClients)
			}
		}
		if s.driver.lost != 0 {
			t.Errorf("%s: %d puts lost: %v", s.name, s.driver.lost, s.driver.first)
		}
	}
}
