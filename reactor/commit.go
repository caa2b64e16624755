package reactor

import (
	"time"

	"ferry/fsio"
	"ferry/reactor/loop"
)

// How an upload ends: by the client's close, by its size, or by silence after a complete record
// when something else says that nothing more will come. What came of a broken part is kept.

const (
	// recordPause is how long a put may be silent after a complete record before we end our
	// sending side, which some clients wait for. (PROTOCOL.md, Base put.)
	recordPause = time.Second
	// quietTime is how long a put must be silent after a complete record for a further command,
	// or the end of control, to end it: control and data come in no order between them, so the
	// next record may still be on its way, a retransmission (200 ms) included.
	quietTime = 250 * time.Millisecond
)

// endAsk is whether a further command, or the end of control, asks for an end.
type endAsk uint8

const (
	// askNot: none came that was not sent ahead.
	askNot endAsk = iota
	// askEarly: it came before the last record. It may have overtaken that record on the way, so
	// that it counts only after a longer silence.
	askEarly
	// askNow: it came after a complete record, with nothing of another in the socket.
	askNow
)

// committed closes an upload cleanly once the file has its name, and resets it otherwise.
func (rc *receiver) committed() {
	t := rc.t
	j := &t.job
	if j.kind == jobCommit {
		rc.pending, rc.part = nil, nil
	}
	if j.err != nil {
		if fsio.KindOf(j.err) != fsio.KindExists || !rc.keepsOld() {
			t.fail(outcomeOf(j.err), j.err)
			return
		}
		t.outcome = outcomeKept
	} else {
		t.outcome = outcomeComplete
	}
	t.data.SetReset(false)
	// A client that ended with close_notify has not closed the connection yet.
	if rc.ends&clientEnded != 0 && t.data.TLS() == nil {
		t.end()
		return
	}
	t.becomeLingering()
}

// setPause sets the time after which silence at a boundary means something. It counts from the last
// byte, even if that was taken in an earlier turn.
func (rc *receiver) setPause() {
	t := rc.t
	r := t.r
	heard := rc.dec.Offset() != rc.quietAt
	rc.quietAt = rc.dec.Offset()
	switch {
	case t.state != transferMoving || rc.phase != receiveOpen || !rc.atBoundary():
		r.loop.Deadlines.Clear(&rc.pause)
	case !heard && rc.pause.IsSet():
	case rc.endAsked == askNow:
		r.loop.Deadlines.Set(&rc.pause, r.loop.Now+quietTime)
	case rc.ends&serverEnded == 0 || rc.endAsked == askEarly:
		r.loop.Deadlines.Set(&rc.pause, r.loop.Now+recordPause)
	}
}

// furtherCommand tells an upload that a command came that was not sent ahead, or that control
// ended. (PROTOCOL.md, Base put.) What the client sent on the data connection before may not have
// been seen yet, so that is looked at first. It may end the transfer.
func (rc *receiver) furtherCommand() {
	t := rc.t
	s := t.session
	if !t.isPut() || rc.endAsked == askNow {
		return
	}
	if t.state == transferOffered {
		t.offer.acceptNow()
	}
	if s.transfer != t {
		return
	}
	switch t.state {
	case transferOffered:
		rc.endAsked = askEarly
	case transferMoving:
		rc.endAsked = askEarly
		t.ready |= loop.CanRead
		t.resume()
		if s.transfer == t && rc.atRest() {
			rc.endAsked = askNow
			t.r.loop.Deadlines.Set(&rc.pause, t.r.loop.Now+quietTime)
		}
	default: // its port was not told yet, so that the command was sent ahead; or it has ended
	}
}

// atRest reports whether an upload stands at a boundary, and nothing of it is left to be read or
// written.
func (rc *receiver) atRest() bool {
	t := rc.t
	return t.state == transferMoving && rc.phase == receiveOpen && rc.atBoundary() &&
		!t.readable() && !t.job.busy
}

// Expire ends an upload that was asked to end, or our sending side of one that was not.
func (rc *receiver) Expire(*loop.Deadline) {
	t := rc.t
	if !rc.atRest() {
		return // the pause begins anew once it is
	}
	if !t.data.Empty() {
		t.ready |= loop.CanRead
		t.r.loop.Enqueue(t)
		return
	}
	if rc.endAsked != askNot {
		rc.phase = receiveWhole
		t.r.loop.Enqueue(t)
		return
	}
	rc.ends |= serverEnded
	t.data.CloseWrite()
}

// settled reports whether the upload is as good as done, so that an abor comes too late.
func (rc *receiver) settled() bool {
	j := &rc.t.job
	return rc.phase == receiveKeeping ||
		j.busy && (j.kind == jobCommit || j.kind == jobStore || j.kind == jobKeepPart)
}

// partWhole reports whether all bytes of a resumable upload are there, so that it becomes the file.
func (rc *receiver) partWhole() bool {
	return rc.phase != receiveKeeping && rc.space.total == rc.t.Total
}

// keepFirst lets what has come of a part that the client broke off be written before its transfer
// ends, and reports whether that must be waited for. (PROTOCOL.md, Parts.)
func (rc *receiver) keepFirst() bool {
	t := rc.t
	if rc.part == nil || rc.phase == receiveKeeping || t.state != transferMoving ||
		t.outcome == outcomeAborted {
		return false
	}
	rc.phase = receiveKeeping
	t.ready &^= loop.CanRead
	t.r.loop.Deadlines.Clear(&t.deadline)
	t.r.loop.Deadlines.Clear(&rc.pause)
	t.r.loop.Enqueue(t)
	return true
}

// kept takes the result of closing a part that may be resumed.
func (rc *receiver) kept() {
	t := rc.t
	rc.part = nil
	switch {
	case t.job.err != nil:
		rc.phase = receiveKeeping
		t.fail(outcomeOf(t.job.err), t.job.err)
	case rc.phase == receiveKeeping: // it failed before, and how is known
		t.fail(t.outcome, t.err)
	default:
		t.outcome = outcomeComplete
		t.data.SetReset(false)
		t.becomeLingering()
	}
}
