package reactor

import (
	"time"

	"ferry/fsio"
)

// How a put ends: by the client's close, or by silence after a complete record when something else
// says that there is nothing more to come.

const (
	// recordPause is how long a put may be silent after a complete record before we end our
	// sending side. (PROTOCOL, Base exchange: "A second after a complete record the server ends
	// its own sending side (some clients wait for that) and reads on".)
	recordPause = time.Second
	// quietTime is how long a put must be silent after a complete record for a further command,
	// or the end of control, to end it: control and data come in no order between them, so the
	// next record may still be on its way, a retransmission (200 ms) included.
	quietTime = 250 * time.Millisecond
)

// endAsk is whether a further command, or the end of control, wants an end.
type endAsk uint8

const (
	// askNot: none came that was not sent ahead.
	askNot endAsk = iota
	// askEarly: it came before the last record. It may have overtaken that record on the way, so
	// that it is heard, but only after a longer silence.
	askEarly
	// askNow: it came after a complete record, with nothing of another in the socket.
	askNow
)

// outcomeOf says whether an upload was refused for what it asked, or failed for what happened here.
func outcomeOf(err error) outcome {
	switch fsio.KindOf(err) {
	case fsio.KindNotFound, fsio.KindNotPlain, fsio.KindNotFolder, fsio.KindDenied,
		fsio.KindBadName, fsio.KindExists:
		return outcomeRefused
	default:
		return outcomeFailed
	}
}

// committed closes a put cleanly once the file has its name, and resets it otherwise.
func (r *reactor) committed(t *transfer) {
	rc, j := &t.recv, &t.job
	if j.kind == jobCommit {
		rc.pending, rc.part = nil, nil
	}
	if j.err != nil {
		if fsio.KindOf(j.err) != fsio.KindExists || rc.dec.Offset() > 0 {
			r.failTransfer(t, outcomeOf(j.err), j.err)
			return
		}
		t.outcome = outcomeKept
	} else {
		t.outcome = outcomeComplete
	}
	t.channel.SetReset(false)
	if rc.closed {
		r.endTransfer(t)
		return
	}
	r.becomeLingering(t)
}

// setPause sets the time after which silence at a boundary means something. It counts from the last
// byte, even if that was taken in an earlier turn.
func (r *reactor) setPause(t *transfer) {
	rc := &t.recv
	heard := rc.dec.Offset() != rc.quietAt
	rc.quietAt = rc.dec.Offset()
	switch {
	case t.state != transferMoving || rc.whole || !rc.atBoundary():
		r.loop.Deadlines.Clear(&rc.pause)
	case !heard && rc.pause.IsSet():
	case rc.asked == askNow:
		r.loop.Deadlines.Set(&rc.pause, r.loop.Now+quietTime)
	case !rc.shut || rc.asked == askEarly:
		r.loop.Deadlines.Set(&rc.pause, r.loop.Now+recordPause)
	}
}

// furtherCommand tells a put that a command came that was not sent ahead, or that control ended.
// (PROTOCOL, Base exchange: "A further command, or the end of control, that comes after a complete
// record ends it too".) What the client sent on the data connection before may not have been seen
// yet, so that is looked at first. It may end the transfer.
func (r *reactor) furtherCommand(t *transfer) {
	s := t.session
	if !t.isPut() || t.recv.asked == askNow {
		return
	}
	if t.state == transferOffered {
		r.acceptNow(t)
	}
	if s.transfer != t {
		return
	}
	switch t.state {
	case transferOffered:
		t.recv.asked = askEarly
	case transferMoving:
		t.recv.asked = askEarly
		t.readable = true
		if r.receive(t) {
			r.loop.Enqueue(t)
		}
		if s.transfer == t && t.atRest() {
			t.recv.asked = askNow
			r.loop.Deadlines.Set(&t.recv.pause, r.loop.Now+quietTime)
		}
	default: // its port was not told yet, so that the command was sent ahead; or it has ended
	}
}

// atRest says whether a put stands at a boundary, and nothing of it is left to be read or written.
func (t *transfer) atRest() bool {
	return t.state == transferMoving && !t.recv.whole && t.recv.atBoundary() && !t.readable &&
		!t.job.busy
}

// acceptNow looks whether the data connection of a standing offer waits to be accepted.
func (r *reactor) acceptNow(t *transfer) {
	p := t.line.pool.ports[t.port]
	for range acceptTries {
		for _, l := range p.listeners {
			l.Accept()
		}
		if t.state != transferOffered {
			return
		}
	}
}

// acceptTries is how many connections are looked through for the one of an offer.
const acceptTries = 4

// receivePaused ends a put that was asked to end, or our sending side of one that was not.
func (r *reactor) receivePaused(t *transfer) {
	rc := &t.recv
	if !t.atRest() {
		return // the pause begins anew once it is
	}
	if !t.channel.Empty() {
		t.readable = true
		r.loop.Enqueue(t)
		return
	}
	if rc.asked != askNot {
		rc.whole = true
		r.loop.Enqueue(t)
		return
	}
	rc.shut = true
	t.channel.CloseWrite()
}
