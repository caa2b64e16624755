package reactor

import (
	"errors"
	"syscall"

	"ferry/codec"
	"ferry/fsio"
)

const (
	// quantum is how many bytes a transfer moves in a turn before the next one has its own.
	quantum = 1 << 20
	// smallMax is the largest file that is sent in one write from a buffer of the loop, in bytes.
	smallMax = 64 << 10
)

// sender is the sending half of a transfer: a file or a message on its way to the client.
type sender struct {
	name fsio.Name
	file fsio.File
	// window reads ahead where the file has no descriptor.
	window *fsio.Window
	// open says that file is open.
	open bool
	// field says that the size is still to be told.
	field bool
	// offset is the next byte of the file to send and end the one behind the last; size is the
	// bytes that were announced.
	offset, end, size int64
	// plain says that the file's system does not do sendfile: it is read and written.
	plain bool
	// warm is up to where the file is known to be in memory.
	warm int64
	// rest is what is in memory and still to be sent; it lies in buffer or is a message.
	rest   []byte
	buffer *[]byte
	// A listing's memory: reserved is what it needs to be built and held what it has taken, in
	// bytes; large says that it is one of the few large ones, waits that it has none yet.
	reserved, held int64
	large, waits   bool
}

// beginSend answers a command that sends something, in the turn that accepted the connection.
func (r *reactor) beginSend(t *transfer) {
	switch {
	case t.asked != nil:
		r.sendAsked(t)
	case !t.framed():
		r.sendClassic(t)
	case t.verb == codec.VerbGet:
		r.beginGet(t)
	case t.verb == codec.VerbList:
		r.beginList(t)
	default:
		t.outcome = outcomeUnknown
		r.sendMessage(t, codec.AppendUnknown(nil, []byte(t.text)))
	}
}

func (r *reactor) beginGet(t *transfer) {
	name, err := t.parseName()
	if r.server.options.UploadOnly {
		err = errUploadOnly
	}
	if err != nil {
		r.sendNothing(t, err)
		return
	}
	t.send.name = name
	err = r.store.OpenCached(&t.send.file, name)
	switch {
	case err == nil:
		r.opened(t)
	case errors.Is(err, fsio.ErrWouldBlock):
		r.submit(t, jobOpen)
	default:
		r.sendNothing(t, err)
	}
}

// opened announces an open file and sends it, whole if it is small and in memory.
func (r *reactor) opened(t *transfer) {
	s := &t.send
	s.open = true
	s.size = s.file.Size()
	s.end = s.size
	if s.size > codec.FieldMax && t.framed() {
		r.sendNothing(t, errTooLarge)
		return
	}
	r.sendOpened(t)
}

// sendOpened sends a piece of an open file, whole if it is small and in memory.
func (r *reactor) sendOpened(t *transfer) {
	s := &t.send
	switch {
	case s.size > smallMax:
		s.field = t.framed()
		if r.sendOn(t) {
			r.enqueue(t)
		}
	default:
		out := r.scratch[:codec.FieldSize+s.size]
		n, err := s.file.ReadCached(out[codec.FieldSize:], s.offset)
		if err != nil || int64(n) < s.size {
			// Not in memory, or it shrank: the pool finds out which.
			r.submit(t, jobReadSmall)
			return
		}
		codec.AppendField(out[:0], s.size)
		r.closeSent(t)
		r.sendSmall(t, out)
	}
}

// sendNothing tells base's only word for a file that cannot be sent: a size of 0. (PROTOCOL, Base
// exchange: "is answered by field(0) and a close".)
func (r *reactor) sendNothing(t *transfer, err error) {
	if !t.framed() { // it was there when the port was told
		r.failTransfer(t, outcomeMissing, err)
		return
	}
	t.outcome, t.err = outcomeMissing, err
	r.closeSent(t)
	r.sendSmall(t, codec.AppendField(r.scratch[:0], 0))
}

// sendMessage sends field(size) and a text that is the transfer's from now on.
func (r *reactor) sendMessage(t *transfer, text []byte) {
	t.send.rest = text
	t.send.size = int64(len(text))
	t.send.field = t.framed()
	if r.sendOn(t) {
		r.enqueue(t)
	}
}

// sendSmall writes a field and what follows it at once, to leave with the end of our sending side
// in one segment: that saves a tenth of a transfer's time. What the socket does not take is copied
// and sent when it can be.
func (r *reactor) sendSmall(t *transfer, out []byte) {
	header := codec.FieldSize
	if !t.framed() {
		out, header = out[codec.FieldSize:], 0
	}
	n, err := sendMore(t.fd, out)
	if err != nil && err != errAgain {
		r.failTransfer(t, outcomeBroken, err)
		return
	}
	t.moved += int64(max(0, n-header))
	if n == len(out) {
		r.sent(t)
		return
	}
	t.writable = false
	t.send.buffer = buffers.Get().(*[]byte)
	t.send.rest = (*t.send.buffer)[:copy(*t.send.buffer, out[n:])]
	t.watch(canWrite)
}

// sendOn sends up to a quantum, and says whether more can go at once.
func (r *reactor) sendOn(t *transfer) (more bool) {
	s := &t.send
	if t.job.busy || !t.writable || t.state != transferMoving {
		return false
	}
	if s.field && !r.sendField(t) {
		return false
	}
	for left := quantum; left > 0; {
		var n int
		var err error
		switch {
		case len(s.rest) > 0:
			n, err = sendBytes(t.fd, s.rest[:min(left, len(s.rest))])
			s.rest = s.rest[max(n, 0):]
		case !s.open || s.offset == s.end:
			r.sent(t)
			return false
		case !r.sendfile || s.plain || s.file.FD() < 0:
			r.submit(t, jobReadNext)
			return false
		default:
			if !r.warm(t) {
				return false
			}
			n, err = r.sendFile(t, min(int64(left), s.warm-s.offset))
			if err == errNoSendfile {
				s.plain = true
				continue
			}
			if err == syscall.EIO { // no error of a socket: the disk failed
				r.failTransfer(t, outcomeFailed, err)
				return false
			}
			s.offset += int64(max(n, 0))
			if n == 0 && err == nil {
				r.failTransfer(t, outcomeCut, errShrank)
				return false
			}
		}
		t.moved += int64(max(n, 0))
		left -= max(n, 0)
		if err == errAgain {
			t.writable = false
			t.watch(canWrite)
			return false
		}
		if err != nil && err != errInterrupted {
			r.failTransfer(t, outcomeBroken, err)
			return false
		}
	}
	return true
}

// errNoSendfile is a file that the system does not send by itself.
var errNoSendfile = errors.New("no sendfile")

// sendFile sends the next bytes of an open file. Tests put another call in its place.
func (r *reactor) sendFile(t *transfer, n int64) (int, error) {
	s := &t.send
	return r.sendfileCall(t.fd, s.file.FD(), s.offset, n)
}

// sendField announces the size, joined with what follows it.
func (r *reactor) sendField(t *transfer) bool {
	s := &t.send
	field := codec.AppendField(r.fieldBuffer[:0], s.size)
	// A fresh socket has room for ten bytes, whole.
	if _, err := sendMore(t.fd, field); err != nil {
		if err == errAgain {
			t.writable = false
			t.watch(canWrite)
			return false
		}
		r.failTransfer(t, outcomeBroken, err)
		return false
	}
	s.field = false
	return true
}

// warm makes sure that what a quantum sends next is in memory; if not, the pool reads it first.
func (r *reactor) warm(t *transfer) bool {
	s := &t.send
	if s.offset < s.warm {
		return true
	}
	n := min(quantum, s.end-s.offset)
	if !s.file.Cached(s.offset, n) {
		r.submit(t, jobReadAhead)
		return false
	}
	s.warm = s.offset + n
	return true
}

// sent follows the last byte: our side ends, the session goes on, the client has 2 s to close.
func (r *reactor) sent(t *transfer) {
	if t.outcome == "" {
		t.outcome = outcomeComplete
	}
	r.closeSent(t)
	if !t.framed() {
		setReset(t.fd, false)
	}
	r.becomeLingering(t)
}

// closeSent lets go of the file and the buffer. A large file may have been unlinked meanwhile, and
// to close the last descriptor of one takes long: that is the pool's.
func (r *reactor) closeSent(t *transfer) {
	s := &t.send
	if s.buffer != nil {
		buffers.Put(s.buffer)
		s.buffer = nil
	}
	s.rest = nil
	// While a job runs, whether the file is open is the worker's to say.
	if t.job.busy {
		return
	}
	r.keepListing(t, 0)
	if !s.open {
		return
	}
	if s.file.Size() > smallMax {
		r.submit(t, jobClose)
		return
	}
	s.open = false
	_ = s.file.Close()
}

// sendJobDone takes the result of file work for a transfer that sends.
func (r *reactor) sendJobDone(t *transfer) {
	s, j := &t.send, &t.job
	if t.state != transferMoving {
		return // the file of a transfer that lingers was closed
	}
	if j.kind == jobList {
		r.listed(t)
		return
	}
	if j.kind == jobOpen && j.err == nil {
		r.opened(t)
		return
	}
	if j.err != nil {
		nothing := s.offset == 0 && t.moved == 0 && j.kind != jobReadNext && !t.announced()
		if nothing && t.asked == nil {
			r.sendFailed(t, j.err)
			return
		}
		r.failTransfer(t, outcomeFailed, j.err)
		return
	}
	switch j.kind {
	case jobReadSmall:
		if t.asked != nil && j.n < s.size { // its size was told with the offer
			r.failTransfer(t, outcomeCut, errShrank)
			return
		}
		out := (*s.buffer)[:codec.FieldSize+j.n]
		codec.AppendField(out[:0], j.n)
		sent := s.buffer
		s.buffer = nil
		r.closeSent(t)
		r.sendSmall(t, out)
		buffers.Put(sent)
		return
	case jobReadNext:
		if j.n == 0 {
			r.failTransfer(t, outcomeCut, errShrank)
			return
		}
		s.rest = (*s.buffer)[:j.n]
		s.offset += j.n
	case jobReadAhead:
		s.warm = min(s.offset+quantum, s.end)
	case jobClose: // of a file that nothing was to be sent of
	default:
		panic("reactor: a job that sending does not have")
	}
	r.enqueue(t)
}

// announced says whether the size has left already.
func (t *transfer) announced() bool { return t.send.size > smallMax && !t.send.field }

// sendFailed answers a command whose file or folder could not be opened.
func (r *reactor) sendFailed(t *transfer, err error) {
	if t.verb == codec.VerbList {
		t.outcome, t.err = outcomeMissing, err
		r.sendMessage(t, codec.AppendNoFolder(nil, []byte(t.name)))
		return
	}
	r.sendNothing(t, err)
}

// dropSend lets go of what a transfer that has ended holds for sending, and says whether a worker
// has to help with it.
func (r *reactor) dropSend(t *transfer) (waits bool) {
	r.unlist(t)
	r.closeSent(t)
	return t.job.busy
}
