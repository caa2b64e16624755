package fsio

import (
	"errors"
	"io"
)

// Window reads a range of a file in order, several pieces ahead: where a read takes 50 ms and 64
// KiB come with each, eight in flight move 10 MiB a second, and one at a time 1.3. One goroutine
// at a time uses it. Close it before the file.
type Window struct {
	file      *File
	next, end int64     // The range that was not asked for yet.
	flights   []*flight // A ring; at is the one that Next returns, taken says that it has.
	at        int
	taken     bool
}

type flight struct {
	buffer []byte
	n      int
	err    error
	landed chan struct{} // Nil if nothing was asked for.
}

// NewWindow begins to read from off to end, at most reads pieces of so many bytes at once.
func NewWindow(f *File, off, end int64, piece, reads int) *Window {
	w := &Window{file: f, next: off, end: end}
	for range reads {
		if w.next < end {
			w.flights = append(w.flights, &flight{buffer: make([]byte, piece)})
			w.ask(w.flights[len(w.flights)-1])
		}
	}
	return w
}

// ask begins the next read.
func (w *Window) ask(f *flight) {
	off, n := w.next, min(int64(len(f.buffer)), w.end-w.next)
	if f.landed = nil; n <= 0 {
		return
	}
	w.next += n
	f.landed = make(chan struct{})
	go func() {
		f.n, f.err = w.file.ReadAt(f.buffer[:n], off)
		close(f.landed)
	}()
}

// Next returns the next bytes, good until the next call. At the end, and where the file ends
// before that, it returns io.EOF; after an error, the same again.
func (w *Window) Next() ([]byte, error) {
	if len(w.flights) == 0 {
		return nil, io.EOF
	}
	if w.taken {
		w.ask(w.flights[w.at])
		w.at, w.taken = (w.at+1)%len(w.flights), false
	}
	f := w.flights[w.at]
	if f.landed == nil {
		return nil, io.EOF
	}
	<-f.landed
	if f.err != nil && !errors.Is(f.err, io.EOF) {
		return nil, f.err
	}
	if f.n == 0 {
		return nil, io.EOF
	}
	w.taken = true
	return f.buffer[:f.n], nil
}

// Close waits for the reads in flight.
func (w *Window) Close() {
	for _, f := range w.flights {
		if f.landed != nil {
			<-f.landed
		}
	}
	w.flights = nil
}
