package reactor

import (
	"errors"

	"ferry/codec"
	"ferry/fsio"
)

// The file work of the status exchange, beside what it shares with base.

// work does on a worker what the command asks for.
func (a *asked) work(store fsio.Store, j *job) {
	switch j.kind {
	case jobStat, jobLookHere:
		a.info, j.err = store.Stat(a.name)
	case jobMkdir:
		j.err = store.Mkdir(a.name)
	case jobRmdir:
		j.err = store.Rmdir(a.name)
	case jobRemove:
		j.err = store.Remove(a.name)
	case jobRename:
		j.err = store.Rename(a.from, a.name, fsio.CommitOptions{NoReplace: j.noReplace})
	case jobNewPart:
		a.part.id, j.err = store.NewPart(a.name, fsio.PartOptions{
			NoReplace: j.noReplace, Owner: networkOf(j.t.address.ip).String(),
		})
	case jobOpenPart:
		j.err = a.openPart(store, &j.t.recv)
	case jobPartSize:
		a.part.size, j.err = onPart(store, a.Part, func(p fsio.Part) error { return p.Close() })
	case jobDropPart:
		a.part.size, j.err = onPart(store, a.Part, func(p fsio.Part) error { return p.Drop() })
	case jobKeepPart:
		j.err = j.t.recv.part.Close()
	case jobSum:
		j.err = a.sumFile(store, j)
	case jobPartSum:
		j.err = a.sumPart(store, j)
	default:
		panic("reactor: a job of no kind")
	}
}

// openAsked opens the file of a get or getpart before its port is told, since its size is told with
// it.
func (r *reactor) openAsked(t *transfer) {
	s := &t.send
	s.name = t.asked.name
	err := r.store.OpenCached(&s.file, s.name)
	switch {
	case err == nil:
		s.open = true
		r.openedAsked(t)
	case errors.Is(err, fsio.ErrWouldBlock):
		r.submit(t, jobOpen)
	default:
		t.outcome, t.err = outcomeMissing, err
		r.endTransfer(t)
	}
}

// openedAsked finds out which piece of an open file is asked for, and offers it. (PROTOCOL, Status
// exchange: "LENGTH 0: to the end, 9,999,999,999 at most".)
func (r *reactor) openedAsked(t *transfer) {
	s, a := &t.send, t.asked
	size := s.file.Size()
	s.offset, s.end = a.Offset, size
	var err error
	switch {
	case a.Verb == codec.VerbGet && size > codec.FieldMax:
		err = errTooLarge
	case a.Offset > size:
		err = errBeyondEnd
	case a.Verb == codec.VerbGetPart:
		a.total = size
		piece := min(size-a.Offset, codec.FieldMax)
		if a.Length > 0 {
			piece = min(piece, a.Length)
		}
		s.end = a.Offset + piece
	}
	s.size = s.end - s.offset
	if err != nil {
		t.outcome, t.err = outcomeRefused, err
		r.endTransfer(t)
		return
	}
	r.offerKeyed(t)
}

// sendAsked sends what was announced with the offer.
func (r *reactor) sendAsked(t *transfer) {
	if t.verb != codec.VerbList {
		r.sendOpened(t)
		return
	}
	t.send.field = true
	if r.sendOn(t) {
		r.enqueue(t)
	}
}
