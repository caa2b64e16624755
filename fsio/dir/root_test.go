package dir

import (
	"os"
	"strings"
	"testing"

	"ferry/fsio"
)

func TestErrorTextsHoldNoPathOutsideTheRoot(t *testing.T) {
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
			_, listed := list(r, n)
			created := r.StoreSmall(name(t, r, text+"/x"), nil, fsio.CommitOptions{})
			errs = append(errs, err, listed, created)
		}
		_, err := Open(dir+"/plain", Options{})
		wantKind(t, err, fsio.KindNotFolder)
		errs = append(errs, err)
		_, err = Open(dir+"/missing", Options{})
		wantKind(t, err, fsio.KindNotFound)
		errs = append(errs, err)
		for _, err := range errs {
			if err != nil && strings.Contains(err.Error(), "/root") {
				t.Errorf("a path outside the root: %v", err)
			}
		}
	})
}
