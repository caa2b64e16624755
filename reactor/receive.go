package reactor

import (
	"time"

	"ferry/codec"
	"ferry/fsio"
)

const (
	// allocateStep is how far ahead of the data blocks are allocated, in bytes: an announcement
	// alone holds nothing, and a large file lies in few pieces.
	allocateStep = 64 << 20
	// recordWorth is what a record counts for in a quantum, in bytes: to take one apart costs what
	// it costs to move so many.
	recordWorth = 4 << 10
	// denseRead is how much is read at a time of records so small that a full read of them would
	// hold the others up, in bytes.
	denseRead = 2 << 10
	// gatherTime is how long a small upload may gather in a buffer, to be stored in one go.
	gatherTime = time.Second
)

// receiver is the receiving half of a transfer: a file on its way in. Bytes go socket → buffer or
// socket → pipe on the loop, and from there into the temporary file in a worker.
type receiver struct {
	dec  codec.Decoder
	name fsio.Name
	// pause runs out when a put has been silent after a complete record.
	pause deadline
	// quietAt is how far the decoder had come when pause was last looked at.
	quietAt int64
	// buffer holds fill bytes that no job was given yet.
	buffer *[]byte
	fill   int
	pipe   *pipe
	// piped is how many bytes the pipe holds.
	piped   int64
	pending fsio.Upload
	// part is what an upload that goes on is written to, instead of pending.
	part fsio.Part
	// keeping says that the client broke off, and that what came is still written to the part.
	keeping bool
	// written is how much of the file was given to jobs; allocated is up to where blocks are.
	written, allocated int64
	// total is what all records so far announced. Of that reserved is counted as announced, and
	// unclaimed will be with the next job.
	total, reserved, unclaimed int64
	// records counts complete records.
	records int
	// dense says that the last read had more records than bytes to move for them.
	dense bool
	// closed says that the client ended its side, whole that the file is complete.
	closed, whole bool
	// asked says whether a further command or the end of control wants an end.
	asked endAsk
	// shut says that our sending side was ended.
	shut bool
	// slow says that the client has had gatherTime: what is gathered goes to the file whenever the
	// socket has run dry, so that a client that trickles holds no buffer.
	slow bool
}

// gathered is what the buffer holds.
func (rc *receiver) gathered() []byte {
	if rc.buffer == nil {
		return nil
	}
	return (*rc.buffer)[:rc.fill]
}

// file is what the upload is written to, whichever it is.
func (rc *receiver) file() fsio.Writer {
	if rc.part != nil {
		return rc.part
	}
	return rc.pending
}

// hasFile says whether the upload has been given a file.
func (rc *receiver) hasFile() bool { return rc.pending != nil || rc.part != nil }

// atBoundary says whether the file would be complete if nothing more came.
func (rc *receiver) atBoundary() bool {
	return rc.records > 0 && !rc.dec.InRecord() && !rc.dec.Gathering()
}

// plan is what a put does next.
type plan uint8

const (
	planWait   plan = iota // for the socket or for a worker
	planRead               // socket → buffer
	planSplice             // socket → pipe
	planPipe               // borrow a pipe for the rest of a large record
	planCreate             // create the temporary file
	planWrite              // buffer → file
	planDrain              // pipe → file
	planStore              // a small file in one go
	planCommit             // give it its name
)

// next decides. It looks at nothing but the receiver, whether a job runs, whether the socket may
// have bytes, and whether pipes are to be had.
func (rc *receiver) next(busy, readable, pipes bool) plan {
	if rc.piped > 0 && !busy {
		return planDrain
	}
	if rc.whole {
		switch {
		case busy:
			return planWait
		case !rc.hasFile():
			return planStore
		case rc.fill > 0:
			return planWrite
		default:
			return planCommit
		}
	}
	remaining := rc.dec.Remaining()
	if rc.pipe != nil && remaining > 0 {
		if !readable || rc.piped >= pipeBytes {
			return planWait
		}
		return planSplice
	}
	if rc.fill == smallMax || remaining > int64(smallMax-rc.fill) {
		switch {
		case busy:
			return planWait
		case !rc.hasFile():
			return planCreate
		case rc.fill == smallMax, rc.fill > 0 && pipes:
			return planWrite
		case rc.fill == 0 && pipes && rc.pipe == nil:
			return planPipe
		}
	}
	switch {
	case busy:
		return planWait
	case readable:
		return planRead
	case rc.fill > 0 && rc.hasFile():
		return planWrite
	case rc.fill > 0 && rc.slow:
		return planCreate
	default:
		return planWait
	}
}

// beginReceive starts a put in the turn that accepted its connection. One that is refused is reset.
// (PROTOCOL, Base exchange: "a put that is refused or fails is reset (RST)".)
func (r *reactor) beginReceive(t *transfer) {
	rc := &t.recv
	// Should this process be killed, the kernel is to reset the connection and not to close it: a
	// clean close says that the file is stored.
	setReset(t.fd, true)
	if t.asked != nil { // its name was looked at, and its decoder stands behind the KEY
		if r.receive(t) {
			r.enqueue(t)
		}
		return
	}
	rc.dec = codec.NewDecoder(codec.Records)
	var err error
	if r.server.options.ReadOnly {
		r.failTransfer(t, outcomeRefused, errReadOnly)
		return
	}
	if rc.name, err = t.parseName(); err != nil {
		r.failTransfer(t, outcomeRefused, err)
		return
	}
	if r.receive(t) {
		r.enqueue(t)
	}
}

// receive moves up to a quantum, and says whether more can move at once.
func (r *reactor) receive(t *transfer) (more bool) {
	rc := &t.recv
	rc.slow = r.now-t.began > gatherTime
	// Fields and records count as well: records of no bytes could keep the loop here for as long as
	// they come.
	worth := func() int64 { return rc.dec.Offset() + int64(rc.records)*recordWorth }
	for before := worth(); worth()-before < quantum; {
		switch rc.next(t.job.busy, t.readable, r.pipesToBeHad()) {
		case planWait:
			r.setPause(t)
			if !t.readable && t.state == transferMoving {
				t.watch(canRead)
			}
			return false
		case planRead:
			if !r.readBuffer(t) {
				return false
			}
		case planSplice:
			if !r.splicePipe(t) {
				return false
			}
		case planPipe:
			rc.pipe = r.takePipe()
		case planCreate:
			r.submitWrite(t, jobCreate, int64(rc.fill))
		case planWrite:
			r.submitWrite(t, jobWrite, int64(rc.fill))
		case planDrain:
			r.submitWrite(t, jobDrain, rc.piped)
		case planStore:
			t.job.noReplace = r.server.options.NoOverwrite || rc.dec.Offset() == 0
			r.submit(t, jobStore)
		case planCommit:
			t.job.noReplace = r.server.options.NoOverwrite
			if rc.part != nil && !t.partWhole() {
				r.submit(t, jobKeepPart)
			} else {
				r.submit(t, jobCommit)
			}
		}
	}
	return true
}

// submitWrite lends n bytes and their place in the file to a worker.
func (r *reactor) submitWrite(t *transfer, k jobKind, n int64) {
	rc, j := &t.recv, &t.job
	j.noReplace = r.server.options.NoOverwrite
	j.offset, j.n = rc.written, n
	j.allocateFrom, j.allocateTo = 0, 0
	if end := rc.written + n; end > rc.allocated && rc.total > smallMax {
		j.allocateFrom = rc.allocated
		rc.allocated = min(max(end, rc.allocated+allocateStep), rc.total)
		j.allocateTo = rc.allocated
	}
	rc.written += n
	j.claim, rc.unclaimed = rc.unclaimed, 0
	r.submit(t, k)
}

// readBuffer reads once into the buffer, and says whether the put goes on.
func (r *reactor) readBuffer(t *transfer) bool {
	rc := &t.recv
	if rc.buffer == nil {
		rc.buffer = buffers.Get().(*[]byte)
	}
	in := (*rc.buffer)[rc.fill:smallMax]
	if rc.dense && len(in) > denseRead {
		in = in[:denseRead]
	}
	n, err := receiveBytes(t.fd, in)
	switch {
	case err == errAgain:
		t.readable = false
		if rc.fill == 0 {
			rc.dropBuffer()
		}
		return true
	case err == errInterrupted:
		return true
	case err != nil:
		r.failTransfer(t, outcomeBroken, err)
		return false
	case n == 0:
		return r.receiveClosed(t)
	}
	records := rc.records
	ok := r.decode(t, in[:n])
	rc.dense = (rc.records-records)*recordWorth > max(n, denseRead)
	return ok
}

// receiveClosed takes the client's end of the data connection. (PROTOCOL, Base exchange: "A close
// inside a field or record […] changes nothing".)
func (r *reactor) receiveClosed(t *transfer) bool {
	rc := &t.recv
	rc.closed = true
	t.readable = false
	if err := rc.dec.End(); err != nil {
		r.failTransfer(t, outcomeCut, err)
		return false
	}
	if t.asked != nil { // it is whole by its size alone
		r.failTransfer(t, outcomeCut, errNoRecord)
		return false
	}
	rc.whole = true
	return true
}

// decode takes the fields out of what was read and moves the file's bytes together in the buffer.
func (r *reactor) decode(t *transfer, in []byte) bool {
	rc := &t.recv
	for {
		ev, n := rc.dec.Next(in)
		in = in[n:]
		switch ev.Kind {
		case codec.EventNone:
			return true
		case codec.EventSize:
			rc.asked = min(rc.asked, askEarly)
			if !r.announce(t, ev.N) {
				return false
			}
		case codec.EventBytes:
			rc.fill += copy((*rc.buffer)[rc.fill:], ev.Data)
			t.moved += int64(len(ev.Data))
		case codec.EventRecordEnd:
			rc.records++
			if t.asked != nil { // PROTOCOL: "one record; whole at size, whoever closes first"
				rc.whole = true
				return true
			}
		case codec.EventError:
			r.failTransfer(t, outcomeProtocol, ev.Err)
			return false
		default:
			panic("reactor: an event that records do not have")
		}
	}
}

// announce takes the size of a record into account.
func (r *reactor) announce(t *transfer, n int64) bool {
	rc := &t.recv
	rc.total += n
	if t.verb == codec.VerbPutPart && rc.total > t.asked.Total {
		r.failTransfer(t, outcomeRefused, errBeyondTotal)
		return false
	}
	if most := r.limiter.limits.UploadBytes; most > 0 && rc.total > most {
		r.failTransfer(t, outcomeRefused, errUploadMax)
		return false
	}
	if rc.total > smallMax {
		rc.unclaimed += n
		return true
	}
	rc.reserved += n
	r.limiter.announce(t.address.use, n)
	return true
}

// splicePipe moves bytes from the socket into the pipe, and says whether the put goes on.
func (r *reactor) splicePipe(t *transfer) bool {
	rc := &t.recv
	want := min(rc.dec.Remaining(), pipeBytes-rc.piped, quantum)
	n, err := spliceIn(t.fd, rc.pipe.in, int(want))
	switch {
	case err == errAgain:
		// The pipe may be full of small pieces as well: only an empty one tells of the socket.
		if rc.piped == 0 {
			t.readable = false
			return true
		}
		if t.job.busy {
			r.setPause(t)
			return false
		}
		return true
	case err == errInterrupted:
		return true
	case err == errNoSplice && rc.piped == 0 && !t.job.busy:
		r.splice = false
		r.givePipe(rc.pipe, false)
		rc.pipe = nil
		return true
	case err != nil:
		r.failTransfer(t, outcomeBroken, err)
		return false
	case n == 0:
		return r.receiveClosed(t)
	}
	rc.piped += int64(n)
	t.moved += int64(n)
	rc.dec.Skip(int64(n))
	if rc.dec.Remaining() == 0 {
		return r.decode(t, nil)
	}
	return true
}

// receiveJobDone takes the result of file work for a put.
func (r *reactor) receiveJobDone(t *transfer) {
	rc, j := &t.recv, &t.job
	if j.kind == jobCommit || j.kind == jobStore {
		r.committed(t)
		return
	}
	if j.kind == jobKeepPart {
		r.kept(t)
		return
	}
	if j.err != nil {
		rc.keeping = true // what the file does not take is not tried again
		r.failTransfer(t, outcomeOf(j.err), j.err)
		return
	}
	if j.kind == jobDrain {
		rc.piped -= j.n // only now: after an error nobody knows what the pipe still holds
	} else {
		rc.fill = 0
		rc.dropBuffer()
	}
	// What has its blocks is no longer counted on top of what is free.
	taken := j.n
	if rc.allocated > 0 {
		taken = j.allocateTo - j.allocateFrom
	}
	taken = min(taken, rc.reserved) // what was written before blocks were asked for counts once
	rc.reserved -= taken
	r.limiter.written(t.address.use, taken)
	if rc.pipe != nil && rc.piped == 0 && rc.dec.Remaining() == 0 {
		r.givePipe(rc.pipe, true)
		rc.pipe = nil
	}
	if r.receive(t) {
		r.enqueue(t)
	}
}

// dropBuffer gives the buffer back.
func (rc *receiver) dropBuffer() {
	if rc.buffer != nil {
		buffers.Put(rc.buffer)
		rc.buffer = nil
	}
}

// dropReceive lets go of what a transfer that has ended holds for receiving, and says whether a
// worker has to help with it.
func (r *reactor) dropReceive(t *transfer) (waits bool) {
	rc := &t.recv
	r.limiter.written(t.address.use, rc.reserved)
	rc.reserved = 0
	if rc.pipe != nil {
		r.givePipe(rc.pipe, rc.piped == 0)
		rc.pipe = nil
	}
	rc.dropBuffer()
	rc.dec.Release()
	if rc.part != nil {
		return r.dropPart(t)
	}
	if rc.pending == nil {
		return false
	}
	if t.job.kind == jobAbort {
		rc.pending = nil
		return false
	}
	r.submit(t, jobAbort)
	return true
}
