package fsio

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"testing"
)

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Kind
	}{
		{nil, KindNone},
		{syscall.ENOENT, KindNotFound},
		{syscall.ELOOP, KindNotFound},
		{syscall.EISDIR, KindNotPlain},
		{syscall.ENOTDIR, KindNotFolder},
		{syscall.EACCES, KindDenied},
		{syscall.EPERM, KindDenied},
		{syscall.EROFS, KindDenied},
		{syscall.EXDEV, KindDenied},
		{syscall.ENAMETOOLONG, KindBadName},
		{syscall.EEXIST, KindExists},
		{syscall.ENOTEMPTY, KindNotEmpty},
		{syscall.EMLINK, KindNoSpace},
		{syscall.EOVERFLOW, KindTooLarge},
		{syscall.ENOLCK, KindBusy},
		{syscall.ESTALE, KindNotFound},
		{syscall.ENOSPC, KindNoSpace},
		{syscall.EDQUOT, KindNoSpace},
		{syscall.EFBIG, KindTooLarge},
		{syscall.EMFILE, KindTooMany},
		{syscall.ENFILE, KindTooMany},
		{syscall.EAGAIN, KindWouldBlock},
		{syscall.EBUSY, KindBusy},
		{syscall.EOPNOTSUPP, KindUnsupported},
		{syscall.ENOTSUP, KindUnsupported},
		{syscall.ENOSYS, KindUnsupported},
		{syscall.EIO, KindIO},
		{io.ErrUnexpectedEOF, KindIO},
		{ErrWouldBlock, KindWouldBlock},
		{fs.ErrNotExist, KindNotFound},
		{fs.ErrPermission, KindDenied},
		{fs.ErrExist, KindExists},
		{errors.ErrUnsupported, KindUnsupported},
		{&fs.PathError{Op: "open", Path: "/x", Err: syscall.ENOSPC}, KindNoSpace},
		{fmt.Errorf("while: %w", &Error{Kind: KindBusy}), KindBusy},
	} {
		if got := KindOf(c.err); got != c.want {
			t.Errorf("%v: got %q, want %q", c.err, got, c.want)
		}
	}
}

func TestErrorTextsHoldNoPathOutsideTheRoot(t *testing.T) {
	n := Name{z: "a\xff\"b\x00"}
	err := NewError(OpOpen, n, &fs.PathError{Op: "open", Path: "/srv/a", Err: syscall.EACCES})
	if text := err.Error(); text != `open "a\xff\"b": permission denied` {
		t.Errorf("got %s", text)
	}
	err = NewError(OpRename, n, &os.LinkError{
		Op: "rename", Old: "/srv/a", New: "/srv/b",
		Err: syscall.EXDEV,
	})
	if text := err.Error(); text != `rename "a\xff\"b": leads out of the served root` {
		t.Errorf("got %s", text)
	}
	if !errors.Is(NewError(OpOpen, n, syscall.ENOENT), fs.ErrNotExist) {
		t.Error("errors.Is does not see through to fs.ErrNotExist")
	}
}
