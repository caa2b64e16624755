//go:build linux && !ferryportable

package reactor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ferry/codec"
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
	s.checkDeadlines()
	for _, a := range s.addresses {
		wantLeases(s.t, a)
	}
}

// checkSessions: a session that waits for something has one transfer, which is where the session
// takes it to be.
func (s *sim) checkSessions() {
	for c := range s.sessions {
		state := c.exchange.State()
		t := c.transfer
		if c.conn == nil {
			s.wrong("session %d has no connection", c.id)
		}
		if c.idle.place == 0 {
			s.wrong("session %d, %v, has no deadline", c.id, state)
		}
		if t == nil {
			if state == codec.Asked || state == codec.Offered || state == codec.Moving {
				s.wrong("session %d is %v and has no transfer", c.id, state)
			}
			continue
		}
		if t.session != c || t.released || t.index >= len(s.transfers) ||
			s.transfers[t.index] != t {
			s.wrong("session %d has a transfer that is not its own", c.id)
		}
		fits := t.state == transferEnded || state == codec.Over
		switch state {
		case codec.Asked:
			fits = fits || t.state == transferWaiting
		case codec.Offered:
			fits = fits || t.state == transferOffered
		case codec.Moving:
			fits = fits || t.state == transferMoving
		default:
		}
		if !fits {
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
		if !t.released && t.state != transferEnded && t.session.transfer == t {
			serving[t.session]++
		}
		ok := true
		switch t.state {
		case transferWaiting:
			sums := &t.address.sums // one waits there for another, which runs
			ok = t.place != nil || t.job.busy || t.send.waits ||
				sums.given > 0 && slices.Contains(sums.waiting, t)
		case transferOffered:
			ok = t.deadline.place > 0 && t.fd < 0 && s.stands(t)
		case transferMoving:
			ok = t.fd >= 0 && (t.deadline.place > 0 || t.recv.keeping && t.job.busy)
		case transferLingering:
			ok = t.fd >= 0 && t.deadline.place > 0 && t.released
		case transferEnded:
			ok = t.fd < 0 && t.job.busy && t.deadline.place == 0
		default:
			ok = false
		}
		if !ok {
			s.wrong("a transfer is %v, %v, with descriptor %d, job %v (%d), deadline %d", t.state,
				t.verb, t.fd, t.job.busy, t.job.kind, t.deadline.place)
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
	for key, t := range s.keys {
		if t.state != transferOffered || t.asked.key != key {
			s.wrong("the KEY %v is of a transfer that is %v", key, t.state)
		}
	}
}

// stands says whether an offer can be taken.
func (s *sim) stands(t *transfer) bool {
	if t.asked != nil {
		return s.keys[t.asked.key] == t
	}
	return t.line.offers[t.port] == t
}

// checkSums: what is counted is what there is.
func (s *sim) checkSums() {
	l := s.limiter
	var held, holding, announced, listing int64
	sessions := make(map[*address]int)
	transfers := make(map[*address]int)
	using, open := make(map[*usage]int64), make(map[*usage]int64)
	for _, t := range s.transfers {
		transfers[t.address]++
		announced += t.recv.reserved
		listing += t.send.held
		if t.held > 0 {
			held += t.held
			holding++
			using[t.address.use]++
		}
	}
	for c := range s.sessions {
		sessions[c.address]++
		open[c.address.use]++
	}
	for _, c := range []struct {
		what      string
		have, sum int64
	}{
		{"sessions", l.sessions.Load(), int64(len(s.sessions))},
		{"transfers", l.transfers.Load(), holding},
		{"descriptors", s.budget - l.descriptors.Load(), held},
		{"bytes announced", l.announced.Load(), announced},
		{"bytes of listings", l.listings.bytes.Load(), listing},
		{"connections without a KEY", l.keyless.Load(), int64(s.keyless.Len())},
	} {
		if c.have != c.sum {
			s.wrong("%s: %d are counted, there are %d", c.what, c.have, c.sum)
		}
	}
	for _, a := range s.addresses {
		if a.sessions != sessions[a] || a.transfers != transfers[a] ||
			a.use.transfers.Load() != using[a.use] || a.use.sessions.Load() != open[a.use] {
			s.wrong("%v: %d sessions, %d transfers, %d in use are counted; there are %d, %d, %d",
				a.ip, a.sessions, a.transfers, a.use.transfers.Load(), sessions[a], transfers[a],
				using[a.use])
		}
	}
}

// checkDeadlines: the heap is one, and belongs to what is there.
func (s *sim) checkDeadlines() {
	for i, d := range s.deadlines {
		if d.place != i+1 || i > 0 && s.deadlines[(i-1)/2].at > d.at {
			s.wrong("deadline %d is out of its place", i)
		}
		alive := true
		switch o := d.owner.(type) {
		case *session:
			_, alive = s.sessions[o]
		case *transfer:
			alive = o.index < len(s.transfers) && s.transfers[o.index] == o &&
				o.state != transferEnded
		case *line:
			alive = s.addresses[o.a.ip] == o.a
		default:
		}
		if !alive {
			s.wrong("a deadline has outlived its %T", d.owner)
		}
	}
}

// checkEnd: when everybody has gone nothing is left, and what has a name is whole.
func (s *sim) checkEnd(before []string) {
	if n := len(s.sessions) + len(s.transfers) + len(s.addresses) + len(s.deadlines) +
		len(s.keys) + s.listingsWaiting() + len(s.starving); n > 0 {
		s.wrong("left are %d sessions, %d transfers, %d addresses, %d deadlines, %d KEYs",
			len(s.sessions), len(s.transfers), len(s.addresses), len(s.deadlines), len(s.keys))
	}
	for _, p := range s.pipes {
		p.close()
	}
	s.pipes = nil
	if after := descriptors(); len(after) > len(before) {
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
		if content != folderMark && !s.contents[content] && !s.anything {
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
