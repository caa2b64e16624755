package fsio

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

var someTime = time.Date(2001, 2, 3, 4, 5, 6, 7000, time.UTC)

func TestStatFollowsLinksBeneathTheRoot(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		furnish(t, dir)
		check(t, os.Chtimes(dir+"/plain", someTime, someTime))
		check(t, os.Chtimes(dir+"/full", someTime, someTime))
		r := open(t, dir, Options{})
		file, folder := Info{Size: 5, ModTime: someTime}, Info{Folder: true, ModTime: someTime}
		for _, c := range []struct {
			name string
			want Info
			kind Kind
		}{
			{"plain", file, KindNone},
			{"toplain", file, KindNone},
			{"full", folder, KindNone},
			{"full/", folder, KindNone},
			{"tofull", folder, KindNone},
			{"plain/", Info{}, KindNotFolder},
			{"plain/x", Info{}, KindNotFolder},
			{"fifo", Info{}, KindNotPlain},
			{"missing", Info{}, KindNotFound},
			{"dangling", Info{}, KindNotFound},
			{"tosecret", Info{}, KindDenied},
			{"up", Info{}, KindDenied},
			{"up/secret", Info{}, KindDenied},
		} {
			got, err := r.Stat(name(t, r, c.name))
			same := got.ModTime.Equal(c.want.ModTime)
			got.ModTime, c.want.ModTime = time.Time{}, time.Time{}
			if !same || got != c.want || KindOf(err) != c.kind {
				t.Errorf("%q: got %v, %v; want %v, %v", c.name, got, err, c.want, c.kind)
			}
		}
		if got, err := r.Stat(Name{}); err != nil || !got.Folder || got.Size != 0 {
			t.Errorf("the root: got %v, %v", got, err)
		}
	})
}

func TestListLongTellsWhatListNames(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		furnish(t, dir)
		write(t, dir+"/.hidden", "x")
		write(t, dir+"/line\nfeed", "x")
		write(t, dir+"/tab\tulator", "x")
		write(t, dir+"/"+temporaryName(5), "x")
		for _, path := range []string{"plain", "full", "empty", "other"} {
			check(t, os.Chtimes(dir+"/"+path, someTime, someTime))
		}
		r := open(t, dir, Options{})
		long, err := r.ListLong(Name{}, listMax)
		check(t, err)
		const at = "\t2001-02-03T04:05:06Z\t"
		want := "dir\t0" + at + "empty\ndir\t0" + at + "full\nfile\t5" + at + "other\n" +
			"file\t5" + at + "plain\ndir\t0" + at + "toempty\ndir\t0" + at + "tofull\n" +
			"file\t5" + at + "toplain\n"
		if string(long) != want {
			t.Errorf("got %q, want %q", long, want)
		}
		short, err := r.List(Name{}, listMax)
		check(t, err)
		var names []string
		for line := range strings.Lines(string(long)) {
			names = append(names, line[strings.LastIndexByte(line, '\t')+1:])
		}
		if got := strings.ReplaceAll(string(short), "/", ""); got != strings.Join(names, "") {
			t.Errorf("List says %q, ListLong %q", got, names)
		}
		for text, want := range map[string]Kind{
			"missing": KindNotFound, "plain": KindNotFolder, "fifo": KindNotFolder,
			"up": KindDenied,
		} {
			got, err := r.ListLong(name(t, r, text), listMax)
			if KindOf(err) != want || got != nil {
				t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
			}
		}
		if got, err := r.ListLong(name(t, r, "empty"), listMax); err != nil || len(got) != 0 {
			t.Errorf("an empty folder: got %q, %v", got, err)
		}
	})
}

func TestListLongNeverLeavesOutWhatItCouldNotLookAt(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		furnish(t, dir)
		for failing := 0; ; failing++ {
			calls := 0
			r := open(t, dir, Options{Fault: func(op Op, _ Name) error {
				if op != OpRoot {
					calls++
				}
				if calls-1 == failing {
					return syscall.EIO
				}
				return nil
			}})
			text, err := r.ListLong(Name{}, listMax)
			if calls <= failing {
				check(t, err)
				if failing < 9 { // Folder, list, and a look at each of seven names.
					t.Fatalf("%d calls", failing)
				}
				return
			}
			wantKind(t, err, KindIO)
			if text != nil {
				t.Fatalf("call %d failed, got %q", failing, text)
			}
		}
	})
}
