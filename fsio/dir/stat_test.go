package dir

import (
	"os"
	"testing"
	"time"

	"ferry/fsio"
)

var someTime = time.Date(2001, 2, 3, 4, 5, 6, 7000, time.UTC)

func TestStatFollowsLinksBeneathTheRoot(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		furnish(t, dir)
		check(t, os.Chtimes(dir+"/plain", someTime, someTime))
		check(t, os.Chtimes(dir+"/full", someTime, someTime))
		r := open(t, dir, Options{})
		file := fsio.Entry{Kind: fsio.EntryFile, Size: 5, ModTime: someTime}
		folder := fsio.Entry{Kind: fsio.EntryFolder, ModTime: someTime}
		for _, c := range []struct {
			name string
			want fsio.Entry
			kind fsio.Kind
		}{
			{"plain", file, fsio.KindNone},
			{"toplain", file, fsio.KindNone},
			{"full", folder, fsio.KindNone},
			{"full/", folder, fsio.KindNone},
			{"tofull", folder, fsio.KindNone},
			{"plain/", fsio.Entry{}, fsio.KindNotFolder},
			{"plain/x", fsio.Entry{}, fsio.KindNotFolder},
			{"fifo", fsio.Entry{}, fsio.KindNotPlain},
			{"missing", fsio.Entry{}, fsio.KindNotFound},
			{"dangling", fsio.Entry{}, fsio.KindNotFound},
			{"tosecret", fsio.Entry{}, fsio.KindDenied},
			{"up", fsio.Entry{}, fsio.KindDenied},
			{"up/secret", fsio.Entry{}, fsio.KindDenied},
		} {
			got, err := r.Stat(name(t, r, c.name))
			same := got.ModTime.Equal(c.want.ModTime)
			if !same || got.Kind != c.want.Kind || got.Size != c.want.Size ||
				fsio.KindOf(err) != c.kind {
				t.Errorf("%q: got %v, %v; want %v, %v", c.name, got, err, c.want, c.kind)
			}
		}
		got, err := r.Stat(fsio.Name{})
		if err != nil || got.Kind != fsio.EntryFolder || got.Size != 0 {
			t.Errorf("the root: got %v, %v", got, err)
		}
	})
}
