package reactor

import (
	"context"
	"fmt"
	"time"

	"ferry/codec"
	"ferry/fsio"
)

// Parts: uploads that are kept when they break, and gone on with. What came before a break is
// written before the answer comes, and so that the next command finds the part free it is answered
// only once the part has been closed.

// partAsked is what a command about a part has and finds out.
type partAsked struct {
	// holds says that a worker may have the part for this transfer.
	holds bool
	// id is that of a new part, size how many bytes are kept.
	id   string
	size int64
}

// openPart opens the part that a putpart goes on with.
func (r *reactor) openPart(t *transfer) {
	if most := r.limiter.limits.UploadBytes; most > 0 && t.asked.Total > most {
		t.outcome, t.err = outcomeRefused, errUploadMax
		r.endTransfer(t)
		return
	}
	t.asked.part.holds = true
	r.submit(t, jobOpenPart)
}

// openPart is its work. (PROTOCOL, Status exchange: "written at OFFSET, which must be the part's
// size".)
func (a *asked) openPart(store fsio.Store, rc *receiver) error {
	p, err := store.OpenPart(a.Part.String())
	if err != nil {
		return err
	}
	if n := p.Size(); n != a.Offset {
		_ = p.Close() // nothing was written to it
		return &refusal{codec.CodePartSize, fmt.Sprintf("the part is %d bytes long", n)}
	}
	rc.part = p
	return nil
}

// openedPart offers to take in more of a part.
func (r *reactor) openedPart(t *transfer) {
	rc := &t.recv
	t.name = rc.part.Name().String()
	rc.total, rc.written, rc.allocated = t.asked.Offset, t.asked.Offset, t.asked.Offset
	r.offerKeyed(t)
}

// onPart opens a part, does what ends it, and returns how many bytes it had.
func onPart(store fsio.Store, id codec.PartID, end func(fsio.Part) error) (int64, error) {
	p, err := store.OpenPart(id.String())
	if err != nil {
		return 0, err
	}
	return p.Size(), end(p)
}

// partWhole says whether all bytes of the upload are there, so that it becomes the file.
func (t *transfer) partWhole() bool {
	return !t.recv.keeping && t.recv.total == t.asked.Total
}

// keepFirst lets what has come of a part that the client broke off be written before its transfer
// ends, and says whether that is to be waited for. (PROTOCOL, Status exchange: "what arrived before
// a break is kept".)
func (r *reactor) keepFirst(t *transfer) bool {
	rc := &t.recv
	if rc.part == nil || rc.keeping || t.state != transferMoving || t.outcome == outcomeAborted {
		return false
	}
	rc.keeping, rc.whole = true, true
	t.readable = false
	r.deadlines.clear(&t.deadline)
	r.deadlines.clear(&rc.pause)
	r.enqueue(t)
	return true
}

// kept takes the result of closing a part that is to be gone on with.
func (r *reactor) kept(t *transfer) {
	rc, j := &t.recv, &t.job
	rc.part = nil
	switch {
	case j.err != nil:
		rc.keeping = true
		r.failTransfer(t, outcomeOf(j.err), j.err)
	case rc.keeping: // it failed before, and how is known
		r.failTransfer(t, t.outcome, t.err)
	default:
		t.outcome = outcomeComplete
		setReset(t.fd, false)
		r.becomeLingering(t)
	}
}

// dropPart lets go of the part of a transfer that has ended, and says whether a worker has to help.
func (r *reactor) dropPart(t *transfer) (waits bool) {
	if t.job.kind == jobKeepPart {
		t.recv.part = nil
		return false
	}
	r.submit(t, jobKeepPart)
	return true
}

// sweepParts removes parts whose time is over, until the context ends.
func (s *Server) sweepParts(c context.Context) {
	every := min(max(s.options.PartLifetime/10, sweepOften), sweepSeldom)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-c.Done():
			return
		case <-tick.C:
		}
		j := &sweepJob{s, make(chan struct{})}
		s.pool.Submit(j)
		select {
		case <-c.Done():
			return
		case <-j.done:
		}
	}
}

// A sweep looks at every part that is known. Few are due at a time.
const (
	sweepOften  = 100 * time.Millisecond
	sweepSeldom = 10 * time.Minute
)

// sweepJob removes parts in the pool.
type sweepJob struct {
	s    *Server
	done chan struct{}
}

// Run implements fsio.Job.
func (j *sweepJob) Run() {
	defer close(j.done)
	removed, err := j.s.store.SweepParts()
	if removed > 0 || err != nil {
		j.s.log.Info().Int("parts", removed).AnErr("error", visibleError(err)).
			Msg("parts that nobody went on with were removed")
	}
}
