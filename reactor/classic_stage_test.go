//go:build linux && !ferryportable

package reactor

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"ferry/codec"
	"ferry/reactor/loop"
)

// classicModel is what PROTOCOL says of classic's two ports, kept beside a reactor whose time
// passes when the model says so. Every session asks for a file that is its own alone.
type classicModel struct {
	*stage
	clients []*classicClient
	offers  map[classicLease]*classicOffer
	// rested is when a lease has rested.
	rested map[classicLease]loop.Instant
	// late are offers that ended unused and whose clients may still connect.
	late []*classicOffer
	// serial numbers commands in the order in which the server took them up.
	serial int
}

// classicLease is an address on one of the two ports.
type classicLease struct {
	port uint16
	from string
}

// classicOffer is a CONN that was told.
type classicOffer struct {
	classicLease
	client *classicClient
	want   string
	until  loop.Instant
}

// classicClient is one session as its client sees it.
type classicClient struct {
	conn *fakeConn
	from string
	file string
	// queue is what was sent and has no data connection yet, its first one taken up as serial.
	queue  []string
	serial int
	over   bool
}

var classicFrom = []string{"127.0.0.1", "127.0.0.2", "::1"}

// lease is where the first command in a client's queue has its offer, and want what comes there.
func (c *classicClient) lease() (l classicLease, want string) {
	switch c.queue[0] {
	case "RETR " + c.file:
		return classicLease{stageFiles, c.from}, c.file
	case "RETR nothing":
		return classicLease{stageMessages, c.from}, notFound
	default:
		return classicLease{stageMessages, c.from}, unknownCommand
	}
}

// calm takes turns until no worker has anything in hand either.
func (m *classicModel) calm() {
	works := func(t *transfer) bool { return t.job.busy }
	for m.settle(); slices.ContainsFunc(m.transfers, works); {
		runtime.Gosched()
		m.settle()
	}
}

// heard takes what the server has said, and holds it against the rules.
func (m *classicModel) heard(t *rapid.T) {
	m.calm()
	now := m.loop.Now
	for l, o := range m.offers {
		if o.until <= now {
			m.ended(o)
			o.client.over = true
			delete(m.offers, l)
		}
	}
	told := slices.Clone(m.clients)
	told = slices.DeleteFunc(told, func(c *classicClient) bool { return len(c.conn.out) == 0 })
	slices.SortFunc(told, func(a, b *classicClient) int { return a.serial - b.serial })
	for _, c := range told {
		line := string(c.conn.out)
		c.conn.out = nil
		m.told(t, c, line)
	}
	for _, c := range m.clients {
		if gone := c.conn.session.conn == nil; gone != c.over {
			t.Fatalf("%s: control is closed: %v, should be: %v", c.file, gone, c.over)
		}
		if c.over || len(c.queue) == 0 || m.offered(c) {
			continue
		}
		if l, _ := c.lease(); m.offers[l] == nil && m.rested[l] < now {
			t.Fatalf("%s waits in vain", c.file)
		}
	}
	for _, a := range m.addresses {
		wantLeases(m.t, a)
	}
}

// ended lays an unused offer's lease to rest.
func (m *classicModel) ended(o *classicOffer) {
	m.rested[o.classicLease] = m.loop.Now + m.limiter.Limits.ClassicRest
	m.late = append(m.late, o)
}

func (m *classicModel) offered(c *classicClient) bool {
	for _, o := range m.offers {
		if o.client == c {
			return true
		}
	}
	return false
}

// told holds a CONN line against the rules.
func (m *classicModel) told(t *rapid.T, c *classicClient, line string) {
	if len(c.queue) == 0 || m.offered(c) {
		t.Fatalf("%s heard %q unasked", c.file, line)
	}
	l, want := c.lease()
	if line != string(codec.AppendConn(nil, l.port)) {
		t.Fatalf("%s asked %q and heard %q", c.file, c.queue[0], line)
	}
	if m.offers[l] != nil {
		t.Fatalf("%s was told %v, which %s was told before", c.file, l, m.offers[l].client.file)
	}
	const drift = 100 * time.Millisecond // real time passes too
	if m.loop.Now < m.rested[l]-drift {
		t.Fatalf("%s was told %v, which rests for %v more", c.file, l, m.rested[l]-m.loop.Now)
	}
	for _, o := range m.clients {
		if o.over || len(o.queue) == 0 || m.offered(o) || o.serial >= c.serial {
			continue
		}
		if its, _ := o.lease(); its == l {
			t.Fatalf("%s was served before %s", c.file, o.file)
		}
	}
	m.offers[l] = &classicOffer{l, c, want, m.loop.Now + m.limiter.Limits.OfferTimeout}
}

// connect makes a data connection and demands what it is for, or nothing of an offer that has
// ended.
func (m *classicModel) connect(t *rapid.T, o *classicOffer) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fds[1]) }()
	kind := poolFiles
	if o.port == stageMessages {
		kind = poolMessages
	}
	stands := m.offers[o.classicLease] == o
	if stands {
		delete(m.offers, o.classicLease)
		m.next(o.client)
	}
	m.tick()
	m.arrive(m.pools[kind].ports[0], fds[0], o.from)
	m.calm()
	var got strings.Builder
	for b := make([]byte, 4096); ; {
		n, err := unix.Read(fds[1], b)
		if n <= 0 {
			if err == unix.EAGAIN {
				t.Fatalf("%s: not ended after %q", o.client.file, got.String())
			}
			break
		}
		got.Write(b[:n])
	}
	switch text := got.String(); {
	case !stands && text != "":
		t.Fatalf("%s came late and got %q", o.client.file, text)
	case stands && (!strings.HasSuffix(text, o.want) || o.port == stageFiles && text != o.want):
		t.Fatalf("%s got %q, want %q", o.client.file, text, o.want)
	}
}

// next takes the first command off a client's queue, and the one behind it up.
func (m *classicModel) next(c *classicClient) {
	if c.over {
		return // what it sent ahead went with its control
	}
	c.queue = c.queue[1:]
	m.serial++
	c.serial = m.serial
}

// say sends a line.
func (m *classicModel) say(c *classicClient, line, end string) {
	c.conn.in = append(c.conn.in, line+end...)
	m.input(c.conn)
}

func (m *classicModel) opened(t *rapid.T) {
	from := rapid.SampledFrom(classicFrom).Draw(t, "from")
	c := &classicClient{
		conn: m.openAt(from, stageControl), from: from, file: fmt.Sprint("file ", len(m.clients)),
	}
	name := filepath.Join(m.server.options.Root, c.file)
	if err := os.WriteFile(name, []byte(c.file), 0o666); err != nil {
		t.Fatal(err)
	}
	m.clients = append(m.clients, c)
}

func (m *classicModel) asked(t *rapid.T) {
	c := m.pick(t)
	for range rapid.IntRange(1, 3).Draw(t, "ahead") {
		line := rapid.SampledFrom([]string{
			"RETR " + c.file, "RETR " + c.file, "RETR nothing",
			"HELLO",
		}).Draw(t, "line")
		if c.queue = append(c.queue, line); len(c.queue) == 1 {
			m.serial++
			c.serial = m.serial
		}
		m.say(c, line, rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "end"))
	}
}

// pick takes a session that is there.
func (m *classicModel) pick(t *rapid.T) *classicClient {
	over := func(c *classicClient) bool { return c.over }
	there := slices.DeleteFunc(slices.Clone(m.clients), over)
	if len(there) == 0 {
		t.Skip("nobody is there")
	}
	return rapid.SampledFrom(there).Draw(t, "client")
}

func (m *classicModel) connected(t *rapid.T) {
	var standing []*classicOffer
	for _, o := range m.offers {
		standing = append(standing, o)
	}
	if len(standing) == 0 {
		t.Skip("no offer stands")
	}
	slices.SortFunc(standing, func(a, b *classicOffer) int {
		return strings.Compare(a.client.file, b.client.file)
	})
	m.connect(t, rapid.SampledFrom(standing).Draw(t, "offer"))
}

// tooLate connects for an offer that has ended, as long as its lease rests: later than that it may
// meet another's file, which this exchange cannot prevent.
func (m *classicModel) tooLate(t *rapid.T) {
	m.late = slices.DeleteFunc(m.late, func(o *classicOffer) bool {
		return m.rested[o.classicLease] <= m.loop.Now || m.offers[o.classicLease] != nil
	})
	if len(m.late) == 0 {
		t.Skip("nobody is late")
	}
	m.connect(t, rapid.SampledFrom(m.late).Draw(t, "late"))
}

// said lets a session say goodbye that has nothing sent ahead: that acts at once.
func (m *classicModel) said(t *rapid.T) {
	c := m.pick(t)
	if len(c.queue) > 1 {
		t.Skip("goodbye has to wait")
	}
	for l, o := range m.offers {
		if o.client == c {
			delete(m.offers, l)
			m.ended(o)
		}
	}
	c.over = true
	m.say(c, "GOODBYE SERVER", "\n")
	if got := string(c.conn.out); got != codec.ClassicThanks+"\n" {
		t.Fatalf("goodbye was answered by %q", got)
	}
	c.conn.out = nil
}

func TestClassicPortsFollowTheProtocol(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := testOptions(t.TempDir())
		o.DataPorts.Count = 1
		s := stages(t, 1, o)[0]
		defer s.close()
		s.serveClassic()
		m := &classicModel{
			stage: s, offers: make(map[classicLease]*classicOffer),
			rested: make(map[classicLease]loop.Instant),
		}
		rt.Repeat(map[string]func(*rapid.T){
			"open":    m.opened,
			"ask":     m.asked,
			"connect": m.connected,
			"late":    m.tooLate,
			"goodbye": m.said,
			"leave": func(t *rapid.T) {
				c := m.pick(t)
				c.over = true
				m.hang(c.conn)
			},
			"wait": func(t *rapid.T) {
				half := rapid.IntRange(1, 24).Draw(t, "half seconds")
				m.advance(time.Duration(half) * time.Second / 2)
			},
			"": m.heard,
		})
		for _, c := range m.clients {
			if !c.over {
				m.hang(c.conn)
			}
		}
		m.advance(time.Minute)
		m.calm()
		m.advance(time.Minute)
		if len(m.addresses) > 0 || len(m.transfers) > 0 || len(m.loop.Deadlines) > 0 {
			rt.Errorf("%d addresses, %d transfers, %d deadlines are left", len(m.addresses),
				len(m.transfers), len(m.loop.Deadlines))
		}
	})
}
