package reactor

import (
	"errors"
	"syscall"

	"ferry/codec"
	"ferry/fsio"
	"ferry/reactor/loop"
)

const (
	// quantum is how many bytes a transfer moves in a turn before the next one has its own.
	quantum = 1 << 20
	// smallMax is the largest file that is sent in one write from a buffer of the loop, in bytes.
	smallMax = 64 << 10
)

// sender is the sending half of a transfer: a file or a message on its way to the client.
type sender struct {
	t    *transfer
	file fsio.File
	// opened: file is open.
	opened bool
	// field: the size is still to be told.
	field bool
	// offset is the next byte of the file to send and end the one behind the last; size is the
	// bytes that were announced.
	offset, end, size int64
	// convert changes what is sent, nil if nothing does.
	convert converter
	// copies is set where the file's system does not do sendfile: it is read and written.
	copies bool
	// warm is up to where the file is known to be in memory.
	warm int64
	// rest is what is in memory and still to be sent; it lies in buffer or is a message.
	rest   []byte
	buffer *[]byte
	// window reads ahead where the file has no descriptor.
	window *fsio.Window
	// A listing's memory: reserved is what it needs to be built and held what it has taken, in
	// bytes; list is where it stands.
	reserved, held int64
	list           listState
}

func (s *sender) open() {
	t := s.t
	switch err := t.rights.store.OpenCached(&s.file, t.name); {
	case err == nil:
		s.opened = true
		s.choose()
	case errors.Is(err, fsio.ErrWouldBlock):
		t.submit(jobOpen)
	default:
		t.session.face.refuse(t, outcomeMissing, err)
	}
}

func (s *sender) openDone() {
	if err := s.t.job.err; err != nil {
		s.t.session.face.refuse(s.t, outcomeOf(err), err)
		return
	}
	s.choose()
}

// choose finds out which piece of an open file is asked for, and offers or sends it. (PROTOCOL.md,
// Downloads.)
func (s *sender) choose() {
	t := s.t
	size := s.file.Size()
	s.offset, s.end = t.Offset, size
	var err error
	switch {
	case t.Offset > size:
		err = errBeyondEnd
	case t.Verb == codec.VerbGetPart:
		piece := min(size-t.Offset, codec.FieldMax)
		if t.Length > 0 {
			piece = min(piece, t.Length)
		}
		s.end = t.Offset + piece
	case size > codec.FieldMax && t.session.sized:
		err = errTooLarge
	}
	s.size = s.end - s.offset
	switch {
	case err != nil:
		t.session.face.refuse(t, outcomeRefused, err)
	case t.state == transferWaiting:
		t.offer.stand()
	default:
		s.begin()
	}
}

// total is the size of the whole file where a piece of it is sent, -1 otherwise.
func (s *sender) total() int64 {
	if s.t.Verb == codec.VerbGetPart {
		return s.file.Size()
	}
	return -1
}

// begin sends a piece of an open file, whole if it is small and in memory.
func (s *sender) begin() {
	t := s.t
	if s.size > smallMax || s.convert != nil {
		s.field = t.session.sized
		t.resume()
		return
	}
	out := t.r.scratch[:codec.FieldSize+s.size]
	n, err := s.file.ReadCached(out[codec.FieldSize:], s.offset)
	if err != nil || int64(n) < s.size {
		// Not in memory, or it shrank: a worker finds out which.
		s.submitRead(jobReadSmall)
		return
	}
	codec.AppendField(out[:0], s.size)
	s.close()
	s.small(out)
}

// converter changes bytes on their way, such as the line ends of FTP's type A.
type converter interface {
	// Convert converts all of src if dst has room, and says how many bytes it wrote and took.
	Convert(dst, src []byte) (written, taken int)
}

// readRoom is where the next piece of the file is read to.
func (s *sender) readRoom() []byte {
	if s.convert != nil {
		return (*s.buffer)[smallMax/2 : smallMax]
	}
	return (*s.buffer)[:smallMax]
}

func (s *sender) submitRead(k jobKind) {
	if s.buffer == nil {
		s.buffer = buffers.Get().(*[]byte)
	}
	s.t.submit(k)
}

// message sends a text that is the transfer's from now on.
func (s *sender) message(text []byte) {
	s.rest = text
	s.size = int64(len(text))
	s.field = s.t.session.sized
	s.t.resume()
}

// small writes a field and what follows it at once, to leave with the end of our sending side in
// one segment: that saves a tenth of a transfer's time. What the socket does not take is copied and
// sent when it can be.
func (s *sender) small(out []byte) {
	t := s.t
	header := codec.FieldSize
	if !t.session.sized {
		out, header = out[codec.FieldSize:], 0
	}
	n, err := t.data.SendMore(out)
	if err != nil && err != loop.ErrAgain {
		t.fail(outcomeBroken, err)
		return
	}
	t.moved += int64(max(0, n-header))
	if n == len(out) {
		s.sent()
		return
	}
	s.buffer = buffers.Get().(*[]byte)
	s.rest = (*s.buffer)[:copy(*s.buffer, out[n:])]
	t.watch(loop.CanWrite)
}

// move sends up to a quantum, and reports whether more can go at once.
func (s *sender) move() (more bool) {
	t := s.t
	if t.job.busy || !t.writable() || t.state != transferMoving {
		return false
	}
	if s.field && !s.sendField() {
		return false
	}
	for left := quantum; left > 0; {
		var n int
		var err error
		switch {
		case len(s.rest) > 0:
			n, err = t.data.Send(s.rest[:min(left, len(s.rest))])
			s.rest = s.rest[max(n, 0):]
		case !s.opened || s.offset == s.end:
			s.sent()
			return false
		case s.convert != nil:
			s.submitRead(jobReadNext)
			return false
		case !t.data.CanSendfile() || s.copies || s.file.FD() < 0:
			var ended bool
			if n, ended, err = s.sendCopy(left); ended {
				return false
			}
		case !s.warmUp():
			return false
		default:
			var ended bool
			if n, ended, err = s.sendFile(left); ended {
				return false
			}
		}
		t.moved += int64(max(n, 0))
		left -= max(n, 0)
		if err == loop.ErrAgain {
			t.watch(loop.CanWrite)
			return false
		}
		if err != nil && err != loop.ErrInterrupted {
			t.fail(outcomeBroken, err)
			return false
		}
	}
	return true
}

// sendFile sends the next bytes of an open file. It reports whether that ended the transfer.
func (s *sender) sendFile(left int) (n int, ended bool, err error) {
	t := s.t
	n, err = t.data.Sendfile(s.file.FD(), s.offset, min(int64(left), s.warm-s.offset))
	switch {
	case err == loop.ErrNoSendfile:
		s.copies = true
		return 0, false, nil
	case err == syscall.EIO: // no error of a socket: the disk failed
		t.fail(outcomeFailed, err)
		return 0, true, nil
	case n == 0 && err == nil:
		t.fail(outcomeCut, errShrank)
		return 0, true, nil
	}
	s.offset += int64(max(n, 0))
	return n, false, err
}

// sendCopy reads the next bytes of an open file and sends them. A worker reads bytes that are not
// cached; waits reports that.
func (s *sender) sendCopy(left int) (n int, waits bool, err error) {
	t := s.t
	if err := t.data.Flush(); err != nil {
		return 0, false, err
	}
	b := t.r.copyBuffer()
	b = b[:min(int64(len(b)), int64(left), s.end-s.offset, int64(t.data.SendMax()))]
	n, err = s.file.ReadCached(b, s.offset)
	if err != nil || n == 0 {
		s.submitRead(jobReadNext)
		return 0, true, nil
	}
	n, err = t.data.Send(b[:n])
	s.offset += int64(max(n, 0))
	return n, false, err
}

// sendField announces the size, joined with what follows it.
func (s *sender) sendField() bool {
	t := s.t
	field := codec.AppendField(t.r.fieldBuffer[:0], s.size)
	// A fresh socket has room for ten bytes, whole.
	if _, err := t.data.SendMore(field); err != nil {
		if err == loop.ErrAgain {
			t.watch(loop.CanWrite)
			return false
		}
		t.fail(outcomeBroken, err)
		return false
	}
	s.field = false
	return true
}

// warmUp makes sure that what a quantum sends next is in memory; if not, a worker reads it first.
func (s *sender) warmUp() bool {
	if s.offset < s.warm {
		return true
	}
	n := min(quantum, s.end-s.offset)
	if !s.file.Cached(s.offset, n) {
		s.t.submit(jobReadAhead)
		return false
	}
	s.warm = s.offset + n
	return true
}

// warmed goes on once a worker has read the next quantum.
func (s *sender) warmed() {
	if s.readFailed() {
		return
	}
	s.warm = min(s.offset+quantum, s.end)
	s.t.r.loop.Enqueue(s.t)
}

// sent follows the last byte: our side ends, the session goes on, the client has 2 s to close.
func (s *sender) sent() {
	t := s.t
	if t.outcome == "" {
		t.outcome = outcomeComplete
	}
	s.close()
	if !t.session.sized && !t.session.answers { // the close is all that tells of its end
		t.data.SetReset(false)
	}
	if t.session.prompt && s.size <= smallMax && t.data.TLS() == nil && t.data.Empty() {
		t.end() // nothing was received that would make the close a reset
		return
	}
	t.becomeLingering()
}

// close releases the file and the buffer. A large file may have been unlinked meanwhile, and to
// close the last descriptor of one takes long: a worker does that.
func (s *sender) close() {
	if s.buffer != nil {
		buffers.Put(s.buffer)
		s.buffer = nil
	}
	s.rest = nil
	// While a job runs, whether the file is open is the worker's to say.
	if s.t.job.busy {
		return
	}
	s.keepListing(0)
	if !s.opened {
		return
	}
	if s.file.Size() > smallMax || s.window != nil {
		s.t.submit(jobClose)
		return
	}
	s.opened = false
	_ = s.file.Close()
}

// readFailed ends a transfer whose job failed, and reports whether it did.
func (s *sender) readFailed() bool {
	t := s.t
	err := t.job.err
	if err == nil {
		return false
	}
	announced := s.size > smallMax && !s.field
	if s.offset == 0 && t.moved == 0 && t.job.kind != jobReadNext && !announced &&
		!t.session.answers {
		t.session.face.refuse(t, outcomeMissing, err)
	} else {
		t.fail(outcomeFailed, err)
	}
	return true
}

func (s *sender) smallRead() {
	t := s.t
	if s.readFailed() {
		return
	}
	if t.session.worksFirst && t.job.n < s.size { // its size was told with the offer
		t.fail(outcomeCut, errShrank)
		return
	}
	out := (*s.buffer)[:codec.FieldSize+t.job.n]
	codec.AppendField(out[:0], t.job.n)
	buffer := s.buffer
	s.buffer = nil
	s.close()
	s.small(out)
	buffers.Put(buffer)
}

func (s *sender) nextRead() {
	if s.readFailed() {
		return
	}
	n := s.t.job.n
	if n == 0 {
		s.t.fail(outcomeCut, errShrank)
		return
	}
	s.rest = s.readRoom()[:n]
	if s.convert != nil {
		// It writes behind what it has read: the result has at most twice the bytes.
		m, _ := s.convert.Convert((*s.buffer)[:smallMax], s.rest)
		s.rest = (*s.buffer)[:m]
	}
	s.offset += n
	s.t.r.loop.Enqueue(s.t)
}

// drop releases what an ended transfer holds for sending, and reports whether a worker must help.
func (s *sender) drop() (waits bool) {
	s.leaveQueue()
	s.close()
	return s.t.job.busy
}
