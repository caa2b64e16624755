package fsio

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
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

func TestKindsAndOpsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for k := range kindCount {
		if text := k.String(); text == "" || seen[text] {
			t.Errorf("kind %d is called %q", k, text)
		} else {
			seen[text] = true
		}
	}
	clear(seen)
	for o := range opCount {
		if text := o.String(); text == "" || seen[text] {
			t.Errorf("op %d is called %q", o, text)
		} else {
			seen[text] = true
		}
	}
	if !strings.HasPrefix(kindCount.String(), "kind ") ||
		!strings.HasPrefix(opCount.String(), "op ") {
		t.Errorf("past the end: %v, %v", kindCount, opCount)
	}
}

func TestErrorTextsHoldNoPathOutsideTheRoot(t *testing.T) {
	n := Name{z: "a\xff\"b\x00"}
	err := newError(OpOpen, n, &fs.PathError{Op: "open", Path: "/srv/a", Err: syscall.EACCES})
	if text := err.Error(); text != `open "a\xff\"b": permission denied` {
		t.Errorf("got %s", text)
	}
	err = newError(OpRename, n, &os.LinkError{
		Op: "rename", Old: "/srv/a", New: "/srv/b",
		Err: syscall.EXDEV,
	})
	if text := err.Error(); text != `rename "a\xff\"b": leads out of the served root` {
		t.Errorf("got %s", text)
	}
	if !errors.Is(newError(OpOpen, n, syscall.ENOENT), fs.ErrNotExist) {
		t.Error("errors.Is does not see through to fs.ErrNotExist")
	}
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		write(t, dir+"/plain", "x")
		link(t, "../secret", dir+"/out")
		link(t, "loop", dir+"/loop")
		check(t, os.Mkdir(dir+"/folder", 0o777))
		r := open(t, dir, Options{})
		var errs []error
		for _, text := range []string{"missing", "out", "loop", "folder", "plain/x", "missing/x"} {
			n := name(t, r, text)
			_, err := fetch(r, n)
			_, listed := r.List(n, listMax)
			created := r.StoreSmall(name(t, r, text+"/x"), nil, CommitOptions{})
			errs = append(errs, err, listed, created)
		}
		_, err := OpenRoot(dir+"/plain", Options{})
		wantKind(t, err, KindNotFolder)
		errs = append(errs, err)
		_, err = OpenRoot(dir+"/missing", Options{})
		wantKind(t, err, KindNotFound)
		errs = append(errs, err)
		for _, err := range errs {
			if err != nil && strings.Contains(err.Error(), "/root") {
				t.Errorf("a path outside the root: %v", err)
			}
		}
	})
}
