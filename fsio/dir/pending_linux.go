//go:build linux && !ferryportable

package dir

import (
	"errors"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

func spliceTo(fd, pipe int, off int64, n int) (int, error) {
	const flags = unix.SPLICE_F_MOVE | unix.SPLICE_F_NONBLOCK
	moved := 0
	for moved < n {
		got, err := unix.Splice(pipe, nil, fd, &off, n-moved, flags)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
			return moved, errUnsupported
		case err != nil:
			return moved, err
		case got == 0:
			return moved, io.ErrUnexpectedEOF // Nobody can write to the pipe any more.
		default:
			moved += int(got) // The kernel moves off on.
		}
	}
	return moved, nil
}

func allocate(fd int, off, n int64) error {
	for {
		err := unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, off, n)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// syncFilesystem brings the whole filesystem that the file is on to the disk.
func syncFilesystem(f *os.File) error {
	defer runtime.KeepAlive(f)
	for {
		if err := unix.Syncfs(int(f.Fd())); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// syncfsTells reports whether syncfs returns the errors of writing: since Linux 5.8.
var syncfsTells = sync.OnceValue(func() bool {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return false
	}
	return releaseAtLeast(unix.ByteSliceToString(name.Release[:]), 5, 8)
})

// releaseAtLeast compares the first two numbers of a kernel's release, such as 6.18.44-generic.
func releaseAtLeast(release string, major, minor int) bool {
	first, rest, _ := strings.Cut(release, ".")
	second := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	a, failed := strconv.Atoi(first)
	b, err := strconv.Atoi(second)
	return failed == nil && err == nil && (a > major || a == major && b >= minor)
}
