package bench

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/zeebo/xxh3"
)

// driver repeats one kind of transfer with many clients of a loop, turn by turn. Sessions stay open
// between turns.
type driver struct {
	loop *loop
	jobs jobSource
	put  *putting // nil for gets

	transfers int64
	lost      int64
	first     string // the first error
}

// sameGet is a job source that always gets the same file.
type sameGet struct{ job job }

func (s *sameGet) next(int) (job, bool) { return s.job, true }
func (*sameGet) done(int, *job, error)  {}

func newDriver(address string, clients int, file []byte) (*driver, error) {
	return driverOf(ProtoBase, address, clients, &sameGet{job{
		kind: KindGet, name: besideFileName, size: int64(len(file)), sum: xxh3.Hash128(file),
	}})
}

func driverOf(proto, address string, clients int, jobs jobSource) (*driver, error) {
	s := share{
		Site:     Site{Proto: proto, Address: address},
		Scenario: Scenario{Gets: 1}.withDefaults(), Clients: clients, Timeout: 15 * time.Second,
	}
	l, err := newLoop(s)
	if err != nil {
		return nil, err
	}
	l.connect(context.Background())
	return &driver{loop: l, jobs: jobs}, nil
}

func (d *driver) close() { d.loop.close(context.Background()) }

// turn has every client work for a while and finish, and returns how many transfers succeeded and
// how long it took.
func (d *driver) turn(length time.Duration) (transfers int64, took time.Duration) {
	r := d.loop.do(context.Background(), d.jobs, span{length: length})
	for _, kind := range r.turn.Kinds {
		transfers += kind.Count
	}
	for _, f := range r.failures.sorted() {
		d.lost += f.Count
		d.first = cmp.Or(d.first, f.First)
	}
	d.transfers += transfers
	return transfers, r.took
}

// putting is a job source in which each client stores files of its own.
type putting struct {
	names  int // that each client puts to in turn, 0 for a new one each time
	counts []int
}

func (p *putting) putName(client, count int) string {
	if p.names > 0 {
		count %= p.names
	}
	return "put-" + strconv.Itoa(client) + "-" + strconv.Itoa(count)
}

func (p *putting) next(client int) (job, bool) {
	p.counts[client]++
	return p.nth(client, p.counts[client]-1), true
}

func (p *putting) nth(client, count int) job {
	return job{
		kind: KindPut, name: p.putName(client, count), size: int64(len(floorFile())),
		key: spread(uint64(client)<<32 + uint64(count)),
	}
}

func (*putting) done(int, *job, error) {}

// contendPuts is clients that put at a ferryd of their own, in a folder of FERRY_FLOOR_DIR.
func contendPuts(t testing.TB, program, name string, names int) *contender {
	t.Helper()
	//nolint:usetesting // The folder of t.TempDir may be on another filesystem.
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
	p := &putting{names: names, counts: make([]int, floorClients)}
	d, err := driverOf(ProtoBase, s.Address, floorClients, p)
	if err != nil {
		t.Fatal(err)
	}
	d.put = p
	t.Cleanup(func() {
		d.close()
		wantPuts(t, filepath.Join(folder, "files"), p)
	})
	return &contender{name: name, address: s.Address, pid: s.PID, driver: d}
}

// wantPuts demands that exactly what was put is there.
func wantPuts(t testing.TB, folder string, p *putting) {
	t.Helper()
	wanted := 0
	for client, count := range p.counts {
		if p.names > 0 {
			wanted += min(count, p.names)
		} else {
			wanted += count
		}
		if count == 0 {
			continue
		}
		j := p.nth(client, count-1)
		want := make([]byte, j.size)
		fill(want, j.key, j.size, 0)
		got, err := os.ReadFile(filepath.Join(folder, j.name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", j.name, len(got), err)
		}
	}
	there, err := os.ReadDir(folder)
	if err != nil || len(there) != wanted {
		t.Errorf("%d files were put, %d are there: %v", wanted, len(there), err)
	}
}

// putNames are the two kinds of puts: under new names, and over existing files.
var putNames = []struct {
	name  string
	names int
}{{"new", 0}, {"replace", 4}}

// BenchmarkPuts compares what a put of 4 KiB costs two builds of ferryd, as BenchmarkRevision does
// for gets. FERRY_FLOOR_DIR names the folder to store in, since the filesystem is most of the cost:
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
			s.wantTurn(t, floorTurn/60)
		}
	}
}

// wantTurn runs a turn in which every client makes a transfer and none is lost.
func (s *contender) wantTurn(t testing.TB, length time.Duration) {
	t.Helper()
	if got := s.turn(t, length); got.transfers < floorClients {
		t.Errorf("%s: %d transfers of %d clients", s.name, got.transfers, floorClients)
	}
	s.wantNoLoss(t)
}

func (s *contender) wantNoLoss(t testing.TB) {
	t.Helper()
	if s.driver.lost != 0 {
		t.Error(fmt.Sprintf("%s: %d transfers lost: ", s.name, s.driver.lost) + s.driver.first)
	}
}
