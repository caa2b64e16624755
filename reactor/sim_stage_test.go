//go:build linux && !ferryportable

package reactor

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ferry/fsio"
	"ferry/fsio/dir"
	"ferry/reactor/limit"
	"ferry/reactor/loop"
)

// A simulation has one goroutine: it is the loop, the workers, the clients and the clock. All that
// happens follows from a number, which a failure prints:
//
//	go test ./reactor -run Simulation -seed 17 -v
var (
	simSeed  = flag.Uint64("seed", 0, "the one simulation to run; 0 runs -seeds of them")
	simSeeds = flag.Uint64("seeds", 40, "how many simulations to run")
)

// simSteps is how many things happen in a simulation.
const simSteps = 400

// simWhole is the content of the longest file, with which all others begin.
var simWhole = pattern(300_004)

// sim is one simulation.
type sim struct {
	*stage
	rand    *rand.Rand
	dir     string
	elapsed loop.Instant
	work    *simWork
	clients []*simClient
	data    []*simData
	// contents are what may be under a name; parts whose content is which.
	contents map[string]bool
	parts    []*simPart
	// calm puts no more errors in; anything lets files hold whatever was sent.
	calm, anything bool
	// budget is how many descriptors transfers may have in all.
	budget  int64
	drained bool
	// log is what happened, for a failure.
	log []string
}

// simWork has the place of the pools: jobs run when the simulation says so, in any order.
type simWork struct{ jobs []fsio.Job }

func (w *simWork) Submit(j fsio.Job) { w.jobs = append(w.jobs, j) }
func (w *simWork) Close()            {}
func (w *simWork) Yield()            {} // its files are smaller than a sum's turn

// simClient is a session as its client sees it.
type simClient struct {
	conn *fakeConn
	from string
	face dialect
	// asked are commands that were sent whole and not answered.
	asked []string
	// rude clients have said what is no command.
	rude   bool
	offers []simOffer
	// greeted and opened: FTP's greeting came, and 150 for the first of asked.
	greeted, opened bool
}

// simOffer is an offer that was told.
type simOffer struct {
	port uint16
	key  string
	// upload is what is to be sent behind the KEY.
	upload string
}

// simData is our end of a data connection.
type simData struct {
	fd   int
	rest string
	// file says that nothing but a file comes there, of which so many bytes were got.
	file bool
	got  int
}

// simPart is an upload that is gone on with.
type simPart struct{ id, content string }

func TestSimulation(t *testing.T) {
	first, last := uint64(1), *simSeeds
	if *simSeed != 0 {
		first, last = *simSeed, *simSeed
	}
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { simulate(t, seed) })
	}
}

func simulate(t *testing.T, seed uint64) {
	s := newSim(t, seed)
	step := 0
	defer func() {
		if wrong := recover(); wrong != nil {
			t.Errorf("panic: %v\n%s", wrong, debug.Stack())
		}
		if t.Failed() {
			t.Logf("this was step %d of: go test ./reactor -run Simulation -seed %d -v\n%s", step,
				seed, strings.Join(s.log[max(0, len(s.log)-25):], "\n"))
		}
		s.giveBack()
	}()
	before := descriptors()
	for step = range simSteps {
		s.act()
		s.listen()
		if s.checkAll(); t.Failed() {
			return
		}
	}
	s.wind()
	if !t.Failed() {
		s.checkEnd(before)
	}
}

func newSim(t *testing.T, seed uint64) *sim {
	s := &sim{
		rand: rand.New(rand.NewPCG(seed, 7)), dir: t.TempDir(), work: new(simWork),
		contents: map[string]bool{"": true},
	}
	o := testOptions(s.dir)
	o.DataPorts.Count = 3
	o.Limits.Sessions, o.Limits.SessionsPerAddress = 12, 6
	o.Limits.Transfers, o.Limits.TransfersPerAddress = 8, 5
	o.Limits.OffersPerAddress = 3
	o.Limits.Keyless = 3
	s.stage = stages(t, 1, o)[0]
	s.serveClassic()
	s.serveFTP()
	server := s.server
	server.pool.Close()
	server.sumPool.Close()
	server.pool, server.sumPool = s.work, s.work
	check(t, server.store().Close())
	store, err := dir.Open(s.dir, dir.Options{Fault: s.fault})
	check(t, err)
	server.setStore(store)
	s.loop.Clock = func() loop.Instant { return s.elapsed }
	s.pick = s.rand.IntN
	s.loop.Now = 0
	s.budget = s.limiter.Free(limit.Descriptors)
	for i, n := range []int{0, 1, 900, 70_000, len(simWhole) - 4} {
		content := string(pattern(n + i))
		s.contents[content] = true
		check(t, os.WriteFile(filepath.Join(s.dir, fmt.Sprint("f", i)), []byte(content), 0o666))
	}
	return s
}

// fault lets a call of the disk fail now and then. What takes away is left to work: a sweep would
// have to do it later.
func (s *sim) fault(op fsio.Op, _ fsio.Name) error {
	switch {
	case s.calm, op == fsio.OpRoot, op == fsio.OpUnlink, op == fsio.OpRmdir, !s.chance(60):
		return nil
	}
	errs := []error{
		syscall.EIO, syscall.ENOSPC, syscall.EACCES, syscall.EMFILE, dir.Short(1 + s.rand.IntN(9)),
	}
	err := errs[s.rand.IntN(len(errs))]
	s.note("fault: %v: %v", op, err)
	return err
}

func (s *sim) note(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf(format, args...))
}

// chance is true once in n.
func (s *sim) chance(n int) bool { return s.rand.IntN(n) == 0 }

func one[T any](s *sim, from []T) T { return from[s.rand.IntN(len(from))] }

// act lets one thing happen.
func (s *sim) act() {
	switch n := s.rand.IntN(100); {
	case n < 6:
		s.enter()
	case n < 30:
		s.command()
	case n < 32:
		s.rude()
	case n < 35:
		s.leave()
	case n < 55:
		s.connect()
	case n < 75:
		s.move()
	case n < 92:
		s.runJob()
	case n < 99:
		d := one(s, []time.Duration{
			time.Millisecond, 300 * time.Millisecond, time.Second, 2 * time.Second,
			11 * time.Second,
		})
		s.pass(d)
	case s.chance(8):
		s.pass(10 * time.Minute)
	case s.chance(10) && !s.draining:
		s.note("drain")
		s.drain(func() { s.drained = true })
		s.settle()
	}
}

func (s *sim) pass(d time.Duration) {
	s.note("%v pass", d)
	s.elapsed += d
	s.settle()
}

// runJob has a worker do one of the jobs, not always the first.
func (s *sim) runJob() {
	if len(s.work.jobs) == 0 {
		return
	}
	i := s.rand.IntN(len(s.work.jobs))
	j := s.work.jobs[i]
	s.work.jobs = slices.Delete(s.work.jobs, i, i+1)
	if t, ok := j.(*job); ok {
		s.note("job %d of session %d", t.kind, t.t.session.id)
	}
	j.Run()
	if s.chance(2) { // otherwise its result comes together with others
		s.settle()
		return
	}
	for len(s.work.jobs) > 0 && s.chance(2) {
		s.work.jobs[0].Run()
		s.work.jobs = s.work.jobs[1:]
	}
	s.settle()
}

// enter opens a session.
func (s *sim) enter() {
	// The last two are of one network, and limits count them together.
	from := one(s, []string{"10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:db8::2"})
	c := s.enterFrom(from, one(s, []dialect{
		speaksBase, speaksStatus, speaksStatus, speaksClassic, speaksFTP, speaksFTP, speaksFTP,
	}))
	switch {
	case c.conn.session == nil:
		s.note("%s was turned away", from)
		return
	case c.face == speaksStatus:
		s.tell(c, "hello 1")
	case c.face == speaksFTP:
		s.logIn(c)
	}
	s.clients = append(s.clients, c)
}

// enterFrom connects to the port of a face.
func (s *sim) enterFrom(from string, f dialect) *simClient {
	to := 0
	switch f {
	case speaksClassic:
		to = stageControl
	case speaksFTP:
		to = stageFTP
	default:
	}
	return &simClient{conn: s.openAt(from, to), from: from, face: f}
}

// framed is a command as the client's face writes it.
func (c *simClient) framed(text string) string {
	switch c.face {
	case speaksClassic:
		return text + "\n"
	case speaksFTP:
		return text + "\r\n"
	default:
		return framed(text)
	}
}

// there says whether the session stands.
func (c *simClient) there() bool {
	return c.conn.session != nil && c.conn.session.conn != nil
}

// somebody is a client whose session stands, or nil.
func (s *sim) somebody() *simClient {
	s.clients = slices.DeleteFunc(s.clients, func(c *simClient) bool {
		return !c.there() && len(c.offers) == 0
	})
	if len(s.clients) == 0 {
		return nil
	}
	if c := one(s, s.clients); c.there() {
		return c
	}
	return nil
}

func (s *sim) tell(c *simClient, text string) {
	s.note("%s (%v): %s", c.from, c.face, text)
	c.asked = append(c.asked, text)
	c.conn.in = append(c.conn.in, c.framed(text)...)
	s.input(c.conn)
	s.settle()
}

// command sends one or several commands, whole or in two halves.
func (s *sim) command() {
	c := s.somebody()
	if c == nil {
		return
	}
	words := []string{"get %f", "get %f", "put %n", "put %n", "ls", "what", "quit"}
	switch c.face {
	case speaksClassic:
		words = []string{
			"RETR %f", "RETR %f", "RETR %f", "RETR %n", "RETR nothing", "RETR d0", "HELLO",
			"GOODBYE SERVER",
		}
	case speaksFTP:
		words = simFTPWords
	case speaksStatus:
		words = append(words,
			"getpart 5 0 %f", "ls -l", "stat %f", "mkdir %d", "rmdir %d", "rm %n", "rnfr %n",
			"rnto %n", "cd /", "cd %d", "pwd", "noop", "abor", "abor", "sum xxh3 %f", "newpart %n",
			"putpart %p", "putpart %p", "partsize %p", "partsum %p xxh3", "droppart %p")
	default:
	}
	for more := true; more; more = s.chance(4) {
		text := one(s, words)
		if (text == "quit" || text == "QUIT" || text == "GOODBYE SERVER") && !s.chance(4) {
			continue
		}
		s.tell(c, s.fill(text))
		if !c.there() {
			return
		}
	}
}

// fill puts names and numbers into a command.
func (s *sim) fill(text string) string {
	text = strings.ReplaceAll(text, "%f", fmt.Sprint("f", s.rand.IntN(7)))
	text = strings.ReplaceAll(text, "%n", one(s, []string{"n0", "n1", "n2", "d0/n", "d1/n"}))
	text = strings.ReplaceAll(text, "%q", one(s, []string{"p0", "p1", "d0/p", "d1/p"}))
	text = strings.ReplaceAll(text, "%d", one(s, []string{"d0", "d1"}))
	if !strings.Contains(text, "%p") {
		return text
	}
	if len(s.parts) == 0 {
		return strings.ReplaceAll(text, "%p", "0123456789abcdef 0 9")
	}
	p := one(s, s.parts)
	if strings.HasPrefix(text, "putpart") {
		at := one(s, []int{0, 0, len(p.content) / 3, len(p.content)})
		return fmt.Sprintf("putpart %s %d %d", p.id, at, len(p.content))
	}
	return strings.ReplaceAll(text, "%p", p.id)
}

// rude says something that is no command, or too much.
func (s *sim) rude() {
	if c := s.somebody(); c != nil {
		text := one(s, []string{
			"GET / HTTP/1.1\r\n", "0000000", "0000000000", "0000004097",
			strings.Repeat(framed("ls"), 6000), strings.Repeat("RETR f0\n", 9000),
			strings.Repeat("R", 5000), strings.Repeat("EPSV\r\n", 300),
			strings.Repeat("STAT\r\n", 12_000), strings.Repeat("ABOR\r\n", 500),
			strings.Repeat("\xff\xfd\x01", 400), "NOOP\x00\r\n", "\xff\xf4\xff\xf2ABOR\r\n",
			"EPSV\r\nSTOR p0\r\nEPSV\r\nSTOR p0\r\nABOR\r\n",
		})
		s.note("%s is rude: %.20q", c.from, text)
		c.rude = true
		c.conn.in = append(c.conn.in, text...)
		s.input(c.conn)
		s.settle()
	}
}

// leave ends control.
func (s *sim) leave() {
	if c := s.somebody(); c != nil {
		s.note("%s leaves", c.from)
		s.hang(c.conn)
		s.settle()
	}
}

// wind lets every client go, and time pass, until nothing can happen any more. Before that no
// session waits for anything that does not come.
func (s *sim) wind() {
	s.note("the end begins")
	s.calm = true
	for len(s.data) > 0 {
		s.shut(0)
	}
	s.rest()
	for _, c := range s.clients {
		session := c.conn.session
		if c.there() && (!session.awaitsCommand() || len(c.asked) > 0 && !c.rude) {
			s.wrong("%s waits in vain for the answers to %q", c.from, c.asked)
		}
	}
	if s.draining && !s.drained {
		s.wrong("it does not come to the end of draining")
	}
	for _, c := range s.clients {
		if c.there() {
			s.hang(c.conn)
		}
	}
	s.rest()
	s.pass(5 * time.Minute)
	s.pass(5 * time.Minute)
}

// rest lets every job run, and less time pass than an idle session has.
func (s *sim) rest() {
	for range 40 {
		for len(s.work.jobs) > 0 {
			s.work.jobs[0].Run()
			s.work.jobs = s.work.jobs[1:]
			s.settle()
		}
		s.pass(12 * time.Second)
		s.listen()
		s.checkAll()
	}
}

// giveBack closes what the simulation holds, whatever came of it.
func (s *sim) giveBack() {
	for len(s.data) > 0 {
		s.shut(0)
	}
	s.close()
}
