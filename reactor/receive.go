package reactor

import (
	"time"

	"ferry/codec"
	"ferry/codec/ftp"
	"ferry/fsio"
	"ferry/reactor/loop"
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
	t   *transfer
	dec codec.Decoder
	// pause runs out when a put has been silent after a complete record.
	pause loop.Deadline
	// quietAt is how far the decoder had come when pause was last looked at.
	quietAt int64
	// buffer holds fill bytes that no job was given yet.
	buffer *[]byte
	fill   int
	pipe   *loop.Pipe
	// piped is how many bytes the pipe holds.
	piped   int64
	pending fsio.Upload
	// part is what a resumable upload is written to, instead of pending.
	part  fsio.Part
	phase receivePhase
	space space
	// stream: the end of the connection ends the file, whose size nobody announced.
	stream bool
	// at is where pending writes to the file itself, fsio.AtEnd included; 0 if it makes a new one.
	at int64
	// convert changes what is received, nil if nothing does.
	convert *ftp.FromWire
	// records counts complete records, dense those of the last read.
	records, dense int
	// ends are the sides of the connection that were ended.
	ends connEnd
	// endAsked is whether a further command or the end of control asks for an end.
	endAsked endAsk
}

// receivePhase is how far an upload has come.
type receivePhase uint8

const (
	// receiveOpen: more bytes may come.
	receiveOpen receivePhase = iota
	// receiveWhole: the file is complete.
	receiveWhole
	// receiveKeeping: the client broke off, or the file failed. What came is kept in the part.
	receiveKeeping
)

// connEnd are the sides of a data connection that have been ended.
type connEnd uint8

const (
	clientEnded connEnd = 1 << iota
	serverEnded
)

// space is what an upload has announced and written, in bytes.
type space struct {
	// written is how much of the file was given to jobs; allocated is up to where blocks are.
	written, allocated int64
	// total is what all records so far announced. Of that reserved is counted as announced, and
	// unclaimed will be with the next job.
	total, reserved, unclaimed int64
	// start is where an upload in place begins: the file has so many bytes already.
	start int64
}

func (rc *receiver) gathered() []byte {
	if rc.buffer == nil {
		return nil
	}
	return (*rc.buffer)[:rc.fill]
}

func (rc *receiver) file() fsio.Writer {
	if rc.part != nil {
		return rc.part
	}
	return rc.pending
}

// keepsOld reports whether nothing came, which leaves the file that is there. A stream may be
// empty.
func (rc *receiver) keepsOld() bool { return !rc.stream && rc.dec.Offset() == 0 }

// hasFile reports whether the upload has been given a file.
func (rc *receiver) hasFile() bool { return rc.pending != nil || rc.part != nil }

// slow reports whether the client has had gatherTime: what is gathered goes to the file whenever
// the socket has run dry, so that a client that trickles holds no buffer.
func (rc *receiver) slow() bool { return rc.t.r.loop.Now-rc.t.began > gatherTime }

// atBoundary reports whether the file would be complete if nothing more came.
func (rc *receiver) atBoundary() bool {
	return rc.records > 0 && !rc.dec.InRecord() && !rc.dec.Gathering()
}

// begin starts an upload in the turn that accepted its connection. One that is refused is reset.
// (PROTOCOL.md, Base put.)
func (rc *receiver) begin(refused error) {
	t := rc.t
	// If this process is killed the kernel must reset the connection: a clean close says that the
	// file is stored.
	t.data.SetReset(true)
	if refused == nil {
		refused = t.mayAdd()
	}
	if refused != nil {
		t.fail(outcomeRefused, refused)
		return
	}
	switch rc.stream = !t.session.sized; {
	case rc.stream:
		rc.dec = codec.NewDecoder(codec.Stream)
		rc.space.total, rc.space.allocated = 0, 0 // nothing is announced
	case !t.session.worksFirst: // otherwise the decoder stands behind the KEY
		rc.dec = codec.NewDecoder(codec.Records)
	}
	t.resume()
}

// full reports whether the buffer takes no more. A converter may write one byte more than it reads.
func (rc *receiver) full() bool {
	return rc.fill == smallMax || rc.convert != nil && rc.fill == smallMax-1
}

// remaining is how many bytes are known to come that need not pass through the buffer. A stream is
// as long as can be, once it was too long for a small file. While a job runs only a pipe tells that
// there is a file, which is the worker's.
func (rc *receiver) remaining(busy bool) int64 {
	hasFile := rc.pipe != nil || !busy && rc.hasFile()
	if rc.stream && (rc.convert != nil || !hasFile) {
		return 0
	}
	return rc.dec.Remaining()
}

// resumeAt begins behind the bytes that a part has already.
func (rc *receiver) resumeAt(offset int64) {
	sp := &rc.space
	sp.total, sp.written, sp.allocated, sp.start = offset, offset, offset, offset
}

// move receives up to a quantum, and reports whether more can move at once.
func (rc *receiver) move() (more bool) {
	t := rc.t
	slow := rc.slow()
	// Fields and records count as well: records of no bytes could keep the loop here for as long as
	// they come.
	worth := func() int64 { return rc.dec.Offset() + int64(rc.records)*recordWorth }
	for before := worth(); worth()-before < quantum; {
		pipes := t.data.CanSplice() && t.r.loop.Pipes.Available()
		switch rc.next(t.job.busy, t.readable(), slow, pipes) {
		case planWait:
			rc.setPause()
			if !t.readable() && t.state == transferMoving {
				t.watch(loop.CanRead)
			}
			return false
		case planRead:
			if !rc.read() {
				return false
			}
		case planSplice:
			if !rc.splice() {
				return false
			}
		case planPipe:
			rc.pipe = t.r.loop.Pipes.Take()
		case planCreate:
			rc.submitWrite(jobCreate, int64(rc.fill))
		case planWrite:
			rc.submitWrite(jobWrite, int64(rc.fill))
		case planDrain:
			rc.submitWrite(jobDrain, rc.piped)
		case planStore:
			t.job.commit = t.replace()
			// A put of nothing leaves what is there. (PROTOCOL.md, Base put.)
			t.job.commit.NoReplace = t.job.commit.NoReplace || rc.keepsOld()
			t.submit(jobStore)
		case planCommit:
			t.job.commit = t.replace()
			if rc.part != nil && !rc.partWhole() {
				t.submit(jobKeepPart)
			} else {
				t.submit(jobCommit)
			}
		}
	}
	return true
}

// submitWrite lends n bytes and their place in the file to a worker.
func (rc *receiver) submitWrite(k jobKind, n int64) {
	j, sp := &rc.t.job, &rc.space
	j.commit = rc.t.replace()
	j.offset, j.n = sp.written, n
	j.allocateFrom, j.allocateTo = 0, 0
	if end := sp.written + n; end > sp.allocated && sp.total > smallMax {
		j.allocateFrom = sp.allocated
		sp.allocated = min(max(end, sp.allocated+allocateStep), sp.total)
		j.allocateTo = sp.allocated
	}
	sp.written += n
	if rc.stream { // nothing was announced
		sp.unclaimed = n
	}
	j.claim, sp.unclaimed = sp.unclaimed, 0
	rc.t.submit(k)
}

// read reads once into the buffer, and reports whether the upload goes on.
func (rc *receiver) read() bool {
	t := rc.t
	if rc.buffer == nil {
		rc.buffer = buffers.Get().(*[]byte)
	}
	in := (*rc.buffer)[rc.fill:smallMax]
	if rc.convert != nil { // it may write one byte more than it reads
		in = t.r.scratch[:smallMax-rc.fill-1]
	}
	if rc.dense > 0 && len(in) > denseRead {
		in = in[:denseRead]
	}
	n, err := t.data.Recv(in)
	switch {
	case err == loop.ErrAgain:
		t.ready &^= loop.CanRead
		if rc.fill == 0 {
			rc.dropBuffer()
		}
		return true
	case err == loop.ErrInterrupted:
		return true
	case err != nil:
		t.fail(outcomeBroken, err)
		return false
	case n == 0:
		return rc.closed()
	}
	records := rc.records
	ok := rc.decode(in[:n])
	if rc.dense = rc.records - records; rc.dense*recordWorth <= max(n, denseRead) {
		rc.dense = 0
	}
	return ok
}

// closed takes the client's end of the data connection. (PROTOCOL.md, Base put.)
func (rc *receiver) closed() bool {
	t := rc.t
	rc.ends |= clientEnded
	t.ready &^= loop.CanRead
	if err := rc.dec.End(); err != nil {
		t.fail(outcomeCut, err)
		return false
	}
	if rc.single() {
		t.fail(outcomeCut, errNoRecord)
		return false
	}
	if rc.convert != nil && rc.convert.End() {
		if rc.buffer == nil {
			rc.buffer = buffers.Get().(*[]byte)
		}
		(*rc.buffer)[rc.fill] = '\r'
		rc.fill++
	}
	rc.phase = receiveWhole
	return true
}

// single reports whether the upload is one record, whole by its size alone. (PROTOCOL.md, Uploads.)
func (rc *receiver) single() bool { return rc.t.session.worksFirst && !rc.stream }

// decode takes the fields out of what was read and moves the file's bytes together in the buffer.
func (rc *receiver) decode(in []byte) bool {
	t := rc.t
	for {
		ev, n := rc.dec.Next(in)
		in = in[n:]
		switch ev.Kind {
		case codec.EventNone:
			return true
		case codec.EventSize:
			rc.endAsked = min(rc.endAsked, askEarly)
			if !rc.announce(ev.N) {
				return false
			}
		case codec.EventBytes:
			if rc.convert != nil {
				n, _ := rc.convert.Convert((*rc.buffer)[rc.fill:], ev.Data)
				rc.fill += n
			} else {
				rc.fill += copy((*rc.buffer)[rc.fill:], ev.Data)
			}
			if !rc.count(len(ev.Data)) {
				return false
			}
		case codec.EventRecordEnd:
			rc.records++
			if rc.single() {
				rc.phase = receiveWhole
				return true
			}
		case codec.EventError:
			t.fail(outcomeProtocol, ev.Err)
			return false
		default:
			panic("reactor: an event that records do not have")
		}
	}
}

// announce takes the size of a record into account.
func (rc *receiver) announce(n int64) bool {
	t, sp := rc.t, &rc.space
	sp.total += n
	if t.Verb == codec.VerbPutPart && sp.total > t.Total {
		t.fail(outcomeRefused, errBeyondTotal)
		return false
	}
	if most := t.r.limiter.Limits.UploadBytes; most > 0 && sp.total > most {
		t.fail(outcomeRefused, errUploadMax)
		return false
	}
	if sp.total > smallMax {
		sp.unclaimed += n
		return true
	}
	sp.reserved += n
	t.r.limiter.Announce(t.address.use, n)
	return true
}

// count counts bytes that have come, and ends a stream whose file would be too long.
func (rc *receiver) count(n int) bool {
	t := rc.t
	t.moved += int64(n)
	most := t.r.limiter.Limits.UploadBytes
	if !rc.stream || most == 0 || t.moved <= most-rc.space.start {
		return true
	}
	t.fail(outcomeRefused, errUploadMax)
	return false
}

// splice moves bytes from the socket into the pipe, and reports whether the upload goes on.
func (rc *receiver) splice() bool {
	t := rc.t
	want := min(rc.dec.Remaining(), loop.PipeBytes-rc.piped, quantum)
	n, err := t.data.Splice(rc.pipe, int(want))
	switch {
	case err == loop.ErrAgain:
		// The pipe may be full of small pieces as well: only an empty one tells of the socket.
		if rc.piped == 0 {
			t.ready &^= loop.CanRead
			return true
		}
		if t.job.busy {
			rc.setPause()
			return false
		}
		return true
	case err == loop.ErrInterrupted:
		return true
	case err == loop.ErrNoSplice && rc.piped == 0 && !t.job.busy:
		t.r.loop.Pipes.Give(rc.pipe, false)
		rc.pipe = nil
		return true
	case err != nil:
		t.fail(outcomeBroken, err)
		return false
	case n == 0:
		return rc.closed()
	}
	rc.piped += int64(n)
	rc.dec.Skip(int64(n))
	if !rc.count(n) {
		return false
	}
	if rc.dec.Remaining() == 0 {
		return rc.decode(nil)
	}
	return true
}

func (rc *receiver) written() {
	t, sp := rc.t, &rc.space
	j := &t.job
	if j.err != nil {
		rc.phase = receiveKeeping // what the file does not take is not tried again
		t.fail(outcomeOf(j.err), j.err)
		return
	}
	if j.kind == jobDrain {
		rc.piped -= j.n // only now: after an error it is unknown what the pipe still holds
	} else {
		rc.fill = 0
		rc.dropBuffer()
	}
	// What has its blocks is no longer counted on top of what is free.
	taken := j.n
	if sp.allocated > 0 {
		taken = j.allocateTo - j.allocateFrom
	}
	taken = min(taken, sp.reserved) // what was written before blocks were asked for counts once
	sp.reserved -= taken
	t.r.limiter.Written(t.address.use, taken)
	if rc.pipe != nil && rc.piped == 0 && rc.dec.Remaining() == 0 {
		t.r.loop.Pipes.Give(rc.pipe, true)
		rc.pipe = nil
	}
	t.resume()
}

// copyPipe moves a piece of the pipe's bytes into a file that does not take them by splice.
func (rc *receiver) copyPipe(offset, n int64) (int, error) {
	b := readAheadScratch.Get().(*[]byte)
	defer readAheadScratch.Put(b)
	got, err := rc.pipe.Read((*b)[:min(n, int64(len(*b)))])
	if err != nil {
		return 0, err
	}
	return rc.file().WriteAt((*b)[:got], offset)
}

func (rc *receiver) dropBuffer() {
	if rc.buffer != nil {
		buffers.Put(rc.buffer)
		rc.buffer = nil
	}
}

// drop releases what an ended transfer holds for receiving, and reports whether a worker must help.
func (rc *receiver) drop() (waits bool) {
	t := rc.t
	t.r.limiter.Written(t.address.use, rc.space.reserved)
	rc.space.reserved = 0
	if rc.pipe != nil {
		t.r.loop.Pipes.Give(rc.pipe, rc.piped == 0)
		rc.pipe = nil
	}
	rc.dropBuffer()
	rc.dec.Release()
	switch {
	case rc.part != nil && t.job.kind == jobKeepPart:
		rc.part = nil
	case rc.part != nil:
		t.submit(jobKeepPart)
		return true
	case rc.pending != nil && t.job.kind == jobAbort:
		rc.pending = nil
	case rc.pending != nil:
		t.submit(jobAbort)
		return true
	}
	return false
}
