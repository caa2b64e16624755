package reactor

import (
	"time"

	"ferry/codec"
	"ferry/codec/ftp"
	"ferry/fsio"
	"ferry/reactor/loop"
)

type transferState uint8

const (
	// transferWaiting has no offer that stands: it waits for limits, a port or file work.
	transferWaiting transferState = iota + 1
	// transferOffered has an offer that stands.
	transferOffered
	// transferMoving has its data connection.
	transferMoving
	// transferLingering has moved everything and waits for the client to close.
	transferLingering
	// transferEnded has ended; the results of its file work are dropped.
	transferEnded
	transferStates
)

// transferNext is the whole of what may follow what.
var transferNext = [transferStates][transferStates]bool{
	transferWaiting:   {transferOffered: true, transferEnded: true},
	transferOffered:   {transferMoving: true, transferEnded: true},
	transferMoving:    {transferLingering: true, transferEnded: true},
	transferLingering: {transferEnded: true},
	transferEnded:     {transferWaiting: true},
}

var transferStateNames = [transferStates]string{
	"none", "waiting", "offered", "moving", "lingering", "ended",
}

func (s transferState) String() string { return transferStateNames[s] }

// outcome is how a transfer ended, as its log line says it.
type outcome string

const (
	outcomeComplete outcome = "complete"
	outcomeMissing  outcome = "nothing sent"
	outcomeRefused  outcome = "refused"
	outcomeUnknown  outcome = "unknown command"
	outcomeUnused   outcome = "offer unused"
	outcomeBroken   outcome = "connection lost"
	outcomeCut      outcome = "incomplete"
	outcomeProtocol outcome = "protocol error"
	outcomeStalled  outcome = "stalled"
	outcomeFailed   outcome = "failed"
	outcomeAborted  outcome = "server ending"
	outcomeLeft     outcome = "session ended by the client"
	outcomeKept     outcome = "nothing came, kept what was there"
	outcomeGivenUp  outcome = "given up by the client"
)

type command struct {
	codec.Request
	// text is the command as it came, called what it calls the file, for logs and replies.
	text, called string
	// name is the file or folder; from is what a rename renames.
	name, from fsio.Name
	// verb is the command for the face that has more of them.
	verb ftp.Verb
	// call is file work that returns a reply, which becomes result; then is what follows it, where
	// that is not the end.
	call   func(fsio.Store) ([]byte, error)
	then   func()
	result []byte
	// render builds a listing of so many bytes at most, nil for the usual one.
	render func(bytesMax int64) ([]byte, error)
	// rights are those that the session had when the command came.
	rights *rights
}

// transfer is one command, from its bytes to the end of its data connection if it has one. It is
// owned by the loop; its job is lent to a worker while job.busy.
type transfer struct {
	r       *reactor
	session *session
	address *address
	command
	state transferState
	offer *offer
	connection
	loop.Entry
	// index is the place in reactor.transfers.
	index int
	// deadline is, in turn, the end of waiting for listing memory, of a stall and of lingering.
	deadline loop.Deadline
	began    loop.Instant
	// moved counts file or message bytes; mark is what it was when the stall time began.
	moved, mark int64
	outcome     outcome
	err         error

	send sender
	recv receiver
	job  job
	// found is what the file work of a command without a data connection found out.
	found found
}

type connection struct {
	// data is nil before and after. ready holds the directions in which it may move; each is
	// cleared when a call in it would have blocked.
	data  loop.Channel
	ready loop.Readiness
	// closing: everything has moved, and some of it or our end has not left yet.
	closing bool
	// patience is when a client that is being waited for must have received more.
	patience loop.Instant
}

// newTransfer returns a transfer for a command of a session. It copies what the request shares with
// the input.
func (s *session) newTransfer(q codec.Request, text []byte) *transfer {
	r := s.r
	var t *transfer
	if n := len(r.spare); n > 0 {
		t = r.spare[n-1]
		r.spare = r.spare[:n-1]
	} else {
		t = new(transfer)
		t.clear(r)
	}
	t.become(transferWaiting)
	t.session, t.address = s, s.address
	t.Request, t.rights = q, s.rights
	t.text = string(text)
	t.called = t.text[len(t.text)-len(q.Name):]
	t.Name = nil
	t.began = r.loop.Now
	t.address.transfers++
	t.index = len(r.transfers)
	r.transfers = append(r.transfers, t)
	s.transfer = t
	return t
}

// clear makes a transfer ready for another command.
func (t *transfer) clear(r *reactor) {
	*t = transfer{r: r, state: transferEnded, Entry: t.Entry}
	t.deadline.Owner = t
	t.send.t, t.recv.t, t.job.t = t, t, t
	t.recv.pause.Owner = &t.recv
}

func (t *transfer) become(s transferState) {
	if !transferNext[t.state][s] {
		panic("reactor: a transfer cannot be " + s.String() + " after " + t.state.String())
	}
	t.state = s
}

func (t *transfer) isPut() bool { return t.Verb == codec.VerbPut || t.Verb == codec.VerbPutPart }

func (t *transfer) parseName() (err error) {
	t.name, err = t.rights.names.Parse([]byte(t.called))
	return err
}

// connect begins to move over a data connection.
func (t *transfer) connect(c loop.Channel) {
	t.become(transferMoving)
	t.data, t.ready = c, loop.CanRead|loop.CanWrite
	c.Watch(t)
	t.began = t.r.loop.Now
	t.awaitProgress()
	s := t.session
	if s.waits {
		s.feed(inConnect)
		s.face.start(t)
		return
	}
	// The session goes on at once, and what it does next may end this transfer.
	s.transfer = nil
	s.detached++
	s.face.start(t)
	s.feed(inConnect)
}

// awaitProgress sets the deadline by which the transfer must have moved a little.
func (t *transfer) awaitProgress() {
	t.r.loop.Deadlines.Set(&t.deadline, t.r.loop.Now+t.r.limiter.Limits.StallTimeout)
}

// watch follows a call that would have blocked: Ready is called when it can be made again.
func (t *transfer) watch(what loop.Readiness) {
	t.ready &^= what
	t.data.Want(what)
}

func (t *transfer) readable() bool { return t.ready&loop.CanRead != 0 }
func (t *transfer) writable() bool { return t.ready&loop.CanWrite != 0 }

func (t *transfer) Ready(what loop.Readiness) {
	t.ready |= what
	t.r.loop.Enqueue(t)
}

// OnLoop implements loop.Task: the transfer's job has ended.
func (t *transfer) OnLoop() {
	t.job.busy = false
	t.jobDone()
}

// Move moves one quantum, and reports whether more can move at once.
func (t *transfer) Move() (more bool) {
	switch {
	case t.state == transferLingering:
		return t.linger()
	case t.state != transferMoving:
		return false
	case t.closing:
		t.becomeLingering()
		return false
	case t.isPut():
		return t.recv.move()
	default:
		return t.send.move()
	}
}

// resume moves the transfer, and has it queued if it can go on at once.
func (t *transfer) resume() {
	if t.Move() {
		t.r.loop.Enqueue(t)
	}
}

// Expire is the end of waiting for memory, of patience with a stalled client, or of lingering.
func (t *transfer) Expire(*loop.Deadline) {
	switch t.state {
	case transferWaiting:
		t.send.listingExpired()
	case transferMoving:
		t.checkStall()
	case transferLingering:
		t.stillLingers()
	default:
		panic("reactor: a deadline of a transfer that is " + t.state.String())
	}
}

// checkStall ends a transfer that moved too little since the last check. A transfer that waits for
// our own disk is not at fault.
func (t *transfer) checkStall() {
	if t.send.list.waits() {
		t.fail(outcomeFailed, errListingsFull)
		return
	}
	if !t.progressed() && !t.job.busy {
		t.fail(outcomeStalled, nil)
		return
	}
	t.awaitProgress()
}

// progressed reports whether enough has moved since the last time.
func (t *transfer) progressed() bool {
	l := &t.r.limiter.Limits
	least := max(1, int64(l.StallTimeout.Seconds()*float64(l.RateBytes)),
		t.send.held/listingStalls)
	// The socket may have taken megabytes that the client does not have yet.
	before := t.mark
	t.mark = t.moved - t.data.Unsent()
	return t.mark-before >= least
}

// lingerMax is how long a client may take to close a data connection after its last byte.
// (PROTOCOL.md, Base get.)
const lingerMax = 2 * time.Second

// becomeLingering ends our sending side and waits for the client's close. What the channel itself
// keeps must have left before.
func (t *transfer) becomeLingering() {
	if !t.closing {
		t.data.CloseWrite()
	}
	if t.closing = t.data.Flush() == loop.ErrAgain; t.closing {
		t.watch(loop.CanWrite)
		return
	}
	t.become(transferLingering)
	if t.session.closesFirst {
		_ = t.progressed() // from here on
		t.patience = t.r.loop.Now + t.r.limiter.Limits.StallTimeout
		t.r.loop.Deadlines.Set(&t.deadline, t.r.loop.Now+closeSoon)
	} else {
		t.answerLingering()
	}
	if t.readable() {
		t.r.loop.Enqueue(t)
	}
}

// stillLingers follows a client that has not closed its data connection yet. It is answered once it
// has received everything: until then its session is not idle.
func (t *transfer) stillLingers() {
	now := t.r.loop.Now
	switch {
	case t.session.transfer != t:
		t.end()
		return
	case t.isPut() || t.data.Unsent() == 0:
		t.answerLingering()
		return
	case now >= t.patience:
		if !t.progressed() {
			t.fail(outcomeStalled, nil)
			return
		}
		t.patience = now + t.r.limiter.Limits.StallTimeout
	}
	t.r.loop.Deadlines.Set(&t.deadline, now+closeSoon)
}

// answerLingering answers a transfer whose data connection is still open.
func (t *transfer) answerLingering() {
	t.r.loop.Deadlines.Set(&t.deadline, t.r.loop.Now+lingerMax)
	t.release()
}

// closeSoon is how long the answer to a transfer waits for the client to close the data connection
// once it has received everything, where a face wants that.
const closeSoon = 100 * time.Millisecond

// linger drops what the client still sends, until it closes.
func (t *transfer) linger() (more bool) {
	for dropped := 0; dropped < quantum; {
		n, err := t.data.Recv(t.r.scratch)
		switch {
		case err == loop.ErrAgain:
			t.watch(loop.CanRead)
			return false
		case err == loop.ErrInterrupted:
		case err == loop.ErrCut: // many clients close without close_notify
			t.end()
			return false
		case err != nil:
			// The client reset the connection: it may have missed the end of what we sent.
			if t.outcome == outcomeComplete && !t.isPut() {
				t.outcome, t.err = outcomeBroken, err
			}
			t.end()
			return false
		case n == 0:
			t.end()
			return false
		}
		dropped += n
	}
	return true
}

// fail ends a transfer so that the client sees it: the data connection is reset.
func (t *transfer) fail(o outcome, err error) {
	t.outcome, t.err = o, err
	if t.recv.keepFirst() {
		return
	}
	if t.connected() {
		t.data.SetReset(true)
	}
	t.end()
}

func (t *transfer) endAs(o outcome, err error) {
	t.outcome, t.err = o, err
	t.end()
}

func (t *transfer) connected() bool { return t.data != nil }

// end closes the data connection, releases what the transfer holds, logs and answers it. What a
// worker has in hand is released when it comes back.
func (t *transfer) end() {
	r, s := t.r, t.session
	state, connected := t.state, t.connected()
	t.become(transferEnded)
	switch o := t.offer; {
	case o == nil:
	case state == transferWaiting && o.state == offerStanding && s.conn != nil && !s.over():
		s.keepOffer(o)
		t.offer = nil
	default:
		o.close() // those who waited for it are served once all of it is given back
	}
	r.loop.Deadlines.Clear(&t.deadline)
	r.loop.Deadlines.Clear(&t.recv.pause)
	if connected {
		t.data.Close()
		t.data = nil
		r.tally(t)
		if !s.waits {
			s.detached--
			s.moved(t)
		}
	}
	switch {
	case connected, state == transferOffered && !s.answers && !r.aborting:
		r.logTransfer(t)
	case s.answers:
		r.logCommand(t)
	}
	if !t.holdsPart() {
		t.release()
	}
	if !t.job.busy {
		t.discard()
	}
}

// release answers the command and lets the session go on: everything of the transfer has moved, or
// it has ended.
func (t *transfer) release() {
	s := t.session
	if s.transfer != t {
		return
	}
	s.transfer = nil
	if s.state == sessionMoving {
		s.moved(t)
	}
	s.face.done(t)
}

// discard releases what an ended transfer still holds of files, and keeps its memory for another.
// It may take two visits: the first sends the work to the pool.
func (t *transfer) discard() {
	if t.send.drop() || t.recv.drop() {
		return
	}
	r, a := t.r, t.address
	r.giveSum(t)
	t.release()
	a.transfers--
	last := r.transfers[len(r.transfers)-1]
	r.transfers[t.index], last.index = last, t.index
	r.transfers[len(r.transfers)-1] = nil
	r.transfers = r.transfers[:len(r.transfers)-1]
	if t.offer != nil {
		t.offer.free()
	}
	if t.clear(r); !t.IsQueued() && len(r.spare) < sparesMax {
		r.spare = append(r.spare, t)
	}
	r.freed(a)
	r.forget(a)
	r.checkDrained()
}

// sparesMax is how many ended transfers are kept for their memory.
const sparesMax = 256
