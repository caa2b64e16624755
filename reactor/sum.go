package reactor

import (
	"slices"
	"sync/atomic"

	"ferry/codec"
	"ferry/fsio"
)

// Checksums read whole files for a few bytes of answer. They have workers of their own, few of
// them, so that neither the loop nor other file work waits for one; a session has one at a time, an
// address some at once, and a session some bytes in all. A long one lets others have a turn now
// and then: a small file's waits for a turn each of those that came before, not for their files. A
// sum whose client has gone ends at its next piece, or when its turn comes.

// sumWorkersMax bounds the workers for checksums: each may have a file open beside the budget, in
// which a sum that waits for its next turn has its place.
const sumWorkersMax = 64

// sumAsked is what a command for a checksum has and finds out.
type sumAsked struct {
	state  atomic.Int32
	digest fsio.Digest
	// read is how many bytes were read for it: none for one that was known. That of one that did
	// not come to its end is in whole pieces.
	read int64
	// counted says that the address counts it, given that the workers have it.
	counted, given bool
}

// States of a checksum: a worker and the loop both want to be the first to leave sumWaits.
const (
	sumWaits int32 = iota
	sumRuns
	sumEnded
)

// end tells the worker that nobody waits for the checksum any more, and says whether one is at it.
func (s *sumAsked) end() (running bool) { return s.state.Swap(sumEnded) == sumRuns }

// begin says whether the worker is to begin.
func (s *sumAsked) begin() bool { return s.state.CompareAndSwap(sumWaits, sumRuns) }

// sumStopper returns what says whether the worker is to stop. It is asked before each piece, which
// counts as read unless it says so, and lets others have their turn first. The sum has so many
// descriptors open.
func (j *job) sumStopper(descriptors int64) (stopped func() bool) {
	s := &j.t.asked.sum
	return func() bool {
		if s.read > 0 && s.read%sumTurn == 0 {
			j.t.r.yieldSum(descriptors)
		}
		if s.state.Load() == sumEnded {
			return true
		}
		s.read += sumPiece
		return false
	}
}

// yieldSum lets other sums go first. What is open of one that waits comes from the budget of
// descriptors: while that has none, the sum keeps its worker. It is called by workers.
func (r *reactor) yieldSum(descriptors int64) {
	l := r.limiter
	if l.descriptors.Add(-descriptors) >= 0 {
		r.server.sumPool.Yield()
	}
	l.descriptors.Add(descriptors)
	if l.starved.Load() {
		r.server.feedStarving()
	}
}

// ended follows the end of the work: of a checksum that has come, it is known what was read.
func (s *sumAsked) ended(d fsio.Digest, err error) error {
	if err == nil {
		s.digest, s.read = d, d.Size
	}
	return err
}

// sumPiece is how much is read for a checksum between two looks at whether to stop, in bytes.
const sumPiece = 512 << 10

// sumTurn is how much is read for a checksum before others have their turn, in bytes: some 20 ms of
// work with SHA-256, and enough that a disk seldom has to seek for it. It is of whole pieces.
const sumTurn = 64 * sumPiece

// What a checksum has open: the file, or the part with its folder and the folder in which parts are
// known.
const (
	descriptorsSum     = 1
	descriptorsPartSum = descriptorsPart - 1
)

// sumLine is the checksums of one address on one reactor. Only some of them are given to the
// workers, who take them in order: otherwise one address would fill the line before all others.
type sumLine struct {
	given   int
	waiting []*transfer
}

// giveSum lets the address of a checksum that was computed, or given up, have another instead, and
// counts what was read for it.
func (r *reactor) giveSum(t *transfer) {
	s, l := &t.asked.sum, &t.address.sums
	if !s.counted {
		return
	}
	s.counted = false
	t.address.use.sums.Add(-1)
	t.session.status.summed += s.read
	if !s.given {
		l.waiting = slices.DeleteFunc(l.waiting, func(o *transfer) bool { return o == t })
		return
	}
	l.given--
	if len(l.waiting) > 0 {
		next := l.waiting[0]
		l.waiting = slices.Delete(l.waiting, 0, 1)
		r.giveToSummers(next)
	}
}

// giveToSummers has a checksum computed in its turn.
func (r *reactor) giveToSummers(t *transfer) {
	t.asked.sum.given = true
	t.address.sums.given++
	r.submit(t, duties[t.verb].job)
}

// sum has a checksum computed, if limits allow it.
func (r *reactor) sum(t *transfer) {
	l := &r.limiter.limits
	switch u := t.address.use; {
	case l.SumBytes > 0 && t.session.status.summed >= l.SumBytes:
		t.outcome, t.err = outcomeRefused, errSumsMost
	case !take(&u.sums, l.SumsPerAddress):
		t.outcome, t.err = outcomeRefused, errSumsHere
	default:
		t.asked.sum.counted = true
		line := &t.address.sums
		if line.given < max(1, r.server.options.SumWorkers/2) {
			r.giveToSummers(t)
		} else {
			line.waiting = append(line.waiting, t)
		}
		return
	}
	r.endTransfer(t)
}

// sumFile is the work of sum and sumpart. (PROTOCOL, Status exchange: "sumpart ALGO OFFSET LENGTH
// NAME"; as with getpart a LENGTH of 0 reaches to the end.)
func (a *asked) sumFile(store fsio.Store, j *job) error {
	s, known := &a.sum, j.t.r.server.sums
	if !s.begin() {
		return fsio.ErrStopped
	}
	var f fsio.File
	if err := store.Open(&f, a.name); err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	length := a.Length
	switch {
	case a.Offset > f.Size():
		return errBeyondEnd
	case length == 0:
		length = -1
	}
	var ok bool
	if s.digest, ok = known.Known(&f, fsio.Algo(a.Algo), a.Offset, length); ok {
		return nil
	}
	stopped := j.sumStopper(descriptorsSum)
	return s.ended(known.Sum(stopped, &f, fsio.Algo(a.Algo), a.Offset, length))
}

// sumPart is the work of partsum.
func (a *asked) sumPart(store fsio.Store, j *job) error {
	s := &a.sum
	if !s.begin() {
		return fsio.ErrStopped
	}
	var err error
	if _, failed := onPart(store, a.Part, func(p fsio.Part) error {
		err = s.ended(fsio.SumPart(j.sumStopper(descriptorsPartSum), p, fsio.Algo(a.Algo)))
		return p.Close()
	}); failed != nil {
		return failed
	}
	return err
}

// summed is the answer to a command for a checksum.
func summed(t *transfer) answer {
	s := &t.asked.sum
	return answer{codec.CodeStatus, codec.AppendSum(nil, codec.Sum{
		Hex: s.digest.Hex(), Size: s.digest.Size,
	})}
}
