//go:build linux && !ferryportable

package dir

import (
	"errors"
	"math/rand/v2"
	"strconv"

	"golang.org/x/sys/unix"

	"ferry/fsio"
)

// storeUnnamed stores data under a name that nothing has. The file has no name until it is whole:
// where this process is killed nothing is left of it, no sweep can meet it, so that it needs no
// lock, and its folder changes once and not three times.
//
// It reports false without an error where another way is to serve, or is to say what is wrong:
// not every filesystem has files without names, and somebody may have taken the name.
func (d *draft) storeUnnamed(data []byte) (stored bool, err error) {
	if d.root.kernel == nil {
		return false, nil
	}
	home := d.home
	if err := d.root.fault(fsio.OpCreate, d.name); err != nil {
		return false, fsio.NewError(fsio.OpCreate, d.name, err)
	}
	const flags = unix.O_TMPFILE | unix.O_WRONLY | unix.O_CLOEXEC
	fd, err := unix.Openat(home.fd, ".", flags, 0o666)
	if err != nil {
		return false, nil
	}
	defer release(fd)
	if err := d.fill(fd, data); err != nil {
		return false, err
	}
	if err := d.root.fault(fsio.OpRename, d.name); err != nil {
		return false, fsio.NewError(fsio.OpRename, d.name, err)
	}
	return d.root.kernel.linkUnnamed(fd, home, d.base) == nil, nil
}

// fill writes data to a new file, and asks what closing it would tell.
func (d *draft) fill(fd int, data []byte) error {
	for done := 0; done < len(data); {
		n, err := d.root.allowance(fsio.OpWrite, d.name, len(data)-done)
		if err == nil {
			n, err = unix.Pwrite(fd, data[done:done+n], int64(done))
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fsio.NewError(fsio.OpWrite, d.name, err)
		}
		done += max(n, 0)
	}
	err := d.root.fault(fsio.OpClose, d.name)
	if err == nil {
		err = closeCopy(fd)
	}
	return fsio.NewError(fsio.OpClose, d.name, err)
}

// linkUnnamed gives an open file without a name the name base. EEXIST: that is taken.
func (k *kernel) linkUnnamed(fd int, to folder, base string) error {
	// By way of /proc, since the other one, AT_EMPTY_PATH, was for privileged users until Linux
	// 6.10.
	return unix.Linkat(k.proc, strconv.Itoa(fd), to.fd, base, unix.AT_SYMLINK_FOLLOW)
}

// storeOver replaces a file in fewer calls than a Pending does. Its temporary file is not locked: a
// sweep may take it, and then it is made anew, since all of its bytes are at hand.
func (d *draft) storeOver(data []byte) (stored bool, err error) {
	if d.root.kernel == nil {
		return false, nil
	}
	home := d.home
	for range createTriesMax {
		if err := d.root.fault(fsio.OpCreate, d.name); err != nil {
			return false, fsio.NewError(fsio.OpCreate, d.name, err)
		}
		temporary := temporaryName(rand.Uint64())
		fd, err := home.createDescriptor(temporary)
		if errors.Is(err, unix.EEXIST) {
			continue
		}
		if err != nil {
			return false, fsio.NewError(fsio.OpCreate, d.name, err)
		}
		err = d.fill(fd, data)
		if err == nil {
			err = d.rename(home, temporary, false)
		}
		release(fd)
		if err == nil {
			return true, nil
		}
		taken := errors.Is(home.remove(temporary), unix.ENOENT)
		if !taken {
			return false, err // The first error says why.
		}
	}
	return false, fsio.NewError(fsio.OpCreate, d.name, errBusy)
}
