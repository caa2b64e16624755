package reactor

import "ferry/codec"

// abor: the one command that does not wait for its turn. What waits on control is looked through
// for it, and when it comes what runs is given up. The answers come in the order of the commands.

// lookAhead looks through what waits on control for an abor, which does not wait for its turn. It
// says whether that has come because of it. (PROTOCOL, Status exchange: "Only abor acts at once".)
func (r *reactor) lookAhead(s *session) bool {
	st := s.status
	if st.aborting {
		return false
	}
	in, _ := s.conn.Peek(-1)
	for {
		text, n := s.dec.PeekCommand(in[st.seen:])
		if n == 0 {
			return false
		}
		st.seen += n
		if q, err := codec.ParseRequest(text); err != nil || q.Verb != codec.VerbAbort {
			st.waiting++
			continue
		}
		st.aborting = true
		r.giveUp(s.transfer)
		return s.conn != nil && s.waits()
	}
}

// giveUp ends a transfer as abor wants it, unless its work is done as it were: then its own answer
// comes.
func (r *reactor) giveUp(t *transfer) {
	switch t.state {
	case transferWaiting:
		if duties[t.verb].changes && t.job.busy {
			return
		}
		r.withdraw(t)
	case transferOffered:
	case transferMoving:
		if k := t.job.kind; t.recv.keeping ||
			t.job.busy && (k == jobCommit || k == jobStore || k == jobKeepPart) {
			return
		}
		r.failTransfer(t, outcomeGivenUp, nil)
		return
	default: // it has ended, and is answered soon
		return
	}
	t.outcome = outcomeGivenUp
	r.endTransfer(t)
}

// aborted answers the commands before an abor, and abor itself. (PROTOCOL, Status exchange: "426
// for the transfer that runs and for each command that waited, then 226 for itself".)
func (r *reactor) aborted(s *session) {
	st := s.status
	_, _ = s.conn.Discard(st.seen)
	waiting := st.waiting
	st.seen, st.waiting, st.aborting = 0, 0, false
	s.heard = r.now
	for range waiting {
		r.reply(s, answer{codec.CodeAborted, []byte("aborted")})
	}
	r.reply(s, answer{codec.CodeComplete, []byte("aborted")})
}
