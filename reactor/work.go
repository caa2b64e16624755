package reactor

import (
	"errors"
	"fmt"

	"ferry/codec"
	"ferry/fsio"
)

// File work that precedes an offer, or needs none.

type found struct {
	info fsio.Entry
	// part is the id of a new part, partSize how many bytes of a part are kept.
	part     string
	partSize int64
	// sum is set for checksums.
	sum *sumWork
}

func (j *job) stat() (err error) {
	j.t.found.info, err = j.root().Stat(j.t.name)
	return err
}

func (j *job) call() (err error) {
	j.t.result, err = j.t.call(j.root())
	return err
}

func (j *job) mkdir() error  { return j.root().Mkdir(j.t.name) }
func (j *job) rmdir() error  { return j.root().Rmdir(j.t.name) }
func (j *job) remove() error { return j.root().Remove(j.t.name) }
func (j *job) rename() error { return j.root().Rename(j.t.from, j.t.name, j.commit) }

func (j *job) newPart() (err error) {
	j.t.found.part, err = j.root().NewPart(j.t.name, fsio.PartOptions{
		NoReplace: j.commit.NoReplace, Owner: j.t.principal(),
	})
	return err
}

// openPart opens the part that a putpart resumes. (PROTOCOL.md, Parts.)
func (j *job) openPart() error {
	p, err := j.root().OpenPart(j.t.Part.String())
	if err != nil {
		return err
	}
	if n := p.Size(); n != j.t.Offset {
		_ = p.Close() // nothing was written to it
		return &refusal{codec.CodePartSize, fmt.Sprintf("the part is %d bytes long", n)}
	}
	j.t.recv.part = p
	return nil
}

func (j *job) partSize() error { return j.onPart(fsio.Part.Close) }
func (j *job) dropPart() error { return j.onPart(fsio.Part.Drop) }
func (j *job) keepPart() error { return j.t.recv.part.Close() }

// onPart opens a part, notes how many bytes it has, and does what ends it.
func (j *job) onPart(end func(fsio.Part) error) error {
	p, err := j.root().OpenPart(j.t.Part.String())
	if err != nil {
		return err
	}
	j.t.found.partSize = p.Size()
	return end(p)
}

func (t *transfer) returned() {
	if t.job.err == nil && t.then != nil {
		t.then()
		return
	}
	t.worked()
}

// worked takes the result of a command that needs no data connection.
func (t *transfer) worked() {
	err := t.job.err
	if err == nil && t.Verb == codec.VerbCd && t.call == nil &&
		t.found.info.Kind != fsio.EntryFolder {
		err = errNoFolder
	}
	if err != nil {
		t.endAs(outcomeOf(err), err)
		return
	}
	t.endAs(outcomeComplete, nil)
}

// work does what precedes the offer of a transfer: limits allow it now.
func (t *transfer) work() {
	if t.call != nil {
		t.submit(jobCall)
		return
	}
	switch t.Verb {
	case codec.VerbGet, codec.VerbGetPart:
		t.send.open()
	case codec.VerbPut:
		t.offer.stand()
	case codec.VerbList:
		t.send.beginList()
	case codec.VerbPutPart:
		if most := t.r.limiter.Limits.UploadBytes; most > 0 && t.Total > most {
			t.endAs(outcomeRefused, errUploadMax)
			return
		}
		t.submit(jobOpenPart)
	default:
		panic("reactor: a command that moves nothing has no offer")
	}
}

// openedPart takes an opened part, and offers to take in more of it.
func (t *transfer) openedPart() {
	if err := t.job.err; err != nil {
		t.endAs(outcomeOf(err), err)
		return
	}
	t.called = t.recv.part.Name().String()
	t.recv.resumeAt(t.Offset)
	t.offer.stand()
}

// holdsPart reports whether an ended transfer still has a part or a file, or may get one from a
// worker. It is answered once that is closed or removed, so that the next command finds it free.
func (t *transfer) holdsPart() bool {
	switch t.Verb {
	case codec.VerbPutPart:
		return t.job.busy || t.recv.part != nil // while busy, part is the worker's
	case codec.VerbPut:
		if t.job.busy { // the disk may not answer, and ABOR is answered
			return t.recv.at != 0 || t.outcome != outcomeGivenUp
		}
		return t.recv.pending != nil
	case codec.VerbPartSize:
		return t.job.busy
	case codec.VerbPartSum:
		return t.found.sum != nil && t.found.sum.end()
	case codec.VerbSum, codec.VerbSumPart:
		if t.found.sum != nil {
			t.found.sum.end()
		}
	default:
	}
	return false
}

// outcomeOf tells a request that was refused for what it asked from one that failed for what
// happened here.
func outcomeOf(err error) outcome {
	if errors.Is(err, errNotHere) {
		return outcomeRefused
	}
	switch fsio.KindOf(err) {
	case fsio.KindNotFound, fsio.KindNotPlain, fsio.KindNotFolder, fsio.KindDenied,
		fsio.KindBadName, fsio.KindExists:
		return outcomeRefused
	default:
		return outcomeFailed
	}
}
