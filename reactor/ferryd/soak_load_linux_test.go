package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ferry/client"
)

const (
	// loadClients is how many clients there are at once, loadHosts how many addresses they have.
	loadClients, loadHosts = 16, 4
	// loadNames is how many names they share.
	loadNames = 40
	// loadPause is the longest pause of a client between two commands: a machine that soaks for an
	// hour is to be of use meanwhile. loadPauseShort is the same for a moment.
	loadPause, loadPauseShort = 60 * time.Millisecond, 10 * time.Millisecond
)

// load is what a soaked server is put to.
type load struct {
	t       *testing.T
	server  *process
	root    string
	passage *passage
	scratch string
	// done counts what went well, and failed what did not, by kind.
	done   atomic.Int64
	mu     sync.Mutex
	failed map[string]int
	pause  time.Duration
}

func newLoad(t *testing.T, p *process, root string) *load {
	l := &load{
		t: t, server: p, root: root, scratch: t.TempDir(), failed: make(map[string]int),
		pause: loadPause,
	}
	if *soak < time.Minute {
		l.pause = loadPauseShort
	}
	l.passage = newPassage(t, portsOf(t, p), func(int) fate { return randomFate() })
	return l
}

// randomFate lets three connections of four pass.
func randomFate() fate {
	var f fate
	s := &f.up
	if rand.IntN(2) == 0 {
		s = &f.down
	}
	switch rand.IntN(16) {
	case 0:
		s.what = cut
	case 1:
		s.what = torn
	case 2:
		s.piece, s.pause = 1+rand.IntN(3000), time.Millisecond
	case 3:
		if rand.IntN(8) == 0 { // it takes seconds until somebody gives up
			f.up.what, f.down.what = silenced, silenced
			f.up.after = int64(rand.IntN(200))
			f.down.after = f.up.after
			return f
		}
	}
	if s.what != unharmed {
		s.after = int64(rand.IntN([]int{40, 2000, 100_000}[rand.IntN(3)]))
	}
	return f
}

// told is what happened so far, in words.
func (l *load) told() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := fmt.Sprintf("%d done, %d mishaps", l.done.Load(), l.passage.strikes())
	for _, kind := range slices.Sorted(maps.Keys(l.failed)) {
		text += fmt.Sprintf(", %s: %d", kind, l.failed[kind])
	}
	return text
}

// client is one client, session after session.
func (l *load) client(ctx context.Context, number int) {
	from := netip.AddrFrom4([4]byte{127, 0, 78, byte(1 + number%loadHosts)})
	for ctx.Err() == nil {
		if rand.IntN(10) == 0 {
			l.vulgar(ctx, from)
		} else {
			l.session(ctx, number, from)
		}
		pause(rand.N(l.pause))
	}
}

// session makes a session and asks for a few things.
func (l *load) session(ctx context.Context, number int, from netip.Addr) {
	address, through := l.server.address, rand.IntN(2) == 0
	if through {
		address = l.passage.control(l.server)
	}
	o := client.Options{
		Exchange:  []client.Exchange{client.Base, client.Status, client.Status}[rand.IntN(3)],
		LocalAddr: from, ReplyTimeout: 20 * time.Second, StallTimeout: 7 * time.Second,
		ConfirmWait: 10 * time.Second, DataRetry: -1,
		NotesFolder: filepath.Join(l.scratch, fmt.Sprint("notes", number)),
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c, err := client.Dial(ctx, address, o)
	if err != nil {
		l.note(err, "connect", through || ctx.Err() != nil)
		return
	}
	defer func() { _ = c.Close() }()
	for range 1 + rand.IntN(30) {
		deeds := baseDeeds
		if o.Exchange == client.Status {
			deeds = statusDeeds
		}
		d := deeds[rand.IntN(len(deeds))]
		one, stop := ctx, func() {}
		if rand.IntN(30) == 0 { // somebody loses patience
			one, stop = context.WithTimeout(ctx, rand.N(20*time.Millisecond))
		}
		err := d.do(l, one, c, number)
		l.note(err, d.name, through || one != ctx || ctx.Err() != nil)
		stop()
		if c.Err() != nil || ctx.Err() != nil {
			return
		}
		pause(rand.N(l.pause))
	}
	if rand.IntN(3) > 0 {
		_ = c.Quit(ctx)
	}
}

// note counts what came of a deed. Over a clean network a session is not lost, nobody breaks the
// protocol, and nothing differs.
func (l *load) note(err error, deed string, troubled bool) {
	if err == nil {
		l.done.Add(1)
		return
	}
	kind := err.Error()
	var e *client.Error
	if errors.As(err, &e) {
		kind = e.Kind.Error()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed[kind]++
	never := []error{client.ErrProtocol, client.ErrServer, client.ErrNoSpace, errDamaged}
	if !troubled {
		never = append(never, client.ErrLost, client.ErrStalled, client.ErrConnect,
			client.ErrNoData, client.ErrGivenUp)
	}
	for _, bad := range never {
		if errors.Is(err, bad) {
			l.t.Errorf("%s (troubled: %v): %v", deed, troubled, err)
			return
		}
	}
}

// deed is one thing that a client does.
type deed struct {
	name string
	do   func(l *load, ctx context.Context, c *client.Client, number int) error
}

var baseDeeds = []deed{
	{"get", (*load).get},
	{"get", (*load).get},
	{"put", (*load).put},
	{"put", (*load).put},
	{"ls", func(_ *load, ctx context.Context, c *client.Client, _ int) error {
		_, err := c.List(ctx, "")
		return err
	}},
}

var statusDeeds = append([]deed{
	{"put on", (*load).putOn},
	{"get on", (*load).getOn},
	{"ls -l", func(_ *load, ctx context.Context, c *client.Client, _ int) error {
		_, err := c.ListLong(ctx, "")
		return err
	}},
	{"stat", func(_ *load, ctx context.Context, c *client.Client, _ int) error {
		_, err := c.Stat(ctx, sharedName())
		return err
	}},
	{"sum", func(_ *load, ctx context.Context, c *client.Client, _ int) error {
		_, err := c.Sum(ctx, client.XXH3, sharedName())
		return err
	}},
	{"rename", func(_ *load, ctx context.Context, c *client.Client, _ int) error {
		return c.Rename(ctx, sharedName(), sharedName())
	}},
	{"rm", func(_ *load, ctx context.Context, c *client.Client, _ int) error {
		return c.Remove(ctx, sharedName())
	}},
	{"mkdir", func(_ *load, ctx context.Context, c *client.Client, _ int) error {
		return c.Mkdir(ctx, fmt.Sprint("d", rand.IntN(4)))
	}},
	{"rmdir", func(_ *load, ctx context.Context, c *client.Client, _ int) error {
		return c.Rmdir(ctx, fmt.Sprint("d", rand.IntN(4)))
	}},
}, baseDeeds...)

func sharedName() string {
	name := fmt.Sprint("f", rand.IntN(loadNames))
	if rand.IntN(4) == 0 {
		name = fmt.Sprintf("d%d/%s", rand.IntN(4), name)
	}
	return name
}

func (l *load) get(ctx context.Context, c *client.Client, _ int) error {
	var got bytes.Buffer
	if _, err := c.Get(ctx, sharedName(), &got); err != nil {
		return err
	}
	return whole(got.Bytes())
}

func (l *load) put(ctx context.Context, c *client.Client, _ int) error {
	content := someContent()
	_, err := c.Put(ctx, sharedName(), bytes.NewReader(content), int64(len(content)))
	return err
}

// putOn uploads a local file, from where an earlier try ended.
func (l *load) putOn(ctx context.Context, c *client.Client, number int) error {
	local := filepath.Join(l.scratch, fmt.Sprintf("up%d-%d", number, rand.IntN(2)))
	if _, err := os.Stat(local); err != nil || rand.IntN(3) == 0 {
		if err := os.WriteFile(local, someContent(), 0o666); err != nil {
			return err
		}
	}
	_, err := c.PutFileContinue(ctx, sharedName(), local)
	return err
}

// getOn downloads into a local file, from where an earlier try ended.
func (l *load) getOn(ctx context.Context, c *client.Client, number int) error {
	local := filepath.Join(l.scratch, fmt.Sprintf("down%d", number))
	_, err := c.GetFileContinue(ctx, sharedName(), local)
	if errors.Is(err, client.ErrMismatch) {
		return nil // it was replaced meanwhile, and the client noticed
	}
	content, wrong := os.ReadFile(local)
	if errors.Is(wrong, os.ErrNotExist) {
		return err
	}
	return errors.Join(err, wrong, whole(content))
}

// vulgar is a client that keeps to no protocol.
func (l *load) vulgar(ctx context.Context, from netip.Addr) {
	address := l.server.address
	if rand.IntN(2) == 0 {
		address = l.passage.control(l.server)
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from.AsSlice()}, Timeout: patience}
	conn, err := d.Dial("tcp4", address)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	// Longer than an offer's time, so that some offers end unused.
	_ = conn.SetDeadline(time.Now().Add(rand.N(3 * time.Second)))
	says := []string{
		"GET / HTTP/1.1\r\n\r\n", "00000", "0000000006get f", "0000004096get f1",
		"0000000006get f10000000006get f20000000006get f3", "-000000001", "0000000000",
		"0000000007hello 10000000008put f7770000000004abor", "0000000006put f1",
		"0000000007hello 10000000006get f1", "0000000007hello 10000000005ls -l",
		strings.Repeat("0000000002ls", 8000),
	}
	if _, err := io.WriteString(conn, says[rand.IntN(len(says))]); err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, conn)
	if rand.IntN(2) == 0 {
		_ = conn.(*net.TCPConn).SetLinger(0)
	}
}

// vandal changes what is served, from beneath the server.
func (l *load) vandal(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		path := filepath.Join(l.root, sharedName())
		switch rand.IntN(4) {
		case 0:
			_ = os.Remove(path)
		case 1: // it shrinks while it is sent; whoever gets it is to notice
			loose := filepath.Join(l.root, "loose")
			_ = os.WriteFile(loose, someContent(), 0o666)
			_ = os.Truncate(loose, rand.Int64N(100))
		case 2:
			_ = os.RemoveAll(filepath.Join(l.root, fmt.Sprint("d", rand.IntN(4))))
		case 3:
			_ = os.Rename(path, filepath.Join(l.root, sharedName()))
		}
	}
}

// someContent is content that says of itself what it is: a seed, a size, and bytes that follow.
func someContent() []byte {
	size := 16 + rand.IntN([]int{100, 5000, 150_000, 3 << 20}[min(rand.IntN(12)/3, 3)])
	return contentOf(rand.Uint64(), uint64(size))
}

func contentOf(seed, size uint64) []byte {
	head := binary.BigEndian.AppendUint64(nil, seed)
	head = binary.BigEndian.AppendUint64(head, size)
	return append(head, noise(seed, int64(size)-16)...)
}

// errDamaged is content that nobody has put.
var errDamaged = errors.New("the content is damaged")

// whole says whether content is some that was put, whole. A put of base that ends before its first
// field makes an empty file.
func whole(content []byte) error {
	if len(content) == 0 {
		return nil
	}
	if len(content) < 16 {
		return fmt.Errorf("%w: %d bytes", errDamaged, len(content))
	}
	seed := binary.BigEndian.Uint64(content)
	size := binary.BigEndian.Uint64(content[8:])
	if size != uint64(len(content)) || !bytes.Equal(content, contentOf(seed, size)) {
		return fmt.Errorf("%w: %d bytes of %d", errDamaged, len(content), size)
	}
	return nil
}
