package reactor

import (
	"io"
	"sync"

	"ferry/codec"
	"ferry/fsio"
)

// jobKind is a piece of file work that may block.
type jobKind uint8

const (
	jobNone      jobKind = iota
	jobLook              // find out whether there is a file to send
	jobOpen              // open the file to send
	jobReadSmall         // read a small file whole, behind room for its field
	jobReadNext          // read the next piece where sendfile is not to be had
	jobReadAhead         // bring the next quantum into memory
	jobList              // build a listing
	jobClose             // close a file that was sent
	jobCreate            // create the temporary file and write what was gathered
	jobWrite             // write what was gathered
	jobDrain             // move the pipe's bytes into the file
	jobCommit            // give the file its name
	jobStore             // create, write and commit a small file
	jobAbort             // remove the temporary file

	// The rest is the status exchange's, see work.go.

	jobStat     // find out about a file or a folder
	jobLookHere // find out whether there is something to rename
	jobMkdir    // make a folder
	jobRmdir    // remove a folder
	jobRemove   // remove a file
	jobRename   // rename a file or a folder
	jobNewPart  // begin an upload that may be gone on with
	jobOpenPart // open such an upload
	jobPartSize // find out how much of it is there
	jobDropPart // remove it
	jobKeepPart // close it, to be gone on with
	jobSum      // the checksum of a file or of a piece of one
	jobPartSum  // the checksum of what is kept of an upload
)

// job is the file work of one transfer, one piece at a time. While busy it belongs to a worker, and
// with it the parts of the transfer that the kind names; otherwise to the loop.
type job struct {
	t    *transfer
	kind jobKind
	busy bool
	// offset and n are the range of the file; n is also what was read.
	offset, n int64
	// allocateFrom and allocateTo are blocks to be had before the write, if To is larger.
	allocateFrom, allocateTo int64
	// claim is what was announced and is to be counted first, claimed what was counted.
	claim, claimed int64
	noReplace      bool
	listing        []byte
	err            error
}

// buffers are pieces of file content on their way, borrowed while bytes move.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, codec.FieldSize+smallMax)
	return &b
}}

// readAheadScratch is what a worker reads cold files through.
var readAheadScratch = sync.Pool{New: func() any {
	b := make([]byte, 256<<10)
	return &b
}}

// submit lends the transfer's job to a worker.
func (r *reactor) submit(t *transfer, k jobKind) {
	j := &t.job
	if j.busy {
		panic("reactor: a second job for a transfer")
	}
	j.kind, j.busy, j.err = k, true, nil
	if (k == jobReadSmall || k == jobReadNext) && t.send.buffer == nil {
		t.send.buffer = buffers.Get().(*[]byte)
	}
	r.count.jobs++
	pool := r.server.pool
	if k == jobSum || k == jobPartSum {
		pool = r.server.sumPool
	}
	pool.Submit(j)
}

// Run does the work on a worker, and hands the result back to the loop.
func (j *job) Run() {
	t := j.t
	store := t.r.store
	s, rc := &t.send, &t.recv
	switch j.kind {
	case jobLook:
		if j.err = store.Open(&s.file, s.name); j.err == nil {
			j.err = s.file.Close()
		}
	case jobOpen:
		j.err = store.Open(&s.file, s.name)
		// Should the transfer have ended meanwhile, this is what closes the file.
		s.open, s.size = j.err == nil, s.file.Size()
	case jobReadSmall:
		j.n, j.err = readFull(&s.file, (*s.buffer)[codec.FieldSize:][:s.size], s.offset)
	case jobReadNext:
		j.n, j.err = s.readNext()
	case jobReadAhead:
		scratch := readAheadScratch.Get().(*[]byte)
		j.err = s.file.ReadAhead(s.offset, min(quantum, s.end-s.offset), *scratch)
		readAheadScratch.Put(scratch)
	case jobList:
		l := lister{
			store: store, parser: t.r.server.options.parser(), name: s.name,
			long: t.asked != nil && t.asked.Long, bytesMax: s.held,
		}
		j.listing, j.err = l.build()
	case jobClose:
		s.closeWindow()
		j.err = s.file.Close()
		s.open = false
	case jobCreate:
		j.create(store, rc)
	case jobWrite:
		j.write(rc)
	case jobDrain:
		j.drain(rc)
	case jobCommit:
		if !j.commit(rc.file()) {
			return
		}
	case jobStore:
		if !j.store(store, rc) {
			return
		}
	case jobAbort:
		j.err = rc.pending.Abort()
	default:
		t.asked.work(store, j)
	}
	t.r.complete(t)
}

// commit gives a file its name, and says whether that is done: at --durability commit it is done
// for many at once, and then comes to committed.
func (j *job) commit(f fsio.Committable) (done bool) {
	o := fsio.CommitOptions{NoReplace: j.noReplace}
	if s := j.t.r.server.syncer; s != nil {
		s.Commit(f, o, j.committed)
		return false
	}
	j.err = f.Commit(o)
	return true
}

// committed hands the result of a commit back that was done for many at once.
func (j *job) committed(err error) {
	j.err = err
	j.t.r.complete(j.t)
}

// store stores a small file in one go, and says whether that is done.
func (j *job) store(store fsio.Store, rc *receiver) (done bool) {
	if j.err = j.room(int64(rc.fill)); j.err != nil {
		return true
	}
	if j.t.r.server.syncer == nil {
		j.err = store.StoreSmall(rc.name, rc.gathered(), fsio.CommitOptions{NoReplace: j.noReplace})
		return true
	}
	var u fsio.Upload
	u, j.err = store.Create(rc.name, fsio.CreateOptions{NoReplace: j.noReplace})
	if j.err != nil {
		return true
	}
	if _, j.err = u.WriteAt(rc.gathered(), 0); j.err != nil {
		_ = u.Abort() // the first error says why
		return true
	}
	return j.commit(u)
}

// readNext reads the next piece into the buffer. A store without descriptors may be far away, so
// that several pieces are read ahead.
func (s *sender) readNext() (int64, error) {
	if s.file.FD() >= 0 {
		left := min(s.end-s.offset, smallMax)
		return readFull(&s.file, (*s.buffer)[:left], s.offset)
	}
	if s.window == nil {
		s.window = fsio.NewWindow(&s.file, s.offset, s.end, smallMax, readsAhead)
	}
	piece, err := s.window.Next()
	if err == io.EOF {
		err = nil
	}
	return int64(copy(*s.buffer, piece)), err
}

// readsAhead is how many pieces of smallMax bytes are read ahead: 10 MiB a second from a store that
// is 50 ms away.
const readsAhead = 8

// closeWindow waits for the reads ahead.
func (s *sender) closeWindow() {
	if s.window != nil {
		s.window.Close()
		s.window = nil
	}
}

// readFull reads until p is full or the file ends.
func readFull(f *fsio.File, p []byte, offset int64) (int64, error) {
	n := 0
	for n < len(p) {
		m, err := f.ReadAt(p[n:], offset+int64(n))
		n += m
		if err == io.EOF || m == 0 && err == nil {
			break
		}
		if err != nil {
			return int64(n), err
		}
	}
	return int64(n), nil
}

func (j *job) create(store fsio.Store, rc *receiver) {
	if j.err = j.claimSpace(j.n); j.err != nil {
		return
	}
	rc.pending, j.err = store.Create(rc.name, fsio.CreateOptions{NoReplace: j.noReplace})
	if j.err == nil {
		j.write(rc)
	}
}

func (j *job) write(rc *receiver) {
	if j.err = j.allocate(rc); j.err != nil || rc.fill == 0 {
		return
	}
	_, j.err = rc.file().WriteAt(rc.gathered(), j.offset)
}

func (j *job) drain(rc *receiver) {
	if j.err = j.allocate(rc); j.err != nil {
		return
	}
	for moved := int64(0); moved < j.n; {
		n, err := rc.file().SpliceFrom(rc.pipe.out, j.offset+moved, int(j.n-moved))
		if fsio.KindOf(err) == fsio.KindUnsupported {
			n, err = rc.copyPipe(j.offset+moved, j.n-moved)
		}
		if err != nil {
			j.err = err
			return
		}
		moved += int64(n)
	}
}

// copyPipe moves a piece of the pipe's bytes into a file that does not take them by splice.
func (rc *receiver) copyPipe(offset, n int64) (int, error) {
	b := readAheadScratch.Get().(*[]byte)
	defer readAheadScratch.Put(b)
	got, err := rc.pipe.read((*b)[:min(n, int64(len(*b)))])
	if err != nil {
		return 0, err
	}
	return rc.file().WriteAt((*b)[:got], offset)
}

// allocate gets the blocks for what is about to be written, and looks whether there is room.
func (j *job) allocate(rc *receiver) error {
	n := max(0, j.allocateTo-j.allocateFrom)
	if err := j.claimSpace(n); err != nil || n == 0 {
		return err
	}
	return rc.file().Allocate(j.allocateFrom, n)
}
