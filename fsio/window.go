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
	next, end int64       // The range that was not asked for yet.
	flights   []chan read // Reads in flight, in order.
	taken     []byte      // What Next returned, to be read into again.
	err       error       // What ended the window.
}

// read is the outcome of a read.
type read struct {
	data []byte
	err  error
}

// NewWindow begins to read from off to end, at most reads pieces of so many bytes at once.
func NewWindow(f *File, off, end int64, piece, reads int) *Window {
	w := &Window{file: f, next: off, end: end}
	for range reads {
		if w.next < end {
			w.ask(make([]byte, piece))
		}
	}
	return w
}

// ask begins the next read, if there is one.
func (w *Window) ask(buffer []byte) {
	off, n := w.next, min(int64(cap(buffer)), w.end-w.next)
	if n <= 0 {
		return
	}
	w.next += n
	landed := make(chan read, 1)
	w.flights = append(w.flights, landed)
	go func() {
		got, err := w.file.ReadAt(buffer[:n], off)
		landed <- read{buffer[:got], err}
	}()
}

// Next returns the next bytes, good until the next call. At the end, and where the file ends
// before that, it returns io.EOF; after an error, the same again.
func (w *Window) Next() ([]byte, error) {
	if w.taken != nil {
		w.ask(w.taken)
		w.taken = nil
	}
	if w.err == nil && len(w.flights) == 0 {
		w.err = io.EOF
	}
	if w.err != nil {
		return nil, w.err
	}
	r := <-w.flights[0]
	w.flights = w.flights[1:]
	if r.err != nil && (len(r.data) == 0 || !errors.Is(r.err, io.EOF)) {
		w.err = r.err
		return nil, w.err
	}
	w.taken = r.data
	return r.data, nil
}

// Close waits for the reads in flight.
func (w *Window) Close() {
	for _, landed := range w.flights {
		<-landed
	}
	w.flights = nil
}
