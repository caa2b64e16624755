package dir

import (
	"os"

	"ferry/fsio"
)

var errPastEnd = fsio.Cause(fsio.KindOffset, "the offset is beyond the end of the file")

// Extend locks the file while it is written, so that two servers do not mix their bytes in it.
func (r *store) Extend(
	n fsio.Name, at int64, o fsio.CreateOptions,
) (fsio.Upload, int64, error) {
	u, err := r.begin(n, o.NoReplace)
	if err != nil {
		return nil, 0, err
	}
	u.inPlace, u.older = true, true
	if u.free && at > 0 {
		u.home.close()
		return nil, 0, fsio.NewError(fsio.OpOpen, n, errPastEnd)
	}
	u.kept = folder{fd: u.home.fd}
	if at, err = u.openExtended(at); err != nil {
		if u.file != nil {
			_ = u.file.Close() // Nothing was written to it.
		}
		u.home.close()
		return nil, 0, fsio.NewError(fsio.OpOpen, n, err)
	}
	u.order = uploads.Add(1)
	return u, at, nil
}

// openExtended opens the file, makes it if need be, and finds out where the upload begins.
func (u *upload) openExtended(at int64) (int64, error) {
	err := u.root.fault(fsio.OpOpen, u.name)
	switch {
	case err != nil:
	case u.free:
		u.file, err = u.home.create(u.base)
	default:
		u.file, err = u.home.openPlain(u.base, os.O_RDWR)
	}
	if err != nil {
		return 0, err
	}
	// Some filesystems support no locks: then only the last writer's bytes are certain.
	if locked, err := tryLock(u.file); err == nil && !locked {
		return 0, errHeldFile
	}
	info, err := u.file.Stat()
	if err != nil {
		return 0, err
	}
	switch size := info.Size(); {
	case at == fsio.AtEnd:
		return size, nil
	case at > size:
		return 0, errPastEnd
	default:
		u.cut, u.cutAt = at < size, at
	}
	return at, nil
}

// cutOff cuts off what the file has behind the offset, when the first bytes have come.
func (u *upload) cutOff() error {
	if !u.cut {
		return nil
	}
	u.cut = false
	cut := func() error { return u.file.Truncate(u.cutAt) }
	u.broken = u.root.do(fsio.OpTruncate, u.name, cut)
	return u.broken
}

var errHeldFile = fsio.Cause(fsio.KindBusy, "another upload writes to it")
