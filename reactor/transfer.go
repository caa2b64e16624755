package reactor

import (
	"container/list"
	"time"

	"ferry/codec"
	"ferry/fsio"
)

// transferState is where a transfer stands.
type transferState uint8

const (
	// transferWaiting has no port yet.
	transferWaiting transferState = iota + 1
	// transferOffered has a port that was told.
	transferOffered
	// transferMoving has its data connection.
	transferMoving
	// transferLingering has moved everything and waits for the client to close.
	transferLingering
	// transferEnded has ended; what a worker still does for it is thrown away.
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

// String is the state's name for logs.
func (s transferState) String() string { return transferStateNames[s] }

// outcome is how a transfer ended, as its log line says it.
type outcome string

const (
	outcomeComplete outcome = "complete"
	outcomeMissing  outcome = "nothing sent"
	outcomeRefused  outcome = "refused"
	outcomeUnknown  outcome = "unknown command"
	outcomeUntaken  outcome = "offer untaken"
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

// transfer is one command that moves a file or a message, from its command to the end of its data
// connection. It is owned by the loop; its job is lent to a worker while job.busy.
type transfer struct {
	r       *reactor
	session *session
	address *address
	verb    codec.Verb
	state   transferState
	// text is the command as it came.
	text string
	// name is what stands behind the verb.
	name string
	// line is where the port was leased or is waited for; place is the position there while it
	// waits, nil otherwise.
	line  *line
	place *list.Element
	port  uint16

	fd   int
	slot slot
	// readable and writable say what the last word of the watcher was: they are cleared when a
	// call would have blocked.
	readable, writable bool
	// queued says that the transfer stands in the reactor's list of those that can move.
	queued bool
	// index is the place in reactor.transfers.
	index int
	// unmet says that it counts as an offer: it has its turn, and no data connection yet.
	unmet bool
	// released says that the session was told of the end.
	released bool

	// deadline is, in turn, the end of waiting to be listed, of the offer, of a stall and of
	// lingering.
	deadline deadline
	began    instant
	// moved counts file or message bytes; mark is what it was when the stall time began.
	moved, mark int64
	held        int64
	outcome     outcome
	err         error

	send sender
	recv receiver
	job  job
	// asked is what a command of the status exchange has beside this, nil for all others.
	asked *asked
}

// newTransfer returns a transfer for a command of a session.
func (r *reactor) newTransfer(s *session, c codec.Command) *transfer {
	var t *transfer
	if n := len(r.spare); n > 0 {
		t = r.spare[n-1]
		r.spare = r.spare[:n-1]
	} else {
		t = &transfer{r: r, state: transferEnded}
		t.deadline.owner = t
		t.recv.pause.owner = t
		t.job.t = t
	}
	t.become(transferWaiting)
	t.session, t.address = s, s.address
	t.verb = c.Verb
	t.text = string(c.Text)
	t.name = t.text[len(t.text)-len(c.Name):]
	t.fd = -1
	t.began = r.now
	t.address.transfers++
	t.index = len(r.transfers)
	r.transfers = append(r.transfers, t)
	s.transfer = t
	return t
}

func (t *transfer) become(s transferState) {
	if !transferNext[t.state][s] {
		panic("reactor: a transfer cannot be " + s.String() + " after " + t.state.String())
	}
	t.state = s
}

func (t *transfer) becomeOffered() {
	t.become(transferOffered)
	t.held = t.descriptors()
}

// descriptors is how many the transfer may have open at once.
func (t *transfer) descriptors() int64 {
	if t.verb == codec.VerbPutPart {
		return descriptorsPart
	}
	return descriptorsEach
}

func (t *transfer) becomeMoving(fd int, now instant) {
	t.become(transferMoving)
	t.fd = fd
	t.began = now
	t.readable, t.writable = true, true
}

func (t *transfer) isPut() bool {
	return t.verb == codec.VerbPut || t.verb == codec.VerbPutPart
}

// watch follows a call that would have blocked: the watcher says when it can be made again. The
// data socket goes into the watcher with the first.
func (t *transfer) watch(what readiness) {
	if t.slot == 0 {
		t.slot = t.r.watcher.add(t.fd, t)
	}
	t.r.watcher.want(t.slot, what)
}

// ready is the watcher's word on the data socket.
func (t *transfer) ready(what readiness) {
	if what&canRead != 0 {
		t.readable = true
	}
	if what&canWrite != 0 {
		t.writable = true
	}
	t.r.enqueue(t)
}

// move goes on with the transfer for one quantum, and says whether it can go on at once.
func (t *transfer) move() (more bool) {
	switch t.state {
	case transferMoving:
		if t.isPut() {
			return t.r.receive(t)
		}
		return t.r.sendOn(t)
	case transferLingering:
		return t.r.linger(t)
	default:
		return false
	}
}

// jobDone takes the result of file work.
func (t *transfer) jobDone() {
	t.recv.reserved += t.job.claimed
	t.job.claimed = 0
	if t.job.kind == jobLook && t.state == transferWaiting {
		t.r.looked(t, t.job.err)
		return
	}
	if t.job.kind == jobList {
		t.r.built(t)
	}
	if t.state == transferEnded {
		t.job.listing = nil
		t.r.discard(t)
		return
	}
	if t.state == transferWaiting {
		t.r.workDone(t)
		return
	}
	if t.isPut() {
		t.r.receiveJobDone(t)
		return
	}
	t.r.sendJobDone(t)
}

// expire is the end of an offer, of patience with a stalled client, or of lingering.
func (t *transfer) expire(which *deadline) {
	r := t.r
	if which == &t.recv.pause {
		r.receivePaused(t)
		return
	}
	switch t.state {
	case transferWaiting:
		r.listingExpired(t)
	case transferOffered:
		r.untaken(t)
	case transferMoving:
		r.checkStall(t)
	case transferLingering:
		r.endTransfer(t)
	default:
		panic("reactor: a deadline of a transfer that is " + t.state.String())
	}
}

// checkStall ends a transfer that moved too little since the last check. A transfer that waits for
// our own disk is not at fault.
func (r *reactor) checkStall(t *transfer) {
	l := &r.limiter.limits
	if t.send.waits {
		r.failTransfer(t, outcomeFailed, errListingsFull)
		return
	}
	least := max(1, int64(l.StallTimeout.Seconds()*float64(l.RateBytes)),
		t.send.held/listingStalls)
	// What the socket took is not what the client has: megabytes may lie in between.
	moved := t.moved - unsent(t.fd)
	if moved-t.mark < least && !t.job.busy {
		r.failTransfer(t, outcomeStalled, nil)
		return
	}
	t.mark = moved
	r.deadlines.set(&t.deadline, r.now+l.StallTimeout)
}

// release lets the session go on: everything of the transfer has moved.
func (r *reactor) release(t *transfer) {
	if t.released {
		return
	}
	if t.asked != nil {
		r.settle(t)
		return
	}
	t.released = true
	s := t.session
	if s.transfer == t {
		s.transfer = nil
	}
	s.moved(t)
	r.feed(s, input{kind: inDone})
}

// lingerMax is how long a client may take to close a data connection after its last byte.
// (PROTOCOL, Base exchange, get: "reads and drops what comes until the client closes (2 s at
// most)".)
const lingerMax = 2 * time.Second

// becomeLingering ends our sending side and waits for the client's close.
func (r *reactor) becomeLingering(t *transfer) {
	t.become(transferLingering)
	shutdownWrite(t.fd)
	r.deadlines.set(&t.deadline, r.now+lingerMax)
	r.release(t)
	if t.readable {
		r.enqueue(t)
	}
}

// linger drops what the client still sends, until it closes.
func (r *reactor) linger(t *transfer) (more bool) {
	for dropped := 0; dropped < quantum; {
		n, err := receiveBytes(t.fd, r.scratch)
		switch {
		case err == errAgain:
			t.readable = false
			t.watch(canRead)
			return false
		case err == errInterrupted:
		case err != nil:
			// The client reset the connection: it may have missed the end of what we sent.
			if t.outcome == outcomeComplete && !t.isPut() {
				t.outcome, t.err = outcomeBroken, err
			}
			r.endTransfer(t)
			return false
		case n == 0:
			r.endTransfer(t)
			return false
		}
		dropped += n
	}
	return true
}

// failTransfer ends a transfer so that the client sees it: the data connection is reset.
func (r *reactor) failTransfer(t *transfer, o outcome, err error) {
	t.outcome, t.err = o, err
	if r.keepFirst(t) {
		return
	}
	if t.fd >= 0 {
		setReset(t.fd, true)
	}
	r.endTransfer(t)
}

// endTransfer closes the data connection, lets go of all that the transfer holds, and logs it. What
// a worker still has in hand is let go when it comes back.
func (r *reactor) endTransfer(t *transfer) {
	connected := t.fd >= 0
	t.become(transferEnded)
	t.met() // those who waited for it are served when all of it is given back
	r.deadlines.clear(&t.deadline)
	r.deadlines.clear(&t.recv.pause)
	if connected {
		if t.slot != 0 {
			r.watcher.remove(t.slot)
			t.slot = 0
		}
		closeDescriptor(t.fd)
		t.fd = -1
		r.tally(t)
		r.logTransfer(t)
		if !t.framed() { // its session did not wait for it
			t.session.detached--
			t.session.moved(t)
		}
	}
	if s := t.session; t.asked != nil {
		r.endAsked(t, connected)
	} else if s.transfer == t && !t.released && connected {
		r.release(t)
	} else if s.transfer == t {
		s.transfer = nil
	}
	if !t.job.busy {
		r.discard(t)
	}
}

// discard lets go of what an ended transfer still holds of files, and keeps its memory for another.
// It may take two visits: the first sends the work to the pool.
func (r *reactor) discard(t *transfer) {
	if r.dropSend(t) || r.dropReceive(t) {
		return
	}
	a := t.address
	if t.asked != nil {
		r.giveSum(t)
		r.settle(t)
	}
	a.transfers--
	last := r.transfers[len(r.transfers)-1]
	r.transfers[t.index], last.index = last, t.index
	r.transfers[len(r.transfers)-1] = nil
	r.transfers = r.transfers[:len(r.transfers)-1]
	if t.held > 0 {
		r.limiter.giveTransfer(a.use, t.held)
	}
	*t = transfer{r: r, state: transferEnded, queued: t.queued}
	t.deadline.owner = t
	t.recv.pause.owner = t
	t.job.t = t
	if !t.queued && len(r.spare) < sparesMax {
		r.spare = append(r.spare, t)
	}
	r.freed(a)
	r.forget(a)
	r.checkDrained()
}

// sparesMax is how many ended transfers are kept for their memory.
const sparesMax = 256

// freed lets others have what a transfer gave back.
func (r *reactor) freed(a *address) {
	r.serveAddress(a)
	if r.limiter.starved.Load() {
		r.server.feedStarving()
	}
}

// parseName reads the name of a command against the served root.
func (t *transfer) parseName() (fsio.Name, error) {
	return t.r.server.options.parser().Parse([]byte(t.name))
}
