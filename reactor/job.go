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
	jobNone jobKind = iota
	jobLook
	jobOpen
	jobReadSmall
	jobReadNext
	jobReadAhead
	jobList
	jobClose
	jobCreate
	jobWrite
	jobDrain
	jobCommit
	jobStore
	jobAbort
	jobCall
	jobStat
	jobMkdir
	jobRmdir
	jobRemove
	jobRename
	jobNewPart
	jobOpenPart
	jobPartSize
	jobDropPart
	jobKeepPart
	jobSum
	jobPartSum
	jobKinds
)

// jobs says of each kind what runs it on a worker, and what takes its result on the loop. A run
// that returns false is completed later. A result that is taken by nothing is dropped.
var jobs [jobKinds]struct {
	run  func(j *job) (done bool)
	take func(t *transfer)
}

// It is filled here because what takes results submits further jobs.
func init() {
	for k, row := range [jobKinds]struct {
		run  func(j *job) error
		take func(t *transfer)
	}{
		jobLook:      {(*job).look, func(t *transfer) { t.looked(t.job.err) }},
		jobOpen:      {(*job).open, func(t *transfer) { t.send.openDone() }},
		jobReadSmall: {(*job).readSmall, func(t *transfer) { t.send.smallRead() }},
		jobReadNext:  {(*job).readNext, func(t *transfer) { t.send.nextRead() }},
		jobReadAhead: {(*job).readAhead, func(t *transfer) { t.send.warmed() }},
		jobList:      {(*job).list, func(t *transfer) { t.send.listed() }},
		jobClose:     {(*job).closeFile, func(t *transfer) { t.r.loop.Enqueue(t) }},
		jobCreate:    {(*job).create, func(t *transfer) { t.recv.written() }},
		jobWrite:     {(*job).write, func(t *transfer) { t.recv.written() }},
		jobDrain:     {(*job).drain, func(t *transfer) { t.recv.written() }},
		jobAbort:     {(*job).abort, nil},
		jobCall:      {(*job).call, (*transfer).returned},
		jobStat:      {(*job).stat, (*transfer).worked},
		jobMkdir:     {(*job).mkdir, (*transfer).worked},
		jobRmdir:     {(*job).rmdir, (*transfer).worked},
		jobRemove:    {(*job).remove, (*transfer).worked},
		jobRename:    {(*job).rename, (*transfer).worked},
		jobNewPart:   {(*job).newPart, (*transfer).worked},
		jobOpenPart:  {(*job).openPart, (*transfer).openedPart},
		jobPartSize:  {(*job).partSize, (*transfer).worked},
		jobDropPart:  {(*job).dropPart, (*transfer).worked},
		jobKeepPart:  {(*job).keepPart, func(t *transfer) { t.recv.kept() }},
		jobSum:       {(*job).sum, (*transfer).worked},
		jobPartSum:   {(*job).sumPart, (*transfer).worked},
	} {
		if row.run != nil {
			jobs[k].run = func(j *job) bool { j.err = row.run(j); return true }
		}
		jobs[k].take = row.take
	}
	committed := func(t *transfer) { t.recv.committed() }
	jobs[jobCommit].run, jobs[jobCommit].take = (*job).commitFile, committed
	jobs[jobStore].run, jobs[jobStore].take = (*job).store, committed
}

// job is the file work of one transfer, one piece at a time. While busy it belongs to a worker, and
// with it the parts of the transfer that the kind names; otherwise to the loop.
type job struct {
	t    *transfer
	kind jobKind
	busy bool
	// offset and n are the range of the file; n is also what was read.
	offset, n int64
	// allocateFrom and allocateTo are the blocks to allocate before the write, if To is larger.
	allocateFrom, allocateTo int64
	// claim is what was announced and must be counted first, claimed what was counted.
	claim, claimed int64
	commit         fsio.CommitOptions
	listing        []byte
	// extended is a file that a call has opened for an upload in place, from offset on.
	extended fsio.Upload
	err      error
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

func (t *transfer) submit(k jobKind) {
	j := &t.job
	if j.busy {
		panic("reactor: a second job for a transfer")
	}
	j.kind, j.busy, j.err = k, true, nil
	t.r.count.jobs++
	if k == jobSum || k == jobPartSum {
		t.r.server.sumPool.Submit(j)
		return
	}
	t.r.server.pool.Submit(j)
}

// Run does the work on a worker, and hands the result back to the loop.
func (j *job) Run() {
	if jobs[j.kind].run(j) {
		j.t.r.loop.Post(j.t)
	}
}

func (t *transfer) jobDone() {
	j := &t.job
	t.recv.space.reserved += j.claimed
	j.claimed = 0
	if j.extended != nil {
		t.recv.pending, j.extended = j.extended, nil
	}
	t.send.built()
	if t.state == transferEnded {
		j.listing = nil
		t.discard()
		return
	}
	// A transfer that lingers has released what its job was for.
	if take := jobs[j.kind].take; take != nil && t.state != transferLingering {
		take(t)
	}
}

func (j *job) root() fsio.Store { return j.t.rights.store }

func (j *job) look() error {
	s := &j.t.send
	err := j.root().Open(&s.file, j.t.name)
	if err == nil {
		err = s.file.Close()
	}
	return err
}

func (j *job) open() error {
	s := &j.t.send
	err := j.root().Open(&s.file, j.t.name)
	// Should the transfer have ended meanwhile, this is what closes the file.
	s.opened = err == nil
	return err
}

func (j *job) readSmall() (err error) {
	s := &j.t.send
	j.n, err = readFull(&s.file, (*s.buffer)[codec.FieldSize:][:s.size], s.offset)
	return err
}

func (j *job) readNext() (err error) {
	j.n, err = j.t.send.readNext()
	return err
}

// readNext reads the next piece into the buffer. A store without descriptors may be far away, so
// that several pieces are read ahead.
func (s *sender) readNext() (int64, error) {
	room := s.readRoom()
	if s.file.FD() >= 0 {
		left := min(s.end-s.offset, int64(len(room)))
		return readFull(&s.file, room[:left], s.offset)
	}
	if s.window == nil {
		s.window = fsio.NewWindow(&s.file, s.offset, s.end, len(room), readsAhead)
	}
	piece, err := s.window.Next()
	if err == io.EOF {
		err = nil
	}
	return int64(copy(room, piece)), err
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

func (j *job) readAhead() error {
	s := &j.t.send
	scratch := readAheadScratch.Get().(*[]byte)
	defer readAheadScratch.Put(scratch)
	return s.file.ReadAhead(s.offset, min(quantum, s.end-s.offset), *scratch)
}

func (j *job) list() (err error) {
	t := j.t
	if t.render != nil {
		j.listing, err = t.render(t.send.held)
		return err
	}
	l := lister{
		store: j.root(), parser: t.rights.names, name: t.name, long: t.Long,
		bytesMax: t.send.held,
	}
	j.listing, err = l.build()
	return err
}

func (j *job) closeFile() error {
	s := &j.t.send
	s.closeWindow()
	s.opened = false
	return s.file.Close()
}

// readFull reads until p is full or the file ends.
func readFull(f *fsio.File, p []byte, offset int64) (int64, error) {
	n, err := f.ReadAt(p, offset)
	if err == io.EOF {
		err = nil
	}
	return int64(n), err
}

// commitFile gives a file its name. With --durability commit that is done for many at once.
func (j *job) commitFile() (done bool) { return j.commitTo(j.t.recv.file()) }

func (j *job) commitTo(f fsio.Committable) (done bool) {
	if s := j.t.r.server.syncer; s != nil {
		s.Commit(f, j.commit, func(err error) {
			j.err = err
			j.t.r.loop.Post(j.t)
		})
		return false
	}
	j.err = f.Commit(j.commit)
	return true
}

func (j *job) store() (done bool) {
	t := j.t
	data := t.recv.gathered()
	if j.err = j.room(int64(len(data))); j.err != nil {
		return true
	}
	if t.r.server.syncer == nil {
		j.err = j.root().StoreSmall(t.name, data, j.commit)
		return true
	}
	var u fsio.Upload
	u, j.err = j.root().Create(t.name, fsio.CreateOptions{NoReplace: j.commit.NoReplace})
	if j.err != nil {
		return true
	}
	if _, j.err = u.WriteAt(data, 0); j.err != nil {
		_ = u.Abort() // the first error says why
		return true
	}
	return j.commitTo(u)
}

// create makes the temporary file and writes what was gathered.
func (j *job) create() (err error) {
	if err = j.claimSpace(j.n); err != nil {
		return err
	}
	options := fsio.CreateOptions{NoReplace: j.commit.NoReplace}
	if j.t.recv.pending, err = j.root().Create(j.t.name, options); err != nil {
		return err
	}
	return j.write()
}

func (j *job) write() error {
	rc := &j.t.recv
	if err := j.allocate(); err != nil || rc.fill == 0 {
		return err
	}
	_, err := rc.file().WriteAt(rc.gathered(), j.offset)
	return err
}

func (j *job) drain() error {
	rc := &j.t.recv
	if err := j.allocate(); err != nil {
		return err
	}
	for moved := int64(0); moved < j.n; {
		n, err := rc.file().SpliceFrom(rc.pipe.FD(), j.offset+moved, int(j.n-moved))
		if fsio.KindOf(err) == fsio.KindUnsupported {
			n, err = rc.copyPipe(j.offset+moved, j.n-moved)
		}
		if err != nil {
			return err
		}
		moved += int64(n)
	}
	return nil
}

func (j *job) abort() error { return j.t.recv.pending.Abort() }

// allocate allocates the blocks for what is about to be written, if there is room.
func (j *job) allocate() error {
	n := max(0, j.allocateTo-j.allocateFrom)
	if err := j.claimSpace(n); err != nil || n == 0 {
		return err
	}
	return j.t.recv.file().Allocate(j.allocateFrom, n)
}
