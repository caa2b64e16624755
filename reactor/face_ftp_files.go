package reactor

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"

	"ferry/codec"
	"ferry/codec/ftp"
	"ferry/fsio"
)

// ftpVerbs are the operations that FTP's commands are, for rights and the log.
var ftpVerbs = map[ftp.Verb]codec.Verb{
	ftp.VerbRetr: codec.VerbGet, ftp.VerbStor: codec.VerbPut, ftp.VerbAppe: codec.VerbPut,
	ftp.VerbStou: codec.VerbPut, ftp.VerbList: codec.VerbList, ftp.VerbNlst: codec.VerbList,
	ftp.VerbMlsd: codec.VerbList, ftp.VerbMlst: codec.VerbStat, ftp.VerbStat: codec.VerbStat,
	ftp.VerbSize: codec.VerbStat, ftp.VerbMdtm: codec.VerbStat, ftp.VerbMfmt: codec.VerbPut,
	ftp.VerbCwd: codec.VerbCd, ftp.VerbCdup: codec.VerbCd, ftp.VerbDele: codec.VerbRemove,
	ftp.VerbMkd: codec.VerbMkdir, ftp.VerbRmd: codec.VerbRmdir,
	ftp.VerbRnfr: codec.VerbRenameFrom, ftp.VerbRnto: codec.VerbRenameTo,
	ftp.VerbHash: codec.VerbSum, ftp.VerbXSHA256: codec.VerbSum, ftp.VerbSite: codec.VerbPut,
	ftp.VerbAllo: codec.VerbPut,
}

// files decides on a command that looks at, changes or moves files.
func (f *ftpFace) files(s *session, c ftp.Command) decision {
	moves := moves(c.Verb)
	rest := f.rest
	if moves {
		f.rest = 0 // it counts once, also for a transfer that is refused
	}
	switch {
	case c.Verb == ftp.VerbRnto && s.state != sessionRenaming:
		return say(ftp.ReplyRenameFirst)
	case moves && !s.hasOffer() && !f.active.IsValid():
		return say(ftp.ReplyNoOffer)
	case c.Verb != ftp.VerbSite && s.check(ftpVerbs[c.Verb]) != nil:
		return say(ftp.ReplyForbidden)
	}
	t := ftpCommand{f: f, s: s, c: c, rest: rest}
	switch c.Verb {
	case ftp.VerbRetr, ftp.VerbStor, ftp.VerbAppe, ftp.VerbStou:
		return t.move()
	case ftp.VerbList, ftp.VerbNlst, ftp.VerbMlsd:
		return t.list()
	case ftp.VerbMlst, ftp.VerbSize, ftp.VerbMdtm, ftp.VerbStat, ftp.VerbCwd, ftp.VerbCdup:
		return t.look()
	case ftp.VerbHash, ftp.VerbXSHA256:
		return t.hash()
	case ftp.VerbSite:
		return t.site()
	case ftp.VerbAllo:
		return t.allocate()
	default:
		return t.change()
	}
}

// moves reports whether a command needs a data connection.
func moves(v ftp.Verb) bool {
	w := v.Properties().Work
	return w == ftp.WorkSend || w == ftp.WorkReceive
}

// ftpCommand is a command that needs file work, on its way to a transfer.
type ftpCommand struct {
	f    *ftpFace
	s    *session
	c    ftp.Command
	rest int64
}

// begin makes the transfer of the command about a name. Where the name is not valid there is none,
// and the reply refuses it.
func (x ftpCommand) begin(name []byte) (t *transfer, refusal []byte) {
	parsed, err := x.s.names.ParseIn(x.f.folder, name)
	if err != nil {
		return nil, x.f.failed(x.c.Verb, string(name), err)
	}
	t = x.s.newTransfer(codec.Request{Verb: ftpVerbs[x.c.Verb], Name: name}, name)
	t.verb, t.name = x.c.Verb, parsed
	return t, nil
}

// start begins a transfer.
func (x ftpCommand) start(t *transfer) decision {
	kind := decideBegin
	if x.c.Verb == ftp.VerbRnto {
		kind = decideFollow
	}
	return decision{kind: kind, transfer: t}
}

// call makes a transfer whose file work returns the reply.
func (x ftpCommand) call(
	name []byte, call func(store fsio.Store, t *transfer) ([]byte, error),
) decision {
	t, refusal := x.begin(name)
	if t == nil {
		return sayRaw(refusal)
	}
	t.call = func(store fsio.Store) ([]byte, error) { return call(store, t) }
	return x.start(t)
}

// move is a transfer of a file.
func (x ftpCommand) move() decision {
	name := x.c.Argument
	if x.c.Verb == ftp.VerbStou {
		var random [8]byte
		_, _ = rand.Read(random[:]) // it never fails
		if len(name) == 0 {
			name = []byte("ferry")
		}
		name = fmt.Appendf(name[:len(name):len(name)], ".%x", random)
	}
	t, refusal := x.begin(name)
	if t == nil {
		return sayRaw(refusal)
	}
	switch ascii := x.f.kind == ftp.TypeASCII; {
	case x.c.Verb == ftp.VerbRetr:
		if t.Offset = x.rest; ascii {
			t.send.convert = new(ftp.ToWire)
		}
		return x.start(t)
	case ascii:
		t.recv.convert = new(ftp.FromWire)
	}
	at := x.rest
	switch {
	case x.c.Verb == ftp.VerbStou:
		at = 0 // its file is new
	case x.c.Verb == ftp.VerbAppe && at == 0:
		at = fsio.AtEnd
	}
	t.recv.at = at
	o := fsio.CreateOptions{NoReplace: t.replace().NoReplace}
	denied := t.mayAdd()
	t.call = func(store fsio.Store) ([]byte, error) {
		if denied != nil {
			return nil, denied
		}
		return nil, t.job.openTarget(store, at, o)
	}
	t.then = func() {
		if at != 0 {
			t.recv.resumeAt(t.job.offset)
		}
		t.offer.stand()
	}
	return x.start(t)
}

// openTarget checks whether an upload can be stored under its name. One that does not start at 0 is
// written in place from that offset.
func (j *job) openTarget(store fsio.Store, at int64, o fsio.CreateOptions) (err error) {
	name := j.t.name
	if at != 0 {
		j.extended, j.offset, err = store.Extend(name, at, o)
		return err
	}
	e, err := store.Stat(name)
	switch {
	case err == nil && e.Kind == fsio.EntryFolder:
		return fsio.NewError(fsio.OpCreate, name, fsio.Cause(fsio.KindNotPlain, "is a folder"))
	case err == nil && o.NoReplace:
		return fsio.NewError(fsio.OpCreate, name, fsio.Cause(fsio.KindExists, "is taken"))
	case fsio.KindOf(err) != fsio.KindNotFound:
		return err
	}
	parent, _ := name.Split()
	if e, err = store.Stat(parent); err == nil && e.Kind != fsio.EntryFolder {
		err = fsio.NewError(fsio.OpCreate, name, fsio.Cause(fsio.KindNotFolder, "not a folder"))
	}
	return err
}

// change makes, removes or renames something, or sets its time.
func (x ftpCommand) change() decision {
	o := x.s.replace()
	switch x.c.Verb {
	case ftp.VerbDele:
		return x.call(x.c.Argument, func(store fsio.Store, t *transfer) ([]byte, error) {
			return ftp.ReplyDone.Text(), store.Remove(t.name)
		})
	case ftp.VerbMkd:
		return x.call(x.c.Argument, func(store fsio.Store, t *transfer) ([]byte, error) {
			return ftp.AppendPath(nil, string(pathOf(t.name)), "created."), store.Mkdir(t.name)
		})
	case ftp.VerbRmd:
		return x.call(x.c.Argument, func(store fsio.Store, t *transfer) ([]byte, error) {
			return ftp.ReplyDone.Text(), store.Rmdir(t.name)
		})
	case ftp.VerbRnfr:
		return x.call(x.c.Argument, func(store fsio.Store, t *transfer) ([]byte, error) {
			_, err := store.Stat(t.name)
			return ftp.ReplyRenameTo.Text(), err
		})
	case ftp.VerbRnto:
		from := x.f.from
		return x.call(x.c.Argument, func(store fsio.Store, t *transfer) ([]byte, error) {
			return ftp.ReplyDone.Text(), store.Rename(from, t.name, o)
		})
	default: // MFMT
		set, r := ftp.ParseMfmt(x.c.Argument)
		if r != 0 {
			return say(r)
		}
		return x.setTime(set)
	}
}

// mayChange reports whether the session may change what describes a file.
func (x ftpCommand) mayChange() bool {
	return x.s.check(codec.VerbPut) == nil && !x.s.replace().NoReplace
}

// setTime sets the time of a file.
func (x ftpCommand) setTime(set ftp.Times) decision {
	if !x.mayChange() {
		return say(ftp.ReplyForbidden)
	}
	return x.call(set.Name, func(store fsio.Store, t *transfer) ([]byte, error) {
		err := store.SetMeta(t.name, fsio.Meta{ModTime: set.Time})
		return ftp.AppendMFMT(nil, set.Time.Unix(), t.called), err
	})
}

// site is SITE CHMOD, UTIME and HELP.
func (x ftpCommand) site() decision {
	site, r := ftp.ParseSite(x.c.Argument)
	switch {
	case r != 0:
		return say(r)
	case site.Kind == ftp.SiteHelp:
		return sayRaw(ftp.AppendSITE(nil))
	case !x.mayChange():
		return say(ftp.ReplyForbidden)
	case site.Kind == ftp.SiteUtime:
		return x.call(site.Name, func(store fsio.Store, t *transfer) ([]byte, error) {
			return ftp.ReplyOK.Text(), store.SetMeta(t.name, fsio.Meta{ModTime: site.Time})
		})
	case site.Mode > 0o777:
		return say(ftp.ReplyParameter) // setuid, setgid and sticky
	}
	meta := fsio.Meta{Mode: fs.FileMode(site.Mode), SetMode: true}
	return x.call(site.Name, func(store fsio.Store, t *transfer) ([]byte, error) {
		return ftp.ReplyOK.Text(), store.SetMeta(t.name, meta)
	})
}

// allocate checks whether so many bytes have room.
func (x ftpCommand) allocate() decision {
	size, r := ftp.ParseAllo(x.c.Argument)
	if r != 0 {
		return say(r)
	}
	if most := x.s.r.limiter.Limits.UploadBytes; most > 0 && size > most {
		return say(ftp.ReplyTooLarge)
	}
	return x.call(nil, func(_ fsio.Store, t *transfer) ([]byte, error) {
		if err := t.job.room(size); err != nil {
			return nil, err
		}
		return ftp.ReplyAccount.Text(), nil
	})
}

// look answers what is known of a name.
func (x ftpCommand) look() decision {
	name := x.c.Argument
	if x.c.Verb == ftp.VerbCdup {
		name = []byte("..")
	}
	switch x.c.Verb {
	case ftp.VerbCwd, ftp.VerbCdup:
		if x.f.folder.IsRoot() && string(name) == ".." {
			name = nil // the root is its own parent
		}
	case ftp.VerbSize:
		if x.f.kind == ftp.TypeASCII {
			return say(ftp.ReplyASCIISize)
		}
	case ftp.VerbStat:
		return x.statPath()
	case ftp.VerbMlst:
		return x.facts()
	case ftp.VerbMdtm:
		if set, ok := ftp.ParseMdtm(name); ok {
			return x.modified(set)
		}
	default:
	}
	return x.call(name, func(store fsio.Store, t *transfer) ([]byte, error) {
		e, err := store.Stat(t.name)
		if err != nil {
			return nil, err
		}
		switch {
		case x.c.Verb == ftp.VerbCwd || x.c.Verb == ftp.VerbCdup:
			if e.Kind != fsio.EntryFolder {
				return nil, errNoFolder
			}
			return ftp.ReplyDone.Text(), nil
		case e.Kind != fsio.EntryFile:
			return ftp.ReplyNotFile.AppendNamed(nil, t.called), nil
		case x.c.Verb == ftp.VerbSize:
			return ftp.AppendNumber(nil, codec.CodeStatus, e.Size), nil
		default:
			return ftp.AppendMDTM(nil, e.ModTime.Unix()), nil
		}
	})
}

// modified is an MDTM that may set a time: it does unless a file has the whole argument as its
// name.
func (x ftpCommand) modified(set ftp.Times) decision {
	whole, err := x.s.names.ParseIn(x.f.folder, x.c.Argument)
	isName := err == nil
	allowed := x.mayChange()
	return x.call(set.Name, func(store fsio.Store, t *transfer) ([]byte, error) {
		if isName {
			if e, err := store.Stat(whole); err == nil {
				return ftp.AppendMDTM(nil, e.ModTime.Unix()), nil
			}
		}
		if !allowed {
			return ftp.ReplyForbidden.Text(), nil
		}
		err := store.SetMeta(t.name, fsio.Meta{ModTime: set.Time})
		return ftp.AppendMFMT(nil, set.Time.Unix(), t.called), err
	})
}

// hash is HASH and XSHA256.
func (x ftpCommand) hash() decision {
	tries, n := [2]ftp.Hash{{Name: x.c.Argument, End: -1}}, 1
	if x.c.Verb == ftp.VerbXSHA256 {
		var r ftp.Reply
		if tries, n, r = ftp.ParseHash(x.c.Argument); r != 0 {
			return say(r)
		}
	}
	names := [2]fsio.Name{}
	for i := range tries[:n] {
		tries[i].Name = append([]byte(nil), tries[i].Name...)
		var err error
		if names[i], err = x.s.names.ParseIn(x.f.folder, tries[i].Name); err != nil {
			return sayRaw(x.f.failed(x.c.Verb, string(tries[i].Name), err))
		}
	}
	t, refusal := x.begin(tries[0].Name)
	if t == nil {
		return sayRaw(refusal)
	}
	t.Algo = codec.AlgoSHA256
	var found fsio.Entry
	at := 0 // which of the names exists: one may end in numbers that are a range
	t.call = func(store fsio.Store) (_ []byte, err error) {
		if found, err = store.Stat(names[0]); err != nil && n > 1 {
			at = 1
			found, err = store.Stat(names[1])
		}
		try := tries[at]
		if err == nil && found.Kind == fsio.EntryFile &&
			(try.Start > found.Size || try.End >= 0 && try.End < try.Start) {
			err = errBeyondEnd
		}
		return nil, err
	}
	summed := &x.f.summed
	t.then = func() {
		try := tries[at]
		t.name, t.Offset = names[at], try.Start
		if try.End >= 0 {
			t.Length = try.End - try.Start
		}
		if try.End == try.Start { // a length of 0 would reach to the end of the file
			t.Offset = found.Size
		}
		t.sum(summed)
	}
	return x.start(t)
}

// final is the last reply to a command that needed a transfer or file work.
func (f *ftpFace) final(t *transfer, connected bool) []byte {
	switch t.outcome {
	case outcomeComplete:
		if !connected {
			return f.completed(t)
		}
		return ftp.ReplyComplete.Text()
	case outcomeGivenUp:
		if !connected && moves(t.verb) {
			return ftp.ReplyNoConnection.Text()
		}
		return ftp.ReplyTransferAborted.Text()
	case outcomeUnused:
		return ftp.ReplyNoConnection.Text()
	case outcomeAborted:
		return ftp.ReplyClosing.Text()
	case outcomeBroken, outcomeCut, outcomeStalled, outcomeLeft, outcomeProtocol:
		return ftp.ReplyConnectionLost.Text()
	default:
		return f.failed(t.verb, t.called, t.err)
	}
}

// completed follows file work that succeeded.
func (f *ftpFace) completed(t *transfer) []byte {
	switch t.verb {
	case ftp.VerbCwd, ftp.VerbCdup:
		f.folder = t.name
	case ftp.VerbRnfr:
		f.from = t.name
	case ftp.VerbHash:
		d := &t.found.sum.digest
		return ftp.AppendHASH(nil, d.Size, d.Hex, t.called)
	case ftp.VerbXSHA256:
		return ftp.AppendReply(nil, codec.CodeDone, t.found.sum.digest.Hex)
	default:
	}
	return t.result
}

// kindReplies is the one table from what went wrong with a file to a reply.
var kindReplies = map[fsio.Kind]ftp.Reply{
	fsio.KindNotFound: ftp.ReplyNotFound, fsio.KindNotPlain: ftp.ReplyNotFile,
	fsio.KindNotFolder: ftp.ReplyNotFolder, fsio.KindDenied: ftp.ReplyForbidden,
	fsio.KindExists: ftp.ReplyExists, fsio.KindNotEmpty: ftp.ReplyNotEmpty,
	fsio.KindBadName: ftp.ReplyBadName, fsio.KindNoSpace: ftp.ReplyNoSpace,
	fsio.KindTooLarge: ftp.ReplyTooLarge, fsio.KindTooMany: ftp.ReplyFileBusy,
	fsio.KindBusy: ftp.ReplyFileBusy, fsio.KindOffset: ftp.ReplyBeyondEnd,
}

// refusalReplies are those for what the server refuses by itself.
var refusalReplies = map[int]ftp.Reply{
	codec.CodeNotAllowed: ftp.ReplyForbidden, codec.CodeNoFile: ftp.ReplyNotFolder,
	codec.CodeArgument: ftp.ReplyBeyondEnd, codec.CodeTooLarge: ftp.ReplyTooLarge,
	codec.CodeNoSpace: ftp.ReplyNoSpace, codec.CodeBusy: ftp.ReplyFileBusy,
	codec.CodeUnknown: ftp.ReplyArgument,
}

// failed is the reply to a command that failed for a name.
func (f *ftpFace) failed(v ftp.Verb, called string, err error) []byte {
	var own *refusal
	reply := kindReplies[fsio.KindOf(err)]
	if errors.As(err, &own) {
		reply = refusalReplies[own.code]
	}
	switch {
	case reply == ftp.ReplyBadName && v.Properties().Right&(ftp.RightList|ftp.RightRead) != 0:
		reply = ftp.ReplyNotFound // no such name can be there
	case reply == ftp.ReplyTooLarge && v.Properties().Right == ftp.RightList:
		reply = ftp.ReplyListing
	}
	switch {
	case reply == 0:
		return ftp.ReplyLocal.Text()
	case called == "":
		return reply.Text()
	}
	return reply.AppendNamed(nil, called)
}
