//go:build linux && !ferryportable

package reactor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ferry/reactor/limit"
)

// What holds between any two steps of a simulation.

// wrong notes that something does not hold.
func (s *sim) wrong(format string, args ...any) {
	s.t.Helper()
	s.t.Errorf(format, args...)
}

func (s *sim) checkAll() {
	s.t.Helper()
	s.checkSessions()
	s.checkTransfers()
	s.checkSums()
	s.checkOffers()
	s.checkDeadlines()
	for _, a := range s.addresses {
		wantLeases(s.t, a)
	}
}

// checkSessions: a session that waits for something has one transfer, which is where the session
// takes it to be.
func (s *sim) checkSessions() {
	for c := range s.sessions {
		state := c.state
		t := c.transfer
		if c.conn == nil {
			s.wrong("session %d has no connection", c.id)
		}
		if !c.silence.IsSet() {
			s.wrong("session %d, %v, has no deadline", c.id, state)
		}
		if t == nil {
			if state == sessionOffered || state == sessionMoving ||
				state == sessionAsked && !c.awaits() {
				s.wrong("session %d is %v and has no transfer", c.id, state)
			}
			continue
		}
		if t.session != c || t.index >= len(s.transfers) ||
			s.transfers[t.index] != t {
			s.wrong("session %d has a transfer that is not its own", c.id)
		}
		if !t.fits(state) {
			s.wrong("session %d is %v, its transfer %v", c.id, state, t.state)
		}
	}
}

// checkTransfers: each is in one place, and something is under way that will end its state.
func (s *sim) checkTransfers() {
	serving := make(map[*session]int)
	busy := 0
	for i, t := range s.transfers {
		if t.index != i {
			s.wrong("transfer %d says that it is %d", i, t.index)
		}
		if t.job.busy {
			busy++
		}
		if t.state != transferEnded && t.session.transfer == t {
			serving[t.session]++
		}
		ok := true
		switch t.state {
		case transferWaiting:
			ok = t.queues() || t.job.busy
		case transferOffered:
			ok = !t.connected() && t.stands()
		case transferMoving:
			ok = t.connected() && (t.deadline.IsSet() || t.keeping() && t.job.busy)
		case transferLingering:
			ok = t.connected() && t.deadline.IsSet() && t.answered()
		case transferEnded:
			ok = !t.connected() && t.job.busy && !t.deadline.IsSet()
		default:
			ok = false
		}
		if !ok {
			s.wrong("a transfer is %v, %v, connected %v, job %v (%d), deadline %v", t.state,
				t.Verb, t.connected(), t.job.busy, t.job.kind, t.deadline.IsSet())
		}
	}
	for c, n := range serving {
		if n > 1 {
			s.wrong("session %d has %d transfers", c.id, n)
		}
	}
	if busy != len(s.work.jobs) {
		s.wrong("%d transfers wait for %d jobs", busy, len(s.work.jobs))
	}
	for key, o := range s.keys.offers {
		if o.state != offerStanding || o.transfer.state != transferOffered || o.key != key {
			s.wrong("the KEY %v is of an offer that is %v", key, o.state)
		}
	}
}

// checkSums: what is counted is what there is.
func (s *sim) checkSums() {
	l := s.limiter
	var held, holding, announced, listing int64
	sessions := make(map[*address]int)
	transfers := make(map[*address]int)
	using, open := make(map[*limit.Address]int64), make(map[*limit.Address]int64)
	for _, t := range s.transfers {
		transfers[t.address]++
		announced += t.recv.space.reserved
		listing += t.send.held
		if t.holds() > 0 {
			held += t.holds()
			holding++
			using[t.address.use]++
		}
	}
	for c := range s.sessions {
		sessions[c.address]++
		open[c.address.use]++
		if o := c.offer; o != nil && o.held > 0 {
			held += o.held
			holding++
			using[c.address.use]++
		}
	}
	for _, c := range []struct {
		what      string
		have, sum int64
	}{
		{"sessions", l.Used(limit.Sessions), int64(len(s.sessions))},
		{"transfers", l.Used(limit.Transfers), holding},
		{"descriptors", s.budget - l.Free(limit.Descriptors), held},
		{"bytes announced", l.Used(limit.Reserved), announced},
		{"bytes of listings", l.Used(limit.Listings), listing},
		{"connections without a KEY", l.Used(limit.Keyless), int64(s.keys.pending.Len())},
	} {
		if c.have != c.sum {
			s.wrong("%s: %d are counted, there are %d", c.what, c.have, c.sum)
		}
	}
	for _, a := range s.addresses {
		using, open := using[a.use], open[a.use]
		usedTransfers := l.UsedBy(a.use, limit.Transfers)
		if a.sessions != sessions[a] || a.transfers != transfers[a] || usedTransfers != using ||
			l.UsedBy(a.use, limit.Sessions) != open {
			s.wrong("%v: %d sessions, %d transfers, %d in use are counted; there are %d, %d, %d",
				a.ip, a.sessions, a.transfers, usedTransfers, sessions[a], transfers[a], using)
		}
	}
}

// checkDeadlines: the heap is one, and belongs to what is there.
func (s *sim) checkDeadlines() {
	for i, d := range s.loop.Deadlines {
		if !d.IsSet() || i > 0 && s.loop.Deadlines[(i-1)/2].At() > d.At() {
			s.wrong("deadline %d is out of its place", i)
		}
		alive := true
		switch o := d.Owner.(type) {
		case *session:
			_, alive = s.sessions[o]
		case *transfer:
			alive = o.index < len(s.transfers) && s.transfers[o.index] == o &&
				o.state != transferEnded
		case *receiver:
			alive = o.t.state == transferMoving
		case *offer:
			alive = o.session.offer == o || o.transfer != nil && o.transfer.offer == o
			alive = alive && o.state != offerClosed
		case *delayedReply:
			_, alive = s.sessions[o.s]
		case *line:
			alive = s.addresses[o.a.ip] == o.a
		default:
		}
		if !alive {
			s.wrong("a deadline has outlived its %T", d.Owner)
		}
	}
}

// checkEnd: when everybody has gone nothing is left, and what has a name is whole.
func (s *sim) checkEnd(before []string) {
	if n := len(s.sessions) + len(s.transfers) + len(s.addresses) + len(s.loop.Deadlines) +
		len(s.keys.offers) + s.listingsWaiting() + len(s.lines); n > 0 {
		s.wrong("left are %d sessions, %d transfers, %d addresses, %d deadlines, %d KEYs",
			len(s.sessions), len(s.transfers), len(s.addresses), len(s.loop.Deadlines),
			len(s.keys.offers))
	}
	if after := descriptors(); len(after)-2*s.loop.Pipes.Kept() > len(before) {
		s.wrong("descriptors leaked: %q before, %q after", before, after)
	}
	there, hidden := treeAt(s.t, s.dir)
	for _, name := range hidden {
		if filepath.Base(name) != ".ferry-parts" {
			s.wrong("left behind: %s", name)
			continue
		}
		if !s.anything {
			s.checkParts(name)
		}
	}
	for name, content := range there {
		if content != folderMark && !s.contents[content] && !s.anything &&
			!isBeginning(name, content) {
			s.wrong("%s holds %s, which nobody has put", name, brief([]byte(content)))
		}
	}
}

// checkParts: a part that waits to be gone on with holds the beginning of its upload.
func (s *sim) checkParts(name string) {
	files, err := filepath.Glob(filepath.Join(s.dir, name, "????????????????"))
	check(s.t, err)
	for _, f := range files {
		content, err := os.ReadFile(f)
		check(s.t, err)
		begins := func(p *simPart) bool {
			return filepath.Base(f) == p.id && strings.HasPrefix(p.content, string(content))
		}
		// One that was never answered is known to nobody, and empty.
		if !slices.ContainsFunc(s.parts, begins) && len(content) > 0 {
			s.wrong("the part %s holds %s", f, brief(content))
		}
	}
}
