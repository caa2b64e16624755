package reactor

import (
	"slices"
	"sync/atomic"

	"ferry/codec"
	"ferry/fsio"
	"ferry/reactor/limit"
)

// Checksums read whole files for a few bytes of answer. They have a few workers of their own, so
// that neither the loop nor other file work waits for one; a session has one at a time, an address
// a few at once, and a session a number of bytes in all. A long one yields now and then, so that a
// small file's sum waits for one turn of each sum before it, not for their files. A sum whose
// client has gone ends at its next piece, or when its turn comes.

// sumWorkersMax bounds the workers for checksums: each may have a file open outside the budget, in
// which a sum that waits for its next turn has its place.
const sumWorkersMax = 64

type sumWork struct {
	state  atomic.Int32
	digest fsio.Digest
	// read is how many bytes were read for it: none if the sum was remembered. For a sum that did
	// not finish it counts whole pieces.
	read int64
	// total is the session's count of what was read for its checksums.
	total *int64
	// given: the workers have it.
	given bool
}

// States of a checksum. A worker and the loop race to leave sumWaits.
const (
	sumWaits int32 = iota
	sumRuns
	sumEnded
)

// end tells the worker that the checksum is no longer needed, and reports whether it is computing.
func (s *sumWork) end() (running bool) { return s.state.Swap(sumEnded) == sumRuns }

// count adds what was read to the session's count. The worker must have ended.
func (s *sumWork) count() {
	*s.total += s.read
	s.read = 0
}

// begin reports whether the worker may begin.
func (s *sumWork) begin() bool { return s.state.CompareAndSwap(sumWaits, sumRuns) }

// sumStopper returns what tells the worker to stop. It is asked before each piece, which counts as
// read unless it says so, and lets others have their turn first. The sum has so many descriptors
// open.
func (j *job) sumStopper(descriptors int64) (stopped func() bool) {
	s := j.t.found.sum
	return func() bool {
		if s.read > 0 && s.read%sumTurn == 0 {
			j.t.r.yieldSum(descriptors)
		}
		if s.state.Load() == sumEnded {
			return true
		}
		s.read += fsio.SumPiece
		return false
	}
}

// yieldSum lets other sums go first. What is open of one that waits comes from the budget of
// descriptors: while that has none, the sum keeps its worker. It is called by workers.
func (r *reactor) yieldSum(descriptors int64) {
	l := r.limiter
	if l.Take(nil, limit.Descriptors, descriptors) == limit.Enough {
		r.server.sumPool.Yield()
		l.Give(nil, limit.Descriptors, descriptors)
	}
	if l.CapacityWanted.Load() {
		r.server.serveWaiting()
	}
}

// ended follows the end of the work: for a finished checksum the bytes read are known.
func (s *sumWork) ended(d fsio.Digest, err error) error {
	if err == nil {
		s.digest, s.read = d, d.Size
	}
	return err
}

// sumTurn is how much is read for a checksum before others have their turn, in bytes: some 20 ms of
// work with SHA-256, and enough that a disk seldom has to seek for it. It is of whole pieces.
const sumTurn = 64 * fsio.SumPiece

// What a checksum has open: the file, or the part with its folder and the folder in which parts are
// known.
const (
	descriptorsSum     = 1
	descriptorsPartSum = limit.DescriptorsPart - 1
)

// sumQueue is the checksums of one address on one reactor. Only some of them are given to the
// workers, which take them in order: otherwise one address would fill the queue before all others.
type sumQueue struct {
	given   int
	waiting []*transfer
}

// giveSum lets the address of a checksum that ended have another computed.
func (r *reactor) giveSum(t *transfer) {
	s, q := t.found.sum, &t.address.sums
	if s == nil {
		return
	}
	s.count()
	r.limiter.Give(t.address.use, limit.Sums, 1)
	if !s.given {
		q.waiting = slices.DeleteFunc(q.waiting, func(o *transfer) bool { return o == t })
		return
	}
	q.given--
	if len(q.waiting) > 0 {
		next := q.waiting[0]
		q.waiting = slices.Delete(q.waiting, 0, 1)
		next.submitSum()
	}
}

func (t *transfer) submitSum() {
	t.found.sum.given = true
	t.address.sums.given++
	t.submit(duties[t.Verb].job)
}

// sum has a checksum computed, if limits allow it. total is how many bytes were read for those of
// the session, and will count this one.
func (t *transfer) sum(total *int64) {
	l := t.r.limiter
	if most := l.Limits.SumBytes; most > 0 && *total >= most {
		t.endAs(outcomeRefused, errSumsMost)
		return
	}
	switch l.Take(t.address.use, limit.Sums, 1) {
	case limit.ShortAddress:
		t.endAs(outcomeRefused, errSumsHere)
	case limit.ShortServer:
		t.endAs(outcomeRefused, errSumsAll)
	default:
		t.found.sum = &sumWork{total: total}
		q := &t.address.sums
		if q.given < max(1, t.r.server.options.SumWorkers/2) {
			t.submitSum()
		} else {
			q.waiting = append(q.waiting, t)
		}
	}
}

// sum is the work of sum and sumpart. (PROTOCOL.md, Checksums.)
func (j *job) sum() error {
	t := j.t
	s, known := t.found.sum, t.r.server.sums
	if !s.begin() {
		return fsio.ErrStopped
	}
	var f fsio.File
	if err := j.root().Open(&f, t.name); err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	length := t.Length
	switch {
	case t.Offset > f.Size():
		return errBeyondEnd
	case length == 0:
		length = -1
	}
	var ok bool
	if s.digest, ok = known.Known(&f, t.Algo, t.Offset, length); ok {
		return nil
	}
	stopped := j.sumStopper(descriptorsSum)
	return s.ended(known.Sum(stopped, &f, t.Algo, t.Offset, length))
}

func (j *job) sumPart() (err error) {
	s := j.t.found.sum
	if !s.begin() {
		return fsio.ErrStopped
	}
	if failed := j.onPart(func(p fsio.Part) error {
		err = s.ended(fsio.Sum(j.sumStopper(descriptorsPartSum), p, j.t.Algo, 0, -1))
		return p.Close()
	}); failed != nil {
		return failed
	}
	return err
}

// summed is the answer to a command for a checksum.
func (s *sumWork) summed() answer {
	return answer{codec.CodeStatus, codec.AppendSum(nil, codec.Sum{
		Hex: s.digest.Hex, Size: s.digest.Size,
	})}
}
