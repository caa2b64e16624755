package fsio_test

import (
	"errors"
	"io"
	"sync/atomic"
	"syscall"
	"testing"

	"ferry/fsio"
	"ferry/fsio/mem"
)

// TestWindowSavesRoundTrips reads 16 pieces from a store that answers all reads that wait at once:
// 16 round trips with one read in flight, 4 with four.
func TestWindowSavesRoundTrips(t *testing.T) {
	const piece, pieces = 1000, 16
	text := make([]byte, piece*pieces-10)
	for i := range text {
		text[i] = byte(i % 251)
	}
	for _, reads := range []int{1, 4, 5, pieces, 2 * pieces} {
		asked := make(chan chan struct{})
		s := mem.New(mem.Options{Call: func(op fsio.Op, _ fsio.Name) error {
			if op == fsio.OpRead {
				back := make(chan struct{})
				asked <- back
				<-back
			}
			return nil
		}})
		check(t, s.StoreSmall(at(t, "a"), text, fsio.CommitOptions{}))
		var file fsio.File
		check(t, s.Open(&file, at(t, "a")))
		w := fsio.NewWindow(&file, 0, int64(len(text)), piece, reads)
		got := make(chan []byte)
		go func() {
			var all []byte
			for {
				b, err := w.Next()
				if all = append(all, b...); err != nil {
					if !errors.Is(err, io.EOF) {
						t.Error(err)
					}
					got <- all
					return
				}
			}
		}()
		trips := 0
		for left := pieces; left > 0; trips++ {
			var waiting []chan struct{}
			for range min(reads, left) {
				waiting = append(waiting, <-asked)
			}
			left -= len(waiting)
			for _, back := range waiting {
				close(back)
			}
		}
		if all := <-got; string(all) != string(text) {
			t.Errorf("%d bytes of %d", len(all), len(text))
		}
		if want := (pieces + reads - 1) / reads; trips != want {
			t.Errorf("%d reads at once: %d round trips, want %d", reads, trips, want)
		}
		w.Close()
		check(t, file.Close())
	}
}

func TestWindowEndsWithItsFileOrAnError(t *testing.T) {
	for _, fails := range []bool{false, true} {
		var reads atomic.Int32
		s := mem.New(mem.Options{Call: func(op fsio.Op, _ fsio.Name) error {
			if op == fsio.OpRead && fails && reads.Add(1) > 0 {
				return syscall.EIO
			}
			return nil
		}})
		check(t, s.StoreSmall(at(t, "a"), []byte("0123456789"), fsio.CommitOptions{}))
		var file fsio.File
		check(t, s.Open(&file, at(t, "a")))
		w := fsio.NewWindow(&file, 3, 50, 4, 3) // The file has shrunk.
		var got []byte
		b, err := w.Next()
		for ; err == nil; b, err = w.Next() {
			got = append(got, b...)
		}
		_, again := w.Next()
		if fails {
			want(t, err, fsio.KindIO)
		} else if string(got) != "3456789" || !errors.Is(err, io.EOF) {
			t.Errorf("got %q, %v", got, err)
		}
		if !errors.Is(again, err) {
			t.Errorf("got %v, then %v", err, again)
		}
		w.Close()
		check(t, file.Close())
	}
}
